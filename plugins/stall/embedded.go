package main

import (
	"bytes"
	"hash/crc32"
	"strconv"
)

// Marks of archives that tools find anywhere: behind a program that unpacks
// itself, or behind anything else.
const (
	mark7z  = "7z\xbc\xaf\x27\x1c"
	markRAR = "Rar!\x1a\x07"
)

// maxMarks is how many places of one part are looked at.
const maxMarks = 1000

// embedded looks for 7z and RAR archives that do not stand at the beginning.
// A mark counts as one if the checksum of the header behind it is right.
func (x *inspection) embedded(s source, path string) error {
	const step = 64 << 10
	marks := 0
	for off := int64(1); off+int64(len(markRAR)) <= s.size; off += step {
		n := min(step+int64(len(markRAR)), s.size-off)
		if !spend(&x.budget.scan, n) {
			return x.fault(path, damaged("there is too much to search"))
		}
		b, err := s.at(off, n)
		if err != nil {
			return x.fault(path, err)
		}
		for _, mark := range []string{mark7z, markRAR} {
			for i := 0; ; {
				j := bytes.Index(b[i:], []byte(mark))
				if j < 0 || i+j >= step {
					break
				}
				if marks++; marks > maxMarks {
					return x.fault(path, damaged("more than "+strconv.Itoa(maxMarks)+" places look like the beginning of an archive"))
				}
				at := off + int64(i+j)
				if err := x.embeddedAt(s.section(at, s.size-at), path); err != nil {
					return err
				}
				i += j + len(mark)
			}
		}
	}
	return nil
}

func (x *inspection) embeddedAt(s source, path string) error {
	head, err := s.at(0, min(64, s.size))
	if err != nil {
		return err
	}
	var sound bool
	k := sniff(head)
	switch k {
	case kind7z:
		sound = len(head) >= 32 && crc32.ChecksumIEEE(head[12:32]) == uint32(u32(head[8:]))
	case kindRAR4:
		sound = soundRAR4(head[7:])
	case kindRAR5:
		sound, err = soundRAR5(s)
	}
	if err != nil || !sound {
		return err
	}
	return x.inspect(s, k, path, 0)
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
	b, err := s.at(8, min(512, max(0, s.size-8)))
	if err != nil || len(b) < 6 {
		return false, err
	}
	size, n := vint(b[4:min(len(b), 14)])
	end := 4 + n + size
	return n > 0 && size > 0 && end <= int64(len(b)) && crc32.ChecksumIEEE(b[4:end]) == uint32(u32(b)), nil
}
