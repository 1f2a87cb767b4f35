package deliver

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// errAborted is the cause of an attempt's end by Abort.
var errAborted = errors.New("deliver: aborted")

// Attempt is a delivery under way.
type Attempt struct {
	e    *Engine
	req  Request
	done chan struct{}

	// probe asks for recipients only (see Probe).
	probe bool

	mu       sync.Mutex
	inDot    bool // a final dot may be on the wire and is not answered
	stopped  bool // no further final dot may be sent
	aborted  bool // by Abort
	finished bool
	grace    *time.Timer
	cancel   context.CancelCauseFunc

	state  []rcptState // the worker's own until done
	result Result

	// pass is the leave to call the destination; paid, that the next message is
	// within its rate.
	pass *pass
	paid bool
	// What was found out about the destination, and whose words showed it.
	health  health
	trouble mail.Reply
}

// rcptState is one recipient on its way through the hosts.
type rcptState struct {
	RcptResult
	over  bool // nothing more to do about it in this attempt
	spoke bool // Reply is set
	// tries are the hosts that were to have it, bare those without the channel
	// that is demanded.
	tries, bare int
}

// Start begins to deliver and returns at once. ctx is a hard stop: when it
// ends before a final dot was sent, the attempt ends as deferred; when it ends
// later, the dot's reply is awaited for DotGrace more. For a budget that must
// not cut a message that may be delivered already, use Abort.
func (e *Engine) Start(ctx context.Context, r Request) *Attempt {
	return e.start(ctx, r, false)
}

func (e *Engine) start(ctx context.Context, r Request, probe bool) *Attempt {
	a := &Attempt{e: e, req: r, probe: probe, done: make(chan struct{}), state: make([]rcptState, len(r.To))}
	for i, to := range r.To {
		a.state[i].N = to.N
	}
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	a.cancel = cancel
	if !e.enter() {
		a.finish(errClosing)
		return a
	}
	unctx := context.AfterFunc(ctx, func() { a.stop(context.Cause(ctx)) })
	unbase := context.AfterFunc(e.base, func() { a.stop(errClosing) })
	go func() {
		defer e.wg.Done()
		defer unctx()
		defer unbase()
		a.finish(a.work(work))
	}()
	return a
}

// Done is closed when the attempt has ended.
func (a *Attempt) Done() <-chan struct{} { return a.done }

// Result is the attempt's end; call it after Done.
func (a *Attempt) Result() Result {
	<-a.done
	return a.result
}

// Abort stops the attempt if that is still safe. True: no final dot is
// unanswered and none will be sent, so what was delivered is what Result says;
// Done follows shortly. False: a host may be taking the message right now, or
// the attempt has ended; it goes on by itself (to further hosts too), and Done
// must be waited for. Once true, always true.
func (a *Attempt) Abort() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.finished || a.inDot {
		return a.aborted
	}
	a.stopped, a.aborted = true, true
	a.cancel(errAborted)
	return true
}

// stop is the hard stop.
func (a *Attempt) stop(cause error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.finished || a.stopped {
		return
	}
	a.stopped = true
	if !a.inDot {
		a.cancel(cause)
		return
	}
	a.grace = time.AfterFunc(a.e.opt.DotGrace, func() { a.cancel(cause) })
}

// beforeDot lets a final dot pass, unless the attempt was stopped.
func (a *Attempt) beforeDot() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return errAborted
	}
	a.inDot = true
	return nil
}

// afterDot is called when the dot has its answer, or never will.
func (a *Attempt) afterDot() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inDot = false
}

func (a *Attempt) isStopped() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stopped
}

// finish makes the result. err is why recipients without an answer have none.
func (a *Attempt) finish(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.finished = true
	if a.grace != nil {
		a.grace.Stop()
	}
	a.cancel(nil)
	for i := range a.state {
		s := &a.state[i]
		cut := !s.over && (a.stopped || errors.Is(err, errClosing))
		a.result.Aborted = a.result.Aborted || cut
		if !s.spoke {
			s.Reply = *mail.NewReply(451, "4.4.2", "stopped by the gateway before any host had answered")
			if err != nil && !a.result.Aborted {
				s.Reply.Text = "the delivery could not be made"
			}
		}
		s.NoSecure = s.Outcome == Deferred && s.bare > 0 && s.bare == s.tries && !cut
		a.result.Rcpts = append(a.result.Rcpts, s.RcptResult)
	}
	if !a.probe {
		a.e.sites.count(a.req.Route.NextHop(), a.result.Rcpts)
	}
	close(a.done)
}

// work tries the hosts. A panic in it ends this attempt, not the process.
func (a *Attempt) work(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("deliver: panic: %v", p)
			a.afterDot()
			a.e.log.Error("a delivery attempt broke; its recipients are deferred",
				"message", a.req.ID.String(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	if h := a.e.sites.known(a.req.Route.NextHop()); h != nil && (!a.req.Insist || h.why == WhyManual) {
		a.holdBack(h)
		return nil
	}
	hosts, err := a.e.hosts(ctx, a.req.Route)
	if err != nil {
		a.noRoute(err)
		return nil
	}
	return a.visit(ctx, hosts)
}

// visit calls the hosts in turn, as far as the destination's limits let it.
func (a *Attempt) visit(ctx context.Context, hosts []host) error {
	pass, held := a.e.sites.enter(a.req.Route, hosts, a.req.Insist)
	if held != nil {
		a.holdBack(held)
		return nil
	}
	a.pass = pass
	defer func() { pass.leave(finding{health: a.health, reply: a.trouble, sender: a.req.From.String()}) }()
	key, limit := pass.site.key, func() int { return pass.limit(a.req.Route) }
	switch err := a.e.pool.acquire(ctx, key, a.req.Tenant, limit(), a.patience()); {
	case errors.Is(err, errNoRoom):
		a.holdBack(noRoom())
		return nil
	case err != nil:
		return err
	}
	defer func() { a.e.pool.release(key, a.req.Tenant, limit()) }()
	if !a.pay(ctx) {
		return nil
	}
	for _, h := range hosts {
		if len(a.pending()) == 0 || a.isStopped() {
			break
		}
		a.tryHost(ctx, h)
	}
	return nil
}

// pending are the indexes of recipients that a next host may still take.
func (a *Attempt) pending() []int {
	var out []int
	for i := range a.state {
		if !a.state[i].over {
			out = append(out, i)
		}
	}
	return out
}
