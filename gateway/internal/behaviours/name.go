package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// last is the highest number of the list.
const last = 154

// numbered is the part of a name that carries numbers: "B105", "B20a",
// "B74toB78", "B97to101".
var (
	numbered = regexp.MustCompile(`^B(\d{1,3})[a-z]?(?:to_?B?(\d{1,3}))?$`)
	script   = regexp.MustCompile(`^b(\d{1,3})(?:to_?b?(\d{1,3}))?$`)
)

// behavioursOf are the numbers that a test's name carries: those of its last
// element that has any, so that a subtest shows its own and not all of its
// test's. A lower-case b counts in scripts only, where "b64" is no encoding.
func behavioursOf(test string) (out []int) {
	elements := strings.Split(test, "/")
	for i := len(elements) - 1; i >= 0 && len(out) == 0; i-- {
		element := elements[i]
		form := numbered
		switch {
		case i == 0:
			element = strings.TrimPrefix(element, "Test")
		case strings.HasPrefix(test, "TestScripts/"):
			form = script
		}
		words := strings.Split(element, "_")
		for j, w := range words {
			m := form.FindStringSubmatch(w)
			if m == nil {
				continue
			}
			from, to := number(m[1]), number(m[2])
			// "B74_to_B78"
			if to == 0 && j+2 < len(words) && words[j+1] == "to" {
				if next := form.FindStringSubmatch(words[j+2]); next != nil {
					to = number(next[1])
				}
			}
			for n := from; n <= max(from, to); n++ {
				if n >= 1 && n <= last && !slices.Contains(out, n) {
					out = append(out, n)
				}
			}
		}
	}
	return out
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// parseScope reads "64-108,116".
func parseScope(s string) ([]int, error) {
	var out []int
	for _, part := range strings.Split(s, ",") {
		from, to, ranged := strings.Cut(strings.TrimSpace(part), "-")
		a, err := strconv.Atoi(from)
		b := a
		if err == nil && ranged {
			b, err = strconv.Atoi(to)
		}
		if err != nil || a < 1 || b > last || a > b {
			return nil, fmt.Errorf("%q is no range within 1-%d, as in 64-108,116", part, last)
		}
		for n := a; n <= b; n++ {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}
