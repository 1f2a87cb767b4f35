package flow

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/store"
)

// result is what one attempt brought for one recipient.
type result struct {
	deliver.RcptResult
	overBudget bool // we broke it off: no failure of the destination's
}

// running is an attempt whose end we wait for.
type running struct {
	batch  queue.Batch
	a      *deliver.Attempt
	cancel context.CancelFunc
}

// direct tries to deliver while the client waits (B64), and sets the fate of
// every item it was given.
func (c *commit) direct(ctx context.Context, items []*item) {
	if len(items) == 0 {
		return
	}
	c.sync()
	var ns []int
	budget := c.budget()
	for _, it := range items {
		switch {
		case c.queued, budget <= 0 && it.rec.Local, isLocal(it.rec.Route):
			it.fate = fateQueueable // the queue makes the first attempt, at once
		default:
			ns = append(ns, it.rec.N)
		}
	}
	if budget <= 0 { // a recipient that may not be queued can only be tried now
		budget = budgetWithoutChoice
	}
	c.start(ctx, ns, budget)
	c.wait(budget)
	for _, res := range c.results {
		if it := c.item(res.N); !res.overBudget {
			res.RcptResult = queue.Hear(c.f.o.Verify, c.rec, &it.rec, c.attempts, res.RcptResult)
		}
		c.setFate(c.item(res.N), res)
	}
	for _, r := range c.pending {
		for _, to := range r.batch.To {
			c.item(to.N).fate = fatePending
		}
	}
}

func isLocal(route string) bool {
	_, ok := queue.LocalTenant(route)
	return ok
}

// sync copies the items' recipients into the record.
func (c *commit) sync() {
	c.rec.Recipients = c.rec.Recipients[:0]
	for _, it := range c.items {
		c.rec.Recipients = append(c.rec.Recipients, it.rec)
	}
}

func (c *commit) item(n int) *item { return c.items[n-1] }

// start begins an attempt for each batch; all run at the same time. patience is
// how long each may wait for a free connection.
func (c *commit) start(ctx context.Context, ns []int, patience time.Duration) {
	for _, b := range queue.Batches(c.p, c.rec, ns) {
		if b.Unrouted != nil {
			for _, res := range b.NoRoute() {
				c.results = append(c.results, result{RcptResult: res})
			}
			continue
		}
		req, err := queue.Request(c.rec, b, c.draft, c.draft.Size())
		if err != nil { // the draft cannot be read: the edits were tried before
			c.log.Error("the message cannot be composed for its delivery; it is tried again", "err", err)
			for _, to := range b.To {
				c.results = append(c.results, result{RcptResult: deliver.RcptResult{N: to.N, Outcome: deliver.Deferred, Reply: *mail.NewReply(451, "4.3.0", "the message cannot be read now")}})
			}
			continue
		}
		req.Patience = patience
		// An attempt past its final dot outlives the client.
		work, cancel := context.WithTimeout(context.WithoutCancel(ctx), attemptLimit)
		a := c.f.o.Engine.Start(work, req)
		c.pending = append(c.pending, &running{b, a, cancel})
	}
}

// wait gives the attempts their budget. What is over by then before its final
// dot is broken off; what is past it stays pending.
func (c *commit) wait(budget time.Duration) {
	timer := time.NewTimer(budget)
	defer timer.Stop()
	over := false
	var still []*running
	for _, r := range c.pending {
		if !over {
			select {
			case <-r.a.Done():
			case <-timer.C:
				over = true
			}
		}
		select {
		case <-r.a.Done():
			c.collect(r)
			continue
		default:
		}
		if r.a.Abort() {
			<-r.a.Done()
			c.collect(r)
			continue
		}
		still = append(still, r)
	}
	c.pending = still
}

func (c *commit) collect(r *running) {
	r.cancel()
	res := r.a.Result()
	for _, x := range res.Rcpts {
		c.results = append(c.results, result{x, res.Aborted && x.Outcome == deliver.Deferred && !x.Remote})
	}
	c.attempts = append(c.attempts, res.Attempts...)
}

// setFate reads a result by the rules of B65–B69.
func (c *commit) setFate(it *item, res result) {
	switch res.Outcome {
	case deliver.Delivered:
		it.fate = fateDelivered
	case deliver.Failed:
		reply := res.Reply
		it.fate, it.reply = fateRefused, &reply
	default:
		reply := res.Reply
		it.fate, it.reply = fateUnknown, &reply
		if it.rec.Local || c.rec.Direction == mail.Outbound {
			it.fate = fateQueueable
		}
	}
}

// settleLate records what an attempt brought that ended after the 250, under
// the lease the message was enqueued with.
func (c *commit) settleLate(lease store.Lease, rs []*running) {
	c.late = true
	c.f.late.Go(func() {
		defer c.draft.Discard() // only now: a further host may still be sent the body
		defer func() {
			if x := recover(); x != nil {
				c.log.Error("settling a delivery that ended after the reply broke; the queue tries again when its lease ends", "panic", fmt.Sprint(x), "stack", string(debug.Stack()))
			}
		}()
		var results []deliver.RcptResult
		var attempts []mail.Attempt
		for _, r := range rs {
			res := c.f.awaitEnd(r)
			for i := range res.Rcpts {
				x := &res.Rcpts[i]
				*x = queue.Hear(c.f.o.Verify, c.rec, &c.item(x.N).rec, res.Attempts, *x)
			}
			results = append(results, res.Rcpts...)
			attempts = append(attempts, res.Attempts...)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		book := &queue.Book{Policy: c.f.o.Policy(), Now: c.f.o.Now(), Jitter: c.f.o.Jitter}
		e := book.Enter(c.rec, results)
		o := store.Outcome{Recipients: e.Recipients, Events: e.Events, Attempts: attempts}
		o.Spawn, o.Events = c.f.o.Notices.Make(ctx, c.rec, e, attempts, draftBody{c.draft}, o.Events)
		o.DropBody = queue.Done(book.Policy, c.rec, o.Recipients)
		err := queue.Settle(c.f.stopping, c.f.o.Store, lease, o, e)
		switch {
		case errors.Is(err, store.ErrLeaseLost):
			c.log.Warn("a lease was lost before its outcome was recorded; the message may be delivered twice", "err", err)
		case err != nil:
			c.log.Error("recording a delivery that ended after the reply failed", "err", err)
			if c.f.o.Stop != nil {
				c.f.o.Stop(err)
			}
		default:
			c.f.Attempted(ctx, c.rec, e)
		}
	})
}

// awaitEnd waits for an attempt, and ends it when the gateway stops: what was
// ended for that is no failure, and stays due.
func (f *Flow) awaitEnd(r *running) deliver.Result {
	select {
	case <-r.a.Done():
	case <-f.stopping:
		queue.EndSoon(r.a, r.cancel)
	}
	r.cancel()
	res := r.a.Result()
	select {
	case <-f.stopping:
		return queue.WithoutStopped(res)
	default:
		return res
	}
}
