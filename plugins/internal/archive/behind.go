package archive

import (
	"hash/crc32"
	"strconv"

	"github.com/mailweir/weir/plugins/internal/filetype"
)

// Marks of archives that tools find anywhere: behind a program that unpacks
// itself, or behind anything else.
const (
	mark7z  = "7z\xbc\xaf\x27\x1c"
	markRAR = "Rar!\x1a\x07"
	markCAB = "MSCF\x00\x00\x00\x00"
	markACE = "**ACE**" // 7 octets into the archive
	markARJ = "\x60\xea"
	markLZH = "-lh" // 2 octets into the archive
)

// maxMarks is how many places of one content are looked at.
const maxMarks = 1000

// marksOf are marks by their first octet, with how far into an archive they stand.
var marksOf = func() (m [256][]embedded) {
	for _, x := range []embedded{{mark7z, 0, false}, {markRAR, 0, false}, {markCAB, 0, false}, {markACE, 7, false}, {markARJ, 0, true}, {markLZH, 2, true}} {
		m[x.text[0]] = append(m[x.text[0]], x)
	}
	return m
}()

type embedded struct {
	text    string
	at      int64
	program bool // looked for in programs only
}

// behind looks for archives from an offset on, behind something else. In
// programs it also looks for the kinds whose marks are short.
func (w *walker) behind(s source, from int64, program bool, p place) error {
	const step, lap = 64 << 10, 8
	zip := false
	tried := 0
	for off := from; off < s.size; off += step {
		n := min(step+lap, s.size-off)
		if err := w.b.searched(n); err != nil {
			return err
		}
		b, err := s.at(off, n)
		if err != nil {
			return err
		}
		for i, c := range b[:min(step, len(b))] {
			if c == 'P' && len(b)-i >= 4 && b[i+1] == 'K' {
				zip = zip || string(b[i:i+4]) == endMark || string(b[i:i+4]) == localMark
				continue
			}
			for j := range marksOf[c] {
				m := &marksOf[c][j]
				if m.program && !program || len(b)-i < len(m.text) || string(b[i:i+len(m.text)]) != m.text || off+int64(i)-m.at < from {
					continue
				}
				at := off + int64(i) - m.at
				inner := s.section(at, s.size-at)
				t, err := w.sound(inner)
				if err != nil {
					return err
				}
				if t == filetype.Unknown {
					continue
				}
				if tried++; tried > maxMarks {
					return damaged("more than " + strconv.Itoa(maxMarks) + " places look like the beginning of an archive")
				}
				if err := w.content(inner, t, p, true); err != nil {
					return err
				}
			}
		}
	}
	if !zip {
		return nil
	}
	if from > 1 { // behind another archive: the directory must be there too
		s = s.section(from, s.size-from)
	}
	return w.zip(s, true, p, false)
}

// sound tells what begins here, if its header's checksum or fields are right.
func (w *walker) sound(s source) (filetype.Type, error) {
	head, err := s.upTo(0, 64)
	if err != nil {
		return "", err
	}
	t := filetype.Head(head)
	ok := false
	switch t {
	case filetype.SevenZip:
		ok = len(head) >= 32 && crc32.ChecksumIEEE(head[12:32]) == uint32(u32(head[8:]))
	case filetype.RAR4:
		ok = soundRAR4(head[7:])
	case filetype.RAR5:
		ok, err = soundRAR5(s)
	case filetype.CAB:
		ok = len(head) >= 36 && u32(head[8:]) <= s.size && u32(head[16:]) >= 36 && u32(head[16:]) < u32(head[8:]) && head[25] == 1 && u16(head[26:]) > 0
	case filetype.ARJ:
		h, _, fault := arjHeader(s, 0)
		ok = fault == nil && h != nil
	case filetype.LZH:
		h, fault := readLZH(s, 0)
		ok = fault == nil && h.packed <= s.size-h.data && h.name != ""
	case filetype.ACE: // the lower half of a CRC without its last step
		if n := u16(head[2:]); n >= 27 && n < 64<<10 {
			b, fault := s.at(4, n)
			ok = fault == nil && ^crc32.ChecksumIEEE(b)&0xffff == uint32(u16(head))
		}
	}
	if err != nil || !ok {
		return filetype.Unknown, err
	}
	return t, nil
}

// soundRAR4 checks the block behind the marker: the archive header, of 13 octets.
func soundRAR4(b []byte) bool {
	if len(b) < 13 || b[2] != 0x73 {
		return false
	}
	n := u16(b[5:])
	return n >= 13 && n <= int64(len(b)) && int64(crc32.ChecksumIEEE(b[2:n])&0xffff) == u16(b)
}

// soundRAR5 checks the block behind the marker: the archive header or that of
// its encryption, both short.
func soundRAR5(s source) (bool, error) {
	b, err := s.upTo(8, 512)
	if err != nil || len(b) < 6 {
		return false, err
	}
	size, n := vint(b[4:min(len(b), 14)])
	end := 4 + n + size
	return n > 0 && size > 0 && end <= int64(len(b)) && crc32.ChecksumIEEE(b[4:end]) == uint32(u32(b)), nil
}
