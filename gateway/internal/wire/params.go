package wire

import (
	"mime"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// structured writes "value; name=value" as a header field's body, one
// parameter a line (RFC 2045 §5.1); what a parameter cannot hold as it is goes
// as RFC 2231 has it.
func structured(value string, params map[string]string) string {
	var b strings.Builder
	b.WriteString(value)
	names := make([]string, 0, len(params))
	for n := range params {
		names = append(names, n)
	}
	slices.Sort(names)
	for i, n := range names {
		for _, p := range parameter(n, params[n]) {
			sep := ";\r\n\t"
			if i == 0 && b.Len()+len(p) < 60 {
				sep = "; "
			}
			b.WriteString(sep + p)
		}
	}
	return b.String()
}

// pieceLen is how much of a long parameter stands on one line.
const pieceLen = 60

// parameter writes one parameter, in as many pieces as it takes.
func parameter(name, value string) []string {
	if plainParam(value) && len(value) <= pieceLen {
		if token(value) {
			return []string{name + "=" + value}
		}
		return []string{name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`}
	}
	var pieces []string
	cur := "utf-8''"
	for i := range len(value) {
		e := percent(value[i])
		if len(cur)+len(e) > pieceLen {
			pieces = append(pieces, cur)
			cur = ""
		}
		cur += e
	}
	if len(pieces) == 0 {
		return []string{name + "*=" + cur}
	}
	pieces = append(pieces, cur)
	for i := range pieces {
		pieces[i] = name + "*" + strconv.Itoa(i) + "*=" + pieces[i]
	}
	return pieces
}

func plainParam(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return !strings.Contains(s, "=?") // a reader would take it for an encoded word
}

// token: RFC 2045 §5.1.
func token(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || strings.IndexByte(`()<>@,;:\"/[]?=`, s[i]) >= 0 {
			return false
		}
	}
	return s != ""
}

// percent writes an octet as RFC 2231 §4 has it.
func percent(c byte) string {
	if c > ' ' && c <= '~' && strings.IndexByte(`*'%()<>@,;:\"/[]?=`, c) < 0 {
		return string(c)
	}
	return "%" + string(hexDigits[c>>4]) + string(hexDigits[c&15])
}

// mediaType checks a media type that a filter gives a new part: no multipart
// and no message, whose structure would be the filter's.
func mediaType(s string) bool {
	t, params, err := mime.ParseMediaType(s)
	main, sub, ok := strings.Cut(t, "/")
	if err != nil || !ok || !token(main) || !token(sub) || len(s) > 255 || main == "multipart" || main == "message" {
		return false
	}
	for k, v := range params {
		if !token(k) || !plainParam(v) {
			return false
		}
	}
	return true
}

// withCharset is a Content-Type with another charset. Its other parameters
// stay, as far as they can be read.
func withCharset(field, typ, charset string) string {
	_, params, err := mime.ParseMediaType(field)
	if err != nil || params == nil {
		params = map[string]string{}
		if strings.Contains(strings.ToLower(field), "format=flowed") {
			params["format"] = "flowed"
		}
	}
	for k, v := range params {
		if !token(k) || !utf8.ValidString(v) {
			delete(params, k)
		}
	}
	params["charset"] = charset
	return structured(typ, params)
}
