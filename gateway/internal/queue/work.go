package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/wire"
	"github.com/mailweir/weir/policy"
)

const (
	leaseFor     = 2 * time.Minute  // extended while an attempt runs
	attemptLimit = 30 * time.Minute // one attempt at all of a claim's hosts
	stopGrace    = 30 * time.Second // for attempts past the final dot at shutdown
	idlePoll     = time.Minute      // the longest sleep; being woken is the rule
)

// Judge is what the queue asks of flow. All methods may be called in parallel.
type Judge interface {
	// Rejudge runs the filters for recipients that were accepted before a
	// verdict was there (or that an operator wants scanned again).
	Rejudge(ctx context.Context, m *store.Message, ns []int, body store.Body) (store.Outcome, error)
	// Inject hands a message to another hosted tenant's inbound chain, as a new
	// message. It is idempotent for the same message and recipients.
	Inject(ctx context.Context, m *store.Message, ns []int, body store.Body) []deliver.RcptResult
	// Attempted is called once after each attempt was recorded.
	Attempted(ctx context.Context, m *store.Message, e Entry)
	// Judged is called once after an outcome of Rejudge was recorded; m is the
	// message as it was before.
	Judged(ctx context.Context, m *store.Message, o store.Outcome)
}

// Confirmer learns of recipients that a destination took, and of those that it no
// longer knows; *verify.Checker is one.
type Confirmer interface {
	Delivered(tenant string, addr mail.Address)
	Forget(tenant string, addr mail.Address)
}

// Engine makes delivery attempts; *deliver.Engine is one.
type Engine interface {
	Start(ctx context.Context, r deliver.Request) *deliver.Attempt
}

// Options make a Worker. All fields but Jitter, After, Confirm and Archive are
// needed.
type Options struct {
	Archive Archive // makes the tenants' copies; nil: there are none
	Store   store.Store
	Engine  Engine
	Judge   Judge
	Confirm Confirmer
	Notices Notices
	Policy  func() *policy.Policy
	Now     func() time.Time
	Jitter  func() float64
	After   func(time.Duration) <-chan time.Time // goes with Now; nil: time.After
	Logger  *slog.Logger
	// Stop is called on an error of the store after which nothing more can be
	// recorded: delivering on would mean duplicates.
	Stop func(error)
}

// Worker works the queue.
type Worker struct {
	o    Options
	free chan struct{} // a token for each attempt that may run
	kick chan struct{}

	again atomic.Bool // next hops that were left alone are to be asked about

	lease time.Duration // of a claim; leaseFor but in tests
}

// New makes a worker; Run starts it.
func New(o Options) *Worker {
	if o.After == nil {
		o.After = time.After
	}
	return &Worker{o: o, kick: make(chan struct{}, 1), lease: leaseFor}
}

// Run works until ctx ends, then stops what can be stopped and returns when
// all of it has finished.
func (w *Worker) Run(ctx context.Context) error {
	q := w.o.Policy().Gateway().Queue
	workers := max(q.Workers, 1)
	w.free = make(chan struct{}, workers)
	for range workers {
		w.free <- struct{}{}
	}
	var running sync.WaitGroup
	defer running.Wait()
	suspended := false
	for ctx.Err() == nil {
		n := w.take(ctx, workers)
		if n == 0 {
			break
		}
		p, again := w.o.Policy(), w.again.Swap(false)
		claims, err := w.o.Store.Claim(ctx, store.ClaimRequest{
			Now: w.o.Now(), Limit: n, For: w.lease, PerHop: p.Gateway().Queue.PerHop,
			PerTenant: perTenant(workers, len(p.Tenants())), Room: w.room(), Overdue: longHold, Again: again,
		})
		if err != nil {
			if again {
				w.again.Store(true)
			}
			w.putBack(n)
			if ctx.Err() != nil {
				break
			}
			if !errors.Is(err, store.ErrFull) {
				w.o.Logger.Error("claiming due mail failed", "err", err)
			} else if !suspended {
				suspended = true
				w.o.Logger.Error("delivery from the queue is suspended: what comes of it could not be recorded", "err", err)
			}
			w.sleep(ctx, time.Second)
			continue
		}
		if suspended {
			suspended = false
			w.o.Logger.Info("delivery from the queue goes on")
		}
		w.putBack(n - len(claims))
		for _, c := range claims {
			running.Go(func() {
				defer w.done()
				w.work(ctx, c)
			})
		}
		if len(claims) == 0 {
			w.idle(ctx)
		}
	}
	return nil
}

// take waits for one free slot and takes more if they are there, up to limit.
func (w *Worker) take(ctx context.Context, limit int) int {
	select {
	case <-ctx.Done():
		return 0
	case <-w.free:
	}
	for n := 1; n < limit; n++ {
		select {
		case <-w.free:
		default:
			return n
		}
	}
	return limit
}

func (w *Worker) putBack(n int) {
	for range n {
		w.free <- struct{}{}
	}
}

// done ends one attempt: a slot is free, and with it a next hop's capacity.
func (w *Worker) done() {
	w.putBack(1)
	w.look()
}

// Again has next hops looked at that are left alone: what the engine keeps back
// may have changed, as when an operator ends a suspension.
func (w *Worker) Again() {
	w.again.Store(true)
	w.look()
}

// look ends a sleep.
func (w *Worker) look() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// idle waits until something may be due, or a slot (and with it a next hop's
// capacity) came free.
func (w *Worker) idle(ctx context.Context) {
	d := idlePoll
	if due, err := w.o.Store.NextDue(ctx); err == nil && !due.IsZero() {
		d = min(max(due.Sub(w.o.Now()), 20*time.Millisecond), idlePoll)
	}
	w.sleep(ctx, d)
}

func (w *Worker) sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-w.o.After(d):
	case <-w.o.Store.Woken():
	case <-w.kick:
	}
}

// work does one claim from lease to settlement. A panic in it costs the
// attempt, not the process: the lease ends by itself and the mail is due again.
func (w *Worker) work(ctx context.Context, c store.Claimed) {
	log := w.o.Logger.With("message", c.Message.ID.String())
	defer func() {
		if x := recover(); x != nil {
			log.Error("a delivery attempt broke; its recipients are due again when the lease ends", "panic", fmt.Sprint(x))
		}
	}()
	body, err := w.o.Store.OpenBody(ctx, c.Message.ID)
	if err != nil && ctx.Err() != nil {
		return // shutting down: the lease ends with the process, and nothing has changed
	}
	if err != nil {
		w.unreadable(ctx, log, c, err)
		return
	}
	defer body.Close()
	unjudged, deliverable := split(c)
	switch {
	case len(unjudged) > 0:
		w.judge(ctx, log, c, unjudged, body)
	default:
		w.deliver(ctx, log, c, deliverable, body)
	}
}

func split(c store.Claimed) (unjudged, deliverable []int) {
	for _, n := range c.Lease.Recipients {
		if r := find(c.Message, n); r != nil && r.Unjudged {
			unjudged = append(unjudged, n)
		} else if r != nil {
			deliverable = append(deliverable, n)
		}
	}
	return unjudged, deliverable
}

// unreadable handles a body that is not there: a missing one is frozen and
// shown, anything else is tried again later.
func (w *Worker) unreadable(ctx context.Context, log *slog.Logger, c store.Claimed, err error) {
	log.Error("the body of a queued message cannot be opened", "err", err)
	now := w.o.Now()
	var o store.Outcome
	for _, n := range c.Lease.Recipients {
		r := *find(c.Message, n)
		ev := Event(c.Message, &r, mail.EventFreeze, now)
		if errors.Is(err, store.ErrNotFound) {
			r.Status, r.Next = mail.StatusQueueFrozen, time.Time{}
			r.Reason = "the message's body is missing; look for disk damage, then remove it or restore the spool file"
		} else {
			r.Next = now.Add(dnsRetry)
			ev.Type = mail.EventTransientFailure
		}
		r.Changed, ev.Status, ev.Text, ev.Next = now, r.Status, "the body cannot be read", r.Next
		o.Recipients = append(o.Recipients, r)
		o.Events = append(o.Events, ev)
	}
	w.settle(ctx, log, c.Lease, o, Entry{})
}

func (w *Worker) judge(ctx context.Context, log *slog.Logger, c store.Claimed, ns []int, body store.Body) {
	o, err := w.rejudge(ctx, log, &c, ns, body)
	if ctx.Err() != nil { // shutting down: a filter that was stopped has not failed
		Discard(o.Spawn)
		return
	}
	if err != nil {
		log.Error("filtering from the queue failed", "err", err)
		now := w.o.Now()
		for _, n := range ns {
			r := *find(c.Message, n)
			r.Next = now.Add(dnsRetry)
			o.Recipients = append(o.Recipients, r)
		}
	}
	if w.settle(ctx, log, c.Lease, o, Entry{}) && err == nil {
		w.o.Judge.Judged(ctx, c.Message, o)
	}
}

// rejudge has the filters run under a lease that is kept. A panic becomes an
// error: the recipients are due again later, not at once.
func (w *Worker) rejudge(ctx context.Context, log *slog.Logger, c *store.Claimed, ns []int, body store.Body) (o store.Outcome, err error) {
	stop := w.keep(ctx, log, &c.Lease, nil)
	defer stop()
	defer func() {
		if x := recover(); x != nil {
			o, err = store.Outcome{}, fmt.Errorf("panic: %v\n%s", x, debug.Stack())
		}
	}()
	return w.o.Judge.Rejudge(ctx, c.Message, ns, body)
}

// deliver makes the attempts of one claim: one for each distinct wire form
// and route, one after the other, since they share the next hop.
func (w *Worker) deliver(ctx context.Context, log *slog.Logger, c store.Claimed, ns []int, body store.Body) {
	p := w.o.Policy()
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), attemptLimit)
	defer cancel()
	for _, n := range ns {
		reroute(p, c.Message, find(c.Message, n))
	}
	copies, err := w.archive(ctx, p, c.Message, ns, body)
	if err != nil {
		if ctx.Err() == nil { // else it stays due
			w.putOff(ctx, log, c, ns, err)
		}
		return
	}
	defer copies.Leave()
	var results []deliver.RcptResult
	var attempts []mail.Attempt
	var unsound frozen
	for _, b := range Batches(p, c.Message, ns) {
		if ctx.Err() != nil {
			break // shutting down: what was not tried stays due
		}
		hopOfNow(c.Message, b)
		res, err := w.attempt(ctx, work, cancel, log, &c.Lease, c.Message, b, body)
		if err != nil {
			unsound.add(c.Message, b, err, w.o.Now())
			log.Error("a queued message cannot be sent: its edits cannot be applied any more", "err", err)
			continue
		}
		results = append(results, res.Rcpts...)
		attempts = append(attempts, res.Attempts...)
	}
	for i := range results {
		if r := find(c.Message, results[i].N); r != nil {
			results[i] = Hear(w.o.Confirm, c.Message, r, attempts, results[i])
		}
	}
	unlink(c.Message, results, attempts)
	book := &Book{Policy: p, Now: w.o.Now(), Jitter: w.o.Jitter}
	e := book.Enter(c.Message, results)
	o := store.Outcome{
		Recipients: append(slices.Clip(e.Recipients), unsound.recipients...), Events: append(slices.Clip(e.Events), unsound.events...), Attempts: attempts,
	}
	for i := range o.Recipients { // released mail, whose original is wanted
		if r := &o.Recipients[i]; !r.Status.Live() && r.Last != nil && r.Last.Success() {
			if k, ev, ok := Original(p, c.Message, r, book.Now); ok {
				o.Added = append(o.Added, k)
				ev.N = -len(o.Added)
				o.Events = append(o.Events, ev)
			}
		}
	}
	late, done := context.WithTimeout(context.WithoutCancel(ctx), stopGrace) // also while shutting down
	defer done()
	owed := e // oweInstead marks the entry's recipients
	owed.Recipients = o.Recipients
	o.Spawn, o.Events = w.o.Notices.Make(late, c.Message, owed, attempts, body, o.Events)
	o.DropBody = Done(p, c.Message, o.Recipients) // the store keeps it for what is live, originals too
	if w.settle(ctx, log, c.Lease, o, e) {
		copies.File()
		w.o.Judge.Attempted(late, c.Message, e)
	}
}

func (w *Worker) attempt(ctx, work context.Context, cancel func(), log *slog.Logger, l *store.Lease, m *store.Message, b Batch, body store.Body) (deliver.Result, error) {
	if b.Unrouted != nil {
		return deliver.Result{Rcpts: b.NoRoute()}, nil
	}
	req, err := Request(m, b, body, body.Size())
	var unsound *wire.EditError
	if errors.As(err, &unsound) {
		return deliver.Result{}, err
	}
	if b.Local != "" {
		stop := w.keep(ctx, log, l, nil)
		defer stop()
		return deliver.Result{Rcpts: w.o.Judge.Inject(work, m, ns(b.To), body)}, nil
	}
	if err != nil { // the body cannot be read now
		req = deliver.Request{ID: m.ID, Route: b.Route, From: m.Sender, To: b.To, Params: m.Params, Sealed: m.Sealed}
		req.Open = func() (io.ReadCloser, error) { return nil, err }
	}
	a := w.o.Engine.Start(work, req)
	stop := w.keep(ctx, log, l, a)
	defer stop()
	select {
	case <-a.Done():
	case <-ctx.Done():
		EndSoon(a, cancel)
	}
	res := a.Result()
	if ctx.Err() != nil {
		res = WithoutStopped(res)
	}
	return res, nil
}

// frozen are recipients whose edits cannot be applied any more (another
// version of the program staged them, say): neither deliverable nor returnable.
type frozen struct {
	recipients []store.Recipient
	events     []mail.Event
}

func (f *frozen) add(m *store.Message, b Batch, err error, now time.Time) {
	for _, to := range b.To {
		r := *find(m, to.N)
		r.Status, r.Next, r.Changed = mail.StatusQueueFrozen, time.Time{}, now
		r.Reason = "the changes that filters staged cannot be applied: " + err.Error()
		ev := Event(m, &r, mail.EventFreeze, now)
		ev.Text = r.Reason
		f.recipients, f.events = append(f.recipients, r), append(f.events, ev)
	}
}

// keep extends a lease while work runs. An attempt whose lease was lost is
// stopped where that is still possible: somebody else makes it.
func (w *Worker) keep(ctx context.Context, log *slog.Logger, l *store.Lease, a *deliver.Attempt) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(w.lease / 3)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				nl, err := w.o.Store.Extend(context.WithoutCancel(ctx), *l, w.o.Now().Add(w.lease))
				switch {
				case err == nil:
					*l = nl
				case errors.Is(err, store.ErrLeaseLost):
					log.Warn("a lease was lost while its work was under way", "err", err)
					if a != nil {
						a.Abort()
					}
					return
				default:
					log.Warn("extending a lease failed; it is tried again", "err", err)
				}
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

// settle records an outcome. The mail may be gone by now, so failing to
// record is serious: the process stops rather than deliver it again and again.
// It reports whether the outcome is durable.
func (w *Worker) settle(ctx context.Context, log *slog.Logger, l store.Lease, o store.Outcome, e Entry) bool {
	err := Settle(ctx.Done(), w.o.Store, l, o, e)
	switch {
	case err == nil:
		for _, ev := range o.Events {
			log.Info("attempt", "rcpt", ev.Recipient, "tenant", ev.Tenant, "status", string(ev.Status), "attempt", ev.Attempt, "reply", ev.Reply, "host", ev.Host, "next", ev.Next)
		}
	case errors.Is(err, store.ErrLeaseLost):
		log.Warn("a lease was lost before its outcome was recorded; the message may be delivered twice", "err", err)
	case errors.Is(err, store.ErrFull) && len(o.Attempts) == 0:
		log.Error("there is no room for an outcome; no attempt was made, and it is tried again when the lease ends", "err", err)
	default:
		log.Error("recording an outcome failed", "err", err)
		if w.o.Stop != nil {
			w.o.Stop(fmt.Errorf("recording the outcome of %s: %w", l.Message, err))
		}
	}
	return err == nil
}
