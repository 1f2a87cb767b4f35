package flow

import (
	"context"
	"slices"
	"strconv"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

// Calls takes what policy's "run" asks for, durably; *tasks.Service is one.
type Calls interface {
	// Hand makes calls about a message's recipients, by number, durable.
	// Nothing is called before settle says whether the message was taken, or
	// refused for good; where it was not, the client comes back, and nothing
	// is called. settle is never nil.
	Hand(ctx context.Context, m *store.Message, calls map[int][]policy.Call) (settle func(taken bool), err error)
}

// unasked are those calls that policy has not asked for about this recipient
// before; they are noted in its record. So a message that is filtered again
// runs what it ran before no second time.
func unasked(r *store.Recipient, calls []policy.Call) []policy.Call {
	var out []policy.Call
	for _, c := range calls {
		name := c.Block + "#" + strconv.Itoa(c.N)
		if !slices.Contains(r.Ran, name) {
			r.Ran = append(slices.Clip(r.Ran), name)
			out = append(out, c)
		}
	}
	return out
}

// hand gives on the calls about recipients whose fate is decided: neither
// those that a filter failed on nor those that are held to be looked at again.
// It does so before anything is delivered, so that a store that cannot take
// them costs no second delivery.
func (c *commit) hand(ctx context.Context) (settle func(taken bool), err error) {
	m := *c.rec
	m.Recipients = nil
	by := map[int][]policy.Call{}
	for _, it := range c.items {
		if it.fate == fateUnfiltered || it.fate == fateHeld && !it.ruling.hold.IsZero() {
			continue
		}
		if calls := unasked(&it.rec, it.ruling.calls); len(calls) > 0 {
			by[it.rec.N] = calls
			m.Recipients = append(m.Recipients, it.rec)
		}
	}
	return c.f.hand(ctx, &m, by)
}

func (f *Flow) hand(ctx context.Context, m *store.Message, by map[int][]policy.Call) (settle func(taken bool), err error) {
	if len(by) == 0 || f.o.Calls == nil {
		return func(bool) {}, nil
	}
	return f.o.Calls.Hand(context.WithoutCancel(ctx), m, by)
}

// rerun gives on the calls of a judgement from the queue. rs are the
// recipients of the outcome, in step with the items that were judged.
func (c *commit) rerun(ctx context.Context, rs []store.Recipient) error {
	m := *c.rec
	m.Recipients = nil
	by := map[int][]policy.Call{}
	for i, it := range c.items {
		r := &rs[i]
		if r.Unjudged || it.ruling.action == mail.ActionTempfail {
			continue
		}
		if calls := unasked(r, it.ruling.calls); len(calls) > 0 {
			by[r.N] = calls
			m.Recipients = append(m.Recipients, *r)
		}
	}
	settle, err := c.f.hand(ctx, &m, by)
	if err == nil {
		settle(true) // should the outcome be lost, it is judged, and asked for, again
	}
	return err
}
