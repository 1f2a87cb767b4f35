package queue

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Settle is the store's, for an outcome that may owe notices. Where there is
// no room for them the outcome is recorded all the same, with the debt: mail
// that is out must not be sent again because its DSN does not fit. Where there
// is no room at all it waits for space until stop is closed, and keeps the
// lease. The drafts of o.Spawn are discarded.
func Settle(stop <-chan struct{}, s store.Queue, l store.Lease, o store.Outcome, e Entry) error {
	defer Discard(o.Spawn)
	for {
		err := settleOrOwe(s, l, o, e)
		if !errors.Is(err, store.ErrFull) || len(o.Attempts) == 0 {
			return err // without an attempt nothing is lost by trying again later
		}
		select {
		case <-stop:
			return err
		case <-time.After(roomWait):
		}
		if held, err := s.Extend(context.Background(), l, l.Until.Add(5*roomWait)); err == nil {
			l = held
		}
	}
}

// roomWait is how often a full disk is tried again: soon, for who ends the gateway just
// then, with space again, has what is out already sent again.
const roomWait = 200 * time.Millisecond

func settleOrOwe(s store.Queue, l store.Lease, o store.Outcome, e Entry) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace) // also while shutting down
	defer cancel()
	err := s.Settle(ctx, l, o)
	if !errors.Is(err, store.ErrFull) || len(o.Spawn) == 0 || slices.ContainsFunc(o.Spawn, ordinary) {
		return err
	}
	bare := o
	bare.Spawn = nil
	bare.Recipients = slices.Clone(o.Recipients)
	for _, n := range e.Notices {
		oweInstead(bare.Recipients, n)
	}
	bare.DropBody = o.DropBody && !Owing(bare.Recipients)
	return s.Settle(ctx, l, bare)
}

// ordinary tells mail of a sender's (a copy for a redirect) from our notices.
func ordinary(a *store.Admission) bool { return a.Message.Kind == "" }

// Owing reports whether a DSN is owed for any of these recipients.
func Owing(rs []store.Recipient) bool { return notify.Owes(&store.Message{Recipients: rs}) }

// oweInstead notes that a notice has still to be made. A delay is noticed
// again at the next attempt.
func oweInstead(rs []store.Recipient, n Notice) {
	for i := range rs {
		switch {
		case !slices.Contains(n.Recipients, rs[i].N):
		case n.Kind == notify.KindDelayed:
			rs[i].DelayNoticed = false
		default:
			notify.OweKind(&rs[i], n.Kind, "", rs[i].Changed)
		}
	}
}

// Owe notes on recipients what an entry owes, to be paid once they are
// recorded: for who cannot write notices and record in one commit.
func Owe(rs []store.Recipient, e Entry) {
	for _, n := range e.Notices {
		oweInstead(rs, n)
	}
}

// Discard lets go of admissions' drafts. What is durable stays.
func Discard(as []*store.Admission) {
	for _, a := range as {
		if a.Draft != nil {
			a.Draft.Discard()
		}
	}
}

// EndSoon ends an attempt because the gateway stops: at once before its final
// dot, and by cancel when the dot's answer takes longer than stopGrace. It
// returns when the attempt has ended.
func EndSoon(a *deliver.Attempt, cancel func()) {
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	again := time.NewTicker(100 * time.Millisecond) // a refused dot may be followed by a next host
	defer again.Stop()
	for {
		a.Abort()
		select {
		case <-a.Done():
			return
		case <-grace.C:
			cancel()
		case <-again.C:
		}
	}
}

// WithoutStopped leaves out the recipients that an attempt which was stopped
// had no answer for. Our stopping is no failure of the destination's: they
// keep their state. A DSN would be frozen for it (B79).
func WithoutStopped(res deliver.Result) deliver.Result {
	if res.Aborted {
		res.Rcpts = slices.DeleteFunc(slices.Clone(res.Rcpts), func(r deliver.RcptResult) bool {
			return r.Outcome == deliver.Deferred && !r.Remote && !r.MayDuplicate
		})
	}
	return res
}
