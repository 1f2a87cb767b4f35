package main

import (
	"strings"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

// index finds the conditions of one kind that a text satisfies: exact values
// in a map, patterns in sets that the host matches.
type index struct {
	exact   map[string][]int // folded value: conditions
	pending []abi.Pattern
	conds   []int // of pending, then of sets in order
	sets    []*sdk.Patterns
	local   []string // in place of sets: wildcards matched here, in step with conds
}

// Sets are cut to stay below the host's limits of a set.
const (
	maxSetPatterns = 4000
	maxSetBytes    = 256 << 10
	maxPattern     = 4 << 10
	maxText        = 256 << 10 // octets the host matches against
)

// addValue adds one value of an attribute. It says what is wrong with it.
func (x *index) addValue(k kind, s string, cond int) (wrong string) {
	if len(s) > maxPattern {
		return "a pattern of more than 4 KiB"
	}
	if len(s) >= 2 && s[0] == '/' && s[len(s)-1] == '/' {
		if len(s) == 2 {
			return "an empty regular expression"
		}
		x.pattern(abi.Pattern{Kind: abi.PatternKindRegexp, Text: s[1 : len(s)-1], Fold: true}, cond)
		return ""
	}
	switch {
	case (k == kindSender || k == kindRecipient) && s == "<>":
		s = ""
	case s == "":
		return `an empty value; "*" matches anything`
	case k == kindDomain:
		s = strings.TrimSuffix(strings.TrimPrefix(s, "@"), ".")
		if strings.HasPrefix(s, ".") {
			x.value(s[1:], cond)
			s = "*" + s
		}
	}
	if strings.ContainsAny(s, "*?") {
		x.pattern(abi.Pattern{Kind: abi.PatternKindWildcard, Text: s, Fold: true}, cond)
	} else {
		x.value(s, cond)
	}
	return ""
}

func (x *index) value(s string, cond int) {
	if x.exact == nil {
		x.exact = map[string][]int{}
	}
	s = strings.ToLower(s)
	x.exact[s] = append(x.exact[s], cond)
}

func (x *index) pattern(p abi.Pattern, cond int) {
	x.pending = append(x.pending, p)
	x.conds = append(x.conds, cond)
}

// finish makes the sets; set is the next free number.
func (x *index) finish(set *uint32) {
	from, bytes := 0, 0
	cut := func(to int) {
		if to > from {
			x.sets = append(x.sets, sdk.NewPatterns(*set, x.pending[from:to]...))
			*set++
		}
		from, bytes = to, 0
	}
	for i := range x.pending {
		if n := len(x.pending[i].Text); i-from >= maxSetPatterns || bytes+n > maxSetBytes {
			cut(i)
		}
		bytes += len(x.pending[i].Text)
	}
	cut(len(x.pending))
	x.pending = nil
}

// finishLocal keeps the wildcards in the guest.
func (x *index) finishLocal() {
	for i := range x.pending {
		x.local = append(x.local, strings.ToLower(x.pending[i].Text))
	}
	x.pending = nil
}

func (x *index) empty() bool { return x.exact == nil && len(x.sets) == 0 && len(x.local) == 0 }

// match calls hit for each condition that the text satisfies.
func (x *index) match(c *sdk.Call, text string, hit func(cond int)) error {
	if x.exact != nil {
		for _, cond := range x.exact[strings.ToLower(text)] {
			hit(cond)
		}
	}
	if len(x.local) > 0 {
		low := strings.ToLower(text)
		for i, w := range x.local {
			if wildcard(w, low) {
				hit(x.conds[i])
			}
		}
	}
	if len(x.sets) == 0 {
		return nil
	}
	if len(text) > maxText {
		return sdk.Error("a text of more than 256 KiB cannot be matched")
	}
	at := 0
	for _, s := range x.sets {
		found, err := s.MatchText(c, text)
		if err != nil {
			return sdk.Error("matching patterns (is a regular expression wrong or too complex?): " + err.Error())
		}
		for _, n := range found {
			if i := at + int(n); i < len(x.conds) {
				hit(x.conds[i])
			}
		}
		at += s.Len()
	}
	return nil
}

// wildcard matches all of s: * any octets, ? one. It takes at most
// len(p) × len(s) steps.
func wildcard(p, s string) bool {
	i, j, star, back := 0, 0, -1, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, back = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i++
			j++
		case star >= 0:
			back++
			i, j = star+1, back
		default:
			return false
		}
	}
	return strings.Trim(p[i:], "*") == ""
}
