package deliver

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/smtpc"
)

// errFull ends a wait for a connection slot.
var errPoolClosed = errors.New("deliver: connection pool closed")

// pool counts connections by next hop and keeps idle ones for the next message.
type pool struct {
	idleFor, maxAge time.Duration

	mu     sync.Mutex
	hops   map[string]*hop
	closed bool
	wg     sync.WaitGroup // goodbyes under way
}

// hop is what is open to one next hop.
type hop struct {
	inUse   int
	idle    []*pooled // oldest first
	waiting []*waiter // first come, first served
}

// waiter waits for a slot; granted is set under the pool's lock when it gets one.
type waiter struct {
	ready   chan struct{}
	granted bool
}

// connKey says which idle connection may serve: same place, same policy.
type connKey struct {
	dialable
	host, helo, source, tls string
	lmtp                    bool
}

// pooled is a connection with its history.
type pooled struct {
	*smtpc.Conn
	key   connKey
	uses  int // messages sent over it
	born  time.Time
	timer *time.Timer // while idle
}

func newPool(idleFor, maxAge time.Duration) *pool {
	return &pool{idleFor: idleFor, maxAge: maxAge, hops: map[string]*hop{}}
}

// acquire takes one of max slots to a next hop, waiting for ctx at most. Each
// slot is given back with release.
func (p *pool) acquire(ctx context.Context, nextHop string, max int) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return errPoolClosed
	}
	h := p.hops[nextHop]
	if h == nil {
		h = &hop{}
		p.hops[nextHop] = h
	}
	if h.inUse < max && len(h.waiting) == 0 {
		h.inUse++
		p.mu.Unlock()
		return nil
	}
	w := &waiter{ready: make(chan struct{})}
	h.waiting = append(h.waiting, w)
	p.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.granted {
		p.releaseLocked(nextHop, max)
	} else {
		h.waiting = slices.DeleteFunc(h.waiting, func(x *waiter) bool { return x == w })
		p.forgetLocked(nextHop)
	}
	return context.Cause(ctx)
}

// release gives a slot back. max is the limit now, which a reload may have changed.
func (p *pool) release(nextHop string, max int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.releaseLocked(nextHop, max)
}

func (p *pool) releaseLocked(nextHop string, max int) {
	h := p.hops[nextHop]
	h.inUse--
	for len(h.waiting) > 0 && h.inUse < max {
		w := h.waiting[0]
		h.waiting = h.waiting[1:]
		h.inUse++
		w.granted = true
		close(w.ready)
	}
	p.forgetLocked(nextHop)
}

func (p *pool) forgetLocked(nextHop string) {
	if h := p.hops[nextHop]; h != nil && h.inUse == 0 && len(h.idle) == 0 && len(h.waiting) == 0 {
		delete(p.hops, nextHop)
	}
}

// take gets the youngest idle connection for key, or nil.
func (p *pool) take(nextHop string, key connKey) *pooled {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hops[nextHop]
	if h == nil {
		return nil
	}
	for i := len(h.idle) - 1; i >= 0; i-- {
		if c := h.idle[i]; c.key == key {
			h.idle = slices.Delete(h.idle, i, i+1)
			c.timer.Stop()
			return c
		}
	}
	return nil
}

// room closes idle connections so that one more keeps within max.
func (p *pool) room(nextHop string, max int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hops[nextHop]
	for h != nil && len(h.idle) > 0 && h.inUse+len(h.idle) > max {
		p.dropLocked(nextHop, h.idle[0])
	}
}

// drop closes all idle connections for key: one of them was found dead.
func (p *pool) drop(nextHop string, key connKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h := p.hops[nextHop]; h != nil {
		for _, c := range slices.Clone(h.idle) {
			if c.key == key {
				p.dropLocked(nextHop, c)
			}
		}
	}
}

// put keeps a connection for the next message, or says goodbye to it when it
// is worn. The caller still has its slot.
func (p *pool) put(nextHop string, c *pooled, perConn int) {
	if !c.Usable() {
		_ = c.Close()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hops[nextHop]
	if p.closed || h == nil || c.uses >= perConn || time.Since(c.born) > p.maxAge {
		p.goodbyeLocked(c)
		return
	}
	c.SetTranscript(nil)
	h.idle = append(h.idle, c)
	c.timer = time.AfterFunc(p.idleFor, func() { p.expire(nextHop, c) })
}

func (p *pool) expire(nextHop string, c *pooled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropLocked(nextHop, c)
}

// dropLocked closes c if it is still idle.
func (p *pool) dropLocked(nextHop string, c *pooled) {
	h := p.hops[nextHop]
	if h == nil {
		return
	}
	i := slices.Index(h.idle, c)
	if i < 0 {
		return
	}
	h.idle = slices.Delete(h.idle, i, i+1)
	c.timer.Stop()
	p.goodbyeLocked(c)
	p.forgetLocked(nextHop)
}

func (p *pool) goodbyeLocked(c *pooled) {
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		c.Quit()
	}()
}

// close says goodbye to all idle connections and waits for that.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	for name, h := range p.hops {
		for _, c := range slices.Clone(h.idle) {
			p.dropLocked(name, c)
		}
	}
	p.mu.Unlock()
	p.wg.Wait()
}
