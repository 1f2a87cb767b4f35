package document

import (
	"bytes"

	"github.com/mailweir/weir/plugins/internal/document/octets"
)

const (
	// oneNoteMark is guidFileType of a section ([MS-ONESTORE] §2.3.1).
	oneNoteMark = "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3"

	// oneNoteFile begins a FileDataStoreObject (§2.6.13): a size of 8 octets and
	// 12 that are not used stand in front of the file.
	oneNoteFile = "\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac"
)

// oneNote looks into the files that a section of a notebook carries.
func (x *inspection) oneNote(s octets.Source, path string) {
	const step, overlap = 64 << 10, 15
	for off := int64(0); off < s.Size && x.err == nil; off += step {
		b, err := s.Range(off, step+overlap)
		if err != nil {
			x.unreadable("onenote", path, "it is cut off")
			return
		}
		for i := 0; x.err == nil; {
			j := bytes.Index(b[i:], []byte(oneNoteFile))
			if j < 0 {
				break
			}
			i += j + 16
			at := off + int64(i)
			h, err := s.Range(at, 8)
			if err != nil || len(h) < 8 {
				break
			}
			if n := octets.U64(h); n > 0 && n <= uint64(s.Size-at) {
				x.object(s.Section(at+20, int64(n)), join(path, "file"), "")
			}
		}
	}
}
