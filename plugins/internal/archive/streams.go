package archive

import (
	"compress/bzip2"
	"hash/crc32"
	"io"
	"strings"

	"github.com/mailweir/weir/plugins/internal/filetype"
)

// ReadByte and Read make input a source that decoders take no octet too many from.
func (in *input) ReadByte() (byte, error) {
	c := in.next()
	if in.err != nil {
		return 0, in.err
	}
	return c, nil
}

func (in *input) Read(p []byte) (int, error) {
	if in.i == in.n && !in.more() {
		return 0, in.err
	}
	n := copy(p, in.buf[in.i:in.n])
	in.i += n
	return n, nil
}

// stream walks a compressed file, which has one entry: what it unpacks to.
func (w *walker) stream(s source, t filetype.Type, p place) (end int64, err error) {
	in := newInput(s.stream(0, s.size))
	var r io.Reader
	name := ""
	stop := func() int64 { return in.pos() }
	switch t {
	case filetype.Gzip:
		g := &gzipReader{in: in, b: w.b}
		defer g.free()
		if err := g.header(); err != nil {
			return -1, err
		}
		r, name = g, g.name
		stop = func() int64 { return g.end }
	case filetype.Bzip2:
		r = &bzip2Reader{r: bzip2.NewReader(in)}
		stop = func() int64 { return max(0, in.pos()-8) }
	case filetype.XZ:
		x := newXZ(w.b, s.stream(0, s.size))
		defer x.free()
		r, stop = x, func() int64 { return x.end }
	case filetype.LZMA:
		var h [13]byte
		in.take(h[:])
		l, err := newLZMA(w.b, in, h[:5], u64(h[5:]))
		if err != nil {
			return -1, err
		}
		defer l.free()
		r = l
	case filetype.Lzip:
		l := &lzipReader{in: in, b: w.b}
		defer l.free()
		r, stop = l, func() int64 { return l.end }
	case filetype.Compress:
		r = newLZW(in)
	case filetype.LZ4:
		r = &lz4Reader{in: in, w: newWindow(w.b, 64<<10)}
		defer r.(*lz4Reader).free()
	case filetype.Zstd:
		z, err := newZstd(w.b, in)
		if err != nil {
			return -1, err
		}
		defer z.free()
		r = z
		stop = func() int64 { return -1 }
	}
	if err := w.b.entry(); err != nil {
		return -1, err
	}
	if name == "" {
		name = unpackedName(p.name)
	}
	sp := newSpool(w.b, r, -1)
	defer sp.close()
	size, err := sp.finish()
	if err != nil && size == 0 {
		return -1, err
	}
	e := p.entry(name)
	e.Size = size
	if err == nil {
		err = w.visit(e, source{sp, size}, sp, 0, false)
		return stop(), err
	}
	// What could be unpacked is looked at all the same.
	if err2 := w.visit(e, source{sp, size}, sp, 0, false); err2 != nil {
		return -1, err2
	}
	return -1, stopped{}
}

// unpackedName is what a compressed file's content is called.
func unpackedName(name string) string {
	i := strings.LastIndexByte(name, '.')
	if i <= 0 {
		return "content"
	}
	base, ext := name[:i], strings.ToLower(name[i+1:])
	switch ext {
	case "tgz", "tbz", "tbz2", "txz", "tlz", "taz", "tzst":
		return base + ".tar"
	case "gz", "bz2", "xz", "lzma", "lz", "z", "lz4", "zst", "bz":
		return base
	}
	return "content"
}

// gzipReader unpacks all members of a gzip file (RFC 1952).
type gzipReader struct {
	in   *input
	b    *Budget
	f    io.Reader
	name string
	sum  uint32
	size uint32
	end  int64 // of the last whole member
	any  bool
	err  error
}

// header reads a member's header; io.EOF where no other member begins.
func (g *gzipReader) header() error {
	in := g.in
	var h [10]byte
	in.take(h[:])
	if in.err != nil || h[0] != 0x1f || h[1] != 0x8b {
		if g.any {
			return io.EOF
		}
		return damaged("its header is broken")
	}
	if h[2] != 8 || h[3]&0xe0 != 0 {
		return damaged("its header is broken")
	}
	if h[3]&4 != 0 {
		var n [2]byte
		in.take(n[:])
		for range u16(n[:]) {
			in.next()
		}
	}
	if h[3]&8 != 0 {
		var name []byte
		for c := in.next(); c != 0; c = in.next() {
			if len(name) < 4096 {
				name = append(name, c)
			}
		}
		if g.name == "" {
			g.name = string(name)
		}
	}
	if h[3]&16 != 0 {
		for in.next() != 0 {
		}
	}
	if h[3]&2 != 0 {
		in.next()
		in.next()
	}
	if err := in.fault(); err != nil {
		return err
	}
	g.b.release(g.f)
	g.f, g.sum, g.size, g.any = g.b.inflate(in), 0, 0, true
	return nil
}

func (g *gzipReader) Read(p []byte) (int, error) {
	for g.err == nil {
		n, err := g.f.Read(p)
		g.sum = crc32.Update(g.sum, crc32.IEEETable, p[:n])
		g.size += uint32(n)
		if err == io.EOF {
			err = g.trailer()
		}
		g.err = err
		if n > 0 {
			return n, nil
		}
	}
	return 0, g.err
}

func (g *gzipReader) trailer() error {
	var t [8]byte
	g.in.take(t[:])
	if err := g.in.fault(); err != nil {
		return err
	}
	if uint32(u32(t[:])) != g.sum || uint32(u32(t[4:])) != g.size {
		return damaged("its checksum is wrong")
	}
	g.end = g.in.pos()
	return g.header()
}

// free gives the inflater back.
func (g *gzipReader) free() {
	g.b.release(g.f)
	g.f, g.err = nil, io.EOF
}

// bzip2Reader ends where something that is no further stream stands behind one.
type bzip2Reader struct{ r io.Reader }

func (b *bzip2Reader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if e, ok := err.(bzip2.StructuralError); ok && strings.Contains(string(e), "continuation") {
		err = io.EOF
	}
	return n, err
}

// lzipReader unpacks lzip (the lzip manual, "File format"): members of LZMA
// with a trailer.
type lzipReader struct {
	in  *input
	b   *Budget
	l   *lzmaReader
	n   int64
	sum uint32
	end int64
	err error
}

func (z *lzipReader) Read(p []byte) (int, error) {
	for z.err == nil {
		if z.l == nil {
			z.err = z.member()
			continue
		}
		n, err := z.l.Read(p)
		z.sum, z.n = crc32.Update(z.sum, crc32.IEEETable, p[:n]), z.n+int64(n)
		if err == io.EOF {
			err = z.trailer()
		}
		z.err = err
		if n > 0 {
			return n, nil
		}
	}
	return 0, z.err
}

func (z *lzipReader) member() error {
	var h [6]byte
	z.in.take(h[:])
	if string(h[:4]) != "LZIP" || h[4] != 1 {
		if z.end > 0 {
			return io.EOF
		}
		return damaged("its header is broken")
	}
	size := int64(1) << (h[5] & 0x1f)
	size -= size / 16 * int64(h[5]>>5)
	if size < 4<<10 || size > 512<<20 {
		return damaged("its header is broken")
	}
	props := []byte{0x5d, byte(size), byte(size >> 8), byte(size >> 16), byte(size >> 24)}
	l, err := newLZMA(z.b, z.in, props, -1)
	z.l, z.sum, z.n = l, 0, 0
	return err
}

func (z *lzipReader) trailer() error {
	var t [20]byte
	z.in.take(t[:])
	z.l.free()
	z.l = nil
	if err := z.in.fault(); err != nil {
		return err
	}
	if uint32(u32(t[:])) != z.sum || u64(t[4:]) != z.n {
		return damaged("its checksum is wrong")
	}
	z.end = z.in.pos()
	return nil
}

// free gives memory back.
func (z *lzipReader) free() {
	if z.l != nil {
		z.l.free()
	}
	z.err = io.EOF
}
