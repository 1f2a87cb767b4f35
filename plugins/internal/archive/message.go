package archive

import (
	"bytes"
	"strconv"
	"strings"
)

// maxParts bounds the parts of one message, maxNesting its multiparts.
const (
	maxParts   = 1000
	maxNesting = 20
)

// message walks the parts of a message that is a file: .eml and .mhtml. The
// gateway parses the message at hand itself; this is for those within archives
// and those sent as a file of another type. It reads tolerantly, as mail
// programs do, and finds no ambiguity between them.
func (w *walker) message(s source, p place) error {
	if !w.b.hold(s.size) {
		return exceeded("it is a message larger than can be held for inspection (" + mib(w.b.lim.Memory) + ")")
	}
	defer w.b.drop(s.size)
	b, err := s.at(0, s.size)
	if err != nil {
		return err
	}
	if bytes.HasPrefix(b, []byte("From ")) || bytes.HasPrefix(b, []byte(">From ")) { // a mailbox's line
		_, b, _ = bytes.Cut(b, []byte("\n"))
	}
	m := mimeWalk{walker: w, p: p}
	return m.part(bytes.TrimLeft(b, "\r\n"), "", 0)
}

type mimeWalk struct {
	*walker
	p     place
	parts int
}

// part walks an entity: its header fields, an empty line, its body. number is
// its place in the message.
func (m *mimeWalk) part(b []byte, number string, depth int) error {
	if m.parts++; m.parts > maxParts {
		return exceeded("it has more than " + strconv.Itoa(maxParts) + " parts")
	}
	if depth > maxNesting {
		return exceeded("its parts are nested too deeply")
	}
	h, body := mimeHeader(b)
	if boundary := parameter(h.typ, "boundary"); strings.HasPrefix(strings.ToLower(strings.TrimSpace(h.typ)), "multipart/") && boundary != "" {
		for i, sub := range mimeParts(body, boundary) {
			n := strconv.Itoa(i + 1)
			if number != "" {
				n = number + "." + n
			}
			if err := m.part(sub, n, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	name := parameter(h.disposition, "filename")
	if name == "" {
		name = parameter(h.typ, "name")
	}
	if name == "" {
		if number == "" {
			number = "1"
		}
		name = "part " + number
	}
	return m.leaf(h, name, body)
}

func (m *mimeWalk) leaf(h mimeFields, name string, body []byte) error {
	if err := m.b.entry(); err != nil {
		return err
	}
	out := body
	switch strings.ToLower(strings.TrimSpace(h.encoding)) {
	case "base64":
		out = decode64(body)
	case "quoted-printable":
		out = decodeQP(body)
	case "x-uuencode", "x-uue", "uuencode":
		if i := bytes.Index(body, []byte("begin ")); i >= 0 {
			_, out, _ = uudecode(body[i:])
		}
	}
	if err := m.b.decoded(int64(len(out))); err != nil {
		return err
	}
	e := m.p.entry(name)
	e.Size = int64(len(out))
	return m.visit(e, source{bytesAt(out), e.Size}, nil, e.Size, false)
}

type mimeFields struct{ typ, disposition, encoding string }

// mimeHeader reads the fields up to the first empty line.
func mimeHeader(b []byte) (h mimeFields, body []byte) {
	var field string
	take := func() {
		name, value, _ := strings.Cut(field, ":")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "content-type":
			h.typ = first(h.typ, value)
		case "content-disposition":
			h.disposition = first(h.disposition, value)
		case "content-transfer-encoding":
			h.encoding = first(h.encoding, value)
		}
		field = ""
	}
	for len(b) > 0 {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if len(field) < 16<<10 {
				field += " " + strings.TrimSpace(string(line))
			}
			continue
		}
		take()
		field = string(line[:min(len(line), 16<<10)])
	}
	take()
	return h, b
}

func first(have, value string) string {
	if have != "" {
		return have
	}
	return strings.TrimSpace(value)
}

// mimeParts cuts a body at its boundary (RFC 2046 §5.1.1).
func mimeParts(b []byte, boundary string) (parts [][]byte) {
	mark := []byte("--" + boundary)
	start := -1
	for at := 0; at < len(b) && len(parts) < maxParts; {
		next := len(b)
		if i := bytes.IndexByte(b[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		line := b[at:next]
		if bytes.HasPrefix(line, mark) {
			rest := bytes.TrimRight(line[len(mark):], " \t\r\n")
			if len(rest) == 0 || string(rest) == "--" {
				if start >= 0 {
					parts = append(parts, bytes.TrimSuffix(bytes.TrimSuffix(b[start:at], []byte("\n")), []byte("\r")))
				}
				start = next
				if len(rest) > 0 {
					return parts
				}
			}
		}
		at = next
	}
	if start >= 0 && start < len(b) { // without its end
		parts = append(parts, b[start:])
	}
	return parts
}

// parameter reads one of a field's parameters, with the forms of RFC 2231 as
// far as a name needs it.
func parameter(field, name string) string {
	var pieces [10]string
	any := false
	_, rest, _ := strings.Cut(field, ";")
	for rest != "" {
		var key, value string
		key, rest, _ = strings.Cut(rest, "=")
		key = strings.ToLower(strings.Trim(key, " \t;"))
		rest = strings.TrimLeft(rest, " \t")
		if strings.HasPrefix(rest, `"`) {
			value, rest = quoted(rest[1:])
		} else {
			value, rest, _ = strings.Cut(rest, ";")
			value = strings.TrimSpace(value)
			rest = ";" + rest
		}
		rest = strings.TrimLeft(rest, " \t;")
		switch {
		case key == name:
			return value
		case key == name+"*" || strings.HasPrefix(key, name+"*"):
			n := strings.TrimSuffix(key[len(name)+1:], "*")
			i, err := strconv.Atoi(n)
			if n == "" {
				i, err = 0, nil
			}
			if err == nil && i >= 0 && i < len(pieces) {
				if strings.HasSuffix(key, "*") {
					if i == 0 {
						if f := strings.SplitN(value, "'", 3); len(f) == 3 {
							value = f[2]
						}
					}
					value = percent(value)
				}
				pieces[i], any = value, true
			}
		}
	}
	if any {
		return strings.Join(pieces[:], "")
	}
	return ""
}

func quoted(s string) (value, rest string) {
	var b []byte
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i+1 < len(s) {
				i++
				b = append(b, s[i])
			}
		case '"':
			return string(b), s[i+1:]
		default:
			b = append(b, s[i])
		}
	}
	return string(b), ""
}

func percent(s string) string {
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(v))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}
