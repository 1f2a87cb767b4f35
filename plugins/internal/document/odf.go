package document

import (
	"bytes"
	"strings"

	"github.com/mailweir/weir/plugins/internal/document/pkzip"
	"github.com/mailweir/weir/plugins/internal/document/xmlscan"
)

// isODF reads the mimetype entry of a package (ODF 1.3 part 2 §3.3).
func (k *parts) isODF(e *pkzip.Entry) bool {
	if e.Size > 1024 {
		return false
	}
	b, _ := k.head(e)
	return bytes.Contains(b, []byte("application/vnd.oasis.opendocument")) || bytes.Contains(b, []byte("application/vnd.sun.xml"))
}

// odf looks into an OpenDocument package.
func (k *parts) odf() {
	encrypted := false
	for i := range k.p.Entries {
		e := &k.p.Entries[i]
		switch strings.ToLower(trimRoot(e.Name)) {
		case "meta-inf/manifest.xml":
			encrypted = k.manifest(e) || encrypted
		case "encrypted-package":
			encrypted = true
		}
	}
	if encrypted {
		k.x.find(CauseEncryptedDocument, "odf", k.path, "it needs a password to be read")
		return
	}
	for i := range k.p.Entries {
		e := &k.p.Entries[i]
		if e.Size == 0 && e.Packed == 0 || e.Encrypted {
			continue
		}
		k.odfPart(e)
		if k.x.err != nil {
			return
		}
	}
}

// manifest says whether an entry is encrypted (ODF 1.3 part 2 §4.4).
func (k *parts) manifest(e *pkzip.Entry) bool {
	r := k.open(e)
	if r == nil {
		return false
	}
	found := false
	sc := xmlscan.New(r)
	sc.AllowDoctype = true // OpenOffice.org 1 has one
	for {
		t, err := sc.Next()
		if err != nil {
			if err.Error() != "EOF" {
				k.x.fault("odf", join(k.path, e.Name), err)
			}
			return found
		}
		if t.Kind == xmlscan.Start && t.Name == "encryption-data" {
			found = true
		}
	}
}

func (k *parts) odfPart(e *pkzip.Entry) {
	path := join(k.path, e.Name)
	head, ok := k.head(e)
	if !ok || len(head) == 0 {
		return
	}
	name := strings.ToLower(trimRoot(e.Name))
	base := name[strings.LastIndexByte(name, '/')+1:]
	switch {
	case strings.HasPrefix(name, "meta-inf/"), name == "mimetype":
	case strings.HasPrefix(name, "basic/"), strings.HasPrefix(name, "dialogs/"): //nolint:misspell // as the format has it
		k.basic(e, base, path)
	case strings.HasPrefix(name, "scripts/"):
		if base != "" && !strings.HasSuffix(base, ".xml") && base != "parcel-descriptor.xml" {
			k.x.find(CauseMacro, "script", path, "it has a script")
		}
	case isDocument(head):
		if s, ok := k.content(e); ok {
			k.x.object(s, path, base)
		}
	case isMarkup(head) && (base == "content.xml" || base == "styles.xml" || base == "meta.xml" || base == "settings.xml"):
		m := &odfMarkup{x: k.x, path: path}
		r := k.open(e)
		if r != nil {
			m.scan(xmlscan.New(r))
		}
	}
}

// basic looks at a Basic module: one of an empty library has no text.
func (k *parts) basic(e *pkzip.Entry, base, path string) {
	switch base {
	case "script-lc.xml", "script-lb.xml", "dialog-lc.xml", "dialog-lb.xml":
		return
	}
	if strings.HasSuffix(base, ".pba") { // a module of a library with a password
		k.x.find(CauseMacro, "basic", path, "it has Basic code")
		return
	}
	r := k.open(e)
	if r == nil {
		return
	}
	m := &odfMarkup{x: k.x, path: path}
	sc := xmlscan.New(r)
	sc.AllowDoctype = true // its modules have one
	m.scan(sc)
}

// odfMarkup reads the tokens of OpenDocument markup, of a package or flat.
type odfMarkup struct {
	x      *inspection
	path   string
	module int // depth of elements within a module
}

func (m *odfMarkup) scan(sc *xmlscan.Scanner) {
	for {
		t, err := sc.Next()
		if err != nil {
			if err.Error() != "EOF" {
				m.x.fault("odf", m.path, err)
			}
			return
		}
		m.token(&t)
	}
}

func (m *odfMarkup) token(t *xmlscan.Token) {
	switch t.Kind {
	case xmlscan.Text:
		if m.module > 0 && basicCode(t.Text) {
			m.x.find(CauseMacro, "basic", m.path, "it has Basic code")
		}
	case xmlscan.End:
		if t.Name == "module" || t.Name == "source-code" {
			m.module = max(0, m.module-1)
		}
	case xmlscan.Start:
		m.start(t)
	}
}

// basicCode: a line that is neither blank nor a comment nor an option. Text may
// come in pieces, which then begin in the middle of a line: that errs on the
// safe side.
func basicCode(text string) bool {
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' }) {
		line = strings.TrimSpace(line)
		low := strings.ToLower(line)
		if line == "" || line[0] == '\'' || low == "rem" || strings.HasPrefix(low, "rem ") || strings.HasPrefix(low, "option ") || strings.HasPrefix(low, "attribute ") {
			continue
		}
		return true
	}
	return false
}

func (m *odfMarkup) start(t *xmlscan.Token) {
	href := t.Get("href")
	switch t.Name {
	case "module", "source-code":
		m.module++
	case "dde-source", "dde-connection-decl", "dde-link":
		if t.Get("dde-application") != "" || t.Name == "dde-source" {
			m.x.find(CauseMacro, "dde", m.path, "it takes values from another program (DDE)")
		}
	case "image", "background-image", "fill-image", "image-data", "frame-image":
		m.far(href, "external-image", "a picture lies elsewhere")
	case "object", "object-ole", "applet":
		m.far(href, "linked-ole", "a linked object lies elsewhere")
	case "section-source", "floating-frame", "auto-reload", "table-source", "area-link", "cell-range-source":
		m.far(href, "web-beacon", "a part of it is fetched from elsewhere")
	case "template":
		m.far(href, "remote-template", "its template lies elsewhere")
	}
}

func (m *odfMarkup) far(href, sub, detail string) {
	if remote(href) {
		m.x.find(CauseTracking, sub, m.path, detail)
	}
}
