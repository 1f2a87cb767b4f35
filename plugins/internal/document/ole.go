package document

import (
	"bytes"
	"strings"

	"github.com/mailweir/weir/plugins/internal/document/cfb"
	"github.com/mailweir/weir/plugins/internal/document/octets"
	"github.com/mailweir/weir/plugins/internal/document/vba"
)

// maxStreams bounds the directory of one compound file.
const maxStreams = 20_000

// ole looks into a compound file. Each of its storages may be a document: an
// embedded one is a storage like that of the whole.
func (x *inspection) ole(s octets.Source, path string) {
	f, err := cfb.Open(s, maxStreams)
	if err != nil {
		x.fault("ole", path, err)
		return
	}
	if f.Damaged {
		x.unreadable("ole", path, "its directory of streams is damaged")
	}
	x.storage(f, f.Root, path, 0)
}

// storage looks into a storage and those below it.
func (x *inspection) storage(f *cfb.File, e *cfb.Entry, path string, depth int) {
	if x.err != nil {
		return
	}
	if !x.lim.Budget.Entry() {
		x.unreadable("ole", path, "there is more in it than can be inspected")
		return
	}
	if depth > 64 {
		x.unreadable("ole", path, "its storages are nested too deeply")
		return
	}
	at := func(e *cfb.Entry) string { return join(path, e.Path()) }
	if vba.IsProject(e) {
		if vba.HasCode(f, e, x.lim.Budget.Unpack) {
			x.find(CauseMacro, "vba", at(e), "it has VBA code")
		}
		return
	}
	if e.Child("EncryptedPackage") != nil {
		x.encryptedPackage(f, e, at(e))
	}
	if e.Stream("\x09DRMContent") != nil {
		// What else is there is a note to readers who have no right ([MS-OFFCRYPTO] §1.3.2).
		x.find(CauseEncryptedDocument, "ole", at(e), "it is protected by rights management")
		return
	}
	if d := e.Stream("WordDocument"); d != nil {
		x.doc(f, e, d, at(e))
	}
	for _, name := range []string{"Workbook", "Book"} {
		if w := e.Stream(name); w != nil {
			x.xls(f.Open(w), at(w))
		}
	}
	if p := e.Stream("PowerPoint Document"); p != nil {
		x.ppt(f, e, p, at(e))
	}
	for _, c := range e.Children {
		if c.Storage {
			x.storage(f, c, path, depth+1)
			continue
		}
		x.stream(f, c, at(c))
	}
}

// stream looks at the streams that hold something of their own.
func (x *inspection) stream(f *cfb.File, e *cfb.Entry, path string) {
	name := strings.ToLower(e.Name)
	switch {
	case name == "\x01ole10native":
		x.native(f.Open(e), path)
	case name == "\x01ole":
		x.link(f.Open(e), path)
	case name == "package", name == "contents", name == "__substg1.0_37010102":
		x.object(f.Open(e), path, "")
	case name == "__substg1.0_1000001e", name == "__substg1.0_1000001f", name == "__substg1.0_10130102":
		x.messageText(f.Open(e), strings.HasSuffix(name, "f"), path)
	}
}

// messageText looks at the text of a message ([MS-OXMSG] §2.4): in UTF-16 or not.
func (x *inspection) messageText(s octets.Source, wide bool, path string) {
	if wide {
		b, err := s.Range(0, 1<<20)
		if err != nil {
			return
		}
		s = octets.Of([]byte(octets.UTF16(b)))
	}
	x.armoured(s, path)
}

// native looks into an OLE 1 object in its OLE 2 storage ([MS-OLEDS] §2.3.6):
// what the packager made of a file, or what a class has as its own.
func (x *inspection) native(s octets.Source, path string) {
	head, err := s.Range(0, 4096)
	if err != nil || len(head) < 4 {
		return
	}
	body := s.Section(4, s.Size-4)
	name, data := packagedFile(head[4:], body)
	if data.Size > 0 {
		x.object(data, path, name)
		return
	}
	x.object(body, path, "")
}

// packagedFile takes a packaged file apart: a number, label, path, two numbers,
// the path it had when it was packaged, its size and content. Size is 0 for
// what is no such file.
func packagedFile(b []byte, body octets.Source) (name string, data octets.Source) {
	at := 2
	cstring := func() (string, bool) {
		if at >= len(b) {
			return "", false
		}
		i := bytes.IndexByte(b[at:], 0)
		if i < 0 || i > 1024 {
			return "", false
		}
		s := string(b[at : at+i])
		at += i + 1
		return s, true
	}
	name, ok := cstring()
	if !ok || len(b) < 2 || octets.U16(b) != 2 {
		return "", octets.Source{}
	}
	if _, ok = cstring(); !ok {
		return "", octets.Source{}
	}
	at += 8 // two numbers of 16 bits, and the length of the path that follows
	if _, ok = cstring(); !ok || at+4 > len(b) {
		return "", octets.Source{}
	}
	n := int64(octets.U32(b[at:]))
	return name, body.Section(int64(at)+4, n)
}

// URL moniker ([MS-OSHARED] §2.3.7.6), as it stands in a stream.
const urlMoniker = "\xe0\xc9\xea\x79\xf9\xba\xce\x11\x8c\x82\x00\xaa\x00\x4b\xa9\x0b"

// fileMoniker ([MS-OSHARED] §2.3.7.8).
const fileMoniker = "\x03\x03\x00\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"

// link looks at an object's OLE stream ([MS-OLEDS] §2.3.3): a linked object
// names where its content comes from.
func (x *inspection) link(s octets.Source, path string) {
	b, err := s.Range(0, 16<<10)
	if err != nil || len(b) < 8 {
		return
	}
	for _, target := range monikers(b) {
		if remote(target) {
			x.find(CauseTracking, "linked-ole", path, "a linked object lies elsewhere")
			return
		}
	}
}

// monikers finds the targets of URL and file monikers.
func monikers(b []byte) []string {
	var targets []string
	for i := 0; ; {
		j := bytes.Index(b[i:], []byte(urlMoniker))
		if j < 0 {
			break
		}
		i += j + 16
		if i+4 <= len(b) {
			n := min(int(octets.U32(b[i:])&0xffff), len(b)-i-4)
			targets = append(targets, octets.UTF16(b[i+4:i+4+n]))
		}
	}
	for i := 0; ; {
		j := bytes.Index(b[i:], []byte(fileMoniker))
		if j < 0 {
			break
		}
		i += j + 16
		if i+6 <= len(b) { // cAnti, ansiLength, ansiPath
			n := min(int(octets.U32(b[i+2:])&0xffff), len(b)-i-6)
			targets = append(targets, string(b[i+6:i+6+n]))
		}
	}
	return targets
}

// encryptedPackage reports an OOXML document in a compound file ([MS-OFFCRYPTO]
// §2.3.4): with a password, or with rights management.
func (x *inspection) encryptedPackage(f *cfb.File, e *cfb.Entry, path string) {
	x.find(CauseEncryptedDocument, "ooxml", path, "it needs a password to be read")
}

// object looks into what a document carries, or gives it to the caller.
func (x *inspection) object(s octets.Source, path, name string) {
	if s.Size == 0 || x.err != nil {
		return
	}
	if !x.lim.Budget.Entry() {
		x.unreadable("", path, "there is more in it than can be inspected")
		return
	}
	if x.lim.Depth <= 0 {
		x.unreadable("", path, "it lies in too many documents within one another")
		return
	}
	outer, declared := x.name, x.declared
	x.lim.Depth--
	x.name, x.declared = name, ""
	if !x.file(s, path) && x.lim.Embedded != nil && x.err == nil {
		x.err = x.lim.Embedded(Embedded{Path: path, Name: name, R: s.R, Size: s.Size, Depth: x.lim.Depth})
	}
	x.name, x.declared = outer, declared
	x.lim.Depth++
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "/" + b
}
