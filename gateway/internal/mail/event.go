package mail

import "time"

// Event is one line of the journal: something happened to a message, one of
// its recipients, or a session that never became a message. Events are
// written in the same commit as the state they describe, and never changed.
type Event struct {
	Seq       uint64    `json:"seq,omitempty"` // commit order, assigned by the store
	At        time.Time `json:"at"`
	Type      EventType `json:"type"`
	Message   ID        `json:"message,omitzero"`
	N         int       `json:"n,omitempty"` // recipient, from 1; 0 the whole message
	Tenant    string    `json:"tenant,omitempty"`
	Direction Direction `json:"direction,omitempty"`
	Sender    string    `json:"sender,omitempty"`
	Recipient string    `json:"recipient,omitempty"`
	Client    string    `json:"client,omitempty"` // IP address
	Status    Status    `json:"status,omitempty"` // after the event
	Actor     string    `json:"actor,omitempty"`  // operator, or "" for the gateway itself
	Class     string    `json:"class,omitempty"`  // main/sub/extra
	Host      string    `json:"host,omitempty"`
	Attempt   int       `json:"attempt,omitempty"`
	Reply     *Reply    `json:"reply,omitempty"`
	Next      time.Time `json:"next,omitzero"` // next retry
	Text      string    `json:"text,omitempty"`
}

// EventType names what happened; the names follow KumoMTA's where they fit.
type EventType string

// The event types.
const (
	EventReception        EventType = "Reception"        // 250 given, or about to be
	EventVerdict          EventType = "Verdict"          // filters and policy decided
	EventRejection        EventType = "Rejection"        // we answered 5xx
	EventDeferral         EventType = "Deferral"         // we answered 4xx, or the client left
	EventDelivery         EventType = "Delivery"         // destination took it
	EventTransientFailure EventType = "TransientFailure" // destination said later
	EventBounce           EventType = "Bounce"           // destination said never
	EventExpiration       EventType = "Expiration"       // lifetime over
	EventAdminBounce      EventType = "AdminBounce"
	EventRemove           EventType = "Remove"
	EventFreeze           EventType = "Freeze"
	EventThaw             EventType = "Thaw"
	EventRetry            EventType = "Retry"   // an operator asked for a try now
	EventRebind           EventType = "Rebind"  // an operator gave it another route, return path or recipient
	EventCopy             EventType = "Copy"    // an operator had a copy delivered elsewhere
	EventReply            EventType = "Reply"   // an operator answered it
	EventArchive          EventType = "Archive" // a copy was deleted from the archive, or sent once more
	EventQuarantine       EventType = "Quarantine"
	EventStall            EventType = "Stall"
	EventRelease          EventType = "Release" // also Force of stalled mail
	EventDiscard          EventType = "Discard"
	EventRecovered        EventType = "Recovered" // found at start without a record
	EventFilterError      EventType = "FilterError"
	EventNotice           EventType = "Notice"       // a DSN or notice was made
	EventPolicy           EventType = "Policy"       // policy loaded or refused
	EventList             EventType = "List"         // an operator changed a list, a rule or the action for a class
	EventAction           EventType = "Action"       // a plugin did what an operator, policy or itself asked for
	EventActionFailed     EventType = "ActionFailed" // it did not, and is not asked again
)
