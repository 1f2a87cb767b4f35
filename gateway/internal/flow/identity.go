package flow

import (
	"github.com/mailweir/weir/gateway/internal/identities"
	"github.com/mailweir/weir/gateway/internal/mail"
)

// identify finds out who sends a transaction's mail, once its tenant is known
// (B61).
func (s *session) identify(tx *transaction) {
	if s.f.o.Identify == nil || s.peer.Direction != mail.Outbound {
		return
	}
	f := identities.Facts{User: s.client.User, Sender: tx.from, Client: s.client.Addr.Addr()}
	if tx.tenant != nil {
		f.Tenant = tx.tenant.Name
	}
	tx.identity = s.f.o.Identify(f)
}

// lockedOut refuses mail of an identity or a user that is locked (B62, B63):
// for good, so that the sender's program says so at once and does not keep
// trying, and at RCPT, so that the log has a row of whom it was for.
func lockedOut(r *identities.Resolved) *mail.Reply {
	if r.Lock == nil {
		return nil
	}
	return mail.NewReply(550, "5.7.1", "sending is locked for "+r.What+"; ask your administrator")
}
