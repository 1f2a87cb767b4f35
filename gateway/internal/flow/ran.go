package flow

import (
	"cmp"
	"slices"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
)

// What ran, for the record: beside the opinions, as filters that have none ran
// too, and as two recipients of whom the same was found need not have taken as
// long.

// call is one call of a filter.
type call struct {
	stage          abi.Stage
	filter, plugin string
	digest         string
	run            mail.StageRun
}

// ran notes a call.
func (h *hearing) ran(fl *policy.Filter, st abi.Stage, r filter.Run, outcome string) {
	h.runs = append(h.runs, call{stage: st, filter: fl.Name, plugin: fl.Plugin, digest: mail.ShortDigest(r.Digest),
		run: mail.StageRun{Stage: st.String(), Micros: max(1, r.Took.Microseconds()), Outcome: outcome}})
}

// recommended is the most severe action of a verdict; "" none.
func recommended(v *abi.Verdict) string {
	worst := mail.Action(v.Action.String())
	raise := func(a abi.Action) {
		if m := mail.Action(a.String()); m.Severity() > worst.Severity() {
			worst = m
		}
	}
	for i := range v.Findings {
		raise(v.Findings[i].Action)
	}
	for i := range v.Recipients {
		raise(v.Recipients[i].Action)
	}
	if worst == mail.ActionContinue {
		return ""
	}
	return string(worst)
}

// runsBeyond are the calls that h has and base, which it was forked from, has not.
func (h *hearing) runsBeyond(base *hearing) []call {
	return h.runs[min(len(base.runs), len(h.runs)):]
}

// sum puts the calls of the listener's chain (nil: there is none), a tenant's,
// and those for one recipient together by filter.
func sum(session *hearing, calls ...[]call) []mail.FilterRun {
	all := slices.Concat(calls...)
	if session != nil {
		all = slices.Concat(session.runs, all)
	}
	slices.SortStableFunc(all, func(a, b call) int { return cmp.Compare(a.stage, b.stage) })
	var out []mail.FilterRun
	for _, c := range all {
		out = mail.AddRun(out, c.filter, c.plugin, c.digest, c.run)
	}
	return out
}

// filters is what ran for a recipient that comes to no message.
func (tx *transaction) filters(r *rcpt) []mail.FilterRun {
	var own []call
	if r.tenant != nil && tx.hearings[r.tenant.Name] != nil {
		own = tx.hearings[r.tenant.Name].runs
	}
	return sum(tx.session, own, r.ran)
}

// recallRuns gives back the calls of a record that a further judgement does not
// make again: those of the envelope. What failed then is asked once more.
func recallRuns(rs []mail.FilterRun) []call {
	var out []call
	for _, r := range rs {
		for _, s := range r.Stages {
			if st, ok := abi.ParseStage(s.Stage); ok && st < abi.StageData && s.Outcome != mail.RunFailed {
				out = append(out, call{stage: st, filter: r.Filter, plugin: r.Plugin, digest: r.Digest, run: s})
			}
		}
	}
	return out
}
