package keeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// held and done are the statuses the keeper looks for.
var held, done = func() (held, done []string) {
	for _, s := range mail.Statuses() {
		switch {
		case s.Held():
			held = append(held, string(s))
		case !s.Live():
			done = append(done, string(s))
		}
	}
	return held, done
}()

// expire ends held mail whose time is over (B21, B136, B137). Nothing is
// read when nothing is held.
func (k *Keeper) expire(ctx context.Context, st *Stats) (more bool, err error) {
	counts, err := k.o.Store.Counts(ctx)
	if err != nil {
		return false, fmt.Errorf("count mail: %w", err)
	}
	if counts[mail.StatusQuarantined]+counts[mail.StatusStalled] == 0 {
		return false, nil
	}
	now := k.o.Clock.Now()
	f := query.And(query.OneOf("status", held...), query.Where("expires", query.Before, now.Add(time.Nanosecond).UTC().Format(time.RFC3339Nano)))
	return k.each(ctx, f, st, func(m *store.Message) (bool, error) {
		done, ns, err := k.expireOne(ctx, m.ID, now)
		n := len(ns)
		st.Expired += n
		if n > 0 {
			k.o.Told(done, ns, "expired", "")
		}
		if err != nil || n == 0 {
			return n > 0, err
		}
		return true, k.pay(ctx, m.ID)
	})
}

func (k *Keeper) expireOne(ctx context.Context, id mail.ID, now time.Time) (done *store.Message, ns []int, err error) {
	err = k.o.Store.Update(ctx, id, func(m *store.Message) ([]mail.Event, error) {
		done, ns = m, nil
		var events []mail.Event
		for i := range m.Recipients {
			r := &m.Recipients[i]
			if !r.Status.Held() || r.Expires.IsZero() || r.Expires.After(now) {
				continue
			}
			was := r.Status
			r.Status, r.Changed, r.Next = mail.StatusQuarantineExpired, now, time.Time{}
			// The administrators hear of stalled mail, which they were asked to decide
			// on; what is in quarantine is meant to end there. Of a kept original
			// nobody is told: the message went out, with edits.
			if was == mail.StatusStalled && !r.Kept && k.o.Payer != nil {
				notify.OweKind(r, notify.KindExpired, notify.CauseHeld, now)
			}
			if k.o.Payer != nil && k.tellsSender(m, r) {
				notify.Owe(r, notify.CauseHeld, "")
			}
			events = append(events, mail.Event{
				At: now, Type: mail.EventExpiration, Message: m.ID, N: r.N, Tenant: r.Tenant, Direction: m.Direction,
				Sender: m.Sender.String(), Recipient: r.Address.String(), Class: r.Class.String(), Status: r.Status,
				Text: "nobody decided while it was " + string(was),
			})
			ns = append(ns, r.N)
		}
		if len(ns) == 0 {
			return nil, errNothing
		}
		if notify.Final(m) && !notify.Owes(m) && k.o.KeepBody(m) == 0 {
			m.HasBody = false
		}
		return events, nil
	})
	if errors.Is(err, errNothing) {
		err = nil
	}
	if err != nil {
		ns = nil
	}
	return done, ns, err
}

// tellsSender reports whether the sender of held mail that ends is told (B136,
// B137): one that is known to be who it says, where it asked for nothing else,
// and never of spam.
func (k *Keeper) tellsSender(m *store.Message, r *store.Recipient) bool {
	return !m.Sender.IsNull() && m.Kind == "" && !r.Kept && k.o.Known(m) && r.DSN.Notify.Failure() && !notify.Unwanted(r)
}

// errNothing ends an Update that turned out not to be needed.
var errNothing = errors.New("nothing to do")

func (k *Keeper) pay(ctx context.Context, id mail.ID) error {
	if k.o.Payer == nil {
		return nil
	}
	return k.o.Payer.Pay(ctx, id)
}

// sweep looks through finished mail: DSNs still owed, bodies still kept,
// records whose time is over.
func (k *Keeper) sweep(ctx context.Context, st *Stats) (more bool, err error) {
	now := k.o.Clock.Now()
	finished := query.OneOf("status", done...)
	var over ended
	// Of stalled mail the administrators are told at once, unless a crash came in between.
	if _, err := k.each(ctx, query.Where("status", query.Is, string(mail.StatusStalled)), st, func(m *store.Message) (bool, error) {
		if !notify.OwesBeside(m, notify.KindExpired) {
			return false, nil
		}
		return k.settleDebt(ctx, m, now, st)
	}); err != nil {
		return false, err
	}
	more, err = k.each(ctx, query.And(finished, query.Where("has_body", query.Is, "yes")), st, func(m *store.Message) (bool, error) {
		over.add(m)
		return k.body(ctx, m, now, st)
	})
	if err != nil {
		return more, err
	}
	untold, err := k.tellEnded(ctx, &over, st)
	if err != nil {
		return more, err
	}
	copies, err := k.archive(ctx, now, st) // before their records go
	if err != nil {
		return more, err
	}
	more = more || untold || copies
	old := query.And(query.Where("archived", query.Is, "no"), query.Where("received", query.Before, now.Add(-k.o.Least()).UTC().Format(time.RFC3339Nano)))
	left, err := k.each(ctx, query.And(finished, old), st, func(m *store.Message) (bool, error) {
		return k.forget(ctx, m, now, st)
	})
	return more || left, err
}

// body pays what is owed for a finished message, and drops its body.
func (k *Keeper) body(ctx context.Context, m *store.Message, now time.Time, st *Stats) (bool, error) {
	if notify.OwesBeside(m, notify.KindExpired) { // whatever becomes of the other recipients
		return k.settleDebt(ctx, m, now, st)
	}
	if !m.HasBody || !notify.Final(m) || notify.Owes(m) || now.Sub(lastChange(m)) < settle {
		return false, nil
	}
	if now.Sub(lastChange(m)) < k.o.KeepBody(m) {
		return false, nil
	}
	err := k.o.Store.Update(ctx, m.ID, func(m *store.Message) ([]mail.Event, error) {
		if !notify.Final(m) || notify.Owes(m) || !m.HasBody || now.Sub(lastChange(m)) < k.o.KeepBody(m) {
			return nil, errNothing
		}
		m.HasBody = false
		return nil, nil
	})
	if errors.Is(err, errNothing) {
		return false, nil
	}
	if err == nil {
		st.Bodies++
	}
	return true, err
}

// settleDebt makes the DSNs that are owed for a message.
func (k *Keeper) settleDebt(ctx context.Context, m *store.Message, now time.Time, st *Stats) (bool, error) {
	var since time.Time
	for i := range m.Recipients {
		if r := &m.Recipients[i]; notify.Owes(&store.Message{Recipients: m.Recipients[i : i+1]}) && r.Changed.After(since) {
			since = r.Changed
		}
	}
	if k.o.Payer == nil || now.Sub(since) < settle && !k.inherited(since) {
		return false, nil
	}
	if err := k.pay(ctx, m.ID); err != nil {
		return true, err
	}
	st.Notified++
	return true, nil
}

// inherited reports a debt from before the first pass: of an earlier process,
// so that nobody else pays it.
func (k *Keeper) inherited(since time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return since.Before(k.began)
}

// forget drops the record of a message when all tenants concerned have had
// it for their time.
func (k *Keeper) forget(ctx context.Context, m *store.Message, now time.Time, st *Stats) (bool, error) {
	if notify.OwesBeside(m, notify.KindExpired) && k.o.Payer != nil { // also without a body, which the DSN then does not quote
		return k.settleDebt(ctx, m, now, st)
	}
	if !notify.Final(m) || isArchived(m) {
		return false, nil
	}
	keep := k.o.Least()
	for i := range m.Recipients {
		keep = max(keep, k.o.Retain(m.Recipients[i].Tenant))
	}
	if now.Sub(lastChange(m)) < keep {
		return false, nil
	}
	if err := k.o.Store.Forget(ctx, m.ID); err != nil {
		return true, err
	}
	st.Forgotten++
	return true, nil
}

// lastChange is when a message last became something else.
func lastChange(m *store.Message) time.Time {
	t := m.Received
	for i := range m.Recipients {
		if m.Recipients[i].Changed.After(t) {
			t = m.Recipients[i].Changed
		}
	}
	return t
}

// pageRows is how many rows are read at a time.
const pageRows = 500

// each calls f once for every message with a row that matches, until a batch
// of them was acted on; more then. An error about one message is counted and
// logged, and the others go on.
func (k *Keeper) each(ctx context.Context, f query.Filter, st *Stats, do func(*store.Message) (acted bool, err error)) (more bool, err error) {
	acted := 0
	var last mail.ID
	for cursor := ""; ; {
		rows, next, err := k.o.Store.Search(ctx, f, cursor, pageRows)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return false, fmt.Errorf("search: %w", err)
		}
		for _, r := range rows {
			if r.Message.ID == last {
				continue
			}
			if acted >= k.o.Batch {
				return true, nil
			}
			last = r.Message.ID
			did, err := do(r.Message)
			switch {
			case err == nil:
			case ctx.Err() != nil, errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrFull):
				return false, err
			case errors.Is(err, store.ErrNotFound): // somebody was faster
			default:
				st.Errors++
				k.o.Logger.Warn("the keeper could not deal with a message and tries again", "message", r.Message.ID.String(), "error", err)
			}
			if did && err == nil { // what fails again and again must not use up the batch
				acted++
			}
		}
		if next == "" {
			return false, nil
		}
		cursor = next
	}
}
