package mimetree

import (
	"bytes"
	"strings"

	"github.com/mailweir/weir/sdk/abi"
)

// fields splits a header block into unfolded fields. complain is called with
// whatever another reader could understand differently.
func fields(block []byte, complain func(string)) []abi.Header {
	if bytes.IndexByte(block, 0) >= 0 {
		complain("NUL in the header")
	}
	s := string(block)
	out := make([]abi.Header, 0, strings.Count(s, "\n"))
	for len(s) > 0 {
		var line string
		line, s = cutLine(s)
		if line == "" {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			if len(out) == 0 {
				complain("the header begins with a continuation line")
				continue
			}
			// Unfolding in one go: a value of many lines is built once.
			var b strings.Builder
			last := &out[len(out)-1]
			b.WriteString(last.Value)
			for {
				b.WriteString(line)
				if s == "" || s[0] != ' ' && s[0] != '\t' {
					break
				}
				line, s = cutLine(s)
			}
			last.Value = strings.Trim(b.String(), " \t")
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			complain("a header line without colon")
			continue
		}
		bare := strings.TrimRight(name, " \t")
		if !isFieldName(bare) {
			complain("a header field with an invalid name")
		} else if len(bare) != len(name) && isStructural(bare) {
			complain("white space before the colon of " + bare)
		}
		if strings.IndexByte(value, '\r') >= 0 {
			complain("bare CR in the header")
		}
		out = append(out, abi.Header{Name: bare, Value: strings.Trim(value, " \t")})
	}
	return out
}

func cutLine(s string) (line, rest string) {
	i := strings.IndexByte(s, '\n')
	if i < 0 {
		return strings.TrimSuffix(s, "\r"), ""
	}
	return strings.TrimSuffix(s[:i], "\r"), s[i+1:]
}

// isFieldName follows RFC 5322 §3.6.8: printable ASCII without the colon.
func isFieldName(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != ""
}

// isStructural: the field decides how the message is understood.
func isStructural(name string) bool {
	return len(name) > 8 && strings.EqualFold(name[:8], "content-") || strings.EqualFold(name, "MIME-Version")
}

// content is what an entity's header says of its content.
type content struct {
	ctype, cte, disposition, id string
	hasType                     bool
	duplicate                   string // a structural field that is there twice
}

func contentOf(hs []abi.Header) (c content) {
	var seenType, seenCTE, seenDisp, seenID bool
	take := func(h *abi.Header, dst *string, seen *bool) {
		if *seen {
			c.duplicate = h.Name
			return
		}
		*dst, *seen = h.Value, true
	}
	for i := range hs {
		h := &hs[i]
		if len(h.Name) < 10 || h.Name[0]|0x20 != 'c' {
			continue
		}
		switch {
		case strings.EqualFold(h.Name, "Content-Type"):
			take(h, &c.ctype, &seenType)
		case strings.EqualFold(h.Name, "Content-Transfer-Encoding"):
			take(h, &c.cte, &seenCTE)
		case strings.EqualFold(h.Name, "Content-Disposition"):
			take(h, &c.disposition, &seenDisp)
		case strings.EqualFold(h.Name, "Content-ID"):
			take(h, &c.id, &seenID)
		}
	}
	c.hasType = seenType
	return c
}

// transfer reads a Content-Transfer-Encoding. ok is false for what is unknown
// or not cleanly written.
func transfer(v string) (name string, enc encoding, ok bool) {
	name = strings.ToLower(strings.TrimSpace(v))
	ok = true
	if i := strings.IndexAny(name, " \t;(\""); i >= 0 {
		name, ok = name[:i], false
	}
	switch name {
	case "", "7bit", "8bit", "binary":
		return name, encIdentity, ok
	case "base64":
		return name, encBase64, ok
	case "quoted-printable":
		return name, encQuoted, ok
	}
	return name, encIdentity, false
}
