package archive

import "strings"

// lzh walks an LHA archive with headers of levels 0 to 3 (LHA for UNIX,
// header.doc).
func (w *walker) lzh(s source, p place) (int64, error) {
	files := 0
	for off := int64(0); off < s.size; {
		h, err := readLZH(s, off)
		if err != nil {
			if files > 0 {
				return off, err
			}
			return -1, err
		}
		if h.end {
			return off + 1, nil
		}
		files++
		if err := w.b.entry(); err != nil {
			return -1, err
		}
		if h.packed < 0 || h.packed > s.size-h.data {
			return -1, tooShort
		}
		off = h.data + h.packed
		e := p.entry(h.name)
		e.Size = h.size
		if err := w.lzhFile(s, e, &h); err != nil {
			return -1, err
		}
	}
	return s.size, nil
}

type lzhHeader struct {
	method       string
	packed, size int64
	name         string
	sum          uint16
	data         int64
	end          bool
}

func readLZH(s source, off int64) (h lzhHeader, err error) {
	bad := damaged("the header of an entry is broken")
	b, err := s.upTo(off, 64)
	if err != nil {
		return h, err
	}
	if len(b) > 0 && b[0] == 0 && (len(b) < 7 || b[2] != '-') {
		return lzhHeader{end: true}, nil
	}
	if len(b) < 22 || b[2] != '-' || b[6] != '-' {
		return h, bad
	}
	level := b[20]
	size := int64(b[0]) + 2
	switch level {
	case 2:
		size = u16(b)
	case 3:
		if len(b) < 32 {
			return h, bad
		}
		size = u32(b[24:])
	}
	if size < 22 || size > 64<<10 {
		return h, bad
	}
	if b, err = s.at(off, size); err != nil {
		return h, err
	}
	h = lzhHeader{method: string(b[2:7]), packed: u32(b[7:]), size: u32(b[11:]), data: off + size}
	switch level {
	case 0, 1:
		sum := byte(0)
		for _, c := range b[2:] {
			sum += c
		}
		n := int64(b[21])
		if sum != b[1] || 24+n > size {
			return h, bad
		}
		h.name, h.sum = string(b[22:22+n]), uint16(u16(b[22+n:]))
		if level == 1 {
			if 27+n > size {
				return h, bad
			}
			return h, h.extra1(s, u16(b[size-2:]))
		}
	case 2:
		if size < 26 {
			return h, bad
		}
		h.sum = uint16(u16(b[21:]))
		return h, h.extras(b[24:], 2)
	case 3:
		h.sum = uint16(u16(b[21:]))
		return h, h.extras(b[28:], 4)
	default:
		return h, bad
	}
	h.name = strings.ReplaceAll(h.name, "\\", "/")
	return h, nil
}

// extra1 reads the extended headers of level 1, which count as data.
func (h *lzhHeader) extra1(s source, n int64) error {
	for range 1000 {
		if n == 0 {
			return nil
		}
		if n < 3 || n > h.packed {
			return damaged("the header of an entry is broken")
		}
		b, err := s.at(h.data, n)
		if err != nil {
			return err
		}
		h.field(b[0], b[1:n-2])
		h.data, h.packed = h.data+n, h.packed-n
		n = u16(b[n-2:])
	}
	return damaged("the header of an entry is broken")
}

// extras reads those of levels 2 and 3, which are in the header.
func (h *lzhHeader) extras(b []byte, width int) error {
	for len(b) >= width {
		n := u16(b)
		if width == 4 {
			n = u32(b)
		}
		if n == 0 {
			return nil
		}
		b = b[width:]
		if n < int64(1+width) || n-int64(width) > int64(len(b)) {
			break
		}
		h.field(b[0], b[1:n-int64(width)])
		b = b[n-int64(width):]
	}
	return damaged("the header of an entry is broken")
}

func (h *lzhHeader) field(id byte, b []byte) {
	switch id {
	case 1:
		i := strings.LastIndexByte(h.name, '/')
		h.name = h.name[:i+1] + string(b)
	case 2:
		i := strings.LastIndexByte(h.name, '/')
		h.name = strings.TrimSuffix(strings.ReplaceAll(string(b), "\xff", "/"), "/") + "/" + h.name[i+1:]
	}
}

func (w *walker) lzhFile(s source, e *Entry, h *lzhHeader) error {
	raw := s.section(h.data, h.packed)
	np, pbit := 14, uint(4)
	switch h.method {
	case "-lhd-":
		e.Dir = true
		return w.opaque(e)
	case "-lh0-", "-lz4-":
		return w.visit(e, raw, nil, raw.size, false)
	case "-lh4-", "-lh5-":
	case "-lh6-":
		np, pbit = 16, 5
	case "-lh7-":
		np, pbit = 17, 5
	default:
		if err := w.opaque(e); err != nil {
			return err
		}
		return w.fault(place{e.Path, e.Name, e.Depth}, unsupported("it is packed in a way that is not decoded here (LHA method "+h.method+")"))
	}
	if err := w.b.declared(h.size, s.size); err != nil {
		return err
	}
	r := &crc16Reader{r: newLH(newInput(raw.stream(0, raw.size)), np, pbit, h.size), left: h.size, want: h.sum}
	return w.visitSolid(e, newSpool(w.b, r, h.size), h.size)
}
