package query

import (
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// bounds is what every match is known to satisfy, so that a scan may skip
// and stop: a superset of the matches, never less.
type bounds struct {
	since, until time.Time // received in [since, until); zero: open
	statuses     statusSet
	prefix       string // start of the message ID
}

// Since is the earliest time of reception a match can have; zero: no bound.
func (m *Matcher) Since() time.Time { return m.bounds.since }

// Until is the time before which every match was received; zero: no bound.
func (m *Matcher) Until() time.Time { return m.bounds.until }

// Statuses are the statuses a match can have; nil: any. An empty slice that
// is not nil means that nothing matches.
func (m *Matcher) Statuses() []mail.Status {
	if m.bounds.statuses == allStatuses {
		return nil
	}
	out := []mail.Status{}
	for i, s := range mail.Statuses() {
		if m.bounds.statuses&(1<<i) != 0 {
			out = append(out, s)
		}
	}
	return out
}

// IDPrefix is what the IDs of all matches start with, in lower case; "": no bound.
func (m *Matcher) IDPrefix() string { return m.bounds.prefix }

// statusSet has bit i for mail.Statuses()[i].
type statusSet uint32

var allStatuses = statusSet(1)<<len(mail.Statuses()) - 1

func statusBit(s mail.Status) statusSet {
	return 1 << slices.Index(mail.Statuses(), s)
}

func boundsOf(f Filter, now time.Time) bounds {
	open := bounds{statuses: allStatuses}
	switch {
	case len(f.All) > 0:
		for _, c := range f.All {
			open = open.intersect(boundsOf(c, now))
		}
	case len(f.Any) > 0:
		u := boundsOf(f.Any[0], now)
		for _, c := range f.Any[1:] {
			u = u.union(boundsOf(c, now))
		}
		return u
	case f.Not != nil:
		// The complement of a superset bounds nothing; only what is exact turns round.
		if set, exact := exactStatuses(*f.Not); exact {
			open.statuses = allStatuses &^ set
		}
	default:
		return leafBounds(f, open, now)
	}
	return open
}

func leafBounds(f Filter, b bounds, now time.Time) bounds {
	if set, exact := exactStatuses(f); exact && f.Field != "" {
		b.statuses = set
	}
	if f.Field == "id" && f.Op == Is {
		if v, err := parseID(f.Value); err == nil {
			b.prefix = v.prefix
		}
	}
	if f.Field == "received" {
		if sp, err := parseSpan(f.Value, now); err == nil {
			switch f.Op {
			case Before:
				b.until = sp.start
			case After:
				b.since = sp.start
			case Is:
				b.since, b.until = sp.start, sp.end
			}
		}
	}
	return b
}

// exactStatuses is the set of statuses that a filter is equal to; false when
// it asks about anything else.
func exactStatuses(f Filter) (statusSet, bool) {
	switch {
	case len(f.All) > 0, len(f.Any) > 0:
		set := statusSet(0)
		kids := f.Any
		if len(f.All) > 0 {
			set, kids = allStatuses, f.All
		}
		for _, c := range kids {
			s, ok := exactStatuses(c)
			if !ok {
				return 0, false
			}
			if len(f.All) > 0 {
				set &= s
			} else {
				set |= s
			}
		}
		return set, true
	case f.Not != nil:
		s, ok := exactStatuses(*f.Not)
		return allStatuses &^ s, ok
	case f.Field == "":
		return allStatuses, true
	}
	s, ok := statusOf(f)
	if !ok {
		return 0, false
	}
	if f.Op == IsNot {
		return allStatuses &^ statusBit(s), true
	}
	return statusBit(s), true
}

func (b bounds) intersect(o bounds) bounds {
	if b.since.IsZero() || o.since.After(b.since) {
		b.since = o.since
	}
	if b.until.IsZero() || !o.until.IsZero() && o.until.Before(b.until) {
		b.until = o.until
	}
	b.statuses &= o.statuses
	if len(o.prefix) > len(b.prefix) {
		b.prefix = o.prefix
	}
	return b
}

func (b bounds) union(o bounds) bounds {
	if o.since.IsZero() || !b.since.IsZero() && o.since.Before(b.since) {
		b.since = o.since
	}
	if o.until.IsZero() || !b.until.IsZero() && o.until.After(b.until) {
		b.until = o.until
	}
	b.statuses |= o.statuses
	n := 0
	for n < len(b.prefix) && n < len(o.prefix) && b.prefix[n] == o.prefix[n] {
		n++
	}
	b.prefix = b.prefix[:n]
	return b
}

// Resolve replaces times that are relative to now by absolute ones, so that
// a filter means the same on its next page. Days of "is" stay as they are
// when absolute. The filter has to be valid.
func Resolve(f Filter, now time.Time) Filter {
	out := f
	out.All, out.Any = resolveAll(f.All, now), resolveAll(f.Any, now)
	if f.Not != nil {
		n := Resolve(*f.Not, now)
		out.Not = &n
	}
	field, ok := anyField(f.Field)
	if !ok || field.Type != TypeTime {
		return out
	}
	sp, err := parseSpan(f.Value, now)
	if err != nil {
		return out
	}
	if f.Op == Is {
		if !sp.instant() {
			return And(Where(f.Field, After, absolute(sp.start)), Where(f.Field, Before, absolute(sp.end)))
		}
		return out
	}
	out.Value = absolute(sp.start)
	return out
}

func resolveAll(fs []Filter, now time.Time) []Filter {
	if fs == nil {
		return nil
	}
	out := make([]Filter, len(fs))
	for i, f := range fs {
		out[i] = Resolve(f, now)
	}
	return out
}

func absolute(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
