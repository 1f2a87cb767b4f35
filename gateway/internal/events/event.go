package events

import (
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Event is an event as receivers get it. Its form is stable: members may be
// added, and none is renamed, removed or given another meaning. docs/events.md
// describes it.
type Event struct {
	Seq       uint64    `json:"seq"` // grows; unique within one gateway
	At        time.Time `json:"at"`
	Type      string    `json:"type"`
	Tenant    string    `json:"tenant,omitempty"`
	Direction string    `json:"direction,omitempty"`
	Message   string    `json:"message,omitempty"` // message ID
	N         int       `json:"n,omitempty"`       // recipient of the message, from 1; absent: all of it
	Sender    string    `json:"sender,omitempty"`
	Recipient string    `json:"recipient,omitempty"`
	Client    string    `json:"client,omitempty"` // IP address
	Status    string    `json:"status,omitempty"` // of the recipient, after the event
	Class     string    `json:"class,omitempty"`  // main/sub/extra
	Host      string    `json:"host,omitempty"`   // of the destination
	Attempt   int       `json:"attempt,omitempty"`
	Reply     *Reply    `json:"reply,omitempty"`
	Next      time.Time `json:"next,omitzero"`   // next attempt
	Actor     string    `json:"actor,omitempty"` // who did it; absent: the gateway itself
	Text      string    `json:"text,omitempty"`  // for people
	Subject   string    `json:"subject,omitempty"`
	MessageID string    `json:"message_id,omitempty"` // the header's
	Size      int64     `json:"size,omitempty"`       // octets
	Lost      uint64    `json:"lost,omitempty"`       // of type Lost: how many
}

// Reply is an SMTP reply.
type Reply struct {
	Code     int    `json:"code,omitempty"`
	Enhanced string `json:"enhanced,omitempty"`
	Text     string `json:"text,omitempty"`
}

// TypeLost is the type of the one event that is not of the journal: it tells
// that as many as Lost were not given to this receiver.
const TypeLost = "Lost"

// of makes an event for receivers. m is nil where there is no message, or its
// record is gone.
func of(e *mail.Event, m *store.Message) Event {
	out := Event{
		Seq: e.Seq, At: e.At.UTC(), Type: string(e.Type), Tenant: e.Tenant, Direction: string(e.Direction), N: e.N,
		Sender: e.Sender, Recipient: e.Recipient, Client: e.Client, Status: string(e.Status), Class: e.Class, Host: e.Host,
		Attempt: e.Attempt, Next: e.Next.UTC(), Actor: e.Actor, Text: e.Text,
	}
	if e.Next.IsZero() {
		out.Next = time.Time{}
	}
	if !e.Message.IsZero() {
		out.Message = e.Message.String()
	}
	if r := e.Reply; r != nil && (!r.IsZero() || r.Text != "") {
		out.Reply = &Reply{Code: r.Code, Enhanced: r.Enhanced.String(), Text: r.Text}
	}
	if m != nil {
		out.Subject, out.MessageID, out.Size = m.Summary.Subject, m.Summary.MessageID, m.Size
	}
	return out
}
