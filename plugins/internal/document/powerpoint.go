package document

import (
	"compress/flate"
	"io"

	"github.com/mailweir/weir/plugins/internal/document/cfb"
	"github.com/mailweir/weir/plugins/internal/document/octets"
)

// Records of presentations ([MS-PPT] §2.13.24).
const (
	pptDocument     = 0x03e8
	pptUserEdit     = 0x0ff5
	pptCurrentUser  = 0x0ff6
	pptExternalOle  = 0x1011
	pptCryptSession = 0x2f14
	pptFOPT         = 0xf00b

	pptEncryptedToken = 0xf3d1c4df // §2.3.2
)

// ppt looks into a presentation.
func (x *inspection) ppt(f *cfb.File, e, main *cfb.Entry, path string) {
	s := f.Open(main)
	if u := e.Stream("Current User"); u != nil {
		us := f.Open(u)
		b, err := us.Range(0, 24)
		if err == nil && len(b) >= 20 && octets.U16(b[2:]) == pptCurrentUser {
			if octets.U32(b[12:]) == pptEncryptedToken || x.pptSession(s, int64(octets.U32(b[16:]))) {
				x.find(CauseEncryptedDocument, "ole", path, "it needs a password to be read")
				return
			}
		}
	}
	x.pptRecords(s, path)
}

// pptSession: the user's last edit has a session key (§2.3.3).
func (x *inspection) pptSession(s octets.Source, off int64) bool {
	b, err := s.Range(off, 8+0x20)
	return err == nil && len(b) == 8+0x20 && octets.U16(b[2:]) == pptUserEdit && octets.U32(b[4:]) == 0x20 && octets.U32(b[8+0x1c:]) != 0
}

// pptRecords goes through the records, whatever refers to them.
func (x *inspection) pptRecords(s octets.Source, path string) {
	seen := 0
	for off := int64(0); off+8 <= s.Size; {
		h, err := s.At(off, 8)
		if err != nil {
			x.unreadable("ole", path, "its presentation is cut off")
			return
		}
		typ, n := octets.U16(h[2:]), int64(octets.U32(h[4:]))
		if seen++; seen == 1 && (typ < pptDocument || typ > 0x2fff && typ < 0xf000) {
			x.find(CauseEncryptedDocument, "ole", path, "its records cannot be read without a password")
			return
		}
		off += 8
		if h[0]&15 == 15 {
			if typ == pptCryptSession {
				x.find(CauseEncryptedDocument, "ole", path, "it needs a password to be read")
				return
			}
			continue
		}
		switch typ {
		case pptExternalOle:
			x.pptObject(s.Section(off, n), octets.U16(h)>>4 == 1, join(path, "object"))
		case pptFOPT:
			if b, err := s.Range(off, min(n, 64<<10)); err == nil {
				x.artProperties(b, octets.U16(h)>>4, path)
			}
		}
		if x.err != nil {
			return
		}
		off += n
	}
}

// pptObject looks into an OLE object or VBA project (§2.10.34).
func (x *inspection) pptObject(s octets.Source, packed bool, path string) {
	if !packed {
		x.object(s, path, "")
		return
	}
	h, err := s.Range(0, 4)
	if err != nil || len(h) < 4 {
		return
	}
	size := int64(octets.U32(h))
	z := flate.NewReader(s.Section(4+2, s.Size).Reader()) // behind zlib's header
	b, ok := x.unpack(z, size, path)
	if ok {
		x.object(octets.Source{R: b, Size: b.size}, path, "")
	}
}

// unpack reads all of r into memory, at most limit octets, within the budget.
func (x *inspection) unpack(r io.Reader, limit int64, path string) (*chunks, bool) {
	b := &chunks{}
	for {
		room := b.room()
		n, err := r.Read(room)
		b.add(n)
		if n > 0 && !x.lim.Budget.Unpack(int64(n)) || b.size > limit {
			x.unreadable("", path, "it unpacks to more than can be inspected")
			return nil, false
		}
		if err == io.EOF {
			return b, true
		}
		if err != nil {
			x.unreadable("", path, "its data cannot be unpacked")
			return nil, false
		}
	}
}

const chunkSize = 64 << 10

// chunks is content in pieces: one slice that grows would need three times its
// size while it does, and memory is bounded.
type chunks struct {
	list [][]byte
	size int64
}

// room is where the next octets go; add says how many did.
func (c *chunks) room() []byte {
	if c.size == chunkSize*int64(len(c.list)) {
		c.list = append(c.list, make([]byte, chunkSize))
	}
	return c.list[c.size/chunkSize][c.size%chunkSize:]
}

func (c *chunks) add(n int) { c.size += int64(n) }

// ReadAt implements io.ReaderAt.
func (c *chunks) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) && off < c.size {
		in := off % chunkSize
		k := copy(p[n:], c.list[off/chunkSize][in:min(chunkSize, in+c.size-off)])
		n, off = n+k, off+int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
