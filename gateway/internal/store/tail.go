package store

import (
	"context"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Tailer follows the journal's events in the order of their commits. Whoever
// follows reads at their own pace: nothing waits for them, and nothing is lost
// between a commit and them, for what they have not seen yet stands in the
// store under its sequence number. The way to follow is
//
//	more := t.Committed()
//	events, err := t.EventsAfter(ctx, seen, n)
//	if len(events) == 0 { <-more }
//
// with the channel taken before the reading.
type Tailer interface {
	// EventsAfter returns durable events with a Seq greater than after, in
	// order of Seq, at most limit of them (0: 1000). Sequence numbers have no
	// gaps when they are assigned: one that is missing between two events, or
	// between after and the first, is that of an event which retention took
	// with its message.
	EventsAfter(ctx context.Context, after uint64, limit int) ([]mail.Event, error)
	// LastSeq is the Seq of the last event that is durable; 0: there was none.
	LastSeq() uint64
	// Committed gives a channel that is closed with the next commit that has
	// events. After Close of the store it is closed at once.
	Committed() <-chan struct{}
}
