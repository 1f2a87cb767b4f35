package mail

import (
	"slices"
	"strings"
	"time"
)

// FilterRun is one filter's part in a judgement: which module ran, at which
// stages, and how long it took. The record has one for each filter that ran,
// whether the mail was taken or not.
type FilterRun struct {
	Filter string     `json:"filter"`           // the HCL filter block, e.g. "baseline.lists"
	Plugin string     `json:"plugin"`           // the HCL plugin block
	Digest string     `json:"digest,omitempty"` // of the plugin's module, as ShortDigest gives it; "" it was not there
	Stages []StageRun `json:"stages"`           // in the order in which they ran
}

// StageRun is one call of a filter.
type StageRun struct {
	Stage string `json:"stage"`
	// Micros is how long the call took, in microseconds, with the wait for an
	// instance of the plugin and without a delay that the plugin asked for.
	Micros int64 `json:"us"`
	// Outcome is the most severe action that the filter recommended, which policy
	// may not have followed; "failed": it gave no verdict; "": it recommended nothing.
	Outcome string `json:"outcome,omitempty"`
}

// RunFailed is the outcome of a call without a verdict; a finding of class
// filter-error says why.
const RunFailed = "failed"

// Took is the time of all stages.
func (r *FilterRun) Took() time.Duration {
	var us int64
	for _, s := range r.Stages {
		us += s.Micros
	}
	return time.Duration(us) * time.Microsecond
}

// Outcome is the most severe of all stages; "failed" is more so than any
// recommendation.
func (r *FilterRun) Outcome() string {
	worst := ""
	for _, s := range r.Stages {
		if worst == "" || severer(s.Outcome, worst) {
			worst = s.Outcome
		}
	}
	return worst
}

func severer(a, b string) bool {
	if a == RunFailed || b == RunFailed {
		return b != RunFailed
	}
	return Action(a).Severity() > Action(b).Severity()
}

// ShortDigest is "sha256:…" as records have it: 16 hexadecimal digits.
func ShortDigest(s string) string {
	s = strings.TrimPrefix(s, "sha256:")
	return s[:min(16, len(s))]
}

// AddRun notes a call among the runs of a judgement. rs is not changed.
func AddRun(rs []FilterRun, filter, plugin, digest string, s StageRun) []FilterRun {
	out := slices.Clone(rs)
	for i := range out {
		if r := &out[i]; r.Filter == filter && r.Plugin == plugin && r.Digest == digest {
			r.Stages = append(slices.Clip(r.Stages), s)
			return out
		}
	}
	return append(out, FilterRun{Filter: filter, Plugin: plugin, Digest: digest, Stages: []StageRun{s}})
}

// FilterTime is the time of all filters.
func FilterTime(rs []FilterRun) time.Duration {
	var d time.Duration
	for i := range rs {
		d += rs[i].Took()
	}
	return d
}
