package archive

import (
	"strconv"
	"strings"
)

const tarBlock = 512

// tar walks a tar archive: v7, ustar, GNU and pax (POSIX pax, "ustar Interchange
// Format"; GNU tar manual, "Basic Tar Format"). Sparse files are visited as they
// are stored, without their holes.
func (w *walker) tar(s source, p place) (int64, error) {
	var long, pax string
	paxSize := int64(-1)
	zeros := 0
	for off := int64(0); ; {
		h, err := s.upTo(off, tarBlock)
		if err != nil {
			return -1, err
		}
		if len(h) < tarBlock {
			// Without the two empty blocks at the end: some writers leave them out.
			if zeros == 0 && len(h) > 0 && strings.Trim(string(h), "\x00") != "" {
				return -1, tooShort
			}
			return s.size, nil
		}
		if strings.Trim(string(h), "\x00") == "" {
			off += tarBlock
			if zeros++; zeros == 2 {
				return w.tarPadding(s, off)
			}
			continue
		}
		if zeros > 0 { // one empty block ends it for most readers
			return off, nil
		}
		if !tarSum(h) {
			return -1, damaged("the header of an entry has a wrong checksum")
		}
		if err := w.b.entry(); err != nil {
			return -1, err
		}
		size, ok := tarNumber(h[124:136])
		typ := h[156]
		switch typ {
		case '1', '2', '3', '4', '5', '6':
			if typ != '5' || size < 0 {
				size = 0
			}
			if typ == '5' {
				size = 0
			}
		}
		if paxSize >= 0 && typ != 'x' && typ != 'g' && typ != 'L' && typ != 'K' {
			if typ == '0' || typ == 0 || typ == '7' {
				size, ok = paxSize, true
			}
		}
		data := off + tarBlock
		if typ == 'S' { // GNU sparse: further headers may follow
			if data, err = gnuSparse(s, h, data); err != nil {
				return -1, err
			}
		}
		if !ok || size < 0 || size > s.size-data {
			return -1, tooShort
		}
		name := tarName(h)
		switch typ {
		case 'L', 'K', 'x', 'g', 'X':
			b, err := s.at(data, min(size, 64<<10))
			if err != nil {
				return -1, err
			}
			switch typ {
			case 'L':
				long, _, _ = strings.Cut(string(b), "\x00")
			case 'x', 'X':
				pax, paxSize = paxFields(string(b))
			}
		default:
			if long != "" {
				name = long
			}
			if pax != "" {
				name = pax
			}
			long, pax, paxSize = "", "", -1
			e := p.entry(name)
			e.Size = size
			e.Dir = typ == '5' || typ >= '1' && typ <= '6' || strings.HasSuffix(name, "/") && size == 0
			if e.Dir || typ == 'V' || typ == 'M' && size == 0 {
				e.Dir = true
				err = w.opaque(e)
			} else {
				err = w.visit(e, s.section(data, size), nil, size, false)
			}
			if err != nil {
				return -1, err
			}
			if typ == 'M' {
				if err := w.fault(p, damaged("it is one of several volumes")); err != nil {
					return -1, err
				}
			}
		}
		off = data + (size+tarBlock-1)/tarBlock*tarBlock
	}
}

// tarPadding goes past the empty blocks that fill up the last record.
func (w *walker) tarPadding(s source, off int64) (int64, error) {
	const step = 10 << 10
	for off < s.size {
		b, err := s.upTo(off, step)
		if err != nil {
			return -1, err
		}
		if i := strings.IndexFunc(string(b), func(r rune) bool { return r != 0 }); i >= 0 {
			return off + int64(i), nil
		}
		if err := w.b.searched(int64(len(b))); err != nil {
			return -1, err
		}
		off += int64(len(b))
	}
	return s.size, nil
}

func tarName(h []byte) string {
	name, _, _ := strings.Cut(string(h[:100]), "\x00")
	if string(h[257:263]) == "ustar\x00" {
		if prefix, _, _ := strings.Cut(string(h[345:500]), "\x00"); prefix != "" {
			name = prefix + "/" + name
		}
	}
	return name
}

// tarSum compares a header's checksum, signed or unsigned.
func tarSum(h []byte) bool {
	want, ok := tarNumber(h[148:156])
	unsigned, signed := int64(0), int64(0)
	for i, c := range h {
		if i >= 148 && i < 156 {
			c = ' '
		}
		unsigned += int64(c)
		signed += int64(int8(c))
	}
	return ok && (want == unsigned || want == signed)
}

// tarNumber reads octal digits, or GNU's binary form.
func tarNumber(b []byte) (int64, bool) {
	if b[0]&0x80 != 0 {
		v := int64(b[0] & 0x7f)
		if b[0] == 0xff {
			return -1, true
		}
		for _, c := range b[1:] {
			if v >= 1<<54 {
				return 0, false
			}
			v = v<<8 | int64(c)
		}
		return v, true
	}
	f := strings.Trim(string(b), " \x00")
	if i := strings.IndexAny(f, " \x00"); i >= 0 {
		f = f[:i]
	}
	if f == "" {
		return 0, true
	}
	v, err := strconv.ParseInt(f, 8, 64)
	return v, err == nil
}

// gnuSparse goes past the headers that continue a sparse file's map.
func gnuSparse(s source, h []byte, data int64) (int64, error) {
	more := h[482] != 0
	for range 1000 {
		if !more {
			return data, nil
		}
		b, err := s.at(data, tarBlock)
		if err != nil {
			return 0, err
		}
		more = b[504] != 0
		data += tarBlock
	}
	return 0, damaged("its map of a sparse file has no end")
}

// paxFields takes the name and the size from an extended header: records of
// "length key=value\n".
func paxFields(s string) (name string, size int64) {
	size = -1
	for s != "" {
		i := strings.IndexByte(s, ' ')
		if i <= 0 {
			break
		}
		n, err := strconv.Atoi(s[:i])
		if err != nil || n <= i+1 || n > len(s) {
			break
		}
		key, value, ok := strings.Cut(strings.TrimSuffix(s[i+1:n], "\n"), "=")
		s = s[n:]
		switch {
		case !ok:
		case key == "path" || key == "GNU.sparse.name":
			name = value
		case key == "size":
			if v, err := strconv.ParseInt(value, 10, 62); err == nil && v >= 0 {
				size = v
			}
		}
	}
	return name, size
}
