package api

import (
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Waiver lets findings pass: an operator's release or force (B150), or a
// filter's allow.
type Waiver struct {
	Classes  []string        `json:"classes"`
	By       string          `json:"by" doc:"Who gave it: an operator, or a filter"`
	Reason   string          `json:"reason,omitempty"`
	At       time.Time       `json:"at,omitzero"`
	Stage    string          `json:"stage,omitempty" doc:"Hook at which a filter gave it; absent: an operator did"`
	Findings []WaivedFinding `json:"findings,omitempty" doc:"What an operator saw and let pass; nothing else passes by it. Absent: it goes by its classes alone"`
}

// WaivedFinding is a finding that a waiver is bound to.
type WaivedFinding struct {
	Fingerprint string `json:"fingerprint" doc:"Names what was found where; score and wording do not count"`
	Filter      string `json:"filter,omitempty"`
	Plugin      string `json:"plugin,omitempty"`
	Class       string `json:"class,omitempty"`
	Part        string `json:"part,omitempty" doc:"MIME part"`
	Path        string `json:"path,omitempty" doc:"Path inside an archive"`
	Explanation string `json:"explanation,omitempty"`
	Gone        bool   `json:"gone,omitempty" doc:"No longer among the recipient's findings: it was not found again"`
}

// waiverOf tells what a waiver is bound to, by the recipient's findings.
func waiverOf(r *store.Recipient, w mail.Waiver) Waiver {
	out := Waiver{Classes: w.Classes, By: w.By, Reason: w.Reason, At: w.At, Stage: w.Stage}
	for _, print := range w.Findings {
		bound := WaivedFinding{Fingerprint: print, Gone: true}
		if i := slices.IndexFunc(r.Findings, func(f mail.Finding) bool { return mail.Fingerprint(f) == print }); i >= 0 {
			f := &r.Findings[i]
			bound = WaivedFinding{
				Fingerprint: print, Filter: f.Filter, Plugin: f.Plugin, Class: f.Class.String(), Part: f.Part, Path: f.Path, Explanation: f.Explanation,
			}
		}
		out.Findings = append(out.Findings, bound)
	}
	return out
}
