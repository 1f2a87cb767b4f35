package archive

import (
	"compress/flate"
	"io"
	"strings"
)

// cabFile is a file of a cabinet.
type cabFile struct {
	name      string
	size, off int64 // off within its folder, unpacked
}

// cabFolder is a run of blocks that unpack to one stream.
type cabFolder struct {
	off    int64
	blocks int
	method int64
	files  []cabFile
}

// cab walks a cabinet ([MS-CAB]). Folders packed by Quantum or LZX are not opened.
func (w *walker) cab(s source, p place) (int64, error) {
	h, err := s.at(0, 36)
	if err != nil {
		return -1, err
	}
	end, at, flags := u32(h[8:]), u32(h[16:]), u16(h[30:])
	folders, files := u16(h[26:]), u16(h[28:])
	if end > s.size {
		return -1, tooShort
	}
	off, perFolder, perData := int64(36), int64(0), int64(0)
	if flags&4 != 0 {
		b, err := s.at(off, 4)
		if err != nil {
			return -1, err
		}
		off, perFolder, perData = off+4+u16(b), int64(b[2]), int64(b[3])
	}
	if flags&3 != 0 {
		return end, damaged("it is one of several volumes")
	}
	fs := make([]cabFolder, folders)
	for i := range fs {
		b, err := s.at(off, 8)
		if err != nil {
			return -1, err
		}
		fs[i] = cabFolder{off: u32(b), blocks: int(u16(b[4:])), method: u16(b[6:])}
		off += 8 + perFolder
	}
	for range files {
		if err := w.b.entry(); err != nil {
			return -1, err
		}
		b, err := s.upTo(at, 16+257)
		if err != nil {
			return -1, err
		}
		if len(b) < 17 {
			return -1, tooShort
		}
		name, _, ok := strings.Cut(string(b[16:]), "\x00")
		k := int(u16(b[8:]))
		if !ok || k >= len(fs) {
			return -1, damaged("the header of an entry is broken")
		}
		fs[k].files = append(fs[k].files, cabFile{strings.ReplaceAll(name, "\\", "/"), u32(b), u32(b[4:])})
		at += 16 + int64(len(name)) + 1
	}
	for i := range fs {
		if err := w.cabFolder(s, &fs[i], perData, p); err != nil {
			return end, err
		}
	}
	return end, nil
}

func (w *walker) cabFolder(s source, f *cabFolder, perData int64, p place) error {
	var r io.Reader
	c := &cabReader{s: s, off: f.off, blocks: f.blocks, extra: perData, b: w.b}
	defer c.close()
	switch f.method & 15 {
	case 0, 1:
		c.zip = f.method&15 == 1
		r = c
	default:
		for i := range f.files {
			e := p.entry(f.files[i].name)
			e.Size = f.files[i].size
			if err := w.opaque(e); err != nil {
				return err
			}
			if i == 0 {
				if err := w.fault(place{e.Path, e.Name, e.Depth}, unsupported("it is packed in a way that is not decoded here (Quantum or LZX)")); err != nil {
					return err
				}
			}
		}
		return nil
	}
	at := int64(0)
	for i := range f.files {
		cf := &f.files[i]
		e := p.entry(cf.name)
		e.Size = cf.size
		if cf.off < at {
			return damaged("its entries overlap")
		}
		if n, err := io.CopyN(io.Discard, r, cf.off-at); err != nil || n < cf.off-at {
			return plainError(err)
		}
		if err := w.visitSolid(e, newSpool(w.b, io.LimitReader(r, cf.size), cf.size), cf.size); err != nil {
			return err
		}
		at = cf.off + cf.size
	}
	return nil
}

// cabReader unpacks the blocks of a folder: as they are, or by MSZIP, where each
// is a Deflate stream that goes on with the dictionary of those before.
type cabReader struct {
	s      source
	off    int64
	blocks int
	extra  int64
	zip    bool
	b      *Budget
	f      io.Reader
	dict   []byte
	rest   []byte
}

func (c *cabReader) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		if c.blocks == 0 {
			return 0, io.EOF
		}
		if err := c.block(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *cabReader) block() error {
	c.blocks--
	h, err := c.s.at(c.off, 8)
	if err != nil {
		return err
	}
	packed, size := u16(h[4:]), u16(h[6:])
	b, err := c.s.at(c.off+8+c.extra, packed)
	if err != nil {
		return err
	}
	if sum := u32(h); sum != 0 {
		x, err := c.s.at(c.off+4, 4+c.extra+packed)
		if err != nil {
			return err
		}
		if cabSum(x[4+c.extra:], cabSum(x[:4+c.extra], 0)) != uint32(sum) {
			return damaged("its checksum is wrong")
		}
	}
	c.off += 8 + c.extra + packed
	if !c.zip {
		if packed != size {
			return damaged("its data cannot be unpacked")
		}
		c.rest = b
		return nil
	}
	if packed < 2 || string(b[:2]) != "CK" || size > 32<<10 {
		return damaged("its data cannot be unpacked")
	}
	in := newInput(source{bytesAt(b[2:]), packed - 2}.stream(0, packed-2))
	if c.f == nil {
		c.f = c.b.inflate(in)
	}
	if err := c.f.(flate.Resetter).Reset(in, c.dict); err != nil {
		return err
	}
	out := make([]byte, size)
	if _, err := io.ReadFull(c.f, out); err != nil {
		return plainError(err)
	}
	c.dict = append(c.dict, out...)
	if n := len(c.dict); n > 32<<10 {
		c.dict = append([]byte(nil), c.dict[n-32<<10:]...)
	}
	c.rest = out
	return nil
}

func (c *cabReader) close() {
	if c.f != nil {
		c.b.release(c.f)
	}
}

// cabSum is the checksum of CFDATA: words of four octets, the rest the other
// way round.
func cabSum(b []byte, sum uint32) uint32 {
	for ; len(b) >= 4; b = b[4:] {
		sum ^= uint32(u32(b))
	}
	var rest uint32
	for _, c := range b {
		rest = rest<<8 | uint32(c)
	}
	return sum ^ rest
}

// bytesAt reads octets in memory by ranges.
type bytesAt []byte

func (b bytesAt) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
