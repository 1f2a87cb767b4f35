package toolchain

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/sdk/abi"
)

// Chaos is what became of a scenario when each host call failed in turn.
type Chaos struct {
	Scenario   *Scenario
	Sites      int // host calls of the undisturbed run that can fail
	Runs       int // one for each of them and each way to fail
	Failed     int // runs in which the plugin reported a failure, as it should
	Same       int // runs with verdicts no less severe
	Violations []Violation
}

// Violation is a failure that the plugin swallowed, or did not survive.
type Violation struct {
	Call  string // host call that failed
	Nth   int    // which of the run's, from 1
	Fault filter.Fault
	Where string // step and stage
	What  string
	Was   string // the undisturbed verdict
	Is    string
}

func (v Violation) String() string {
	s := fmt.Sprintf("%s (host call %d of the run) %s: %s: %s", v.Call, v.Nth, FaultName(v.Fault), v.Where, v.What)
	if v.Was != "" {
		s += "\n    undisturbed  " + v.Was + "\n    with it      " + v.Is
	}
	return s
}

// FaultName says what a fault does, as in "kv_get … answers unavailable".
func FaultName(f filter.Fault) string {
	switch {
	case f.Short:
		return "reads short"
	case f.Code == abi.ErrNotFound:
		return "answers not found"
	case f.Code == abi.ErrDenied:
		return "answers denied"
	case f.Code == abi.ErrTimeout:
		return "answers timeout"
	}
	return "answers unavailable"
}

// site is one host call of the undisturbed run.
type site struct {
	call   string
	nth    int
	faults []filter.Fault
}

// Chaos plays a scenario once undisturbed, and then again for each of its host
// calls and each way in which that can fail. Whatever fails, the plugin must
// report a failure or judge at least as severely: it must not crash, and never
// answer clean where it had found something. Every call has an instance of its
// own and pattern sets are forgotten, so that all runs make the same calls.
func (t *Tester) Chaos(ctx context.Context, sc *Scenario) (*Chaos, error) {
	r, err := t.start(ctx, sc, true, 1)
	if err != nil {
		return nil, err
	}
	defer r.stop() //nolint:errcheck // nothing runs
	var sites []site
	n := 0
	base, err := t.disturbed(ctx, r, sc, func(call string) filter.Fault {
		n++
		i := slices.IndexFunc(abi.HostCalls, func(h abi.HostCall) bool { return h.Name == call })
		if i >= 0 {
			if fs := filter.Faulty(abi.HostCalls[i]); len(fs) > 0 {
				sites = append(sites, site{call, n, fs})
			}
		}
		return filter.Fault{}
	})
	if err != nil {
		return nil, err
	}
	out := &Chaos{Scenario: sc, Sites: len(sites)}
	for _, s := range sites {
		for _, f := range s.faults {
			n, hit := 0, false
			calls, err := t.disturbed(ctx, r, sc, func(string) filter.Fault {
				if n++; n == s.nth {
					hit = true
					return f
				}
				return filter.Fault{}
			})
			if err != nil {
				return nil, err
			}
			out.Runs++
			if !hit {
				return nil, fmt.Errorf("scenario %q is not the same twice: host call %d (%s) did not come again; does the plugin rest on chance or the real time?", sc.Name, s.nth, s.call)
			}
			if v := judge(base, calls); v != nil {
				v.Call, v.Nth, v.Fault = s.call, s.nth, f
				out.Violations = append(out.Violations, *v)
			} else if slices.ContainsFunc(calls, func(c *Called) bool { return c.Failure != nil }) {
				out.Failed++
			} else {
				out.Same++
			}
		}
	}
	return out, nil
}

// disturbed plays the scenario from its beginning. It ends at the first call
// that fails: the gateway would not go on with that message.
func (t *Tester) disturbed(ctx context.Context, r *rig, sc *Scenario, fault func(string) filter.Fault) ([]*Called, error) {
	r.reset(sc)
	if err := r.forget(ctx); err != nil {
		return nil, err
	}
	p := &play{t: t, r: r, sc: sc, fault: fault}
	var out []*Called
	for _, st := range sc.Steps {
		calls, err := p.step(ctx, st)
		if err != nil {
			return nil, err
		}
		out = append(out, calls...)
		if slices.ContainsFunc(calls, func(c *Called) bool { return c.Failure != nil }) {
			break
		}
	}
	return out, nil
}

// judge compares a disturbed run with the undisturbed one; nil: nothing is
// wrong with it.
func judge(base, run []*Called) *Violation {
	for i, c := range run {
		if c.Failure != nil {
			expected := i < len(base) && base[i].Failure != nil && base[i].Failure.Kind == c.Failure.Kind
			if crashed(c.Failure) && !expected {
				return &Violation{Where: c.where(), What: "the plugin crashed (" + string(c.Failure.Kind) + "): " + c.Failure.Err.Error()}
			}
			return nil // it says so: on_error decides
		}
		if i >= len(base) || base[i].Stage != c.Stage || base[i].Recipient != c.Recipient {
			// It judged more severely before, or let something through; the
			// call before this one has been compared already.
			return nil
		}
		if what := weaker(base[i], c); what != "" {
			return &Violation{Where: c.where(), What: what, Was: viewOf(base[i]).summary(), Is: viewOf(c).summary()}
		}
		if severe(c) > severe(base[i]) {
			return nil // another course from here on
		}
	}
	return nil
}

// crashed says that a call did not end in order.
func crashed(f *filter.Failure) bool { return f.Kind != filter.KindResult }

// weaker says in which way a verdict is less than it was. A finding that was
// not there before makes up for others: the plugin said what it could not see.
func weaker(was, is *Called) string {
	if was.Failure != nil {
		if is.Failure == nil {
			return "the call failed before and gives a verdict now"
		}
		return ""
	}
	if severe(is) < severe(was) {
		return "it recommends less"
	}
	if severe(is) > severe(was) {
		return ""
	}
	had, has := map[string]bool{}, map[string]bool{}
	for i := range was.Verdict.Findings {
		had[classOf(&was.Verdict.Findings[i])] = true
	}
	more := false
	for i := range is.Verdict.Findings {
		c := classOf(&is.Verdict.Findings[i])
		has[c] = true
		more = more || !had[c]
	}
	if more {
		return ""
	}
	a, b := was.Verdict, is.Verdict
	var lost []string
	for c := range had {
		if !has[c] {
			lost = append(lost, "finding "+c)
		}
	}
	slices.Sort(lost)
	for _, x := range []struct {
		what     string
		was, now int
	}{
		{"a finding", len(a.Findings), len(b.Findings)}, {"a tag", len(a.Tags), len(b.Tags)}, {"a header edit", len(a.Edits), len(b.Edits)},
		{"an edit of a part", len(a.PartEdits), len(b.PartEdits)}, {"an action for a recipient", len(a.Recipients), len(b.Recipients)}, {"a redirect", len(a.Redirect), len(b.Redirect)},
		{"a result", len(a.Results), len(b.Results)},
	} {
		if x.now < x.was && (x.what != "a finding" || len(lost) == 0) {
			lost = append(lost, x.what)
		}
	}
	if a.Hold.UntilUnixMs != 0 && b.Hold.UntilUnixMs == 0 {
		lost = append(lost, "the hold")
	}
	if a.KeepOriginal && !b.KeepOriginal {
		lost = append(lost, "the original")
	}
	if len(b.Waivers) > len(a.Waivers) {
		return "it waives what it did not waive before"
	}
	if len(lost) == 0 {
		return ""
	}
	return "silently without " + strings.Join(lost, ", ")
}
