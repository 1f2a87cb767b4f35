package flow

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// What filters say about a recipient is kept in one record of the store, and
// the edits of parts in another (room), which must not outgrow it: such a
// message could neither be taken nor settled.
const (
	maxSaid  = 400 << 10 // octets of what was said about one recipient, encoded
	maxNamed = 128 << 10 // of a message's part edits without their content, encoded

	leftFindings = 50 // of too many are shown
	leftWords    = 200
)

// boundSaid has a message stall whose filters said more than the record holds,
// unless worse is decided; the log keeps the beginning of it.
func (c *commit) boundSaid(it *item) {
	rl := &it.ruling
	size := said(&it.rec, rl)
	if size <= maxSaid {
		return
	}
	why := fmt.Sprintf("what filters said takes %d KiB, of at most %d", size>>10, maxSaid>>10)
	c.log.Error("filters said more than can be kept; the message stalls", "rcpt", it.rec.Address.String(), "tenant", it.rec.Tenant, "octets", size)
	rl.findings = rl.findings[:min(len(rl.findings), leftFindings)]
	for i := range rl.findings {
		f := &rl.findings[i]
		f.Explanation, f.Path, f.Redirect = beginning(f.Explanation), beginning(f.Path), nil
	}
	f := mail.Finding{
		Class: mail.Class{Main: "filter-error", Sub: "size"}, Recommended: mail.ActionStall, Action: mail.ActionStall, Explanation: why,
	}
	rl.findings = append(rl.findings, f)
	rl.waivers, rl.tags, rl.notes, rl.edits, rl.parts, rl.keep = nil, nil, nil, nil, nil, nil
	if rl.action.Severity() < mail.ActionStall.Severity() {
		rl.action, rl.class, rl.reason, rl.rule, rl.reply, rl.redirect = mail.ActionStall, f.Class, why, "", nil, nil
		rl.hold, rl.held, rl.calls = time.Time{}, nil, nil
	}
}

// said is how much of a recipient's record comes from filters, encoded. What
// is short is not measured: an octet takes six at most.
func said(r *store.Recipient, rl *ruling) int {
	n := 0
	for i := range rl.findings {
		f := &rl.findings[i]
		n += 300 + len(f.Explanation) + len(f.Path) + len(f.Part)
		for _, a := range f.Redirect {
			n += len(a)
		}
	}
	for _, w := range rl.waivers {
		n += 100 + len(w.Reason) + len(strings.Join(w.Classes, "")) + len(strings.Join(w.Findings, ""))
	}
	for _, e := range rl.edits {
		n += 100 + len(e.Name) + len(e.Value)
	}
	for k, v := range rl.notes {
		n += len(k) + len(v)
	}
	n += len(strings.Join(rl.tags, ""))
	if n*6 <= maxSaid {
		return n
	}
	b, err := json.Marshal(store.Recipient{Findings: rl.findings, Waivers: rl.waivers, Edits: rl.edits, Notes: rl.notes, Tags: rl.tags, Ran: r.Ran})
	if err != nil { // strings, numbers and times always can be
		return maxSaid + 1
	}
	return len(b)
}

func beginning(s string) string {
	if len(s) <= leftWords {
		return s
	}
	return strings.ToValidUTF8(s[:leftWords], "") + "…"
}
