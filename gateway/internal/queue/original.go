package queue

import (
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

// Original is the second record of a recipient that is sent a message with
// edits of which a filter wants the original kept: in quarantine, without
// edits, so that a release sends what came, and with the findings, so that
// the release is bound to them. r remembers no wish for it afterwards: it is
// kept once. false: no filter wants one.
func Original(p *policy.Policy, m *store.Message, r *store.Recipient, now time.Time) (store.Recipient, mail.Event, bool) {
	if r.Keep == "" || r.PartEdits == "" {
		return store.Recipient{}, mail.Event{}, false
	}
	by := r.Keep
	r.Keep = ""
	var done []string
	for _, e := range m.Edits(r) {
		done = append(done, e.String())
	}
	k := store.Recipient{
		Address: r.Address, Original: r.Original, Tenant: r.Tenant, Local: r.Local, Status: mail.StatusQuarantined, Kept: true,
		Class: r.Class, Score: r.Score, Findings: r.Findings, Waivers: r.Waivers, Tags: r.Tags, Rule: r.Rule, Ran: r.Ran,
		Route: r.Route, NextHop: r.NextHop, Schedule: r.Schedule, Secure: r.Secure, Changed: now, Expires: now.Add(keepOriginal(p, m, r)),
		DSN:    mail.RcptParams{Notify: mail.NotifyNever, ORcpt: r.DSN.ORcpt}, // the sender hears of what was sent
		Reason: "the original, kept by filter " + by + "; sent with these changes: " + strings.Join(done, ", "),
	}
	if len(k.Reason) > maxReason {
		k.Reason = strings.ToValidUTF8(k.Reason[:maxReason], "") + "…"
	}
	ev := Event(m, &k, mail.EventQuarantine, now)
	ev.Text = k.Reason
	return k, ev, true
}

const (
	maxReason    = 900
	withoutOwner = 14 * 24 * time.Hour // an original whose tenant is not in the policy any more
)

// keepOriginal is how long: as the tenant keeps what is quarantined, else as
// what is stalled.
func keepOriginal(p *policy.Policy, m *store.Message, r *store.Recipient) time.Duration {
	t, ok := p.Tenant(r.Tenant)
	if !ok {
		return withoutOwner
	}
	if d := t.Retain().Quarantine; d > 0 {
		return d
	}
	return t.Settings(string(m.Direction), Own(m, r).Key()).Hold
}
