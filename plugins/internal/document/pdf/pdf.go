// Package pdf reads the structure of PDF files (ISO 32000-2) as far as their
// inspection needs it: whether they open with the empty password, what runs
// when they are opened, and which files they carry. It reads by ranges, rebuilds
// a broken cross-reference table as viewers do, and renders nothing.
package pdf

import (
	"bytes"
	"io"

	"github.com/mailweir/weir/plugins/internal/document/octets"
)

type damage string

func (d damage) Error() string { return string(d) }

// What a file may be damaged in.
const (
	errNoObjects = damage("it has no objects that can be found")
	errNoCatalog = damage("its catalogue cannot be found")
	errTooMany   = damage("it has too many objects")
	errXref      = damage("its cross-reference table is damaged")
	errStream    = damage("a stream in it cannot be decoded")
	errFilter    = damage("a stream in it is packed in a way that cannot be read")
	errCut       = damage("it is cut off")
	errPages     = damage("its pages cannot be found")
	errWork      = damage("it unpacks to more than can be inspected")
)

// ErrPassword says that a file does not open with the empty password.
const ErrPassword = damage("it needs a password or key to be read")

const (
	maxObjects = 500_000
	maxObject  = 1 << 20  // octets of one object outside of its stream
	maxStream  = 8 << 20  // octets of one stream of objects
	maxWork    = 96 << 20 // octets unpacked in one file to find objects
	maxLoaded  = 8 << 20  // octets of streams of objects that are kept
)

// place is where an object is.
type place struct {
	kind uint8  // as in cross-reference streams: 0 unknown or free, 1 at off, 2 in a stream of objects
	gen  uint16 // kind 1
	off  int64  // kind 1: offset; kind 2: number of the stream
}

// File is an opened file.
type File struct {
	Trailer Dict

	s       octets.Source
	base    int64 // of offsets: where the header is
	places  []place
	rebuilt bool
	crypt   *crypt
	work    int64
	buf     []byte
	loaded  []*objectStream
	held    int  // octets of loaded
	broken  bool // the table led to something else than it said
	unread  bool // a stream of objects could not be decoded
	cut     bool // the last object has no end
	spent   bool
	loading map[int]bool
}

// objectStream is a decoded stream of objects.
type objectStream struct {
	num  int
	data []byte
	offs map[int]int // of objects, by number
}

// Open finds the objects. ErrPassword where the file does not open with the
// empty password.
func Open(s octets.Source) (*File, error) {
	f := &File{s: s, loading: map[int]bool{}}
	head, err := s.Head(1024 + 5)
	if err != nil {
		return nil, err
	}
	f.base = int64(max(0, bytes.Index(head, []byte("%PDF-"))))
	if f.readXrefs() != nil || !f.sound() {
		if err := f.rebuild(); err != nil {
			return nil, err
		}
	}
	if err := f.decryption(); err != nil {
		return nil, err
	}
	if f.catalog() == nil {
		if !f.rebuilt {
			if err := f.rebuild(); err != nil {
				return nil, err
			}
			if err := f.decryption(); err != nil {
				return nil, err
			}
		}
		if f.catalog() == nil {
			return nil, errNoCatalog
		}
	}
	return f, nil
}

// sound: the trailer leads to something that can be a catalogue. Where the file
// is encrypted its streams cannot be read yet, and it is believed.
func (f *File) sound() bool {
	root, ok := f.Trailer["Root"].(Ref)
	if !ok {
		return false
	}
	if f.Trailer["Encrypt"] != nil {
		return f.encryptDict() != nil
	}
	_, ok = f.load(root.Num).(Dict)
	return ok
}

func (f *File) catalog() Dict { return f.Dict(f.Trailer["Root"]) }

// Catalog gives the document's catalogue.
func (f *File) Catalog() Dict { return f.catalog() }

// Resolve follows references.
func (f *File) Resolve(v any) any {
	for range 16 {
		r, ok := v.(Ref)
		if !ok {
			return v
		}
		v = f.load(r.Num)
	}
	return nil
}

// Dict resolves to a dictionary, that of a stream included; nil if it is none.
func (f *File) Dict(v any) Dict {
	switch v := f.Resolve(v).(type) {
	case Dict:
		return v
	case *Stream:
		return v.Dict
	}
	return nil
}

// Array resolves to an array; anything else is an array of one, null of none.
func (f *File) Array(v any) Array {
	v = f.Resolve(v)
	if a, ok := v.(Array); ok {
		return a
	}
	if v == nil {
		return nil
	}
	return Array{v}
}

// Name resolves to a name, "" if it is none.
func (f *File) Name(v any) Name {
	n, _ := f.Resolve(v).(Name)
	return n
}

// Stream is a stream object.
type Stream struct {
	Dict
	num, gen int
	off      int64 // of its data
	plain    bool  // never encrypted: a cross-reference stream
}

// Repair looks for the objects anew where the cross-reference table led to
// something else than it said; false where there is nothing to repair.
func (f *File) Repair() (bool, error) {
	if !f.broken || f.rebuilt {
		return false, nil
	}
	if err := f.rebuild(); err != nil {
		return false, err
	}
	return true, f.decryption()
}

// Err says whether something that had to be read could not be.
func (f *File) Err() error {
	switch {
	case f.spent:
		return errWork
	case f.unread:
		return errStream
	case f.cut:
		return errCut
	case f.rebuilt && !f.hasPages(f.catalog()["Pages"], 0, new(int)):
		return errPages
	}
	return nil
}

// hasPages: what a tree of pages leads to is there. Of a file whose table was
// sound that is not asked: viewers show what there is.
func (f *File) hasPages(v any, depth int, seen *int) bool {
	d := f.Dict(v)
	if d == nil || depth > 64 {
		return false
	}
	for _, kid := range f.Array(d["Kids"]) {
		if *seen++; *seen > 5000 {
			return true
		}
		if !f.hasPages(kid, depth+1, seen) {
			return false
		}
	}
	return true
}

// Objects calls visit for each object until it is false.
func (f *File) Objects(visit func(num int, v any) bool) {
	for num, p := range f.places {
		if p.kind == 1 {
			if v := f.load(num); v != nil && !visit(num, v) {
				return
			}
		}
	}
	// By streams of objects, so that each is unpacked once.
	byStream := map[int]bool{}
	for _, p := range f.places {
		if p.kind == 2 {
			byStream[int(p.off)] = true
		}
	}
	for n := range byStream {
		os := f.objectStream(n)
		if os == nil {
			f.unread = true
			continue
		}
		for num, off := range os.offs {
			if num >= len(f.places) || f.places[num].kind != 2 || f.places[num].off != int64(n) {
				continue
			}
			p := parser{b: os.data, at: off}
			if v := p.value(); v != nil && !visit(num, v) {
				return
			}
		}
	}
}

// load reads an object; nil where there is none.
func (f *File) load(num int) any {
	if num < 0 || num >= len(f.places) {
		return nil
	}
	switch p := f.places[num]; p.kind {
	case 1:
		n, _, v := f.at(p.off)
		if n != num {
			f.broken = true
			return nil
		}
		return v
	case 2:
		os := f.objectStream(int(p.off))
		if os == nil {
			return nil
		}
		off, ok := os.offs[num]
		if !ok {
			return nil
		}
		p := parser{b: os.data, at: off}
		return p.value()
	}
	return nil
}

// at reads the object at an offset; num -1 where there is none.
func (f *File) at(off int64) (num, gen int, v any) {
	for size := int64(512); ; size = min(8*size, maxObject) {
		b := f.window(off, size)
		p := parser{b: b}
		n, ok1 := p.value().(int64)
		g, ok2 := p.value().(int64)
		k, _ := p.value().(keyword)
		if !ok1 || !ok2 || k != "obj" || n < 0 || n > maxObjects || g < 0 || g > 1<<16 {
			return -1, 0, nil
		}
		v = p.value()
		if d, ok := v.(Dict); ok {
			p.skip()
			if !p.short && bytes.HasPrefix(b[p.at:], []byte("stream")) {
				at := p.at + len("stream")
				if at < len(b) && b[at] == '\r' {
					at++
				}
				if at < len(b) && b[at] == '\n' {
					at++
				}
				v = &Stream{Dict: d, num: int(n), gen: int(g), off: off + int64(at)}
			} else if len(b)-p.at < len("stream\r\n") {
				p.short = true
			}
		}
		if !p.short || int64(len(b)) < size || size >= maxObject {
			return int(n), int(g), v
		}
	}
}

// window gives what there is of n octets at off, in a buffer that the next call
// uses again.
func (f *File) window(off, n int64) []byte {
	off = min(max(off, 0), f.s.Size)
	n = min(n, f.s.Size-off)
	if int64(cap(f.buf)) < n {
		f.buf = make([]byte, n)
	}
	b := f.buf[:n]
	m, err := f.s.R.ReadAt(b, off)
	if err != nil && err != io.EOF {
		return b[:m]
	}
	return b[:m]
}

// objectStream gives a decoded stream of objects (§7.5.7), nil if it is none.
func (f *File) objectStream(num int) *objectStream {
	for i := range f.loaded {
		if f.loaded[i].num == num {
			return f.loaded[i]
		}
	}
	if f.loading[num] || num < 0 || num >= len(f.places) || f.places[num].kind != 1 {
		return nil
	}
	f.loading[num] = true
	defer delete(f.loading, num)
	s, ok := f.load(num).(*Stream)
	if !ok {
		return nil
	}
	return f.decodeObjects(num, s)
}

func (f *File) decodeObjects(num int, s *Stream) *objectStream {
	count, _ := f.Resolve(s.Dict["N"]).(int64)
	first, _ := f.Resolve(s.Dict["First"]).(int64)
	data, err := f.Decode(s, maxStream)
	if err == errWork {
		f.spent = true
	}
	if err != nil && len(data) == 0 || count <= 0 || first <= 0 || first > int64(len(data)) {
		return nil
	}
	os := objectStream{num: num, data: data, offs: map[int]int{}}
	p := parser{b: data[:first]}
	for ; count > 0 && !p.short; count-- {
		n, ok1 := p.value().(int64)
		off, ok2 := p.value().(int64)
		if !ok1 || !ok2 {
			break
		}
		if n >= 0 && n < maxObjects && off >= 0 && first+off < int64(len(data)) {
			os.offs[int(n)] = int(first + off)
		}
	}
	f.held += len(data)
	f.loaded = append(f.loaded, &os)
	for f.held > maxLoaded && len(f.loaded) > 1 {
		f.held -= len(f.loaded[0].data)
		f.loaded = append(f.loaded[:0], f.loaded[1:]...)
	}
	return &os
}
