package journal

import (
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// names are texts to find in other texts, in any case, all in one pass. They are
// folded, sorted, and there once.
type names struct {
	sorted []string
	starts [256]bool // first octets
}

func newNames(texts []string) names {
	var n names
	seen := map[string]bool{}
	for _, t := range texts {
		if t == "" || seen[t] {
			continue
		}
		seen[t] = true
		f, _ := fold(t)
		n.starts[f[0]] = true
		n.sorted = append(n.sorted, f)
	}
	slices.Sort(n.sorted)
	n.sorted = slices.Compact(n.sorted)
	return n
}

// replace puts with in place of every name in s: of those that begin at one
// place, the longest.
func (n *names) replace(s, with string) string {
	if len(n.sorted) == 0 || s == "" {
		return s
	}
	folded, from := fold(s)
	var b strings.Builder
	done := 0 // of s
	for i := 0; i < len(folded); {
		k := 0
		if n.starts[folded[i]] && (i == 0 || from[i-1] != from[i]) {
			k = n.at(folded[i:])
		}
		if k == 0 {
			i++
			continue
		}
		b.WriteString(s[done:from[i]])
		b.WriteString(with)
		i += k
		done = from[i]
	}
	if done == 0 {
		return s
	}
	b.WriteString(s[done:])
	return b.String()
}

// at is the length of the longest name that s begins with; 0: none. It narrows
// down the names that agree with s so far, octet by octet.
func (n *names) at(s string) (longest int) {
	left := n.sorted
	for d := 0; len(left) > 0; d++ {
		if len(left[0]) == d {
			longest = d
			if left = left[1:]; len(left) == 0 {
				break
			}
		}
		if d == len(s) {
			break
		}
		c := s[d]
		if left[0][d] == c && left[len(left)-1][d] == c {
			continue
		}
		lo := sort.Search(len(left), func(i int) bool { return left[i][d] >= c })
		left = left[lo:]
		left = left[:sort.Search(len(left), func(i int) bool { return left[i][d] > c })]
	}
	return longest
}

// fold gives a text in the one form that all its spellings in upper and lower
// case have, and where each octet of that, and its end, comes from. What is not
// UTF-8 stays as it is.
func fold(s string) (folded string, from []int) {
	b := make([]byte, 0, len(s))
	from = make([]int, 0, len(s)+1)
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		n := len(b)
		if r == utf8.RuneError && size == 1 {
			b = append(b, s[i])
		} else {
			b = utf8.AppendRune(b, least(r))
		}
		for range len(b) - n {
			from = append(from, i)
		}
		i += size
	}
	return string(b), append(from, len(s))
}

// least is the smallest rune that differs from r in case alone.
func least(r rune) rune {
	if r < utf8.RuneSelf {
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		return r
	}
	m := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		m = min(m, f)
	}
	return m
}
