package filter

import (
	"github.com/tetratelabs/wazero/api"
)

// image is what an isolated instance was when it had been started: its memory
// and its globals, the latter by exports that package meter adds. There is no
// other state, or meter says that it cannot be restored.
type image struct {
	size    int64 // of the memory
	globals []uint64
}

// imager is linear memory that can be put back to what it was.
type imager interface {
	// keep remembers the first size octets; false if it cannot.
	keep(size int) bool
	// reset makes them what they were.
	reset() bool
}

// takeImage gives nil where there can be none.
func (in *instance) takeImage() *image {
	m, ok := in.mem.(imager)
	in.weigh()
	if !ok || !m.keep(int(in.size)) {
		return nil
	}
	img := &image{size: in.size}
	for _, name := range in.gen.image {
		img.globals = append(img.globals, in.mod.ExportedGlobal(name).Get())
	}
	return img
}

// restore puts the instance back to its image. It cannot if there is none, or
// if the memory has grown, which does not shrink.
func (in *instance) restore() bool {
	if in.img == nil || in.size != in.img.size || !in.mem.(imager).reset() {
		return false
	}
	for i, name := range in.gen.image {
		g, ok := in.mod.ExportedGlobal(name).(api.MutableGlobal)
		if !ok {
			return false
		}
		g.Set(in.img.globals[i])
	}
	in.seen = nil // it reads its configuration anew
	return true
}
