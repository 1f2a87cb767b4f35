// Package wire composes what goes out: the trace header, the message as it was
// received, and the edits that filters staged, of the header and of parts.
// Octets that no edit touches are passed on unchanged. A header edit leaves
// the body alone, so that signatures over it keep (RFC 6376); a part edit
// breaks a DKIM signature over the body, and one inside a multipart/signed or
// multipart/encrypted part is refused.
//
// A leaf that an edit touches is written anew: in its transfer encoding, and
// in its character set where that can hold the new text, else in UTF-8. The
// message is never held in memory. No edit brings in a bare CR or LF, a line
// over 998 octets or an octet over 127 where there was none.
//
// It does not decide what is edited, and it stores nothing: what is stored
// stays as it was received.
package wire

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/mimetree"
)

// maxHeader bounds what is read to find the end of the header, octets. A
// longer header is sent on as it came, and an edit of it is refused.
const maxHeader = 1 << 20

// Message is one message as it will be sent.
type Message struct {
	Trace string // our own header lines, CRLF-ended
	Edits []mail.HeaderEdit
	Parts []mail.PartEdit // in the order of the filters that asked for them
	Body  io.ReaderAt
	Size  int64          // octets of Body
	Tree  *mimetree.Tree // the structure of Body, if it is known; it is read where Parts need it
}

// Reader returns the whole message, to be read once. It fails when an edit
// cannot be applied or Body cannot be read. Who needs the size takes Plan.
func (m Message) Reader() (io.Reader, error) {
	p, err := m.Plan()
	if err != nil {
		return nil, err
	}
	return p.Reader(), nil
}

// header reads the header block without the empty line that ends it.
func header(r io.ReaderAt, size int64) ([]byte, error) {
	n := min(size, maxHeader)
	for have := min(int64(8<<10), n); ; have = min(have*4, n) {
		b := make([]byte, have)
		if _, err := r.ReadAt(b, 0); err != nil && err != io.EOF {
			return nil, fmt.Errorf("reading the header: %w", err)
		}
		if bytes.HasPrefix(b, []byte("\r\n")) {
			return nil, nil
		}
		if i := bytes.Index(b, []byte("\r\n\r\n")); i >= 0 {
			return b[:i+2], nil
		}
		if have == size {
			return b, nil // a header and nothing else
		}
		if have == n {
			return nil, fmt.Errorf("the header is longer than %d bytes: no edit can be applied", maxHeader)
		}
	}
}

// field is one header field, raw, with its folded lines and line ends.
type field struct {
	name string // as written, without trailing blanks
	raw  []byte
}

func split(head []byte) []field {
	var out []field
	for len(head) > 0 {
		end := len(head)
		for at := 0; ; {
			i := bytes.Index(head[at:], []byte("\r\n"))
			if i < 0 {
				break
			}
			at += i + 2
			if at >= len(head) || head[at] != ' ' && head[at] != '\t' {
				end = at
				break
			}
		}
		raw := head[:end]
		name, _, found := bytes.Cut(raw, []byte(":"))
		f := field{raw: raw}
		if found {
			f.name = strings.TrimRight(string(name), " \t")
		}
		out = append(out, f)
		head = head[end:]
	}
	return out
}

// Edit applies edits to a header block (without its closing empty line). An
// edit that names an occurrence which is not there changes nothing, so that
// applying is total; "replace" of a missing field adds it on top.
func Edit(head []byte, edits []mail.HeaderEdit) ([]byte, error) {
	fields := split(head)
	var top []field
	for _, e := range edits {
		if err := Check(e); err != nil {
			return nil, err
		}
		line := field{name: e.Name, raw: []byte(e.Name + ": " + e.Value + "\r\n")}
		switch e.Op {
		case "add":
			top = append([]field{line}, top...)
		case "replace":
			if !change(fields, e, line.raw) {
				top = append([]field{line}, top...)
			}
		case "remove":
			change(fields, e, nil)
		}
	}
	var b bytes.Buffer
	for _, f := range top {
		b.Write(f.raw)
	}
	for _, f := range fields {
		b.Write(f.raw)
	}
	if n := b.Len(); n > 0 && !bytes.HasSuffix(b.Bytes(), []byte("\r\n")) {
		b.WriteString("\r\n")
	}
	return b.Bytes(), nil
}

// change rewrites the occurrences e means; with Index −1 the first takes the
// new text and the others go.
func change(fields []field, e mail.HeaderEdit, raw []byte) bool {
	seen, hit := 0, false
	for i := range fields {
		if !strings.EqualFold(fields[i].name, e.Name) {
			continue
		}
		if e.Index == seen || e.Index < 0 {
			if hit {
				fields[i].raw = nil
			} else {
				fields[i].raw = raw
			}
			hit = true
		}
		seen++
	}
	return hit
}

// Check reports an edit that would break the header: a bad field name
// (RFC 5322 §2.2), a value with a line end that is no fold, or NUL.
func Check(e mail.HeaderEdit) error {
	if e.Op != "add" && e.Op != "replace" && e.Op != "remove" {
		return fmt.Errorf("header edit %q of %q: want add, replace or remove", e.Op, e.Name)
	}
	if e.Name == "" || len(e.Name) > 76 {
		return fmt.Errorf("header edit: field name of %d characters", len(e.Name))
	}
	for i := 0; i < len(e.Name); i++ {
		if c := e.Name[i]; c <= ' ' || c == ':' || c >= 0x7f {
			return fmt.Errorf("header edit: %q is no field name", e.Name)
		}
	}
	v := strings.ReplaceAll(strings.ReplaceAll(e.Value, "\r\n ", ""), "\r\n\t", "")
	if strings.ContainsAny(v, "\r\n\x00") {
		return fmt.Errorf("header edit of %s: the value holds a line end that is no fold", e.Name)
	}
	for line := range strings.SplitSeq(e.Value, "\r\n") {
		if len(line)+len(e.Name)+2 > 998 {
			return fmt.Errorf("header edit of %s: a line longer than 998 characters (RFC 5322 §2.1.1)", e.Name)
		}
	}
	return nil
}
