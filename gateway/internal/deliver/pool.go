package deliver

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/smtpc"
)

var (
	errPoolClosed = errors.New("deliver: connection pool closed")
	// errNoRoom ends a wait for a connection slot.
	errNoRoom = errors.New("deliver: all connections are in use")
)

// pool counts connections by site (a next hop, or what several share) and
// keeps idle ones for the next message.
type pool struct {
	maxAge time.Duration

	mu     sync.Mutex
	hops   map[string]*hop
	closed bool
	wg     sync.WaitGroup // goodbyes under way
}

// hop is what is open to one site.
type hop struct {
	inUse   int
	tenants map[string]int // of inUse, by tenant
	idle    []*pooled      // oldest first
	waiting []*waiter      // in the order of their coming
}

// waiter waits for a slot; granted is set under the pool's lock when it gets one.
type waiter struct {
	tenant  string
	ready   chan struct{}
	granted bool
}

// next takes the waiter whose turn it is: of the tenant that has the fewest
// connections, first come first served.
func (h *hop) next() *waiter {
	best := 0
	for i, w := range h.waiting {
		if h.tenants[w.tenant] < h.tenants[h.waiting[best].tenant] {
			best = i
		}
	}
	w := h.waiting[best]
	h.waiting = slices.Delete(h.waiting, best, best+1)
	return w
}

func (h *hop) use(tenant string) {
	h.inUse++
	if h.tenants == nil {
		h.tenants = map[string]int{}
	}
	h.tenants[tenant]++
}

// connKey says which idle connection may serve: same place, same policy, same
// user.
type connKey struct {
	dialable
	host, helo, source string
	lmtp               bool
	sec                secKey
	user, password     string
}

// pooled is a connection with its history.
type pooled struct {
	*smtpc.Conn
	key   connKey
	uses  int // messages sent over it
	born  time.Time
	timer *time.Timer // while idle
}

func newPool(maxAge time.Duration) *pool {
	return &pool{maxAge: maxAge, hops: map[string]*hop{}}
}

// acquire takes one of max slots to a site, waiting for ctx and patience at
// most. Each slot is given back with release.
func (p *pool) acquire(ctx context.Context, key, tenant string, max int, patience time.Duration) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return errPoolClosed
	}
	h := p.hops[key]
	if h == nil {
		h = &hop{}
		p.hops[key] = h
	}
	if h.inUse < max && len(h.waiting) == 0 {
		h.use(tenant)
		p.mu.Unlock()
		return nil
	}
	if patience <= 0 {
		p.mu.Unlock()
		return errNoRoom
	}
	w := &waiter{tenant: tenant, ready: make(chan struct{})}
	h.waiting = append(h.waiting, w)
	p.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	err := errNoRoom
	select {
	case <-w.ready:
		return nil
	case <-timer.C:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.granted {
		if errors.Is(err, errNoRoom) {
			return nil
		}
		p.releaseLocked(key, tenant, max)
		return err
	}
	h.waiting = slices.DeleteFunc(h.waiting, func(x *waiter) bool { return x == w })
	p.forgetLocked(key)
	return err
}

// release gives a slot back. max is the limit now, which a reload or trouble
// may have changed.
func (p *pool) release(key, tenant string, max int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.releaseLocked(key, tenant, max)
}

func (p *pool) releaseLocked(key, tenant string, max int) {
	h := p.hops[key]
	h.inUse--
	if h.tenants[tenant]--; h.tenants[tenant] <= 0 {
		delete(h.tenants, tenant)
	}
	for len(h.waiting) > 0 && h.inUse < max {
		w := h.next()
		h.use(w.tenant)
		w.granted = true
		close(w.ready)
	}
	p.forgetLocked(key)
}

// free reports whether a slot is there for a newcomer.
func (p *pool) free(key string, max int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hops[key]
	return h == nil || h.inUse < max && len(h.waiting) == 0
}

// usage is how many connections are open to a site, in use or idle.
type usage struct{ open, idle int }

func (p *pool) open() map[string]usage {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]usage{}
	for key, h := range p.hops {
		out[key] = usage{h.inUse + len(h.idle), len(h.idle)}
	}
	return out
}

func (p *pool) forgetLocked(key string) {
	if h := p.hops[key]; h != nil && h.inUse == 0 && len(h.idle) == 0 && len(h.waiting) == 0 {
		delete(p.hops, key)
	}
}

// take gets the youngest idle connection for ck, or nil.
func (p *pool) take(key string, ck connKey) *pooled {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hops[key]
	if h == nil {
		return nil
	}
	for i := len(h.idle) - 1; i >= 0; i-- {
		if c := h.idle[i]; c.key == ck {
			h.idle = slices.Delete(h.idle, i, i+1)
			c.timer.Stop()
			return c
		}
	}
	return nil
}

// room closes idle connections so that one more keeps within max.
func (p *pool) room(key string, max int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hops[key]
	for h != nil && len(h.idle) > 0 && h.inUse+len(h.idle) > max {
		p.dropLocked(key, h.idle[0])
	}
}

// drop closes all idle connections for ck: one of them was found dead.
func (p *pool) drop(key string, ck connKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h := p.hops[key]; h != nil {
		for _, c := range slices.Clone(h.idle) {
			if c.key == ck {
				p.dropLocked(key, c)
			}
		}
	}
}

// put keeps a connection for the next message, or says goodbye to it when it
// is worn. The caller still has its slot.
func (p *pool) put(key string, c *pooled, perConn int, idleFor time.Duration) {
	if !c.Usable() {
		_ = c.Close()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hops[key]
	if p.closed || h == nil || idleFor <= 0 || c.uses >= perConn || time.Since(c.born) > p.maxAge {
		p.goodbyeLocked(c)
		return
	}
	c.SetTranscript(nil)
	h.idle = append(h.idle, c)
	c.timer = time.AfterFunc(idleFor, func() { p.expire(key, c) })
}

func (p *pool) expire(key string, c *pooled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropLocked(key, c)
}

// dropLocked closes c if it is still idle.
func (p *pool) dropLocked(key string, c *pooled) {
	h := p.hops[key]
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
	p.forgetLocked(key)
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
