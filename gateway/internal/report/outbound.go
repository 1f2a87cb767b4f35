package report

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Outgoing is the outbound status report (B95).
type Outgoing struct {
	Since, Until time.Time
	Messages     int
	Counts       map[mail.Status]int // recipients
	Recent       []Recent            // newest first
}

// Recent is one message with its log.
type Recent struct {
	Message *store.Message // with the recipients that the scope sees
	Events  []mail.Event   // oldest first
}

// errEnough ends a walk; slack is how far a message's ID may be from when it
// came in.
var errEnough = errors.New("enough")

const slack = time.Hour

// Outbound reports on the outgoing mail that came in since a time and that a
// filter matches, and tells of the newest messages what happened to each.
func Outbound(ctx context.Context, from Source, sc scope.Scope, f query.Filter, since, now time.Time, recent int) (*Outgoing, error) {
	if err := sc.Validate(); err != nil {
		return nil, err
	}
	if err := f.Validate(); err != nil {
		return nil, err
	}
	out := &Outgoing{Since: since, Until: now, Counts: map[mail.Status]int{}}
	f = query.Resolve(query.And(sc.Restrict(f), query.Where("direction", query.Is, string(mail.Outbound))), now)
	var last mail.ID
	var whole []*store.Message // of out.Recent
	err := from.Each(ctx, f, func(row store.Row) error {
		if row.Message.Received.Before(since) {
			if row.Message.ID.Time().Before(since.Add(-slack)) {
				return errEnough // rows come newest first: a journal of months is left alone
			}
			return nil
		}
		if !sc.Sees(row.Message, row.Recipient) {
			return nil
		}
		out.Counts[row.Recipient.Status]++
		if row.Message.ID == last {
			return nil
		}
		last = row.Message.ID
		out.Messages++
		if len(out.Recent) < recent {
			whole = append(whole, row.Message)
			out.Recent = append(out.Recent, Recent{Message: visible(sc, row.Message)})
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("report on outgoing mail: %w", err)
	}
	for i := range out.Recent {
		r := &out.Recent[i]
		if r.Events, err = from.Events(ctx, r.Message.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, fmt.Errorf("report on outgoing mail: %w", err)
		}
		r.Events = sc.Events(whole[i], r.Events)
	}
	return out, nil
}
