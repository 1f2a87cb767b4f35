package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/mimetree"
	"github.com/mailweir/weir/sdk/abi"
)

// editor turns part edits into cuts of one message.
type editor struct {
	body    io.ReaderAt
	size    int64
	tree    *mimetree.Tree
	parts   []abi.Part
	head    []byte // the message's header after header edits, without its empty line; nil: none
	headLen int64
	cuts    []cut
}

// task is what becomes of one part, all edits of it taken together.
type task struct {
	part     int
	op       string // "remove", "replace", "text"
	typ      string // replace
	params   map[string]string
	filename string
	content  []byte
	pre, app string // text, with CRLF
	filter   string // who asked last
}

// combine takes the edits together, in the order in which they were asked
// for. What an earlier filter removed stays removed, with everything in it: a
// later edit of it is void. A later replace or remove takes the place of what
// was done before. What is appended to a part that was replaced goes to the
// new content when that is of the type the part had, for which the text was
// written, and is void otherwise.
func (ed *editor) combine(edits []mail.PartEdit) ([]task, error) {
	tasks := map[int]*task{}
	var order []int
	octets := 0
	for _, e := range edits {
		if err := ed.check(&e); err != nil {
			return nil, &EditError{Filter: e.Filter, Err: fmt.Errorf("%s: %w", e, err)}
		}
		if octets += len(e.Text); octets > mail.MaxPartEdits {
			return nil, &EditError{Filter: e.Filter, Err: fmt.Errorf("part edits of more than %d octets", mail.MaxPartEdits)}
		}
		if ed.gone(tasks, e.Part) {
			continue
		}
		t := tasks[e.Part]
		if t == nil {
			t = &task{part: e.Part, op: "text"}
			tasks[e.Part] = t
			order = append(order, e.Part)
		}
		ed.add(t, &e)
	}
	var out []task
	for _, i := range order {
		if t := tasks[i]; !ed.within(tasks, i) {
			out = append(out, *t)
		}
	}
	return ed.keepOne(out), nil
}

// check looks at one edit by itself.
func (ed *editor) check(e *mail.PartEdit) error {
	if e.Part < 0 || e.Part >= len(ed.parts) {
		return errors.New("there is no such part")
	}
	if e.At > 0 && ed.tree.Span(e.Part).Body != e.At {
		return errors.New("the part is not where it was when the edit was made")
	}
	switch e.Op {
	case "remove":
		for e.Part > 0 && ed.tree.Span(e.Part).Delim < 0 { // the message in a message goes with what holds it
			e.Part = int(ed.parts[e.Part].Parent)
		}
		if e.Part == 0 {
			return errors.New("the message itself cannot be removed")
		}
	case "replace":
		if e.Type != "" && !mediaType(e.Type) {
			return fmt.Errorf("%.80q cannot be the type of a part", e.Type)
		}
		if len(e.Filename) > 255 || strings.ContainsFunc(e.Filename, func(r rune) bool { return r < ' ' || r == 0x7f }) || !utf8.ValidString(e.Filename) {
			return errors.New("its file name is none")
		}
	case "prepend", "append":
		if !strings.HasPrefix(ed.parts[e.Part].Type, "text/") {
			return fmt.Errorf("text cannot be added to a part of type %s", ed.parts[e.Part].Type)
		}
		if !utf8.Valid(e.Text) || bytes.IndexByte(e.Text, 0) >= 0 {
			return errors.New("the text is not UTF-8")
		}
	default:
		return errors.New("no such operation")
	}
	return nil
}

// gone: the part, or one it is in, was removed, or one it is in was replaced.
func (ed *editor) gone(tasks map[int]*task, part int) bool {
	t := tasks[part]
	return t != nil && t.op == "remove" || ed.within(tasks, part)
}

// within: a part around this one is removed or replaced.
func (ed *editor) within(tasks map[int]*task, part int) bool {
	for part > 0 {
		part = int(ed.parts[part].Parent)
		if t := tasks[part]; t != nil && t.op != "text" {
			return true
		}
	}
	return false
}

// add takes one more edit of a part in.
func (ed *editor) add(t *task, e *mail.PartEdit) {
	html := ed.parts[e.Part].Type == "text/html"
	text := normalise(string(e.Text))
	switch e.Op {
	case "remove":
		*t = task{part: e.Part, op: "remove"}
	case "replace":
		*t = task{part: e.Part, op: "replace", typ: "text/plain", filename: portable(e.Filename), content: e.Text}
		if e.Type != "" {
			t.typ, t.params, _ = mime.ParseMediaType(e.Type) // check has
		}
		if t.isText() {
			t.content = []byte(text)
		}
	case "prepend":
		switch {
		case t.op == "text":
			t.pre = join(text, t.pre, html)
		case t.typ == ed.parts[e.Part].Type && t.isText():
			t.content = []byte(join(text, string(t.content), html))
		}
	case "append":
		switch {
		case t.op == "text":
			t.app = join(t.app, text, html)
		case t.typ == ed.parts[e.Part].Type && t.isText():
			t.content = []byte(join(string(t.content), text, html))
		}
	}
	t.filter = e.Filter
}

// isText: the content of a replaced part is text that we may encode as we like.
func (t *task) isText() bool {
	cs := strings.ToLower(t.params["charset"])
	return strings.HasPrefix(t.typ, "text/") && utf8.Valid(t.content) && (cs == "" || cs == "utf-8" || cs == "us-ascii")
}

// join puts one text behind another, on a line of its own unless it is HTML.
func join(a, b string, html bool) string {
	if a != "" && b != "" && !html && !strings.HasSuffix(a, "\r\n") {
		a += "\r\n"
	}
	return a + b
}

// normalise ends lines as mail does.
func normalise(s string) string {
	if !strings.ContainsAny(s, "\r\n") {
		return s
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r", "\n"), "\n", "\r\n")
}

// Note stands in a multipart all of whose parts were removed.
const Note = "The content of this message was removed.\r\n"

// keepOne leaves a note in every multipart that would be left without a part,
// which RFC 2046 §5.1.1 does not allow.
func (ed *editor) keepOne(tasks []task) []task {
	removed := map[int]bool{}
	for _, t := range tasks {
		removed[t.part] = t.op == "remove"
	}
	for k := range tasks {
		t := &tasks[k]
		if t.op != "remove" {
			continue
		}
		siblings := ed.tree.Children(int(ed.parts[t.part].Parent))
		if siblings[0] == t.part && !slices.ContainsFunc(siblings, func(i int) bool { return !removed[i] }) {
			*t = task{part: t.part, op: "replace", typ: "text/plain", content: []byte(Note), filter: t.filter}
		}
	}
	return tasks
}

// apply makes the cuts of one task.
func (ed *editor) apply(t task) error {
	if err := ed.ground(t.part); err != nil {
		return err
	}
	switch t.op {
	case "remove":
		s := ed.tree.Span(t.part)
		ed.cut(s.Delim, s.Next)
		return nil
	case "replace":
		return ed.replace(t)
	}
	return ed.addText(t)
}

// ground reports whether the parts around one are certain, and unsigned.
func (ed *editor) ground(part int) error {
	for i := part; ; {
		up := int(ed.parts[i].Parent)
		if i == 0 {
			return nil
		}
		if !ed.tree.Certain(up) {
			return fmt.Errorf("the structure around part %s is uncertain (%s)", ed.parts[part].Number, strings.Join(ed.tree.Problems(), "; "))
		}
		if typ := ed.parts[up].Type; typ == "multipart/signed" || typ == "multipart/encrypted" {
			return fmt.Errorf("part %s is in a %s, which an edit would break", ed.parts[part].Number, typ)
		}
		i = up
	}
}

func (ed *editor) cut(from, to int64, pieces ...piece) {
	ed.cuts = append(ed.cuts, cut{from, to, pieces})
}

// header is an entity's header with the empty line.
func (ed *editor) header(part int) ([]byte, error) {
	s := ed.tree.Span(part)
	if part == 0 && len(ed.head) > 0 {
		if s.Body != ed.headLen+2 && s.Body != ed.size {
			return nil, errors.New("the end of the header is uncertain")
		}
		return append(slices.Clip(ed.head), '\r', '\n'), nil
	}
	b := make([]byte, s.Body-s.Head)
	if _, err := io.ReadFull(io.NewSectionReader(ed.body, s.Head, int64(len(b))), b); err != nil {
		return nil, fmt.Errorf("%w: %w", errRead, err)
	}
	return b, nil
}

// replace gives a part other content.
func (ed *editor) replace(t task) error {
	s := ed.tree.Span(t.part)
	head, err := ed.header(t.part)
	if err != nil {
		return err
	}
	if s.Delim >= 0 && s.Head > 0 { // a delimiter may stand at the very end, without a line end
		var b [1]byte
		if _, err := ed.body.ReadAt(b[:], s.Head-1); err != nil && err != io.EOF {
			return fmt.Errorf("%w: %w", errRead, err)
		}
		if b[0] != '\n' {
			return errors.New("the part has no header")
		}
	}
	encoding, content := ed.encode(t)
	params := map[string]string{}
	for k, v := range t.params {
		params[k] = v
	}
	if t.isText() {
		params["charset"] = "utf-8"
	}
	content = append(content, ed.ending(s, content)...)
	ed.cut(s.Head, s.End, textPiece(rewrite(head, s.Delim < 0, renewed(structured(t.typ, params), encoding, t.filename)...)), textPiece(content))
	return nil
}

// ending is the line end that has to follow content of a part: a delimiter
// begins on a line of its own, and so does what ends the message.
func (ed *editor) ending(s mimetree.Span, content []byte) []byte {
	if s.End == s.Next && (s.Next < ed.size || !bytes.HasSuffix(content, []byte("\r\n"))) {
		return []byte("\r\n")
	}
	return nil
}

// encode encodes the content of a replaced part.
func (ed *editor) encode(t task) (encoding string, out []byte) {
	if !t.isText() {
		return "base64", encodeBytes(&b64{}, t.content)
	}
	st := scanBytes(t.content)
	switch {
	case st.clean() && !st.high && !ed.delimits(t.part, string(t.content)):
		return "7bit", t.content
	case st.dense():
		return "base64", encodeBytes(&b64{}, t.content)
	}
	return "quoted-printable", encodeBytes(&quoted{}, t.content)
}

func encodeBytes(e encoder, b []byte) []byte { return e.flush(e.feed(nil, b)) }

// delimits: a line of a text would be taken for a delimiter of a multipart
// around the part, or nearly.
func (ed *editor) delimits(part int, text string) bool {
	for i := part; i > 0; {
		i = int(ed.parts[i].Parent)
		b := ed.tree.Boundary(i)
		if b == "" {
			continue
		}
		for line := range strings.SplitSeq(text, "\n") {
			if strings.HasPrefix(line, "--"+b) {
				return true
			}
		}
	}
	return false
}

// portable is a file name that every reader takes for the same one: behind a
// colon some see the name of a stream.
func portable(name string) string { return strings.ReplaceAll(name, ":", "_") }
