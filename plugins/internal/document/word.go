package document

import (
	"github.com/mailweir/weir/plugins/internal/document/cfb"
	"github.com/mailweir/weir/plugins/internal/document/octets"
)

// Offsets in the file information block ([MS-DOC] §2.5.1); those of Word 6 and
// 95 differ where said.
const (
	fibIdent    = 0x00
	fibFlags    = 0x0a
	fibCSW      = 0x20 // numbers of 16 bits that follow
	fibFcMin    = 0x18 // Word 6: where the text begins
	fibCcpText6 = 0x34 // Word 6: how many characters it has
	fibCmds6    = 0x118
	fibClx6     = 0x160

	flagEncrypted = 0x0100
	flagTable1    = 0x0200

	// Indices of pairs of offset and size in FibRgFcLcb97 (§2.5.6).
	pairClx   = 33
	pairAssoc = 32
	pairArt   = 50
)

// doc looks into a Word document.
func (x *inspection) doc(f *cfb.File, e, main *cfb.Entry, path string) {
	s := f.Open(main)
	fib, err := s.Range(0, 1024)
	if err != nil || len(fib) < fibCSW+2 {
		x.unreadable("ole", path, "its Word document is damaged")
		return
	}
	flags := octets.U16(fib[fibFlags:])
	if _, err := s.At(s.Size-1, 1); err != nil {
		x.unreadable("ole", path, "its Word document is cut off")
		return
	}
	if flags&flagEncrypted != 0 {
		x.find(CauseEncryptedDocument, "ole", path, "it needs a password to be read")
		return
	}
	switch ident := octets.U16(fib[fibIdent:]); {
	case ident == 0xa5ec && octets.U16(fib[2:]) >= 0x00c0: // Word 97 and later
		x.word97(f, e, s, fib, flags, path)
	case ident&0xff00 == 0xa500 || ident&0xff00 == 0xa600: // Word 6 and 95
		x.word6(s, fib, path)
	default:
		x.unreadable("ole", path, "its Word document is damaged")
	}
}

// word97 follows the pairs of the file information block into the table stream.
func (x *inspection) word97(f *cfb.File, e *cfb.Entry, s octets.Source, fib []byte, flags int, path string) {
	name := "0Table"
	if flags&flagTable1 != 0 {
		name = "1Table"
	}
	t := e.Stream(name)
	if t == nil {
		x.unreadable("ole", path, "its Word document is damaged")
		return
	}
	table := f.Open(t)
	at := fibCSW + 2 + 2*octets.U16(fib[fibCSW:])
	if at+2 > len(fib) {
		x.unreadable("ole", path, "its Word document is damaged")
		return
	}
	at += 2 + 4*octets.U16(fib[at:]) + 2
	pair := func(i int) ([]byte, error) {
		if at+8*i+8 > len(fib) {
			return nil, octets.ErrShort
		}
		p := fib[at+8*i:]
		n := int64(octets.U32(p[4:]))
		if n > 8<<20 {
			return nil, octets.ErrShort
		}
		return table.At(int64(octets.U32(p)), n)
	}
	if b, err := pair(pairAssoc); err == nil && remote(associated(b, 1)) {
		x.find(CauseTracking, "remote-template", path, "its template lies elsewhere")
	}
	if b, err := pair(pairArt); err == nil {
		x.art(b, path)
	}
	clx, err := pair(pairClx)
	if err != nil {
		x.unreadable("ole", path, "the text of its Word document cannot be found")
		return
	}
	x.pieces(s, clx, path)
}

// associated gives a string of SttbfAssoc (§2.9.281); 1 is the template.
func associated(b []byte, i int) string {
	if len(b) < 6 || octets.U16(b) != 0xffff {
		return ""
	}
	extra := octets.U16(b[4:])
	for b = b[6:]; len(b) >= 2; i-- {
		n := 2 + 2*octets.U16(b)
		if n > len(b) {
			return ""
		}
		if i == 0 {
			return octets.UTF16(b[2:n])
		}
		if n += extra; n > len(b) {
			return ""
		}
		b = b[n:]
	}
	return ""
}

// pieces reads the text's pieces (Clx, §2.9.38) for the fields in them.
func (x *inspection) pieces(s octets.Source, clx []byte, path string) {
	for len(clx) >= 3 && clx[0] == 1 { // Prc
		n := 3 + octets.U16(clx[1:])
		if n > len(clx) {
			break
		}
		clx = clx[n:]
	}
	if len(clx) < 5 || clx[0] != 2 { // Pcdt
		x.unreadable("ole", path, "the text of its Word document cannot be found")
		return
	}
	plc := clx[5:]
	plc = plc[:min(len(plc), int(octets.U32(clx[1:])&0x7fffffff))]
	n := (len(plc) - 4) / 12
	fs := fields{x: x, path: path}
	for i := 0; i < n; i++ {
		chars := int64(octets.U32(plc[4*i+4:])) - int64(octets.U32(plc[4*i:]))
		fc := octets.U32(plc[4*(n+1)+8*i+2:])
		if chars < 0 || chars > s.Size {
			x.unreadable("ole", path, "the text of its Word document cannot be found")
			return
		}
		if fc&0x40000000 != 0 {
			fs.run(s.Section(int64(fc&0x3fffffff)/2, chars), 1)
		} else {
			fs.run(s.Section(int64(fc&0x3fffffff), 2*chars), 2)
		}
	}
}

// run reads text of one or two octets a character: fields stand between 0x13,
// 0x14 and 0x15.
func (f *fields) run(s octets.Source, width int64) {
	const step = 16 << 10
	for off := int64(0); off < s.Size; off += step {
		b, err := s.Range(off, step)
		if err != nil {
			f.x.unreadable("ole", f.path, "the text of its Word document is cut off")
			return
		}
		from := 0
		flush := func(to int) {
			if f.inside() && to > from {
				if width == 2 {
					f.text(octets.UTF16(b[from:to]))
				} else {
					f.text(string(b[from:to]))
				}
			}
			from = to + int(width)
		}
		for i := 0; i+int(width) <= len(b); i += int(width) {
			if b[i] < 0x13 || b[i] > 0x15 || width == 2 && b[i+1] != 0 {
				continue
			}
			flush(i)
			switch b[i] {
			case 0x13:
				f.begin()
			case 0x14:
				f.separate()
			default:
				f.end()
			}
		}
		flush(len(b))
	}
}

// word6 looks into a document of Word 6 or 95: one stream, text of one octet a
// character, and WordBasic macros among the commands.
func (x *inspection) word6(s octets.Source, fib []byte, path string) {
	if len(fib) < fibClx6+8 {
		return
	}
	if b, err := s.Range(int64(octets.U32(fib[fibCmds6:])), int64(min(octets.U32(fib[fibCmds6+4:]), 1<<20))); err == nil && wordBasic(b) {
		x.find(CauseMacro, "wordbasic", path, "it has WordBasic macros")
	}
	fs := fields{x: x, path: path}
	if octets.U16(fib[fibFlags:])&4 != 0 { // fComplex: in pieces
		if clx, err := s.At(int64(octets.U32(fib[fibClx6:])), int64(min(octets.U32(fib[fibClx6+4:]), 8<<20))); err == nil {
			fs.pieces6(s, clx)
			return
		}
	}
	from, to := int64(octets.U32(fib[fibFcMin:])), int64(octets.U32(fib[fibFcMin+4:]))
	fs.run(s.Section(from, to-from), 1)
}

func (f *fields) pieces6(s octets.Source, clx []byte) {
	for len(clx) >= 3 && clx[0] == 1 {
		n := 3 + octets.U16(clx[1:])
		if n > len(clx) {
			return
		}
		clx = clx[n:]
	}
	if len(clx) < 5 || clx[0] != 2 {
		return
	}
	plc := clx[5:]
	plc = plc[:min(len(plc), int(octets.U32(clx[1:])&0x7fffffff))]
	for i, n := 0, (len(plc)-4)/12; i < n; i++ {
		chars := int64(octets.U32(plc[4*i+4:])) - int64(octets.U32(plc[4*i:]))
		f.run(s.Section(int64(octets.U32(plc[4*(n+1)+8*i+2:])), chars), 1)
	}
}

// wordBasic: the commands begin with 0xff; a table with id 1 has the macros.
func wordBasic(b []byte) bool {
	return len(b) >= 4 && b[0] == 0xff && b[1] == 1 && octets.U16(b[2:]) > 0
}
