package document

import (
	"strings"

	"github.com/mailweir/weir/plugins/internal/document/octets"
	"github.com/mailweir/weir/plugins/internal/document/officecrypt"
)

// Records of workbooks ([MS-XLS] §2.3; those of older versions have the same
// numbers).
const (
	biffExternName = 0x0023
	biffFilePass   = 0x002f
	biffBoundSheet = 0x0085
	biffSupBook    = 0x01ae
	biffExternSht  = 0x0017 // BIFF5 and older: names the other document
	biffBOF        = 0x0809
	biffDrawing    = 0x00eb // MSODRAWINGGROUP
	biffDrawingSht = 0x00ec

	sheetMacro  = 1 // BoundSheet8.dt
	sheetModule = 6

	substreamGlobals = 0x0005
	substreamModule  = 0x0006
	substreamMacro   = 0x0040
)

// maxBIFF bounds how many records are looked at.
const maxBIFF = 4_000_000

// xls looks into a stream of workbook records.
func (x *inspection) xls(s octets.Source, path string) {
	b := &biff{x: x, s: s, path: path}
	b.read()
}

// biff goes through the records of one workbook stream.
type biff struct {
	x    *inspection
	s    octets.Source
	path string

	version int // octet of the first record's number: 8 for BIFF5 and 8
	depth   int
	key     officecrypt.Stream // nil: not encrypted
	links   bool               // the last SUPBOOK is a DDE or OLE link
}

func (b *biff) unreadable(detail string) { b.x.unreadable("ole", b.path, detail) }

func (b *biff) read() {
	off := int64(0)
	for n := 0; off+4 <= b.s.Size; n++ {
		if n > maxBIFF {
			b.unreadable("its workbook has too many records")
			return
		}
		h, err := b.s.At(off, 4)
		if err != nil {
			b.unreadable("its workbook is cut off")
			return
		}
		typ, size := octets.U16(h), int64(octets.U16(h[2:]))
		if n == 0 {
			if !isBOF(typ) {
				b.unreadable("its workbook does not begin as one")
				return
			}
			b.version = typ >> 8
		} else if typ == 0 && size == 0 && b.depth == 0 {
			return // octets that fill the stream up
		}
		off += 4
		if !b.record(typ, off, size) {
			return
		}
		off += size
	}
}

func isBOF(typ int) bool { return typ == 0x0009 || typ == 0x0209 || typ == 0x0409 || typ == biffBOF }

// record looks at one record; false ends the reading.
func (b *biff) record(typ int, off, size int64) bool {
	switch typ {
	case 0x0009, 0x0209, 0x0409, biffBOF:
		b.depth++
		h, err := b.s.Range(off, min(size, 4))
		if err != nil || len(h) < 4 {
			b.unreadable("its workbook is cut off")
			return false
		}
		switch octets.U16(h[2:]) {
		case substreamMacro:
			b.x.find(CauseMacro, "xlm", b.path, "it has an Excel 4 macro sheet")
		case substreamModule:
			b.x.find(CauseMacro, "vba", b.path, "it has a VBA module")
		}
	case 0x000a: // EOF
		b.depth = max(0, b.depth-1)
	case biffFilePass:
		return b.filePass(off, size)
	case biffBoundSheet:
		if r := b.content(off, size, 8); len(r) > 5 {
			switch r[5] {
			case sheetMacro:
				b.x.find(CauseMacro, "xlm", b.path, "it has an Excel 4 macro sheet")
			case sheetModule:
				b.x.find(CauseMacro, "vba", b.path, "it has a VBA module")
			}
		}
	case biffSupBook:
		b.supBook(b.content(off, size, 1024))
	case biffExternSht:
		b.externSheet(b.content(off, size, 300))
	case biffExternName:
		b.externName(b.content(off, size, 16))
	case biffDrawing, biffDrawingSht:
		if r := b.content(off, size, 8224); r != nil {
			b.x.art(r, b.path)
		}
	}
	return true
}

// content reads the beginning of a record, decrypted.
func (b *biff) content(off, size, most int64) []byte {
	r, err := b.s.Range(off, min(size, most))
	if err != nil {
		return nil
	}
	if b.key != nil {
		b.key(r, off)
	}
	return r
}

// filePass (§2.4.117): the records that follow are encrypted. Excel opens a
// workbook encrypted with its built-in password without asking, which is how
// one with a protected structure is saved: that one is read on.
func (b *biff) filePass(off, size int64) bool {
	r, err := b.s.Range(off, min(size, 4096))
	if err == nil {
		b.key = officecrypt.DefaultWorkbookKey(r)
	}
	if b.key == nil {
		b.x.find(CauseEncryptedDocument, "ole", b.path, "it needs a password to be read")
		return false
	}
	return true
}

// externSheet of BIFF5 and older names the other document as a string; that of
// BIFF8 has indices, and no names follow it.
func (b *biff) externSheet(r []byte) {
	if len(r) < 3 {
		return
	}
	name := string(r[1:min(len(r), 1+int(r[0]))])
	b.links = len(name) > 2 && name[0] > 4 && strings.IndexByte(name, 3) > 0
}

// supBook (§2.4.271): what follows in EXTERNNAME records lies in another
// document, or comes from another program.
func (b *biff) supBook(r []byte) {
	b.links = false
	if len(r) < 5 {
		return
	}
	n := octets.U16(r[2:])
	if n == 0x0401 || n == 0x3a01 || n == 0 {
		return // the workbook itself, an add-in
	}
	var name string
	if r[4]&1 != 0 {
		name = octets.UTF16(r[5:min(len(r), 5+2*n)])
	} else {
		name = string(r[5:min(len(r), 5+n)])
	}
	b.links = strings.IndexByte(name, 3) > 0 && name[0] > 3
}

// externName (§2.4.105): with fOle it is an OLE link, else a DDE one.
func (b *biff) externName(r []byte) {
	if !b.links || len(r) < 2 {
		return
	}
	if octets.U16(r)&0x0010 == 0 {
		b.x.find(CauseMacro, "dde", b.path, "it takes values from another program (DDE)")
	}
}
