package wire

import (
	"bytes"
	"strings"
)

// set is a header field that an entity gets. An empty value takes it away.
type set struct{ name, value string }

// described are the fields that describe content which is not there any more
// when a part is replaced. Content-ID stays: other parts may point to it.
var described = []string{
	"Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Content-Description", "Content-MD5", "Content-Length",
	"Content-Location", "Content-Base", "Content-Language", "Content-Duration", "Content-Features", "Lines",
}

// rewrite gives an entity's header other fields, and leaves the rest of it
// raw. head ends with the empty line that ends a header, if it has one; what
// it returns always does. root is the message's own header: there MIME needs
// to be announced (RFC 2045 §4).
func rewrite(head []byte, root bool, sets ...set) []byte {
	head, _ = bytes.CutSuffix(head, []byte("\r\n\r\n"))
	switch {
	case bytes.Equal(head, []byte("\r\n")):
		head = nil
	case len(head) > 0 && !bytes.HasSuffix(head, []byte("\r\n")):
		head = append(bytes.Clone(head), '\r', '\n')
	}
	fields := split(head)
	if root {
		sets = append(sets, set{"MIME-Version", "1.0"})
	}
	var more []byte
	for _, s := range sets {
		raw := []byte(nil)
		if s.value != "" {
			raw = []byte(s.name + ": " + s.value + "\r\n")
		}
		at := -1
		for i := range fields {
			if !strings.EqualFold(fields[i].name, s.name) {
				continue
			}
			if at < 0 {
				at = i
			} else {
				fields[i].raw = nil
			}
		}
		switch {
		case at < 0:
			more = append(more, raw...)
		case s.name != "MIME-Version":
			fields[at].raw = raw
		}
	}
	var b bytes.Buffer
	for _, f := range fields {
		b.Write(f.raw)
	}
	b.Write(more)
	b.WriteString("\r\n")
	return b.Bytes()
}

// fieldBody is a field's body, unfolded; "" when it is not there.
func fieldBody(head []byte, name string) string {
	for _, f := range split(head) {
		if strings.EqualFold(f.name, name) {
			_, v, _ := bytes.Cut(f.raw, []byte(":"))
			return strings.Join(strings.Fields(string(v)), " ")
		}
	}
	return ""
}

// renewed are the fields of a part that has other content than it came with.
func renewed(typ, encoding, filename string) []set {
	out := make([]set, len(described))
	for i, n := range described {
		out[i].name = n
		switch n {
		case "Content-Type":
			out[i].value = typ
		case "Content-Transfer-Encoding":
			out[i].value = encoding
		case "Content-Disposition":
			if filename != "" {
				out[i].value = structured("attachment", map[string]string{"filename": filename})
			}
		}
	}
	return out
}
