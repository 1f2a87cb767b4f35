package document

import (
	"bytes"
	"io"
	"strings"

	"github.com/mailweir/weir/plugins/internal/document/cfb"
	"github.com/mailweir/weir/plugins/internal/document/octets"
	"github.com/mailweir/weir/plugins/internal/document/pkzip"
)

// pack looks into a ZIP if it is a document: an OPC package (ECMA-376 part 2) or
// an OpenDocument one (ODF 1.3 part 2); false if it is neither.
func (x *inspection) pack(s octets.Source, head []byte, path string) bool {
	p, err := pkzip.Open(s, x.lim.Budget.Entry)
	if err != nil {
		if !looksPackaged(head) {
			return false // an archive, and the archive walker's to report
		}
		x.fault("ooxml", path, err)
		return true
	}
	k := &parts{x: x, p: p, path: path}
	var types, manifest, content, mimetype bool
	for i := range p.Entries {
		switch strings.ToLower(trimRoot(p.Entries[i].Name)) {
		case "[content_types].xml":
			types = true
		case "meta-inf/manifest.xml":
			manifest = p.Entries[i].Name != "META-INF/MANIFEST.MF"
		case "content.xml", "encrypted-package":
			content = true
		case "mimetype":
			mimetype = k.isODF(&p.Entries[i])
		}
	}
	switch {
	case types:
		k.ooxml()
	case mimetype, manifest && content:
		k.odf()
	case strings.HasPrefix(x.declared, "ooxml"):
		k.ooxml()
	case strings.HasPrefix(x.declared, "odf"):
		k.odf()
	default:
		return false
	}
	if types && (mimetype || manifest && content) {
		k.odf() // what is both is looked at as both
	}
	return true
}

func trimRoot(name string) string { return strings.TrimLeft(name, "/") }

// looksPackaged: the first entry is one that documents begin with.
func looksPackaged(head []byte) bool {
	if len(head) < 30 || string(head[:4]) != "PK\x03\x04" {
		return false
	}
	n := octets.U16(head[26:])
	name := strings.ToLower(string(head[30:min(len(head), 30+n)]))
	for _, p := range []string{"[content_types].xml", "_rels/", "docprops/", "word/", "xl/", "ppt/", "mimetype", "meta-inf/manifest.xml"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// parts is an opened package.
type parts struct {
	x    *inspection
	p    *pkzip.Package
	path string
}

// maxPart bounds one part of a package that is read for its markup.
const maxPart = 64 << 20

// open reads a part; nil where that is impossible, which is reported.
func (k *parts) open(e *pkzip.Entry) io.Reader {
	if e.Encrypted {
		return nil // the archive walker's to report
	}
	r, err := k.p.Open(e)
	if err != nil {
		k.x.fault("", join(k.path, e.Name), err)
		return nil
	}
	return k.x.unpacking(r)
}

// head reads the beginning of a part, false where that is impossible.
func (k *parts) head(e *pkzip.Entry) ([]byte, bool) {
	r := k.open(e)
	if r == nil {
		return nil, false
	}
	b := make([]byte, 2048)
	n, err := io.ReadFull(r, b)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		k.x.fault("", join(k.path, e.Name), err)
		return nil, false
	}
	return b[:n], true
}

// content gives a part for ranged reads, unpacked into memory if need be.
func (k *parts) content(e *pkzip.Entry) (octets.Source, bool) {
	if s, ok := k.p.Stored(e); ok {
		return s, true
	}
	r := k.open(e)
	if r == nil {
		return octets.Source{}, false
	}
	b, ok := k.x.unpack(r, maxPart, join(k.path, e.Name))
	if !ok {
		return octets.Source{}, false
	}
	return octets.Source{R: b, Size: b.size}, true
}

// contains says which of the needles occur in a part, without unpacking it into
// memory.
func (k *parts) contains(e *pkzip.Entry, needles ...string) bool {
	r := k.open(e)
	if r == nil {
		return false
	}
	found, err := k.x.streamContains(r, needles)
	if err != nil {
		k.x.fault("", join(k.path, e.Name), err)
	}
	return found
}

// streamContains looks for needles of up to 64 octets in a stream.
func (x *inspection) streamContains(r io.Reader, needles []string) (bool, error) {
	const keep = 64
	if x.scratch == nil {
		x.scratch = make([]byte, 16<<10)
	}
	b := x.scratch
	n := 0
	for {
		m, err := r.Read(b[n:])
		n += m
		for _, needle := range needles {
			if bytes.Contains(b[:n], []byte(needle)) {
				return true, nil
			}
		}
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if n > keep {
			copy(b, b[n-keep:n])
			n = keep
		}
	}
}

// isDocument: a part that is a document or object of its own, by its content.
func isDocument(head []byte) bool {
	for _, p := range []string{cfb.Magic, cfb.MagicBeta, "PK\x03\x04", "PK\x05\x06", "%PDF-", `{\rt`, "7z\xbc\xaf\x27\x1c", "Rar!\x1a\x07", "ActiveMime", "\x1f\x8b\x08", "MSCF", "MZ"} {
		if bytes.HasPrefix(head, []byte(p)) {
			return true
		}
	}
	return isBIFF(head)
}

// isMarkup: XML, in UTF-8 or UTF-16.
func isMarkup(head []byte) bool {
	t := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	return bytes.HasPrefix(t, []byte("<")) || isWide(head)
}

// isWide: markup in UTF-16.
func isWide(head []byte) bool {
	return len(head) >= 2 && (head[0] == 0xff && head[1] == 0xfe || head[0] == 0xfe && head[1] == 0xff || head[0] == '<' && head[1] == 0 || head[0] == 0 && head[1] == '<')
}
