package filter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// pool lends the instances of one generation, the one used last first, so that
// few of them stay warm and the others can go. (A sync.Pool would drop
// instances without closing them.)
//
// Whoever has the fewest is served first; and while one tenant has all of them
// at work, there is room for one more, which another's mail may have. So a flood
// of mail that takes long to look at delays its own tenant.
type pool struct {
	start func(context.Context) (*instance, error)
	max   int

	mu      sync.Mutex
	idle    []*instance    // the last is the one used last
	total   int            // lent, idle and starting
	held    map[string]int // lent and starting, by tenant
	waiters []waiter       // the longest first
	epoch   int            // instances of earlier ones are not taken back
	closed  bool
}

type waiter struct {
	tenant string
	turn   chan *instance // an instance, or nil for room to start one
}

// idleFor is after how long an unused instance beyond the first is closed.
const idleFor = 5 * time.Minute

var errBusy = errors.New("no instance was free")

// get lends an instance for a tenant's mail ("" before one is known), starting
// one if there is room, or waits for one. What it gives goes back by put.
func (p *pool) get(ctx context.Context, tenant string, wait time.Duration) (*instance, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		in := p.idle[n-1]
		p.idle[n-1], p.idle = nil, p.idle[:n-1]
		p.hold(tenant)
		p.mu.Unlock()
		return in, nil
	}
	if p.total < p.max || p.crowdedOut(tenant) {
		p.total++
		p.hold(tenant)
		p.mu.Unlock()
		return p.fresh(ctx, tenant)
	}
	w := waiter{tenant, make(chan *instance, 1)}
	p.waiters = append(p.waiters, w)
	p.mu.Unlock()

	t := time.NewTimer(wait)
	defer t.Stop()
	var err error
	select {
	case in := <-w.turn:
		return p.taken(ctx, tenant, in)
	case <-t.C:
		err = fmt.Errorf("%w for %v; all %d are at work", errBusy, wait, p.max)
	case <-ctx.Done():
		err = fmt.Errorf("%w: %w", errBusy, context.Cause(ctx))
	}
	if p.leave(w) {
		return nil, err
	}
	return p.taken(ctx, tenant, <-w.turn) // it came at the last moment
}

// crowdedOut: all instances, of two or more, are at work for one other tenant.
func (p *pool) crowdedOut(tenant string) bool {
	if p.max < 2 || p.total > p.max || p.held[tenant] > 0 {
		return false
	}
	for _, n := range p.held {
		if n >= p.max {
			return true
		}
	}
	return false
}

func (p *pool) hold(tenant string) {
	if p.held == nil {
		p.held = map[string]int{}
	}
	p.held[tenant]++
}

func (p *pool) drop(tenant string) {
	if p.held[tenant]--; p.held[tenant] <= 0 {
		delete(p.held, tenant)
	}
}

// next takes the waiter out of the line who is to be served, and counts for
// him: of the tenant that has the fewest, who came first.
func (p *pool) next() (w waiter, ok bool) {
	if len(p.waiters) == 0 {
		return w, false
	}
	best := 0
	for i, w := range p.waiters {
		if p.held[w.tenant] < p.held[p.waiters[best].tenant] {
			best = i
		}
	}
	w = p.waiters[best]
	p.waiters = append(p.waiters[:best], p.waiters[best+1:]...)
	p.hold(w.tenant)
	return w, true
}

// taken is what a waiter was handed: an instance, or room to start one.
func (p *pool) taken(ctx context.Context, tenant string, in *instance) (*instance, error) {
	if in != nil {
		return in, nil
	}
	return p.fresh(ctx, tenant)
}

// leave takes a waiter out of the line; false if it was served meanwhile.
func (p *pool) leave(w waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.waiters {
		if p.waiters[i].turn == w.turn {
			p.waiters = append(p.waiters[:i], p.waiters[i+1:]...)
			return true
		}
	}
	return false
}

// fresh starts an instance in room that is already counted.
func (p *pool) fresh(ctx context.Context, tenant string) (*instance, error) {
	p.mu.Lock()
	epoch := p.epoch
	p.mu.Unlock()
	in, err := p.start(ctx)
	if err != nil {
		p.vacate(tenant)
		return nil, err
	}
	in.epoch = epoch
	return in, nil
}

// vacate gives room back, to one who waits.
func (p *pool) vacate(tenant string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(tenant)
	if w, ok := p.next(); ok {
		w.turn <- nil
		return
	}
	p.total--
}

// put takes an instance back that was lent for a tenant; one that is not fit
// for another call is closed.
func (p *pool) put(in *instance, tenant string, fit bool, now time.Time) {
	p.mu.Lock()
	if !fit || p.closed || in.epoch != p.epoch {
		p.mu.Unlock()
		in.close()
		p.vacate(tenant)
		return
	}
	p.drop(tenant)
	if w, ok := p.next(); ok {
		p.mu.Unlock()
		w.turn <- in
		return
	}
	if p.total > p.max {
		p.total--
		p.mu.Unlock()
		in.close()
		return
	}
	in.idle = now
	p.idle = append(p.idle, in)
	var old *instance
	if len(p.idle) > 1 && now.Sub(p.idle[0].idle) > idleFor {
		old = p.idle[0]
		p.idle = append(p.idle[:0], p.idle[1:]...)
		p.total--
	}
	p.mu.Unlock()
	if old != nil {
		old.close()
	}
}

// renew drops the idle instances, and those at work once they come back.
func (p *pool) renew() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.total -= len(idle)
	p.epoch++
	p.mu.Unlock()
	for _, in := range idle {
		in.close()
	}
}

// close drops the idle instances; others are closed as they come back.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.renew()
}

// size tells how many instances there are.
func (p *pool) size() (total, idle int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total, len(p.idle)
}
