package queue

import (
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

// Requeueable reports a status from which an operator may queue a recipient
// again while the body is kept (B132): those that followed a 250 of ours. Mail
// that we refused is not among them: its sender was told so, still has it, and
// may have sent it another way.
func Requeueable(s mail.Status) bool {
	switch s {
	case mail.StatusBounced, mail.StatusDeliveryFailed, mail.StatusQueueBounced, mail.StatusQueueExpired:
		return true
	}
	return false
}

// KeepBody is how long the body of finished mail is kept, by the policy of
// now, after its last change, so that what failed can be queued again (B132):
// the longest that a tenant of a recipient that failed asks for; 0 not at all.
func KeepBody(p *policy.Policy, rs []store.Recipient) time.Duration {
	var keep time.Duration
	for i := range rs {
		if !Requeueable(rs[i].Status) {
			continue
		}
		if t, ok := p.Tenant(rs[i].Tenant); ok {
			keep = max(keep, t.Retain().Failed)
		}
	}
	return keep
}

// Done reports that nothing needs the body of m any more once these of its
// recipients have their new state: no DSN is owed, and nothing that failed is
// kept. Whoever settles an outcome asks it; the store itself keeps a body for
// what is live.
func Done(p *policy.Policy, m *store.Message, changed []store.Recipient) bool {
	now := make([]store.Recipient, 0, len(m.Recipients))
	for _, r := range m.Recipients {
		for _, c := range changed {
			if c.N == r.N {
				r = c
			}
		}
		now = append(now, r)
	}
	return !Owing(now) && KeepBody(p, now) == 0
}
