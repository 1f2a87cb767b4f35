package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"

	"golang.org/x/text/transform"

	"github.com/mailweir/weir/gateway/internal/mimetree"
)

// leaf is a text part on its way to be written anew.
type leaf struct {
	tree  *mimetree.Tree
	part  int
	fit   fit
	begin int64 // where the texts go in, of its content
	end   int64
	tail  string // a line end that has to follow the content before the text behind it
}

// content is the part's content, decoded, in UTF-8 where it is converted.
func (l *leaf) content() io.Reader {
	r := io.Reader(&partReader{tree: l.tree, part: l.part})
	if l.fit.decode != nil {
		r = transform.NewReader(r, l.fit.decode.NewDecoder())
	}
	return r
}

// edited is the content with the texts in it.
func (l *leaf) edited() io.Reader {
	r := l.content()
	return io.MultiReader(io.LimitReader(r, l.begin), strings.NewReader(l.fit.pre), io.LimitReader(r, l.end-l.begin),
		strings.NewReader(l.tail+l.fit.app), r)
}

// partReader reads a part's content in order.
type partReader struct {
	tree *mimetree.Tree
	part int
	off  int64
}

func (p *partReader) Read(b []byte) (int, error) {
	n, err := p.tree.ReadPart(p.part, p.off, b)
	p.off += int64(n)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", errRead, err)
	}
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// addText puts text in front of a text part's content and behind it.
func (ed *editor) addText(t task) error {
	part := &ed.parts[t.part]
	if len(ed.tree.Children(t.part)) > 0 || !ed.tree.Certain(t.part) {
		return fmt.Errorf("part %s is malformed: text cannot be added to it", part.Number)
	}
	head, err := ed.header(t.part)
	if err != nil {
		return err
	}
	s := ed.tree.Span(t.part)
	field := fieldBody(head, "Content-Type")
	html := part.Type == "text/html"
	cs := charsetOf(part.Charset)
	l := &leaf{tree: ed.tree, part: t.part}
	if cs.kind == isForeign {
		l.fit.decode = cs.enc
	}
	st, err := scan(l.content())
	if err != nil {
		return err
	}
	pre, app := t.pre, t.app
	switch _, params, err := mime.ParseMediaType(field); {
	case html:
		// The rest of the line must not come to stand at the start of one.
		pre = strings.TrimRight(pre, "\r\n")
	case err == nil && strings.EqualFold(params["format"], "flowed"):
		pre, app = flowed(pre), flowed(app)
	}
	if l.fit, err = fits(cs, part.Charset, html, st, pre, app); err != nil {
		return err
	}
	l.end = st.size
	if html {
		if err := l.place(); err != nil {
			return err
		}
	} else {
		l.apart(st)
		if cs.kind != isForeign && l.fit.decode != nil { // the size changes with the conversion
			if l.end, err = io.Copy(io.Discard, l.content()); err != nil {
				return err
			}
		}
	}
	switch behind := !html || l.end == st.size; { // the text is the part's end
	case s.End != s.Next:
	case s.Next < ed.size, l.fit.app != "" && behind && !strings.HasSuffix(l.fit.app, "\r\n"):
		l.fit.app += "\r\n" // a delimiter, or the end of the message, begins a line
	}
	return ed.write(l, head, field, st)
}

// place finds where text goes in an HTML document.
func (l *leaf) place() error {
	p, err := htmlPlaces(l.content(), l.end)
	if err != nil {
		if errors.Is(err, errRead) {
			return err
		}
		return fmt.Errorf("part %d: %w", l.part, err)
	}
	l.begin, l.end = p.before, p.after
	return nil
}

// apart keeps texts and content on lines of their own.
func (l *leaf) apart(st stats) {
	if l.fit.pre != "" && st.size > 0 && !strings.HasSuffix(l.fit.pre, "\r\n") {
		l.fit.pre += "\r\n"
	}
	if l.fit.app == "" {
		return
	}
	switch {
	case !st.endsLine():
		l.tail = "\r\n"
	case st.flows():
		l.tail = "\r\n" // else the text would be the end of its paragraph
	}
	if st.size == 0 && l.fit.pre != "" && !strings.HasSuffix(l.fit.pre, "\r\n") {
		l.fit.pre += "\r\n"
	}
}

// flowed writes text so that none of its lines flows into the next, and none
// is taken for a quotation (RFC 3676 §4.1, §4.4).
func flowed(s string) string {
	lines := strings.Split(s, "\r\n")
	for i, l := range lines {
		if l != "-- " {
			l = strings.TrimRight(l, " ")
		}
		if strings.HasPrefix(l, " ") || strings.HasPrefix(l, ">") || strings.HasPrefix(l, "From ") {
			l = " " + l
		}
		lines[i] = l
	}
	return strings.Join(lines, "\r\n")
}

// write makes the cuts: in content that may stand as it is the texts are put
// in; any other is encoded anew.
func (ed *editor) write(l *leaf, head []byte, field string, st stats) error {
	part, s := &ed.parts[l.part], ed.tree.Span(l.part)
	var sets []set
	if l.fit.charset != "" {
		sets = append(sets, set{"Content-Type", withCharset(field, part.Type, l.fit.charset)})
	}
	enc := part.Encoding
	if enc != "base64" && enc != "quoted-printable" {
		if ed.asItIs(l, st) {
			if open := !bytes.HasSuffix(head, []byte("\r\n\r\n")) && string(head) != "\r\n"; open || len(sets) > 0 {
				ed.cut(s.Head, s.Body, textPiece(rewrite(head, s.Delim < 0, sets...)))
			} else if l.part == 0 && len(ed.head) > 0 {
				ed.cut(0, s.Body, textPiece(head))
			}
			ed.cut(s.Body+l.begin, s.Body+l.begin, textPiece([]byte(l.fit.pre)))
			ed.cut(s.Body+l.end, s.Body+l.end, textPiece([]byte(l.tail+l.fit.app)))
			return nil
		}
		enc = "quoted-printable"
		if st.dense() {
			enc = "base64"
		}
		sets = append(sets, set{"Content-Transfer-Encoding", enc})
	}
	if l.part == 0 || len(sets) > 0 {
		if len(sets) > 0 {
			head = rewrite(head, s.Delim < 0, sets...)
		}
		ed.cut(s.Head, s.Body, textPiece(head))
	}
	open := func() io.Reader {
		if enc == "base64" {
			return &encoded{src: l.edited(), enc: &b64{}}
		}
		return &encoded{src: l.edited(), enc: &quoted{}}
	}
	n, err := io.Copy(io.Discard, open())
	if err != nil {
		return err
	}
	pieces := []piece{{n, open}}
	if s.End == s.Next && enc == "base64" {
		pieces = append(pieces, textPiece([]byte("\r\n"))) // of the encoding, which ends without one
	}
	ed.cut(s.Body, s.End, pieces...)
	return nil
}

// asItIs reports whether an unencoded part stays unencoded: nothing is
// converted, and the texts bring in nothing that mail may not have.
func (ed *editor) asItIs(l *leaf, st stats) bool {
	if l.fit.decode != nil || !st.clean() {
		return false
	}
	a, b := scanBytes([]byte(l.fit.pre)), scanBytes([]byte(l.fit.app))
	if (a.high || b.high) && !st.high || a.bare || b.bare {
		return false
	}
	// In HTML a text may share its lines with the content.
	if st.longest+a.longest+b.longest > maxLine {
		if l.begin > 0 || l.end < st.size || max(a.longest, b.longest) > maxLine || ed.parts[l.part].Type == "text/html" {
			return false
		}
	}
	return !ed.delimits(l.part, l.fit.pre) && !ed.delimits(l.part, l.fit.app)
}
