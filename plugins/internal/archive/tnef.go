package archive

import "strings"

// Attributes of TNEF ([MS-OXTNEF] §2.1.3.3).
const (
	tnefRenddata = 0x00069002
	tnefTitle    = 0x00018010
	tnefData     = 0x0006800f
	tnefProps    = 0x00069005
)

// tnefFile is an attachment in the making.
type tnefFile struct {
	name, long string
	off, size  int64
	any        bool
}

// tnef walks a winmail.dat: its attachments.
func (w *walker) tnef(s source, p place) (int64, error) {
	off := int64(6)
	var f tnefFile
	for off < s.size {
		h, err := s.upTo(off, 9)
		if err != nil {
			return -1, err
		}
		if len(h) < 9 {
			if strings.Trim(string(h), "\x00\r\n") == "" {
				break // some mailers add a line's end
			}
			return -1, tooShort
		}
		if h[0] != 1 && h[0] != 2 {
			return off, w.tnefFlush(s, &f, p)
		}
		id, size := u32(h[1:]), u32(h[5:])
		data := off + 9
		if size > s.size-data-2 {
			return -1, tooShort
		}
		switch id {
		case tnefRenddata:
			if err := w.tnefFlush(s, &f, p); err != nil {
				return -1, err
			}
		case tnefTitle:
			b, err := s.at(data, min(size, 4096))
			if err != nil {
				return -1, err
			}
			f.name = strings.TrimRight(string(b), "\x00")
		case tnefData:
			if f.any {
				if err := w.tnefFlush(s, &f, p); err != nil {
					return -1, err
				}
			}
			f.off, f.size, f.any = data, size, true
		case tnefProps:
			if err := f.props(s.section(data, size), data); err != nil {
				return -1, err
			}
		}
		off = data + size + 2
	}
	return s.size, w.tnefFlush(s, &f, p)
}

// tnefFlush visits the attachment at hand and begins another.
func (w *walker) tnefFlush(s source, f *tnefFile, p place) error {
	g := *f
	*f = tnefFile{}
	if !g.any {
		return nil
	}
	if err := w.b.entry(); err != nil {
		return err
	}
	name := g.long
	if name == "" {
		name = g.name
	}
	if name == "" {
		name = "attachment"
	}
	e := p.entry(name)
	e.Size = g.size
	return w.visit(e, s.section(g.off, g.size), nil, g.size, false)
}

// props reads the MAPI properties of an attachment ([MS-OXTNEF] §2.1.3.4): its
// long name, and the message or object that it is.
func (f *tnefFile) props(s source, base int64) error {
	bad := damaged("its properties are broken")
	b, err := s.at(0, 4)
	if err != nil {
		return err
	}
	count, off := u32(b), int64(4)
	if count > 10_000 {
		return bad
	}
	for range count {
		h, err := s.at(off, 4)
		if err != nil {
			return err
		}
		typ, id := u16(h), u16(h[2:])
		off += 4
		if id >= 0x8000 { // named
			h, err := s.at(off, 24)
			if err != nil {
				return err
			}
			off += 24
			if u32(h[16:]) == 1 {
				off += up(u32(h[20:]), 4)
			}
		}
		values, sized, width := int64(1), false, int64(4)
		switch typ &^ 0x1000 {
		case 0x1e, 0x1f, 0x102, 0x0d:
			sized = true
		case 5, 6, 7, 0x14, 0x40:
			width = 8
		case 0x48:
			width = 16
		}
		if sized || typ&0x1000 != 0 {
			if h, err = s.at(off, 4); err != nil {
				return err
			}
			values = u32(h)
			off += 4
		}
		if values > 10_000 {
			return bad
		}
		for range values {
			n := width
			if sized {
				if h, err = s.at(off, 4); err != nil {
					return err
				}
				n = u32(h)
				off += 4
			}
			if n > s.size-off {
				return bad
			}
			switch {
			case id == 0x3707 && n < 4096:
				v, err := s.at(off, n)
				if err != nil {
					return err
				}
				if typ == 0x1f {
					f.long = utf16Name(v)
				} else {
					f.long = string(v)
				}
				f.long = strings.TrimRight(f.long, "\x00")
			case id == 0x3701 && typ == 0x0d && n > 16 && !f.any: // an interface ID, then what it is
				f.off, f.size, f.any = base+off+16, n-16, true
			}
			off += up(n, 4)
		}
	}
	return nil
}
