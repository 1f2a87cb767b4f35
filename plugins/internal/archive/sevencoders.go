package archive

import (
	"bufio"
	"compress/bzip2"
	"io"
)

// decoder7 is a folder's unpacked stream, with what must be given back.
type decoder7 struct {
	io.Reader
	closers []freer
	b       *Budget
	flates  []io.Reader
}

func (d *decoder7) close() {
	for _, c := range d.closers {
		c.free()
	}
	for _, r := range d.flates {
		d.b.release(r)
	}
}

// folder7 unpacks a folder.
func (w *walker) folder7(s source, st *streams7, f *folder7) (*decoder7, error) {
	d := &decoder7{b: w.b}
	main := f.main()
	if main < 0 {
		return nil, damaged("its header is broken")
	}
	g := graph7{s: s, st: st, f: f, d: d}
	r, err := g.out(main, 0)
	if err != nil {
		d.close()
		return nil, err
	}
	d.Reader = r
	return d, nil
}

// graph7 builds a folder's decoders from its last to its packed streams.
type graph7 struct {
	s  source
	st *streams7
	f  *folder7
	d  *decoder7
}

// out makes the reader of an out-stream.
func (g *graph7) out(n int64, depth int) (io.Reader, error) {
	if depth > 8 {
		return nil, damaged("its coders lead in a circle")
	}
	in, at := int64(0), int64(0)
	for i := range g.f.coders {
		c := &g.f.coders[i]
		if n >= at && n < at+c.out {
			if c.out != 1 {
				return nil, unsupported("it is packed in a way that is not decoded here")
			}
			var rs []io.Reader
			for k := range c.in {
				r, err := g.in(in+k, depth)
				if err != nil {
					return nil, err
				}
				rs = append(rs, r)
			}
			r, err := g.coder(c, rs, g.f.sizes[n])
			if err != nil {
				return nil, err
			}
			return io.LimitReader(r, g.f.sizes[n]), nil
		}
		in, at = in+c.in, at+c.out
	}
	return nil, damaged("its header is broken")
}

// in makes the reader of an in-stream.
func (g *graph7) in(n int64, depth int) (io.Reader, error) {
	if o := g.f.bound(n); o >= 0 {
		return g.out(o, depth+1)
	}
	for i, p := range g.f.packIn {
		if p != n {
			continue
		}
		off := 32 + g.st.packPos
		for _, size := range g.st.packed[:g.f.first+i] {
			off += size
		}
		size := g.st.packed[g.f.first+i]
		if off < 0 || off > g.s.size || size > g.s.size-off {
			return nil, tooShort
		}
		return g.s.stream(off, size), nil
	}
	return nil, damaged("its header is broken")
}

// coder undoes one method; size is what it unpacks to.
func (g *graph7) coder(c *coder7, rs []io.Reader, size int64) (io.Reader, error) {
	r := rs[0]
	prop := func(n int) (err error) {
		if len(c.props) < n {
			err = damaged("its header is broken")
		}
		return err
	}
	branch := func(id int64) (io.Reader, error) { return newBranch(id, r, 0) }
	switch c.method {
	case "\x00":
		return r, nil
	case "\x03\x01\x01":
		l, err := newLZMA(g.d.b, newInput(r), c.props, size)
		if err != nil {
			return nil, err
		}
		g.d.closers = append(g.d.closers, l)
		return l, nil
	case "\x21":
		if err := prop(1); err != nil {
			return nil, err
		}
		l, err := newLZMA2(g.d.b, newInput(r), c.props[0])
		if err != nil {
			return nil, err
		}
		g.d.closers = append(g.d.closers, l)
		return l, nil
	case "\x03":
		if err := prop(1); err != nil {
			return nil, err
		}
		return newDelta(r, int(c.props[0])+1), nil
	case "\x03\x03\x01\x03", "\x04":
		return branch(4)
	case "\x03\x03\x02\x05", "\x05":
		return branch(5)
	case "\x03\x03\x04\x01", "\x06":
		return branch(6)
	case "\x03\x03\x05\x01", "\x07":
		return branch(7)
	case "\x03\x03\x07\x01", "\x08":
		return branch(8)
	case "\x03\x03\x08\x05", "\x09":
		return branch(9)
	case "\x0a":
		start := uint32(0)
		if len(c.props) == 4 {
			start = uint32(u32(c.props))
		}
		return newBranch(10, r, start)
	case "\x03\x03\x01\x1b":
		if len(rs) != 4 {
			return nil, damaged("its header is broken")
		}
		return newBCJ2(rs), nil
	case "\x04\x01\x08":
		f := g.d.b.inflate(r)
		g.d.flates = append(g.d.flates, f)
		return f, nil
	case "\x04\x01\x09":
		return newInflate64(newInput(r)), nil
	case "\x03\x04\x01":
		l, err := newPPMd(g.d.b, r, c.props, size)
		if err != nil {
			return nil, err
		}
		g.d.closers = append(g.d.closers, l)
		return l, nil
	case "\x04\xf7\x11\x01":
		l, err := newZstd(g.d.b, r)
		if err != nil {
			return nil, err
		}
		g.d.closers = append(g.d.closers, l)
		return l, nil
	case "\x04\x02\x02":
		return bzip2.NewReader(bufio.NewReaderSize(r, 4096)), nil
	}
	if c.method == method7AES && g.d.b.key != nil {
		return g.aes7(c, r)
	}
	if len(c.method) > 1 && c.method[:2] == "\x06\xf1" {
		return nil, sealed{}
	}
	return nil, unsupported("it is packed in a way that is not decoded here (7z method " + hexOf(c.method) + ")")
}

func hexOf(s string) string {
	const digits = "0123456789abcdef"
	var b []byte
	for i := range len(s) {
		b = append(b, digits[s[i]>>4], digits[s[i]&15])
	}
	return string(b)
}

// bcj2 merges four streams: x86 code, targets of calls, targets of jumps, and
// range-coded bits that tell which of them were taken out (LZMA SDK, Bcj2.c).
type bcj2 struct {
	main, call, jump *input
	rc               rangeDecoder
	probs            [258]prob
	prev             byte
	pos              uint32
	rest             []byte
	begun            bool
	err              error
}

func newBCJ2(rs []io.Reader) *bcj2 {
	b := &bcj2{main: newInput(rs[0]), call: newInput(rs[1]), jump: newInput(rs[2])}
	b.rc.in = newInput(rs[3])
	reset(b.probs[:])
	return b
}

func (b *bcj2) Read(p []byte) (n int, err error) {
	if !b.begun {
		b.begun = true
		b.err = b.rc.start()
	}
	for n < len(p) {
		if len(b.rest) > 0 {
			k := copy(p[n:], b.rest)
			b.rest = b.rest[k:]
			n += k
			continue
		}
		if b.err != nil {
			break
		}
		c := b.main.next()
		if b.main.err != nil {
			b.err = b.main.err
			break
		}
		p[n] = c
		n++
		b.pos++
		prev := b.prev
		b.prev = c
		if c&0xfe != 0xe8 && !(prev == 0x0f && c&0xf0 == 0x80) {
			continue
		}
		i, from := int(prev), b.call
		if c != 0xe8 {
			i, from = 257, b.jump
			if c == 0xe9 {
				i = 256
			}
		}
		if b.rc.bit(&b.probs[i]) == 0 {
			continue
		}
		var t [4]byte
		from.take(t[:])
		if b.err = from.fault(); b.err != nil {
			break
		}
		dest := uint32(be32(t[:])) - (b.pos + 4)
		b.rest = []byte{byte(dest), byte(dest >> 8), byte(dest >> 16), byte(dest >> 24)}
		b.prev = byte(dest >> 24)
		b.pos += 4
	}
	if n > 0 {
		return n, nil
	}
	if b.err == nil {
		return 0, nil
	}
	return 0, b.err
}
