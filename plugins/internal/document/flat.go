package document

import (
	"bufio"
	"bytes"
	"compress/flate"
	"strings"

	"github.com/mailweir/weir/plugins/internal/document/octets"
	"github.com/mailweir/weir/plugins/internal/document/xmlscan"
)

// flatXML looks into a document that is one XML file: a flat OPC package, Word
// 2003 XML, flat OpenDocument; false if it is other XML.
func (x *inspection) flatXML(s octets.Source, path string) bool {
	root, prefix := "", ""
	sc := xmlscan.New(s.Reader())
	sc.AllowDoctype = true
	for {
		t, err := sc.Next()
		if err != nil {
			return false // no XML, or nothing that Office reads
		}
		if t.Kind == xmlscan.Start {
			root, prefix = t.Name, t.Prefix
			break
		}
	}
	switch root {
	case "package", "wordDocument":
		x.flatWord(s, path)
	case "Workbook": // Excel 2003 XML has no macros, and links by hand
		return true
	case "document":
		if prefix != "office" {
			return false
		}
		x.flatODF(s, path)
	default:
		return false
	}
	return true
}

// flatODF looks into a flat OpenDocument file (ODF 1.3 part 3 §3.1.2).
func (x *inspection) flatODF(s octets.Source, path string) {
	m := &odfMarkup{x: x, path: path}
	sc := xmlscan.New(s.Reader())
	sc.AllowDoctype = true
	m.scan(sc)
}

// flatWord looks into Word 2003 XML, or a flat OPC package.
func (x *inspection) flatWord(s octets.Source, path string) {
	m := newMarkup(x, path)
	var data *flatData
	x.scanXML(s.Reader(), path, func(t *xmlscan.Token) {
		switch t.Kind {
		case xmlscan.Text:
			if data != nil {
				data.text(t.Text)
				return
			}
		case xmlscan.End:
			if data != nil && (t.Name == "binData" || t.Name == "binaryData" || t.Name == "docOleData") {
				if data.b.size > 0 {
					x.object(octets.Source{R: &data.b, Size: data.b.size}, join(path, data.name), data.name)
				}
				data = nil
			}
		case xmlscan.Start:
			switch t.Name {
			case "Relationship":
				x.relationship(t, path)
			case "part":
				m.name = t.Get("name")
				if isMacroSheetType(strings.ToLower(t.Get("contentType"))) {
					x.find(CauseMacro, "xlm", join(path, m.name), "it has an Excel 4 macro sheet")
				}
			case "binData", "binaryData":
				data = &flatData{x: x, name: t.Get("name")}
				if data.name == "" {
					data.name = m.name
				}
			case "attachedTemplate":
				if remote(t.Get("val")) {
					x.find(CauseTracking, "remote-template", path, "its template lies elsewhere")
				}
			}
		}
		m.token(t)
	})
}

// flatData is the base64 of one binary part.
type flatData struct {
	x    *inspection
	name string
	dec  base64Decoder
	b    chunks
	mem  []byte
	full bool
}

func (d *flatData) text(s string) {
	if d.full {
		return
	}
	d.mem = d.dec.decode(d.mem[:0], []byte(s))
	if !d.x.lim.Budget.Unpack(int64(len(d.mem))) {
		d.x.unreadable("ooxml", d.name, "it unpacks to more than can be inspected")
		d.full = true
		return
	}
	for b := d.mem; len(b) > 0; {
		n := copy(d.b.room(), b)
		d.b.add(n)
		b = b[n:]
	}
}

// activeMime looks into the form in which Word 2003 XML and web archives carry
// VBA projects and objects: a head, then a compound file, packed by zlib.
func (x *inspection) activeMime(s octets.Source, path string) {
	head, err := s.Range(0, 0x400)
	if err != nil || len(head) < 0x34 {
		return
	}
	for _, at := range []int{octets.U16(head[0x1e:]) + 46, 0x32, 0x22a} {
		if at+2 > len(head) || head[at] != 0x78 {
			continue
		}
		if b, ok := x.unpack(flate.NewReader(s.Section(int64(at)+2, s.Size).Reader()), maxPart, path); ok {
			x.object(octets.Source{R: b, Size: b.size}, path, "")
		}
		return
	}
	x.find(CauseMacro, "activemime", path, "it has a VBA project or object that cannot be read")
}

// isMIME: the head of a message or web archive.
func isMIME(head []byte) bool {
	return bytes.Contains(bytes.ToLower(head[:min(len(head), 2048)]), []byte("mime-version:"))
}

// activeMark is "ActiveMim" in base64.
const activeMark = "QWN0aXZlTWlt"

// mhtml looks through a web archive, which Word opens whatever it is called, for
// what carries a VBA project: base64 that begins with its mark, on however many
// lines.
func (x *inspection) mhtml(s octets.Source, path string) {
	r := bufio.NewReaderSize(s.Reader(), 16<<10)
	matched := 0
	for {
		c, err := r.ReadByte()
		if err != nil {
			break
		}
		if c == '\r' || c == '\n' || c == ' ' || c == '\t' {
			continue
		}
		if c != activeMark[matched] {
			matched = 0
			if c != activeMark[0] {
				continue
			}
		}
		if matched++; matched == len(activeMark) {
			x.mhtmlData(r, path)
			matched = 0
		}
	}
	x.armoured(s, path)
}

func (x *inspection) mhtmlData(r *bufio.Reader, path string) {
	d := &flatData{x: x, name: "ActiveMime"}
	d.text(activeMark)
	line := make([]byte, 0, 256)
	for {
		c, err := r.ReadByte()
		if err == nil && c != '-' && c != '\n' && len(line) < cap(line) {
			line = append(line, c)
			continue
		}
		d.text(string(line))
		line = line[:0]
		if err != nil || c == '-' {
			break
		}
		if c != '\n' {
			line = append(line, c)
		}
	}
	x.activeMime(octets.Source{R: &d.b, Size: d.b.size}, join(path, "ActiveMime"))
}

// html looks for what an HTML part of a document fetches from elsewhere.
func (x *inspection) html(s octets.Source, path string) {
	b, err := s.Range(0, 1<<20)
	if err != nil {
		return
	}
	for {
		i := bytes.IndexByte(b, '<')
		if i < 0 {
			return
		}
		b = b[i+1:]
		end := bytes.IndexByte(b, '>')
		if end < 0 {
			return
		}
		tag := string(b[:end])
		b = b[end:]
		name, _, _ := strings.Cut(strings.ToLower(tag), " ")
		switch name {
		case "img", "iframe", "frame", "object", "embed", "link", "script", "v:imagedata", "input", "body", "td", "table":
		default:
			continue
		}
		for _, attr := range []string{"src", "href", "data", "background"} {
			if remote(htmlAttr(tag, attr)) {
				x.find(CauseTracking, "external-image", path, "something in it is fetched from elsewhere")
				return
			}
		}
	}
}

// htmlAttr gives an attribute of a tag, "" if it has none.
func htmlAttr(tag, name string) string {
	low := strings.ToLower(tag)
	for from := 0; ; {
		i := strings.Index(low[from:], name)
		if i < 0 {
			return ""
		}
		i += from
		from = i + len(name)
		rest := strings.TrimLeft(tag[from:], " \t\r\n")
		if i == 0 || !strings.ContainsRune(" \t\r\n\"'/", rune(tag[i-1])) || !strings.HasPrefix(rest, "=") {
			continue
		}
		rest = strings.TrimLeft(rest[1:], " \t\r\n")
		if rest == "" {
			return ""
		}
		if q := rest[0]; q == '"' || q == '\'' {
			v, _, _ := strings.Cut(rest[1:], string(q))
			return v
		}
		v, _, _ := strings.Cut(rest, " ")
		return v
	}
}
