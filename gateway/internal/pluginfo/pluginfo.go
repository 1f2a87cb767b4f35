// Package pluginfo tells a plugin what is recorded of a message: it builds
// the abi.MessageInfo of Event.message (stages action, schedule, hold_event)
// and of message_get from the store's record. Whoever calls a plugin about a
// message that is not passing by takes it from here, so that all of them tell
// the same.
//
// It reads no store and no body, and it decides nothing. It is no view for
// operators (package journal is): a plugin sees the recipients of the tenant
// of its call and no others.
package pluginfo

import (
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/sdk/abi"
)

// Bounds of what is told, so that an event stays well below its limit.
const (
	maxRecipients = 200
	maxFindings   = 50
	maxText       = 998
)

// Message is what a plugin may know of m: the recipients of tenant alone. It
// is nil when the tenant has none, which to its plugins is as if there were
// no such message. Of more than 200 recipients the first are told.
func Message(m *store.Message, tenant string) *abi.MessageInfo {
	out := &abi.MessageInfo{
		ID: m.ID.String(), Direction: Direction(m.Direction), Sender: m.Sender.String(),
		ReceivedUnixMs: uint64(max(m.Received.UnixMilli(), 0)), Size: uint64(max(m.Size, 0)),
		From: m.Summary.From, To: m.Summary.To, Cc: m.Summary.Cc, Subject: m.Summary.Subject, MessageID: m.Summary.MessageID,
		Attachments: m.Summary.Attachments, HasBody: m.HasBody,
	}
	for i := range m.Recipients {
		r := &m.Recipients[i]
		if r.Tenant == tenant && len(out.Recipients) < maxRecipients {
			out.Recipients = append(out.Recipients, Recipient(r))
		}
	}
	if len(out.Recipients) == 0 {
		return nil
	}
	return out
}

// Of is Message with the recipients ns (by N) alone; nil when none of them is
// the tenant's.
func Of(m *store.Message, tenant string, ns ...int) *abi.MessageInfo {
	one := *m
	one.Recipients = nil
	for _, r := range m.Recipients {
		for _, n := range ns {
			if r.N == n {
				one.Recipients = append(one.Recipients, r)
				break
			}
		}
	}
	return Message(&one, tenant)
}

// Recipient is what a plugin may know of one recipient.
func Recipient(r *store.Recipient) abi.RecipientInfo {
	out := abi.RecipientInfo{
		N: uint32(max(r.N, 0)), Address: r.Address.String(), Tenant: r.Tenant, Status: string(r.Status), Class: r.Class.String(),
		Score: r.Score, Reason: cut(r.Reason), Attempts: uint32(max(r.Attempts, 0)),
	}
	if r.Last != nil {
		out.Reply = cut(r.Last.String())
	}
	for i := range r.Findings {
		if len(out.Findings) == maxFindings {
			break
		}
		out.Findings = append(out.Findings, finding(&r.Findings[i]))
	}
	return out
}

// finding tells what was found and what became of it. Its part is left out:
// the record has a number in words, which is no index.
func finding(f *mail.Finding) abi.Finding {
	out := abi.Finding{
		Main: f.Class.Main, Sub: f.Class.Sub, Extra: f.Class.Extra, Score: f.Score, Explanation: cut(f.Explanation), Path: cut(f.Path),
	}
	done := f.Action
	if done == "" {
		done = f.Recommended
	}
	if f.Waived == "" && !f.Observed {
		out.Action, _ = abi.ParseAction(string(done)) // unknown: continue
	}
	return out
}

// Direction is the ABI's word for a direction.
func Direction(d mail.Direction) abi.Direction {
	if d == mail.Outbound {
		return abi.DirectionOutbound
	}
	return abi.DirectionInbound
}

func cut(s string) string {
	if len(s) > maxText {
		return s[:maxText]
	}
	return s
}
