package scope

import (
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// names are texts to find in other texts, in any case, all in one pass: those to
// hide, and those to leave as they are. They are folded, sorted, and there once.
type names struct {
	sorted []string
	shown  map[string]bool // folded; of sorted
	starts [256]bool       // first octets
}

func newNames(hidden, shown []string) *names {
	n := &names{shown: make(map[string]bool, len(shown))}
	add := func(t string) (folded string) {
		folded, _ = fold(t)
		n.starts[folded[0]] = true
		n.sorted = append(n.sorted, folded)
		return folded
	}
	for _, t := range hidden {
		if t != "" {
			add(t)
		}
	}
	for _, t := range shown {
		if t != "" {
			n.shown[add(t)] = true
		}
	}
	slices.Sort(n.sorted)
	n.sorted = slices.Compact(n.sorted)
	return n
}

// replace puts with in place of every hidden name in s: of the names that begin
// at one place, the longest counts, and a shown one takes along what is within
// it. A name within a longer address is none: another one's begins or ends so.
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
		name := folded[i : i+k]
		if !n.shown[name] && !within(s, from[i], from[i+k]) {
			b.WriteString(s[done:from[i]])
			b.WriteString(with)
			done = from[i+k]
		} else if !n.shown[name] {
			k = 1
		}
		i += k
	}
	if done == 0 {
		return s
	}
	b.WriteString(s[done:])
	return b.String()
}

// within reports that s[i:j] is only a part of an address: jo.ann@b.test is not
// ann@b.test, nor is that ann@b.test.example. Signs that hosts put before an address or
// behind it ("rcpt=", "550-", a full stop) do not make it another one, and what is no
// address at all hides nothing.
func within(s string, i, j int) bool {
	l, r := i, j
	for l > 0 {
		c, size := utf8.DecodeLastRuneInString(s[:l])
		if !ofWord(c) && !joins(c) && c != '+' {
			break
		}
		l -= size
	}
	for r < len(s) {
		c, size := utf8.DecodeRuneInString(s[r:])
		if !ofWord(c) && !joins(c) {
			break
		}
		r += size
	}
	if l > 0 && s[l-1] == '@' || r < len(s) && s[r] == '@' {
		return false
	}
	left, right := strings.TrimLeft(s[l:i], ".-+"), strings.TrimRight(s[j:r], ".-")
	if strings.HasSuffix(left, "-") || strings.HasSuffix(left, ".") {
		left = strings.TrimLeft(left, "0123456789.-") // the code of an answer
	}
	return left != "" || right != ""
}

// joins reports what stands between the words of a name.
func joins(c rune) bool { return c == '.' || c == '-' }

// ofWord reports what goes on a word of an address. Scripts that put no spaces
// between words do not: an address may begin and end anywhere among them.
func ofWord(c rune) bool {
	switch {
	case c < utf8.RuneSelf:
		return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
	case c == utf8.RuneError:
		return false
	}
	return unicode.In(c, unicode.Latin, unicode.Greek, unicode.Cyrillic)
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
