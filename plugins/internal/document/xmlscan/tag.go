package xmlscan

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

func parseTag(b []byte) Token {
	t := Token{Kind: Start}
	if len(b) > 0 && b[len(b)-1] == '/' {
		t.Text, b = "/", b[:len(b)-1]
	}
	n := 0
	for n < len(b) && !space(b[n]) {
		n++
	}
	t.Prefix, t.Name = split(string(b[:n]))
	for b = b[n:]; ; {
		for len(b) > 0 && space(b[0]) {
			b = b[1:]
		}
		eq := bytes.IndexByte(b, '=')
		if eq <= 0 {
			return t
		}
		var a Attr
		a.Prefix, a.Name = split(strings.TrimRight(string(b[:eq]), " \t\r\n"))
		b = b[eq+1:]
		for len(b) > 0 && space(b[0]) {
			b = b[1:]
		}
		if len(b) == 0 {
			return t
		}
		end := -1
		if q := b[0]; q == '"' || q == '\'' {
			b = b[1:]
			end = bytes.IndexByte(b, q)
		}
		if end < 0 {
			return t
		}
		a.Value = unescape(b[:end])
		if t.Attrs = append(t.Attrs, a); len(t.Attrs) > maxAttr {
			return Token{}
		}
		b = b[end+1:]
	}
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func split(name string) (prefix, local string) {
	if i := strings.IndexByte(name, ':'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return "", name
}

func unescape(b []byte) string {
	if bytes.IndexByte(b, '&') < 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '&' {
			out = append(out, b[i])
			continue
		}
		end := bytes.IndexByte(b[i:min(len(b), i+16)], ';')
		if end < 0 {
			out = append(out, '&')
			continue
		}
		name := string(b[i+1 : i+end])
		switch {
		case name == "amp":
			out = append(out, '&')
		case name == "lt":
			out = append(out, '<')
		case name == "gt":
			out = append(out, '>')
		case name == "quot":
			out = append(out, '"')
		case name == "apos":
			out = append(out, '\'')
		case strings.HasPrefix(name, "#x"):
			n, _ := strconv.ParseUint(name[2:], 16, 21)
			out = utf8.AppendRune(out, rune(n))
		case strings.HasPrefix(name, "#"):
			n, _ := strconv.ParseUint(name[1:], 10, 21)
			out = utf8.AppendRune(out, rune(n))
		default:
			out = append(out, b[i:i+end+1]...)
		}
		i += end
	}
	return string(out)
}
