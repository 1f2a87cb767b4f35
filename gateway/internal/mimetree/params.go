package mimetree

import (
	"sort"
	"strconv"
	"strings"
)

// param is one parameter as written; the name may carry RFC 2231 marks.
type param struct{ name, value string }

// structured splits "value; name=value …" (RFC 2045 §5.1). bad is true where
// the syntax is broken, so that readers may differ.
func structured(s string) (value string, ps []param, bad bool) {
	i := strings.IndexByte(s, ';')
	if i < 0 {
		value = strings.TrimSpace(s)
		return strings.ToLower(value), nil, strings.ContainsAny(value, " \t(\"")
	}
	value, s = strings.TrimSpace(s[:i]), s[i+1:]
	bad = strings.ContainsAny(value, " \t(\"")
	for {
		s = strings.TrimLeft(s, " \t;")
		if s == "" {
			return strings.ToLower(value), ps, bad
		}
		eq := strings.IndexAny(s, "=;")
		if eq < 0 || s[eq] == ';' {
			bad = true // a name without a value
			if eq < 0 {
				return strings.ToLower(value), ps, bad
			}
			s = s[eq:]
			continue
		}
		name := strings.ToLower(strings.TrimSpace(s[:eq]))
		s = strings.TrimLeft(s[eq+1:], " \t")
		var v string
		if s != "" && s[0] == '"' {
			var ok bool
			v, s, ok = quoted(s[1:])
			rest := strings.TrimLeft(s, " \t")
			if !ok || rest != "" && rest[0] != ';' {
				bad = true
				if j := strings.IndexByte(rest, ';'); j >= 0 {
					rest = rest[j:]
				} else {
					rest = ""
				}
			}
			s = rest
		} else {
			j := strings.IndexByte(s, ';')
			if j < 0 {
				j = len(s)
			}
			v, s = strings.TrimRight(s[:j], " \t"), s[j:]
			if v == "" || strings.ContainsAny(v, " \t\"(") {
				bad = true
			}
		}
		if name == "" || strings.ContainsAny(name, " \t\"(") {
			bad = true
		}
		ps = append(ps, param{name, v})
	}
}

// quoted reads a quoted string behind its opening quote.
func quoted(s string) (v, rest string, ok bool) {
	if i := strings.IndexAny(s, `"\`); i >= 0 && s[i] == '"' {
		return s[:i], s[i+1:], true
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return b.String(), "", false
			}
			// A backslash that protects neither is taken as it is by those who write C:\path.
			if s[i] != '"' && s[i] != '\\' {
				b.WriteByte('\\')
			}
		}
		b.WriteByte(s[i])
	}
	return b.String(), "", false
}

// lookup gives every value a parameter has, the one to use first: extended,
// in pieces (RFC 2231 §3, §4), plain.
func lookup(ps []param, name string) (values []string, bad bool) {
	type piece struct {
		n    int
		ext  bool
		text string
	}
	var ext, plain []string
	var pieces []piece
	for _, p := range ps {
		if !strings.HasPrefix(p.name, name) {
			continue
		}
		switch rest := p.name[len(name):]; {
		case rest == "":
			v, ok := decodeName(p.value)
			bad = bad || !ok
			plain = append(plain, v)
		case rest == "*":
			v, ok := extended(p.value)
			bad = bad || !ok
			ext = append(ext, v)
		case rest[0] == '*':
			num, isExt := strings.CutSuffix(rest[1:], "*")
			n, err := strconv.Atoi(num)
			if err != nil || n < 0 || n > 999 {
				bad = true
				continue
			}
			pieces = append(pieces, piece{n, isExt, p.value})
		}
	}
	if len(pieces) > 0 {
		sort.SliceStable(pieces, func(i, j int) bool { return pieces[i].n < pieces[j].n })
		charset := ""
		var b strings.Builder
		for i, p := range pieces {
			bad = bad || p.n != i // a hole, or a number twice
			text := p.text
			if p.ext {
				if i == 0 {
					parts := strings.SplitN(text, "'", 3)
					if len(parts) == 3 {
						charset, text = parts[0], parts[2]
					} else {
						bad = true
					}
				}
				var ok bool
				text, ok = unescape(text)
				bad = bad || !ok
			}
			b.WriteString(text)
		}
		ext = append(ext, toUTF8(charset, b.String()))
	}
	return append(ext, plain...), bad
}

// extended decodes charset'language'text with %XX.
func extended(s string) (string, bool) {
	parts := strings.SplitN(s, "'", 3)
	if len(parts) != 3 {
		v, _ := unescape(s)
		return v, false
	}
	v, ok := unescape(parts[2])
	return toUTF8(parts[0], v), ok
}

func unescape(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, true
	}
	ok := true
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if i+2 < len(s) {
				hi, ok1 := unhex(s[i+1])
				lo, ok2 := unhex(s[i+2])
				if ok1 && ok2 {
					b = append(b, hi<<4|lo)
					i += 2
					continue
				}
			}
			ok = false
		}
		b = append(b, s[i])
	}
	return string(b), ok
}

// differ: readers that choose different ones would see different kinds of file.
func differ(names []string) bool {
	for _, n := range names[min(1, len(names)):] {
		if extension(n) != extension(names[0]) {
			return true
		}
	}
	return false
}

func extension(name string) string {
	name = strings.TrimRight(name, " .\t")
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return ""
	}
	return strings.ToLower(name[i+1:])
}
