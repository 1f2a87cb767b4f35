package document

import (
	"bytes"
	"strings"

	"github.com/mailweir/weir/plugins/internal/document/cfb"
	"github.com/mailweir/weir/plugins/internal/document/octets"
)

// sniffLen is how much of a file is looked at to see what it is. Acrobat looks
// for a PDF's header in the first 1,024 octets (ISO 32000-1 annex H.3.4.1).
const sniffLen = 4096

// file looks into one file, by its content; false if it is no document.
func (x *inspection) file(s octets.Source, path string) bool {
	s = x.meter(s)
	head, err := s.Head(sniffLen)
	if err != nil || len(head) == 0 {
		return false
	}
	begins := func(p string) bool { return bytes.HasPrefix(head, []byte(p)) }
	switch {
	case begins(cfb.Magic), begins(cfb.MagicBeta):
		x.ole(s, path)
	case begins("PK"):
		return x.pack(s, head, path)
	case isBIFF(head):
		x.xls(s, path)
	case begins("\x76\xe8\x04\x60\xc4\x11\xe3\x86"): // [MS-OXORMMS] §2.2.4.1, message.rpmsg
		x.find(CauseEncryptedMessage, "rpmsg", path, "it is protected by rights management")
	case begins(oneNoteMark):
		x.oneNote(s, path)
	case x.sealed(head, path):
	case begins("ActiveMime"):
		x.activeMime(s, path)
	case bytes.Contains(head[:min(len(head), 1024+5)], []byte("%PDF-")):
		x.pdf(s, path)
	case isDER(head):
		return x.cms(s, path)
	case head[0] >= 0x80 && isOpenPGP(head):
		x.openPGP(s, path)
	default:
		return x.textFile(s, head, path)
	}
	return true
}

// isBIFF: a workbook of Excel 2 to 8 without a compound file around it: a BOF
// record that says what follows.
func isBIFF(b []byte) bool {
	if len(b) < 8 || b[0] != 9 || !isBOF(octets.U16(b)) {
		return false
	}
	n := octets.U16(b[2:])
	if n != 4 && n != 6 && n != 8 && n != 16 {
		return false
	}
	switch octets.U16(b[6:]) {
	case substreamGlobals, substreamModule, 0x10, 0x20, substreamMacro, 0x0100:
		return true
	}
	return false
}

// textFile looks at files that are text, or begin as such.
func (x *inspection) textFile(s octets.Source, head []byte, path string) bool {
	t := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n\x00\f\v")
	has := func(p string) bool { return len(t) >= len(p) && strings.EqualFold(string(t[:len(p)]), p) }
	switch {
	case has(`{\rt`):
		x.rtf(s, path)
	case has("<?xml"), has("\xff\xfe<"), has("\xfe\xff\x00<"), has("<pkg:package"), has("<office:document"), has("<w:wordDocument"):
		return x.flatXML(s, path)
	case bytes.Contains(head, []byte("-----BEGIN ")), bytes.Contains(head, []byte("-----BEGIN\u00a0")):
		x.armoured(s, path)
	case has("ID;P"):
		x.sylk(s, path)
	case has("WEB\r"), has("WEB\n"):
		x.webQuery(s, path)
	case isMIME(head):
		x.mhtml(s, path)
		return false // a message too, and the archive walker's
	default:
		return x.looseText(s, head, path)
	}
	return true
}
