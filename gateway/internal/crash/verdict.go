package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// span is a time in which something happened.
type span struct{ from, to time.Time }

// verdict is the ledger compared with what arrived.
type verdict struct {
	claims, copies, notices, holds int // of claims: how many of each kind were met

	missing    []string // acknowledged, and neither arrived nor were reported
	slipped    []string // arrived though a filter held them and nobody had let them pass
	falseAlarm []string // DSNs about mail that did not fail

	duplicates
}

// judge compares. arrived gives the copies of a key that count; seen is
// everything that came; released is when held mail was let pass.
func judge(claims []claim, arrived func(key) []receipt, seen []key, released time.Time) *verdict {
	v := &verdict{claims: len(claims)}
	wants := map[key]want{}
	for _, c := range claims {
		k := key{c.token, c.to, c.want == bounce}
		wants[k] = c.want
		switch got := arrived(k); {
		case len(got) == 0:
			v.missing = append(v.missing, fmt.Sprintf("%v (250 at %s)", k, c.at.Format(clock)))
		case c.want == bounce:
			v.notices++
		case c.want == held:
			v.holds++
		default:
			v.copies++
		}
	}
	for _, k := range seen {
		if k.dsn && !strings.HasPrefix(k.to, "no-") {
			v.falseAlarm = append(v.falseAlarm, k.String())
		}
		if wants[k] == held && arrived(k)[0].at.Before(released) {
			v.slipped = append(v.slipped, k.String())
		}
	}
	return v
}

// clock is how times are shown: as in the gateway's log.
const clock = "15:04:05.000"

func (k key) String() string {
	s := k.token + " to " + k.to
	if k.dsn {
		s = "DSN for " + s
	}
	return s
}

// err is what is wrong, nil if nothing is.
func (v *verdict) err() error {
	var errs []error
	for what, list := range map[string][]string{
		"acknowledged and missing": v.missing, "held by a filter and delivered all the same": v.slipped,
		"DSNs about mail that had not failed": v.falseAlarm, "duplicates without an explanation": v.unexplained,
	} {
		if len(list) > 0 {
			slices.Sort(list)
			errs = append(errs, fmt.Errorf("%d %s, such as\n  %s", len(list), what, strings.Join(list[:min(len(list), 20)], "\n  ")))
		}
	}
	if v.copies == 0 || v.notices == 0 || v.holds == 0 {
		errs = append(errs, fmt.Errorf("the test is wrong: of delivered, bounced and held mail there has to be some: %d, %d, %d", v.copies, v.notices, v.holds))
	}
	return errors.Join(errs...)
}

func (v *verdict) String() string {
	return fmt.Sprintf("acknowledged=%d arrived=%d bounced=%d held=%d missing=%d slipped=%d false-dsn=%d %s",
		v.claims, v.copies, v.notices, v.holds, len(v.missing), len(v.slipped), len(v.falseAlarm), &v.duplicates)
}
