package inspection

import (
	"slices"
	"strings"
	"unicode"
)

// variants gives what a name may mean to those who save the file: its last
// path element in lower case, without what Windows drops (trailing dots and
// spaces) and what cannot be seen; also what stands in front of a NUL, and the
// file and stream of a name with colons ("x.exe::$DATA").
func variants(name string) []string {
	var out []string
	add := func(s string) {
		if s = tidy(s); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	add(name)
	if i := strings.IndexByte(name, 0); i >= 0 {
		add(name[:i])
	}
	if strings.IndexByte(name, ':') >= 0 {
		for _, s := range strings.Split(name, ":") {
			add(s)
		}
	}
	return out
}

func tidy(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r' || unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Cf, r) || unicode.IsControl(r):
			return -1
		}
		return unicode.ToLower(r)
	}, s)
	return strings.TrimLeft(strings.TrimRight(s, ` ."'`), ` "'`)
}

// extension is what stands behind the last dot, "" without one.
func extension(s string) string {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return ""
	}
	return strings.TrimSpace(s[i+1:])
}

// stem is what stands in front of the last dot.
func stem(s string) string {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return s
	}
	return strings.TrimRight(s[:i], " ._-")
}

// turned: the name has characters that turn the direction of writing, so that
// it does not look as it is.
func turned(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
	})
}

// wildcard matches the whole of s: * is any octets, ? one character.
func wildcard(pattern, s string) bool {
	p, t := []rune(pattern), []rune(s)
	i, j, star, mark := 0, 0, -1, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i, j = i+1, j+1
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
