package policy

import (
	"slices"
	"strings"
)

// partySet is a list of parties for look-ups.
type partySet struct {
	exact    map[string]bool // addresses and domains
	patterns []string        // with wildcards
}

func newPartySet(parties []string) *partySet {
	s := &partySet{exact: map[string]bool{}}
	for _, p := range parties {
		if strings.ContainsAny(p, "*?") {
			s.patterns = append(s.patterns, p)
		} else {
			s.exact[strings.ToLower(p)] = true
		}
	}
	return s
}

// has reports whether the address, in lower case, is one of the parties. The
// null path is only where it is named.
func (s *partySet) has(addr string) bool {
	if addr == "" {
		return s.exact[nullSender]
	}
	if d := domainOf(addr); d != addr && (s.exact[addr] || s.exact[d]) {
		return true
	}
	return isAnyParty(s.patterns, addr)
}

// meets reports whether an address in one of the domains, or the null path,
// could be one of the parties. nil is anybody.
func (s *partySet) meets(domains []string) bool {
	if s == nil || s.exact[nullSender] {
		return true
	}
	for _, d := range domains {
		for p := range s.exact {
			if domainOf(p) == d {
				return true
			}
		}
		for _, p := range s.patterns {
			if wildcard(domainOf(p), d) {
				return true
			}
		}
	}
	return false
}

// parties makes an attribute's parties ready for look-ups; nil where it is
// left out.
func (l *loader) parties(n *node, v *values, attr string) *partySet {
	if !v.set[attr] {
		if v.bad[attr] {
			return &partySet{}
		}
		return nil
	}
	list := get[[]string](v, attr)
	if len(list) == 0 {
		l.fail("Invalid value", v.at(attr), &n.head, "%s: it is empty, so nothing would match. Name addresses or domains, or leave %s out for any.", attr, attr)
	}
	for i, p := range list {
		if slices.Contains(list[:i], p) {
			l.fail("Repeated value", v.item(attr, i), &n.head, "%s: %s stands twice. Remove one.", attr, p)
		}
	}
	return newPartySet(list)
}
