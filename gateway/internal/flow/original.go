package flow

import (
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/store"
)

// kept is an original that stays for an operator beside what is sent with
// edits: a second record of the recipient, in quarantine, without edits.
type kept struct {
	rec store.Recipient
	ev  mail.Event
}

// originals are those to keep of a message that is taken. Where the edited
// message did not go out, the original is not kept beside it: who sent it
// was told, or an operator has it.
func (c *commit) originals(now time.Time) []kept {
	var out []kept
	for i, it := range c.items {
		switch r := &c.rec.Recipients[i]; r.Status {
		case mail.StatusDelivered, mail.StatusSecureDelivered, mail.StatusQueued:
			if k, ok := c.original(it, r, now); ok {
				out = append(out, k)
			}
		}
	}
	return out
}

// original is the second record of a recipient that gets the message with
// edits; false when no filter wants one. It has no edits, so that a release
// sends what came, and the findings, so that the release is bound to them.
func (c *commit) original(it *item, r *store.Recipient, now time.Time) (kept, bool) {
	rl := &it.ruling
	if len(rl.keep) == 0 || r.PartEdits == "" {
		return kept{}, false
	}
	var done []string
	for _, e := range c.rec.Edits(r) {
		done = append(done, e.String())
	}
	set := it.tenant.Settings(string(c.rec.Direction), queue.Own(c.rec, r).Key())
	keep := it.tenant.Retain().Quarantine
	if keep <= 0 {
		keep = set.Hold
	}
	k := store.Recipient{
		Address: r.Address, Original: r.Original, Tenant: r.Tenant, Local: r.Local, Status: mail.StatusQuarantined, Kept: true,
		Class: r.Class, Score: r.Score, Findings: r.Findings, Waivers: r.Waivers, Tags: r.Tags, Rule: r.Rule,
		Route: r.Route, NextHop: r.NextHop, Schedule: r.Schedule, Changed: now, Expires: now.Add(keep),
		Reason: "the original, kept by filter " + strings.Join(rl.keep, ", ") + "; sent with these changes: " + strings.Join(done, ", "),
	}
	if len(k.Reason) > maxReason {
		k.Reason = k.Reason[:maxReason] + "…"
	}
	ev := queue.Event(c.rec, &k, mail.EventQuarantine, now)
	ev.Text = k.Reason
	return kept{k, ev}, true
}

const maxReason = 900
