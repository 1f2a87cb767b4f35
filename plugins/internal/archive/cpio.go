package archive

import (
	"strconv"
	"strings"
)

// ar walks a Unix archive, as .deb is one (ar(5): GNU and BSD names).
func (w *walker) ar(s source, p place) (int64, error) {
	names := ""
	off := int64(8)
	for off < s.size {
		h, err := s.upTo(off, 60)
		if err != nil {
			return -1, err
		}
		if strings.Trim(string(h), "\n\x00") == "" {
			return s.size, nil
		}
		if len(h) < 60 || string(h[58:]) != "`\n" {
			return -1, damaged("the header of an entry is broken")
		}
		if err := w.b.entry(); err != nil {
			return -1, err
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(h[48:58])), 10, 62)
		data := off + 60
		if err != nil || size < 0 || size > s.size-data {
			return -1, tooShort
		}
		off = data + size + size%2
		name := strings.TrimRight(string(h[:16]), " ")
		switch {
		case name == "//":
			b, err := s.at(data, min(size, 1<<20))
			if err != nil {
				return -1, err
			}
			names = string(b)
			continue
		case name == "/" || name == "/SYM64/" || strings.HasPrefix(name, "__.SYMDEF"):
			continue
		case strings.HasPrefix(name, "/"):
			if i, err := strconv.Atoi(name[1:]); err == nil && i >= 0 && i < len(names) {
				name, _, _ = strings.Cut(names[i:], "\n")
			}
		case strings.HasPrefix(name, "#1/"):
			n, err := strconv.ParseInt(name[3:], 10, 32)
			if err != nil || n < 0 || n > size {
				return -1, damaged("the header of an entry is broken")
			}
			b, err := s.at(data, min(n, 4096))
			if err != nil {
				return -1, err
			}
			name, data, size = strings.TrimRight(string(b), "\x00"), data+n, size-n
		}
		e := p.entry(strings.TrimSuffix(name, "/"))
		e.Size = size
		if err := w.visit(e, s.section(data, size), nil, size, false); err != nil {
			return -1, err
		}
	}
	return s.size, nil
}

// cpioHeader is what the dialects have in common.
type cpioHeader struct {
	mode, size, name int64
	head, align      int64
}

// cpio walks a cpio archive: the old binary form in both octet orders, the
// portable one, and SVR4's (cpio(5)).
func (w *walker) cpio(s source, p place) (int64, error) {
	for off := int64(0); off < s.size; {
		h, ok, err := readCpio(s, off)
		if err != nil {
			return -1, err
		}
		if !ok {
			return -1, damaged("the header of an entry is broken")
		}
		if err := w.b.entry(); err != nil {
			return -1, err
		}
		if h.name < 1 || h.name > 4096 {
			return -1, damaged("the header of an entry is broken")
		}
		b, err := s.at(off+h.head, h.name)
		if err != nil {
			return -1, err
		}
		name := strings.TrimRight(string(b), "\x00")
		data := up(off+h.head+h.name, h.align)
		if h.size < 0 || h.size > s.size-data {
			return -1, tooShort
		}
		off = up(data+h.size, h.align)
		if name == "TRAILER!!!" {
			for off < s.size { // filled up to a block
				b, err := s.upTo(off, tarBlock)
				if err != nil {
					return -1, err
				}
				if strings.Trim(string(b), "\x00") != "" {
					return off, nil
				}
				off += int64(len(b))
			}
			return off, nil
		}
		e := p.entry(name)
		e.Size = h.size
		if e.Dir = h.mode&0o170000 != 0o100000 && h.mode&0o170000 != 0; e.Dir || h.size == 0 {
			err = w.opaque(e)
		} else {
			err = w.visit(e, s.section(data, h.size), nil, h.size, false)
		}
		if err != nil {
			return -1, err
		}
	}
	return -1, tooShort
}

func up(n, align int64) int64 { return (n + align - 1) / align * align }

func readCpio(s source, off int64) (h cpioHeader, ok bool, err error) {
	b, err := s.upTo(off, 110)
	if err != nil || len(b) < 26 {
		return h, false, err
	}
	number := func(at, n, base int) int64 {
		if at+n > len(b) {
			return -1
		}
		v, err := strconv.ParseInt(string(b[at:at+n]), base, 62)
		if err != nil {
			return -1
		}
		return v
	}
	u := u16
	switch {
	case string(b[:6]) == "070701" || string(b[:6]) == "070702":
		h = cpioHeader{mode: number(14, 8, 16), size: number(54, 8, 16), name: number(94, 8, 16), head: 110, align: 4}
	case string(b[:6]) == "070707":
		h = cpioHeader{mode: number(18, 6, 8), size: number(65, 11, 8), name: number(59, 6, 8), head: 76, align: 1}
	case string(b[:2]) == "\x71\xc7":
		u = be16
		fallthrough
	case string(b[:2]) == "\xc7\x71":
		h = cpioHeader{mode: u(b[6:]), size: u(b[22:])<<16 | u(b[24:]), name: u(b[20:]), head: 26, align: 2}
	default:
		return h, false, nil
	}
	return h, h.mode >= 0 && h.size >= 0 && h.name >= 0, nil
}
