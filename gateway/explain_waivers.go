package main

import (
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
)

// waivers tells who let what pass, and of an operator's release or force to which
// findings that is bound (B150).
func (p story) waivers(r *api.Recipient) {
	told := map[string]bool{} // a filter says the same at RCPT and at the message
	for i := range r.Waivers {
		w := &r.Waivers[i]
		line := strings.Join(w.Classes, ", ") + " by " + w.By + nonEmpty(": ", w.Reason)
		if told[line] && len(w.Findings) == 0 {
			continue
		}
		told[line] = true
		p.item("Waived", line)
		if w.Stage == "" && !w.At.IsZero() {
			p.para(4+labelWidth, p.v.long(w.At))
		}
		for j := range w.Findings {
			p.para(4+labelWidth, waivedFinding(&w.Findings[j]))
		}
	}
}

// waivedFinding is one finding that a waiver is bound to: "only for stall
// unscannable/encrypted-archive in 2 report.zip".
func waivedFinding(f *api.WaivedFinding) string {
	if f.Gone {
		return "only for a finding that was not made again, " + f.Fingerprint
	}
	by := f.Filter
	if by == "" {
		by = f.Plugin
	}
	words := []string{"only for", by, f.Class}
	if f.Part != "" {
		words = append(words, "in", f.Part)
	}
	if f.Path != "" {
		words = append(words, "→", f.Path)
	}
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ") + nonEmpty(": ", f.Explanation)
}
