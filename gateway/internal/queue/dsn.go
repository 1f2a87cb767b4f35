package queue

import (
	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Who is told of what. A notice goes to a sender with a reverse-path (B106),
// about an ordinary message, never about a notice; to one that is known to be
// who it says; not about what came in and was found to be spam; and not where
// the sender asked not to be told (RFC 3461 §4.1).

// returnable reports whether a notice could go back at all: there is a
// reverse-path (B106) and the message is no notice itself.
func returnable(m *store.Message) bool { return !m.Sender.IsNull() && m.Kind == "" }

// Authenticated reports whether the sender is known to be who it says: mail
// handed in by an admitted client, also when it entered another hosted
// tenant's chain from there. What comes from elsewhere joins once SPF and DKIM
// results exist.
func Authenticated(m *store.Message) bool {
	return m.Direction == mail.Outbound || m.Client.Direction == mail.Outbound || m.Client.User != ""
}

// answerable reports whether the sender may be told anything about r.
func answerable(m *store.Message, r *store.Recipient) bool {
	return returnable(m) && Authenticated(m) && !r.Kept && (m.Direction == mail.Outbound || !notify.Unwanted(r))
}

// tellsFailure reports whether a failure of r is told.
func tellsFailure(m *store.Message, r *store.Recipient) bool {
	return answerable(m, r) && r.DSN.Notify.Failure()
}

// tellsDelay reports whether delay of r is told. Where the sender said nothing
// about it we do (RFC 3461 §4.1 lets us).
func tellsDelay(m *store.Message, r *store.Recipient) bool {
	return answerable(m, r) && r.DSN.Notify.Delay()
}

// TellsSuccess reports whether success of r is told, where the next hop does
// not take that over.
func TellsSuccess(m *store.Message, r *store.Recipient) bool {
	return answerable(m, r) && r.DSN.Notify.Success()
}

// succeeded owes what the sender asked to hear of success. A host that offers
// DSN has taken that over; behind one that does not, nobody reports any more
// (RFC 3461 §5.2.2), but LMTP ends in the mailbox.
func (b *Book) succeeded(m *store.Message, r *store.Recipient, e *Entry, res deliver.RcptResult) {
	if !res.Relayed || !TellsSuccess(m, r) {
		return
	}
	kind := notify.KindRelayed
	if route, ok := Resolve(b.Policy, r.Route, r.Address); ok && route.LMTP {
		kind = notify.KindDelivered
	}
	e.owe(kind, r.N)
}

// unheard notes that administrators are to be told of mail whose end its
// sender is not told of, though it may be wanted: nobody else would know.
func (b *Book) unheard(m *store.Message, r *store.Recipient) {
	if returnable(m) && !Authenticated(m) && !r.Kept && !notify.Unwanted(r) {
		notify.OweKind(r, notify.KindExpired, "", b.Now)
	}
}
