// Package notify composes the mail the gateway writes itself: delivery
// status notifications (RFC 3464) and notices to administrators. What it
// makes is an ordinary message with a null sender, for the caller to route
// and to enqueue.
//
// It does not decide whether anybody is told, and delivers nothing.
package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// ErrNullSender: the original has a null return path; nobody is told (B106,
// RFC 5321 §4.5.5).
var ErrNullSender = errors.New("the sender is <>, which is never written to")

// The kinds of message made here, as store.Message.Kind has them.
const (
	KindDSN    = "dsn"
	KindNotice = "notice"
)

// The kinds of notice: what they report. Those to senders are the actions of
// RFC 3464 §2.3.3.
const (
	KindFailed    = "failed"    // will not be delivered
	KindDelayed   = "delayed"   // late, and tried further (B104)
	KindRelayed   = "relayed"   // a host that reports no further has it
	KindDelivered = "delivered" // by LMTP, into the mailbox
	KindExpanded  = "expanded"  // sent on to other addresses (RFC 3461 §5.2.7.3)
	KindStalled   = "stalled"   // to administrators: could not be inspected (B145)
	KindExpired   = "expired"   // to administrators: nobody decided (B136, B137)
)

// Options are what a composer has to know beside the message.
type Options struct {
	Hostname string // reporting MTA, domain of Message-ID
	Now      time.Time
	Cause    Cause // of a failure; "" tells by the recipient's last reply
	Style
	// Since is when the notice came to be owed, where that was recorded: its ID
	// follows from it, whatever has become of the recipients. Zero: from their
	// last change.
	Since time.Time
	// Problem hears of a template that cannot be used; the built-in words are
	// used then. nil: nobody does.
	Problem func(error)
}

// Style is how a tenant's notices look.
type Style struct {
	Language  string            // "en", "de", "fr", "es"; any other is "en"
	Templates map[string]string // words by kind, as text/template; see Words
	From      mail.Address      // of the header; zero: MAILER-DAEMON at the hostname
}

func (o Options) from() string {
	if o.From.IsNull() {
		return "MAILER-DAEMON@" + o.Hostname
	}
	return o.From.String()
}

// Cause is why a recipient will get no copy.
type Cause string

// The causes.
const (
	CauseRefused Cause = "refused" // the destination said never
	CauseExpired Cause = "expired" // the lifetime is over (B78, B105)
	CauseRemoved Cause = "removed" // an operator's remove-and-notify (B46)
	CauseHeld    Cause = "held"    // held, and nobody released it (B136, B137)
)

// letter is a message in the making.
type letter struct {
	kind      string
	parent    *store.Message
	id        mail.ID
	to        []mail.Address
	subject   string
	direction mail.Direction
	tenant    string
	sealed    bool
}

// message wraps a finished body.
func (l letter) message(body []byte, o Options) *store.Message {
	sum := sha256.Sum256(body)
	m := &store.Message{
		ID: l.id, Direction: l.direction,
		Received: l.id.Time(), // not Now: the store keeps messages in the order of their IDs
		Size:     int64(len(body)), SHA256: hex.EncodeToString(sum[:]),
		Policy: l.parent.Policy, Parent: l.parent.ID, Kind: l.kind, Sealed: l.sealed, HasBody: true,
		Summary: store.Summary{From: o.from(), To: addresses(l.to), Subject: l.subject, MessageID: l.messageID(o)},
	}
	for i, a := range l.to {
		if !ascii(a.String()) {
			m.Params.SMTPUTF8 = true
		}
		m.Recipients = append(m.Recipients, store.Recipient{
			N: i + 1, Address: a, Tenant: l.tenant, Status: mail.StatusQueued,
			Local: true, Next: o.Now, Changed: o.Now,
			DSN: mail.RcptParams{Notify: mail.NotifyNever}, // nobody is told of a notice (RFC 3461 §6)
		})
	}
	if !ascii(string(body)) {
		m.Params.Body = "8BITMIME"
	}
	return m
}

func (l letter) messageID(o Options) string { return "<" + l.id.String() + "@" + o.Hostname + ">" }

// Events are what to write with a message made here: its own beginning, and
// a line for each of the original's recipients it reports on.
func Events(made, original *store.Message, about []store.Recipient, actor string, now time.Time) []mail.Event {
	var out []mail.Event
	for _, r := range made.Recipients {
		out = append(out, mail.Event{
			At: now, Type: mail.EventReception, Message: made.ID, N: r.N, Tenant: r.Tenant, Direction: made.Direction,
			Recipient: r.Address.String(), Status: r.Status, Text: "made for " + original.ID.String(),
		})
	}
	for _, r := range about {
		out = append(out, mail.Event{
			At: now, Type: mail.EventNotice, Message: original.ID, N: r.N, Tenant: r.Tenant, Direction: original.Direction,
			Sender: original.Sender.String(), Recipient: r.Address.String(), Status: r.Status, Actor: actor,
			Text: fmt.Sprintf("%s %s to %s", made.Kind, made.ID, addresses(to(made))),
		})
	}
	return out
}

func to(m *store.Message) []mail.Address {
	var out []mail.Address
	for _, r := range m.Recipients {
		out = append(out, r.Address)
	}
	return out
}

// Admission writes the body to a draft and wraps both for Enqueue, or for an
// Outcome's Spawn. Who does not pass it on has to discard the draft.
func Admission(ctx context.Context, bodies store.Bodies, m *store.Message, body []byte, events []mail.Event) (*store.Admission, error) {
	d, err := bodies.NewDraft(ctx, int64(len(body)))
	if err != nil {
		return nil, fmt.Errorf("room for the %s of %s: %w", m.Kind, m.Parent, err)
	}
	if _, err := d.Write(body); err != nil {
		d.Discard()
		return nil, fmt.Errorf("writing the %s of %s: %w", m.Kind, m.Parent, err)
	}
	return &store.Admission{Message: m, Draft: d, Events: events}, nil
}
