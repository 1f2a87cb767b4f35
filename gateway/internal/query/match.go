package query

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// equalFold compares without regard to case.
func equalFold(a, b string) bool { return strings.EqualFold(a, b) }

// prefixFold reports whether s starts with prefix, without regard to case
// (ASCII only: it serves IDs and classes).
func prefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// containsFold reports whether s contains sub, which is folded already, at
// some rune boundary. It allocates nothing.
func containsFold(s string, sub []rune) bool {
	if len(sub) == 0 {
		return true
	}
	for i := 0; i < len(s); {
		r, w := utf8.DecodeRuneInString(s[i:])
		if fold(r) == sub[0] && hasFolded(s[i+w:], sub[1:]) {
			return true
		}
		i += w
	}
	return false
}

func hasFolded(s string, want []rune) bool {
	for _, x := range want {
		if s == "" {
			return false
		}
		r, w := utf8.DecodeRuneInString(s)
		if fold(r) != x {
			return false
		}
		s = s[w:]
	}
	return true
}

// fold maps the spellings of a letter to one of them, as strings.EqualFold
// counts them equal: the smallest rune of its orbit.
func fold(r rune) rune {
	if r < utf8.RuneSelf {
		if 'a' <= r && r <= 'z' {
			return r - ('a' - 'A')
		}
		return r
	}
	least := r
	for n := unicode.SimpleFold(r); n != r; n = unicode.SimpleFold(n) {
		least = min(least, n)
	}
	return least
}

func foldAll(s string) []rune {
	out := make([]rune, 0, len(s))
	for _, r := range s {
		out = append(out, fold(r))
	}
	return out
}

// glob is a compiled Like pattern.
type glob []globToken

type globToken struct {
	r    rune // folded
	kind byte // 'r' this rune, '?' any rune, '*' any text
}

func compileGlob(p string) glob {
	var g glob
	escaped := false
	for _, r := range p {
		switch {
		case escaped:
			g, escaped = append(g, globToken{fold(r), 'r'}), false
		case r == '\\':
			escaped = true
		case r == '*':
			if len(g) == 0 || g[len(g)-1].kind != '*' {
				g = append(g, globToken{kind: '*'})
			}
		case r == '?':
			g = append(g, globToken{kind: '?'})
		default:
			g = append(g, globToken{fold(r), 'r'})
		}
	}
	if escaped {
		g = append(g, globToken{'\\', 'r'})
	}
	return g
}

// match compares all of s. It goes back only to the last star, so its time
// is at most len(s) times len(g), and it allocates nothing.
func (g glob) match(s string) bool {
	gi, si := 0, 0
	star, mark := -1, 0
	for si < len(s) {
		r, w := utf8.DecodeRuneInString(s[si:])
		switch {
		case gi < len(g) && g[gi].kind == '*':
			star, mark = gi, si
			gi++
		case gi < len(g) && (g[gi].kind == '?' || g[gi].r == fold(r)):
			gi++
			si += w
		case star >= 0:
			_, mw := utf8.DecodeRuneInString(s[mark:])
			mark += mw
			gi, si = star+1, mark
		default:
			return false
		}
	}
	for gi < len(g) && g[gi].kind == '*' {
		gi++
	}
	return gi == len(g)
}
