package pattern

import (
	"bufio"
	"io"
	"slices"
)

// wildcard reports whether pattern, with * for any octets and ? for one,
// stands for the whole of text. It goes back to the last star only, so that it
// takes at most len(pattern)*len(text) steps; check is asked every so many of
// them, and its error ends the search.
func wildcard(text, pattern string, check func() error) (bool, error) {
	p, t := 0, 0
	star, mark := -1, 0
	for steps := 1; t < len(text); steps++ {
		if steps%checkSteps == 0 {
			if err := check(); err != nil {
				return false, err
			}
		}
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
			return false, nil
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern), nil
}

// checkSteps is how many steps of a wildcard go unchecked: about 0.1 ms.
const checkSteps = 1 << 16

type hitSet []uint32

func (h hitSet) sorted() []uint32 {
	slices.Sort(h)
	return h
}

func runes(r io.Reader) io.RuneReader { return bufio.NewReaderSize(r, 32<<10) }
