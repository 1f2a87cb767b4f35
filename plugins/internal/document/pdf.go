package document

import (
	"strings"

	"github.com/mailweir/weir/plugins/internal/document/octets"
	"github.com/mailweir/weir/plugins/internal/document/pdf"
)

// maxPDFObjects bounds how many objects of one file are looked at.
const maxPDFObjects = 300_000

// pdf looks into a PDF file. One that opens with the empty user password is
// read, as viewers read it without asking.
func (x *inspection) pdf(s octets.Source, path string) {
	f, err := pdf.Open(s)
	if err == pdf.ErrPassword {
		x.find(CauseEncryptedDocument, "pdf", path, err.Error())
		return
	}
	if err != nil {
		x.fault("pdf", path, err)
		return
	}
	p := &pdfFile{x: x, f: f, path: path, seen: map[pdf.Ref]bool{}}
	p.look()
	if x.err != nil {
		return
	}
	if again, err := f.Repair(); err != nil {
		x.fault("pdf", path, err)
		return
	} else if again {
		p.look()
	}
	x.fault("pdf", path, f.Err())
}

type pdfFile struct {
	x    *inspection
	f    *pdf.File
	path string
	seen map[pdf.Ref]bool // embedded files

	loose []pdf.Ref // embedded files by their own word, perhaps named nowhere
}

func (p *pdfFile) look() {
	catalog := p.f.Catalog()
	p.action(catalog["OpenAction"], 0)
	p.events(catalog["AA"])
	if names := p.f.Dict(catalog["Names"]); names["JavaScript"] != nil && p.nonEmptyTree(names["JavaScript"], 0) {
		p.script()
	}
	n := 0
	p.f.Objects(func(num int, v any) bool {
		if n++; n > maxPDFObjects {
			p.x.unreadable("pdf", p.path, "it has too many objects")
			return false
		}
		p.object(num, v)
		return p.x.err == nil
	})
	for _, r := range p.loose {
		p.embedded(r, "")
	}
	p.loose = nil
}

// nonEmptyTree: a name tree (ISO 32000-2 §7.9.6) has a name.
func (p *pdfFile) nonEmptyTree(v any, depth int) bool {
	d := p.f.Dict(v)
	if len(p.f.Array(d["Names"])) > 1 {
		return true
	}
	if depth < 16 {
		for _, kid := range p.f.Array(d["Kids"]) {
			if p.nonEmptyTree(kid, depth+1) {
				return true
			}
		}
	}
	return false
}

func (p *pdfFile) script() {
	p.x.find(CauseMacro, "pdf-javascript", p.path, "it runs a script when it is opened")
}

// action judges what happens without the reader's doing, and what follows it.
func (p *pdfFile) action(v any, depth int) {
	d, ok := p.f.Resolve(v).(pdf.Dict)
	if !ok || depth > 16 {
		return // a destination
	}
	switch p.f.Name(d["S"]) {
	case "JavaScript":
		p.script()
	case "Rendition":
		if d["JS"] != nil {
			p.script()
		}
	case "GoToR", "GoToE", "Launch":
		if remote(p.target(d["F"])) {
			p.x.find(CauseTracking, "web-beacon", p.path, "it opens a file that lies elsewhere")
		}
	}
	for _, next := range p.f.Array(d["Next"]) {
		p.action(next, depth+1)
	}
}

// target gives the name in a file specification (§7.11).
func (p *pdfFile) target(v any) string {
	switch v := p.f.Resolve(v).(type) {
	case pdf.String:
		return string(v)
	case pdf.Dict:
		for _, key := range []pdf.Name{"UF", "F", "Unix", "DOS"} {
			if s, ok := p.f.Resolve(v[key]).(pdf.String); ok {
				return textString(string(s))
			}
		}
	}
	return ""
}

// textString decodes a text string (§7.9.2.2) as far as names need it.
func textString(s string) string {
	if !strings.HasPrefix(s, "\xfe\xff") {
		return s
	}
	b := []byte(s[2:])
	for i := 0; i+1 < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
	return octets.UTF16(b)
}

// events judges the actions of the catalogue, or of a page or annotation whose
// trigger is no doing of the reader (§12.6.3).
func (p *pdfFile) events(v any, keys ...pdf.Name) {
	d := p.f.Dict(v)
	if len(keys) == 0 {
		keys = []pdf.Name{"WC", "WS", "DS", "WP", "DP"}
	}
	for _, k := range keys {
		if a := d[k]; a != nil {
			p.action(a, 0)
		}
	}
}

func (p *pdfFile) object(num int, v any) {
	var d pdf.Dict
	switch v := v.(type) {
	case pdf.Dict:
		d = v
	case *pdf.Stream:
		if t, _ := v.Dict["Type"].(pdf.Name); t == "EmbeddedFile" {
			p.loose = append(p.loose, pdf.Ref{Num: num})
		}
		return
	default:
		return
	}
	if d["AA"] != nil {
		p.events(d["AA"], "O", "C", "PO", "PV", "PC", "PI") // §12.6.3: pages and annotations
	}
	p.nested(d, 0)
}

// nested looks for launch actions and file specifications, which may stand in
// other objects directly.
func (p *pdfFile) nested(v any, depth int) {
	if depth > 8 {
		return
	}
	switch v := v.(type) {
	case pdf.Array:
		for _, e := range v {
			p.nested(e, depth+1)
		}
	case pdf.Dict:
		if s, _ := v["S"].(pdf.Name); s == "Launch" && (v["F"] != nil || v["Win"] != nil || v["Mac"] != nil || v["Unix"] != nil) {
			p.x.find(CauseMacro, "pdf-launch", p.path, "it starts a program")
		}
		if ef := p.f.Dict(v["EF"]); ef != nil {
			name := p.target(v)
			for _, key := range []pdf.Name{"UF", "F", "Unix", "DOS", "Mac"} {
				if r, ok := ef[key].(pdf.Ref); ok {
					p.embedded(r, name)
				}
			}
		}
		for _, e := range v {
			switch e.(type) {
			case pdf.Dict, pdf.Array:
				p.nested(e, depth+1)
			}
		}
	}
}

// embedded looks into a file that the PDF carries (§7.11.4).
func (p *pdfFile) embedded(r pdf.Ref, name string) {
	r.Gen = 0
	if p.seen[r] || p.x.err != nil {
		return
	}
	p.seen[r] = true
	s, ok := p.f.Resolve(r).(*pdf.Stream)
	if !ok {
		return
	}
	if name == "" {
		name = "attachment"
	}
	path := join(p.path, name)
	if src, ok := p.f.Section(s); ok {
		p.x.object(src, path, name)
		return
	}
	rd, err := p.f.Reader(s)
	if err != nil {
		p.x.fault("pdf", path, err)
		return
	}
	if b, ok := p.x.unpack(rd, maxPart, path); ok {
		p.x.object(octets.Source{R: b, Size: b.size}, path, name)
	}
}
