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
type pool struct {
	start func(context.Context) (*instance, error)
	max   int

	mu      sync.Mutex
	idle    []*instance // the last is the one used last
	total   int         // lent, idle and starting
	waiters []chan *instance
	epoch   int // instances of earlier ones are not taken back
	closed  bool
}

// idleFor is after how long an unused instance beyond the first is closed.
const idleFor = 5 * time.Minute

var errBusy = errors.New("no instance was free")

// get lends an instance, starting one if there is room, or waits for one.
func (p *pool) get(ctx context.Context, wait time.Duration) (*instance, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		in := p.idle[n-1]
		p.idle[n-1], p.idle = nil, p.idle[:n-1]
		p.mu.Unlock()
		return in, nil
	}
	if p.total < p.max {
		p.total++
		p.mu.Unlock()
		return p.fresh(ctx)
	}
	turn := make(chan *instance, 1)
	p.waiters = append(p.waiters, turn)
	p.mu.Unlock()

	t := time.NewTimer(wait)
	defer t.Stop()
	var err error
	select {
	case in := <-turn:
		return p.taken(ctx, in)
	case <-t.C:
		err = fmt.Errorf("%w for %v; all %d are at work", errBusy, wait, p.max)
	case <-ctx.Done():
		err = fmt.Errorf("%w: %w", errBusy, context.Cause(ctx))
	}
	if p.leave(turn) {
		return nil, err
	}
	return p.taken(ctx, <-turn) // it came at the last moment
}

// taken is what a waiter was handed: an instance, or room to start one.
func (p *pool) taken(ctx context.Context, in *instance) (*instance, error) {
	if in != nil {
		return in, nil
	}
	return p.fresh(ctx)
}

// leave takes a waiter out of the line; false if it was served meanwhile.
func (p *pool) leave(turn chan *instance) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, w := range p.waiters {
		if w == turn {
			p.waiters = append(p.waiters[:i], p.waiters[i+1:]...)
			return true
		}
	}
	return false
}

// fresh starts an instance in room that is already counted.
func (p *pool) fresh(ctx context.Context) (*instance, error) {
	p.mu.Lock()
	epoch := p.epoch
	p.mu.Unlock()
	in, err := p.start(ctx)
	if err != nil {
		p.vacate()
		return nil, err
	}
	in.epoch = epoch
	return in, nil
}

// vacate gives room back, to the first who waits.
func (p *pool) vacate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiters) > 0 {
		w := p.waiters[0]
		p.waiters = p.waiters[1:]
		w <- nil
		return
	}
	p.total--
}

// put takes an instance back; one that is not fit for another call is closed.
func (p *pool) put(in *instance, fit bool, now time.Time) {
	p.mu.Lock()
	if !fit || p.closed || in.epoch != p.epoch {
		p.mu.Unlock()
		in.close()
		p.vacate()
		return
	}
	if len(p.waiters) > 0 {
		w := p.waiters[0]
		p.waiters = p.waiters[1:]
		p.mu.Unlock()
		w <- in
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

// size tells how many instances there are, and about the idle ones.
func (p *pool) size() (total, idle int, memory int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, in := range p.idle {
		memory += int64(in.mod.Memory().Size())
	}
	return p.total, len(p.idle), memory
}
