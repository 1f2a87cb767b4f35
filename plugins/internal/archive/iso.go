package archive

import (
	"strings"
	"unicode/utf16"
)

const isoSector = 2048

// iso walks an image of ISO 9660 (ECMA-119), by the plain tree and by Joliet's:
// readers show the one or the other. A UDF file system beside them is not
// opened, and some readers prefer it.
func (w *walker) iso(s source, p place) (int64, error) {
	seen := map[int64]bool{}
	var trees []isoTree
	udf := false
	for i := int64(16); i < 16+64; i++ {
		b, err := s.upTo(i*isoSector, isoSector)
		if err != nil {
			return -1, err
		}
		if len(b) < isoSector {
			break
		}
		id := string(b[1:6])
		if id == "NSR02" || id == "NSR03" {
			udf = true
		}
		if id != "CD001" || b[0] != 1 && b[0] != 2 || u16(b[128:]) == 0 {
			continue
		}
		wide := b[0] == 2 && b[88] == '%' && b[89] == '/'
		trees = append(trees, isoTree{root: b[156:190], wide: wide, block: u16(b[128:])})
	}
	if len(trees) == 0 {
		return -1, damaged("it has no volume descriptor")
	}
	for i := len(trees) - 1; i >= 0; i-- { // the names of Joliet are better
		t := &trees[i]
		t.walker, t.s, t.seen = w, s, seen
		if err := t.dir(t.root, p, "", 0); err != nil {
			return -1, err
		}
	}
	if udf {
		return -1, unsupported("it has a UDF file system, which is not opened here")
	}
	return -1, nil
}

type isoTree struct {
	*walker
	s     source
	root  []byte
	wide  bool
	block int64
	seen  map[int64]bool // extents
}

// dir walks the directory that a record leads to.
func (t *isoTree) dir(rec []byte, p place, prefix string, depth int) error {
	off, size := u32(rec[2:])*t.block, u32(rec[10:])
	if depth > 64 || size > 4<<20 {
		return damaged("its directories are too deep or too large")
	}
	if t.seen[-1-off] {
		return nil
	}
	t.seen[-1-off] = true
	b, err := t.s.at(off, size)
	if err != nil {
		return err
	}
	for i := 0; i+33 <= len(b); {
		n := int(b[i])
		if n == 0 { // records do not cross sectors
			i = (i/isoSector + 1) * isoSector
			continue
		}
		if n < 34 || i+n > len(b) || 33+int(b[i+32]) > n {
			return damaged("the record of a directory is broken")
		}
		r := b[i : i+n]
		i += n
		name := t.name(r[33 : 33+int(r[32])])
		if name == "" {
			continue
		}
		if r[25]&2 != 0 {
			if err := t.dir(r, p, prefix+name+"/", depth+1); err != nil {
				return err
			}
			continue
		}
		if err := t.file(r, p, prefix+name); err != nil {
			return err
		}
	}
	return nil
}

func (t *isoTree) file(r []byte, p place, name string) error {
	if err := t.b.entry(); err != nil {
		return err
	}
	off, size := (u32(r[2:])+int64(r[1]))*t.block, u32(r[10:])
	e := p.entry(name)
	e.Size = size
	if size == 0 {
		return t.opaque(e)
	}
	if t.seen[off] {
		return nil
	}
	t.seen[off] = true
	if off > t.s.size || size > t.s.size-off {
		return t.fault(place{e.Path, e.Name, e.Depth}, tooShort)
	}
	if r[25]&0x80 != 0 {
		return t.fault(place{e.Path, e.Name, e.Depth}, unsupported("it stands in more than one piece"))
	}
	return t.visit(e, t.s.section(off, size), nil, size, false)
}

// name is that of a record; "" for the directory itself and the one above.
func (t *isoTree) name(b []byte) string {
	if len(b) == 1 && b[0] <= 1 {
		return ""
	}
	s := string(b)
	if t.wide {
		u := make([]uint16, 0, len(b)/2)
		for ; len(b) >= 2; b = b[2:] {
			u = append(u, uint16(be16(b)))
		}
		s = string(utf16.Decode(u))
	}
	s, _, _ = strings.Cut(s, ";")
	return strings.TrimSuffix(s, ".")
}
