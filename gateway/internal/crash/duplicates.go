package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/mail"
)

// duplicates are second copies by their reason.
type duplicates struct {
	ambiguous   int           // the destination took the first and hung up before its reply
	killed      int           // the gateway was killed before it could record the first
	late        time.Duration // the longest time between a copy and the kill that explains another
	unexplained []string
}

func (d *duplicates) String() string {
	return fmt.Sprintf("duplicates=%d (no-reply=%d killed=%d unexplained=%d, longest unrecorded %v)",
		d.ambiguous+d.killed+len(d.unexplained), d.ambiguous, d.killed, len(d.unexplained), d.late.Round(time.Millisecond))
}

// recordIn is how soon after the destination took a copy its outcome has to
// be durable. It takes a group commit; the rest is for a loaded machine.
const recordIn = time.Second

// journal tells what the gateway has recorded about a message.
type journal interface {
	Events(ctx context.Context, id string, most ...client.AtMost) ([]api.Event, error)
}

// explain sorts the second copies of everything in seen. Each copy but the
// last has to have a reason of its own for the next:
//
//   - the destination hung up before its reply, or
//   - the gateway was killed between the copy's DATA and recordIn after it was
//     taken. A stop by SIGTERM is no reason: it has to await the reply;
//
// and in either case the journal must not hold a delivery from before the
// next copy set out: what is recorded as delivered is never sent again. The
// copies have to be of one and the same message of the gateway: one client's
// message, sent once, never becomes two.
func (d *duplicates) explain(ctx context.Context, seen []key, arrived func(key) []receipt, kills []span, j journal) error {
	for _, k := range seen {
		rs := arrived(k)
		if len(rs) < 2 {
			continue
		}
		slices.SortFunc(rs, func(a, b receipt) int { return a.from.Compare(b.from) })
		for i := 1; i < len(rs); i++ {
			why, err := d.one(ctx, rs[i-1], rs[i], kills, j)
			if err != nil {
				return err
			}
			if why != "" {
				d.unexplained = append(d.unexplained, fmt.Sprintf("%v as %s: %s (mode %d, taken %s; again from %s)",
					k, rs[i].id, why, rs[i-1].mode, rs[i-1].at.Format(clock), rs[i].from.Format(clock)))
			}
		}
	}
	return nil
}

// one counts a second copy, or says why it has no explanation.
func (d *duplicates) one(ctx context.Context, first, second receipt, kills []span, j journal) (string, error) {
	if first.id != second.id || first.id == "" {
		return fmt.Sprintf("first as %q", first.id), nil
	}
	at, err := recorded(ctx, j, first)
	if err != nil {
		return "", err
	}
	if !at.IsZero() && at.Before(second.from) {
		return "its delivery was recorded at " + at.Format(clock), nil
	}
	if first.mode == ambiguous {
		d.ambiguous++
		return "", nil
	}
	for _, k := range kills {
		if k.to.After(first.from) && k.from.Before(second.from) {
			if late := k.from.Sub(first.at); late > recordIn {
				return fmt.Sprintf("the gateway had %v to record it", late), nil
			} else if late > d.late {
				d.late = late
			}
			d.killed++
			return "", nil
		}
	}
	return "nobody was killed in between", nil
}

// recorded is when the gateway decided, and durably recorded, that r's copy
// was delivered; zero if it did not.
func recorded(ctx context.Context, j journal, r receipt) (time.Time, error) {
	events, err := j.Events(ctx, r.id)
	if e := (*client.Error)(nil); errors.As(err, &e) && e.NotFound() {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("asking for the events of %s: %w", r.id, err)
	}
	for _, e := range events {
		if e.Type == string(mail.EventDelivery) && e.Recipient == r.to {
			return e.At, nil
		}
	}
	return time.Time{}, nil
}
