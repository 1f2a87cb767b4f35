package explain

import (
	"regexp"
	"slices"
)

// rule is what a provider's own words mean, where that is more than the
// general entry of the same key says. Empty fields are that entry's.
type rule struct {
	provider string
	key      string
	says     []string
	pattern  *regexp.Regexp
	// subject and the range of details are those of an enhanced code.
	subject, from, to int

	words  string
	actor  Actor
	advice string
}

func (r rule) meaning(code int, by string) Meaning {
	m := Meaning{Key: r.key, By: by}
	if c, ok := causeOf(r.key); ok {
		m = c.meaning(code, by)
	}
	if r.words != "" {
		m.Cause = r.words
	}
	if r.actor != "" {
		m.Actor = r.actor
	}
	if r.advice != "" {
		m.Advice = r.advice
	}
	return m
}

// rules hold those of all providers; within one the first that matches counts.
var rules = slices.Concat(mailboxRules, filterRules, carrierRules)
