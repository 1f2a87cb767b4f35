package document

import "github.com/mailweir/weir/plugins/internal/document/octets"

// Properties of OfficeArt shapes ([MS-ODRAW] §2.3): names of pictures and, one
// number further, flags that say whether the name is where the picture lies.
const (
	artPicture = 0x0105 // pibName, pibFlags
	artFill    = 0x0187 // fillBlipName, fillBlipFlags
	artLine    = 0x01c6 // lineFillBlipName, lineFillBlipFlags

	artLinked = 0x0002 | 0x0004 | 0x0008 // a file, a URL, not saved with the document
)

// art looks for linked pictures in OfficeArt records ([MS-ODRAW] §2.2). What
// stands between records in a Word document (§2.9.172 of [MS-DOC]: one octet)
// is stepped over.
func (x *inspection) art(b []byte, path string) {
	for len(b) >= 8 {
		ver, typ, n := b[0]&15, octets.U16(b[2:]), int(min(octets.U32(b[4:]), 1<<30))
		if typ < 0xf000 || typ > 0xf122 {
			b = b[1:]
			continue
		}
		body := b[8:]
		if ver == 15 { // a container: its records follow
			b = body
			continue
		}
		n = min(n, len(body))
		if typ == 0xf00b || typ == 0xf121 || typ == 0xf122 { // FOPT and its further tables
			x.artProperties(body[:n], octets.U16(b)>>4, path)
		}
		b = body[n:]
	}
}

func (x *inspection) artProperties(b []byte, count int, path string) {
	if 6*count > len(b) {
		return
	}
	flags := map[int]uint32{}
	for i := 0; i < count; i++ {
		flags[octets.U16(b[6*i:])&0x3fff] = octets.U32(b[6*i+2:])
	}
	data := b[6*count:]
	for i := 0; i < count; i++ {
		id, n := octets.U16(b[6*i:]), octets.U32(b[6*i+2:])
		if id&0x8000 == 0 {
			continue
		}
		if int64(n) > int64(len(data)) {
			return
		}
		switch id &= 0x3fff; id {
		case artPicture, artFill, artLine:
			if flags[id+1]&artLinked != 0 && remote(octets.UTF16(data[:n])) {
				x.find(CauseTracking, "external-image", path, "a picture lies elsewhere")
			}
		}
		data = data[n:]
	}
}
