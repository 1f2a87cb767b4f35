package document

import (
	"bytes"
	"io"
	"strings"

	"github.com/mailweir/weir/plugins/internal/document/cfb"
	"github.com/mailweir/weir/plugins/internal/document/octets"
	"github.com/mailweir/weir/plugins/internal/document/pkzip"
	"github.com/mailweir/weir/plugins/internal/document/vba"
	"github.com/mailweir/weir/plugins/internal/document/xmlscan"
)

// ooxml looks into an Office Open XML package. What a part is, is told by its
// relationships and content type, and by its content where these say nothing:
// Office goes by the former, and names mean nothing.
func (k *parts) ooxml() {
	vbaParts := map[string]bool{}
	for i := range k.p.Entries {
		e := &k.p.Entries[i]
		name := strings.ToLower(trimRoot(e.Name))
		switch {
		case name == "[content_types].xml":
			k.contentTypes(e, vbaParts)
		case strings.HasSuffix(name, ".rels"):
			k.relationships(e, vbaParts)
		}
		if k.x.err != nil {
			return
		}
	}
	for i := range k.p.Entries {
		e := &k.p.Entries[i]
		if e.Size == 0 && e.Packed == 0 || e.Encrypted {
			continue
		}
		name := strings.ToLower(trimRoot(e.Name))
		k.part(e, vbaParts[name] || strings.HasSuffix(name, "/vbaproject.bin"))
		if k.x.err != nil {
			return
		}
	}
}

// contentTypes reads [Content_Types].xml (ECMA-376 part 2 §7.2.3).
func (k *parts) contentTypes(e *pkzip.Entry, vbaParts map[string]bool) {
	k.scan(e, func(t *xmlscan.Token) {
		if t.Kind != xmlscan.Start {
			return
		}
		name := strings.ToLower(trimRoot(t.Get("PartName")))
		switch ct := strings.ToLower(t.Get("ContentType")); {
		case strings.HasSuffix(ct, "ms-office.vbaproject"):
			if name != "" {
				vbaParts[name] = true
			}
		case name == "":
		case isMacroSheetType(ct):
			k.x.find(CauseMacro, "xlm", join(k.path, trimRoot(t.Get("PartName"))), "it has an Excel 4 macro sheet")
		}
	})
}

func isMacroSheetType(ct string) bool {
	return strings.HasPrefix(ct, "application/vnd.ms-excel.macrosheet") || strings.HasPrefix(ct, "application/vnd.ms-excel.intlmacrosheet")
}

// relationships reads one part's relationships (ECMA-376 part 2 §6.5.3).
func (k *parts) relationships(e *pkzip.Entry, vbaParts map[string]bool) {
	k.scan(e, func(t *xmlscan.Token) {
		if t.Kind != xmlscan.Start || t.Name != "Relationship" {
			return
		}
		k.x.relationship(t, join(k.path, e.Name))
		if kind := relationshipKind(t); kind == "vbaproject" && !isExternal(t) {
			vbaParts[resolve(e.Name, t.Get("Target"))] = true
		}
	})
}

// resolve gives the part that a relationship of the part of a .rels leads to.
func resolve(rels, target string) string {
	rels, target = strings.ToLower(trimRoot(rels)), strings.ToLower(target)
	if strings.HasPrefix(target, "/") {
		return trimRoot(target)
	}
	dir := strings.Split(rels, "/")
	dir = dir[:max(0, len(dir)-2)]
	for _, s := range strings.Split(target, "/") {
		switch s {
		case "", ".":
		case "..":
			dir = dir[:max(0, len(dir)-1)]
		default:
			dir = append(dir, s)
		}
	}
	return strings.Join(dir, "/")
}

func isExternal(t *xmlscan.Token) bool {
	return strings.EqualFold(strings.TrimSpace(t.Get("TargetMode")), "external")
}

// relationshipKind is the last segment of a relationship's type, lower case.
func relationshipKind(t *xmlscan.Token) string {
	kind := strings.ToLower(strings.TrimRight(strings.TrimSpace(t.Get("Type")), "/"))
	return kind[strings.LastIndexByte(kind, '/')+1:]
}

// relationship judges one relationship.
func (x *inspection) relationship(t *xmlscan.Token, path string) {
	kind := relationshipKind(t)
	if !isExternal(t) {
		if kind == "xlmacrosheet" || kind == "xlintlmacrosheet" {
			x.find(CauseMacro, "xlm", path, "it has an Excel 4 macro sheet")
		}
		return
	}
	target := t.Get("Target")
	switch kind {
	case "hyperlink", "externallinkpath", "externallinklongpath", "xlpathmissing", "xlexternallinkpath", "xlstartup", "xlalternatestartup", "xllibrary", // ordinary: followed by the reader, or asked about
		"video", "audio", "media", "slideupdateurl", "slideupdateinfo", "person", "thread", "ctrlprop":
		if strings.HasPrefix(strings.ToLower(strings.TrimSpace(target)), "ms-msdt:") {
			x.find(CauseTracking, "linked-ole", path, "a link starts a program")
		}
		return
	}
	if !remote(target) {
		return
	}
	switch kind {
	case "attachedtemplate":
		x.find(CauseTracking, "remote-template", path, "its template lies elsewhere")
	case "image":
		x.find(CauseTracking, "external-image", path, "a picture lies elsewhere")
	case "oleobject", "package", "control", "activexcontrol", "activexcontrolbinary":
		x.find(CauseTracking, "linked-ole", path, "a linked object lies elsewhere")
	default: // frame, subDocument, aFChunk, mail merge sources, style sheets …
		x.find(CauseTracking, "web-beacon", path, "a part of it lies elsewhere")
	}
}

// part looks into one part.
func (k *parts) part(e *pkzip.Entry, vbaPart bool) {
	head, ok := k.head(e)
	if !ok || len(head) == 0 {
		return
	}
	path := join(k.path, e.Name)
	switch name := strings.ToLower(trimRoot(e.Name)); {
	case vbaPart:
		k.vbaPart(e, path)
	case isDocument(head):
		if s, ok := k.content(e); ok {
			k.x.object(s, path, e.Name[strings.LastIndexByte(e.Name, '/')+1:])
		}
	case name == "[content_types].xml", strings.HasSuffix(name, ".rels"):
	case isMarkup(head):
		k.markup(e, head, name)
	case strings.HasSuffix(name, ".bin"):
		k.binary(e, head, path)
	case strings.Contains(name, "afchunk") || strings.HasSuffix(name, ".htm") || strings.HasSuffix(name, ".html") || strings.HasSuffix(name, ".mht") || strings.HasSuffix(name, ".txt"):
		k.chunk(e, path)
	}
}

// vbaPart looks into what a package calls its VBA project. What is none that can
// be read may be one to Office.
func (k *parts) vbaPart(e *pkzip.Entry, path string) {
	s, ok := k.content(e)
	if !ok {
		return
	}
	f, err := cfb.Open(s, maxStreams)
	found := false
	if err == nil {
		f.Root.Walk(func(e *cfb.Entry) bool {
			found = found || vba.IsProject(e)
			return !found
		})
	}
	if !found {
		k.x.find(CauseMacro, "vba", path, "it has a VBA project that cannot be read")
		return
	}
	k.x.object(s, path, "")
}

// Marks of what markup is read for; the prefilter spares reading the rest of it
// token by token.
var markupNeedles = []string{"instrText", "fldSimple", "src=", "src =", "ddeLink", "macrosheet", "webPr", "DDE"}

// markup looks into a part in XML, unless it is of a kind that holds data only.
func (k *parts) markup(e *pkzip.Entry, head []byte, name string) {
	path := join(k.path, e.Name)
	root := rootElement(head)
	switch root {
	case "worksheet":
		k.formulas(e, head, path)
		return
	case "sst", "styleSheet", "theme", "calcChain", "Properties", "coreProperties", "chartSpace", "pivotCacheRecords", "metadata":
		return
	case "macrosheet":
		k.x.find(CauseMacro, "xlm", path, "it is an Excel 4 macro sheet")
		return
	case "html", "HTML":
		k.chunk(e, path)
		return
	}
	if !isWide(head) && !k.contains(e, markupNeedles...) {
		return
	}
	h := newMarkup(k.x, path)
	k.scan(e, h.token)
}

// formulas looks at the cells of a worksheet for one that starts another program:
// Excel writes such a link as a part of its own, but reads it in a formula too.
func (k *parts) formulas(e *pkzip.Entry, head []byte, path string) {
	if !isWide(head) && !k.contains(e, "|") {
		return
	}
	formula := false
	var text []byte
	k.scan(e, func(t *xmlscan.Token) {
		switch {
		case t.Kind == xmlscan.Start && (t.Name == "f" || t.Name == "oldFormula"):
			formula, text = true, text[:0]
		case t.Kind == xmlscan.Text && formula && len(text) < 16<<10:
			text = append(text, t.Text...)
		case t.Kind == xmlscan.End && formula:
			formula = false
			if ddeReference(string(text)) {
				k.x.find(CauseMacro, "dde", path, "a cell starts another program (DDE)")
			}
		}
	})
}

// rootElement gives the local name of the first element, "" where there is none.
func rootElement(head []byte) string {
	sc := xmlscan.New(bytes.NewReader(head))
	for {
		t, err := sc.Next()
		if err != nil {
			return ""
		}
		if t.Kind == xmlscan.Start {
			return t.Name
		}
	}
}

// scan reads a part token by token.
func (k *parts) scan(e *pkzip.Entry, f func(*xmlscan.Token)) {
	r := k.open(e)
	if r == nil {
		return
	}
	k.x.scanXML(r, join(k.path, e.Name), f)
}

func (x *inspection) scanXML(r io.Reader, path string, f func(*xmlscan.Token)) {
	sc := xmlscan.New(r)
	for {
		t, err := sc.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			x.fault("ooxml", path, err)
			return
		}
		f(&t)
	}
}

// markup reads the tokens of Word, Excel and PowerPoint markup.
type markup struct {
	x      *inspection
	path   string
	fields fields
	instr  bool // within instrText
	fresh  bool // the connection at hand is refreshed when the workbook is opened
	name   string
}

func newMarkup(x *inspection, path string) *markup {
	return &markup{x: x, path: path, fields: fields{x: x, path: path}}
}

func (m *markup) token(t *xmlscan.Token) {
	switch t.Kind {
	case xmlscan.Text:
		if m.instr {
			m.fields.text(t.Text)
		}
	case xmlscan.End:
		switch t.Name {
		case "instrText", "delInstrText", "t":
			m.instr = false
		case "fldSimple":
			m.fields.end()
		}
	case xmlscan.Start:
		m.start(t)
	}
}

func (m *markup) start(t *xmlscan.Token) {
	switch t.Name {
	case "instrText", "delInstrText":
		m.instr = true
	case "t": // the result of a field within an instruction
		m.instr = m.fields.inside()
	case "fldSimple": // ECMA-376 part 1 §17.16.19
		m.fields.begin()
		m.fields.text(t.Get("instr"))
		m.fields.separate()
	case "fldChar": // §17.16.18
		switch t.Get("fldCharType") {
		case "begin":
			m.fields.begin()
		case "separate":
			m.fields.separate()
		case "end":
			m.fields.end()
		}
	case "ddeLink": // §18.14.4
		m.x.find(CauseMacro, "dde", m.path, "it takes values from another program (DDE)")
	case "imagedata", "fill", "stroke", "image", "object": // VML (part 4 §19.1)
		if src := t.Get("src"); src != "" && remote(src) {
			m.x.find(CauseTracking, "external-image", m.path, "a picture lies elsewhere")
		}
	case "connection": // §18.13.1
		m.fresh = t.Get("refreshOnLoad") == "1" || t.Get("refreshOnLoad") == "true"
	case "webPr":
		if m.fresh && remote(t.Get("url")) {
			m.x.find(CauseTracking, "web-beacon", m.path, "it fetches data from elsewhere when it is opened")
		}
	}
}

// chunk looks into alternative content (ECMA-376 part 1 §17.17.2.1) or other
// text in a package.
func (k *parts) chunk(e *pkzip.Entry, path string) {
	if s, ok := k.content(e); ok {
		head, err := s.Head(sniffLen)
		if err == nil && !k.x.textFile(s, head, path) {
			k.x.html(s, path)
		}
	}
}

// Records of binary workbooks ([MS-XLSB] §2.3.2).
const (
	brtBeginSupBook = 360

	supBookDDE = 1
)

// binary looks at a part of a binary workbook (.xlsb): whether it is a link to
// another program. Macro sheets are told by their relationships.
func (k *parts) binary(e *pkzip.Entry, head []byte, path string) {
	typ, size, n := record12(head)
	if n > 0 && typ == brtBeginSupBook && size >= 2 && n+2 <= len(head) && octets.U16(head[n:]) == supBookDDE {
		k.x.find(CauseMacro, "dde", path, "it takes values from another program (DDE)")
	}
}

// record12 reads the head of a record ([MS-XLSB] §2.1.4): n octets, 0 if it is none.
func record12(b []byte) (typ, size, n int) {
	if len(b) == 0 {
		return 0, 0, 0
	}
	typ, n = int(b[0]), 1
	if typ >= 0x80 {
		if len(b) < 2 {
			return 0, 0, 0
		}
		typ, n = typ&0x7f|int(b[1]&0x7f)<<7, 2
	}
	for i := 0; i < 4; i++ {
		if n >= len(b) {
			return 0, 0, 0
		}
		c := b[n]
		n++
		size |= int(c&0x7f) << (7 * i)
		if c < 0x80 {
			return typ, size, n
		}
	}
	return typ, size, n
}
