package query

import (
	"fmt"
	"slices"
	"time"
)

// The delivery log has a row for each attempt and recipient. A filter of it may
// ask about the attempt, beside all that is asked of the recipient's row.

var attemptFields = []Field{
	{"attempt_time", TypeTime, "when the attempt began", nil},
	{"attempt", TypeNumber, "number of the attempt, of the message, from 1", nil},
	{"attempt_result", TypeEnum, "what came of the attempt for the recipient", []string{"sent", "deferred", "bounced", "expired"}},
	{"attempt_host", TypeText, "host that was tried", nil},
	{"attempt_address", TypeText, "its address and port, such as 192.0.2.1:25", nil},
	{"attempt_reply", TypeWords, "answer of the destination to the attempt, or ours for it", nil},
	{"attempt_code", TypeNumber, "code of that answer", nil},
	{"attempt_enhanced", TypeText, "enhanced code of that answer, such as 5.1.1", nil},
	{"attempt_took", TypeNumber, "milliseconds that the attempt took", nil},
	{"attempt_route", TypeText, "name of the route that was tried", nil},
	{"attempt_tls", TypeText, "TLS version of the attempt's channel; \"\" for plaintext", nil},
}

// AttemptFields lists the fields that only filters of the delivery log may ask
// about.
func AttemptFields() []Field { return slices.Clone(attemptFields) }

// OfAttempt finds one of them by its name.
func OfAttempt(name string) (Field, bool) {
	i := slices.IndexFunc(attemptFields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return attemptFields[i], true
}

// anyField is a field of either kind.
func anyField(name string) (Field, bool) {
	f, ok := byName[name]
	if !ok {
		return Field{}, false
	}
	return *f, true
}

// ValidateDeliveries is Validate for a filter of the delivery log.
func (f Filter) ValidateDeliveries() error { return f.validate(true) }

// CompileDeliveries is Compile for a filter of the delivery log: the Values it
// matches answer AttemptFields, too.
func CompileDeliveries(f Filter, now time.Time) (*Matcher, error) {
	if err := f.ValidateDeliveries(); err != nil {
		return nil, err
	}
	root, err := compileNode(f, now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return &Matcher{root: root, bounds: boundsOf(f, now)}, nil
}

// WithoutAttempts is what a filter of the delivery log asks of recipients' rows:
// it matches the row of every attempt that f matches, and maybe others.
func WithoutAttempts(f Filter) Filter {
	switch {
	case len(f.All) > 0:
		kept := make([]Filter, len(f.All))
		for i, c := range f.All {
			kept[i] = WithoutAttempts(c)
		}
		return And(kept...)
	case len(f.Any) > 0:
		kept := make([]Filter, len(f.Any))
		for i, c := range f.Any {
			if kept[i] = WithoutAttempts(c); kept[i].IsZero() {
				return Filter{}
			}
		}
		return Or(kept...)
	case f.Not != nil:
		if asksAttempts(*f.Not) {
			return Filter{} // the complement of more may be less
		}
	default:
		if _, ok := OfAttempt(f.Field); ok {
			return Filter{}
		}
	}
	return f
}

func asksAttempts(f Filter) bool {
	_, ok := OfAttempt(f.Field)
	return ok || slices.ContainsFunc(f.All, asksAttempts) || slices.ContainsFunc(f.Any, asksAttempts) || f.Not != nil && asksAttempts(*f.Not)
}

// AttemptedIn bounds when the attempts that f matches began: [since, until);
// zero: open.
func AttemptedIn(f Filter, now time.Time) (since, until time.Time) {
	switch {
	case len(f.All) > 0:
		for _, c := range f.All {
			s, u := AttemptedIn(c, now)
			if s.After(since) {
				since = s
			}
			if !u.IsZero() && (until.IsZero() || u.Before(until)) {
				until = u
			}
		}
	case f.Field == "attempt_time":
		field, _ := OfAttempt(f.Field)
		if n, err := compileTime(field, f, now); err == nil {
			t := n.(timeNode)
			return t.since, t.until
		}
	}
	return since, until
}
