package pattern

import (
	"bufio"
	"io"
	"slices"
)

// wildcard reports whether pattern, with * for any octets and ? for one,
// stands for the whole of text. It goes back to the last star only, so that it
// takes at most len(pattern)*len(text) steps.
func wildcard(text, pattern string) bool {
	p, t := 0, 0
	star, mark := -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

type hitSet []uint32

func (h hitSet) sorted() []uint32 {
	slices.Sort(h)
	return h
}

func runes(r io.Reader) io.RuneReader { return bufio.NewReaderSize(r, 32<<10) }
