package archive

import (
	"bufio"
	"io"

	"github.com/stangelandcl/ppmd"
)

// ppmdReader unpacks PPMd variant H as 7z has it.
type ppmdReader struct {
	b    *Budget
	r    ppmd.Reader
	mem  int64
	left int64
}

// newPPMd takes 7z's properties: the order, and the memory.
func newPPMd(b *Budget, r io.Reader, props []byte, size int64) (p *ppmdReader, err error) {
	defer recovered(&err)
	if len(props) < 5 {
		return nil, damaged("its properties are too short")
	}
	mem := u32(props[1:])
	if !b.hold(mem) {
		return nil, exceeded("unpacking it needs a dictionary larger than can be held for inspection (" + mib(b.lim.Memory) + ")")
	}
	p = &ppmdReader{b: b, mem: mem, left: size}
	if p.r, err = ppmd.NewH7zReader(bufio.NewReaderSize(r, 4096), int(props[0]), int(mem), int(min(size, 1<<30))); err != nil {
		b.drop(mem)
		return nil, err
	}
	return p, nil
}

func (p *ppmdReader) Read(b []byte) (n int, err error) {
	defer recovered(&err)
	return p.r.Read(b)
}

// free gives memory back.
func (p *ppmdReader) free() {
	p.b.drop(p.mem)
	p.r = ppmd.Reader{}
}
