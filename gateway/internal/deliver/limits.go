package deliver

import (
	"context"
	"time"
)

// holdBack files that our own limits keep the attempt back (B89). Recipients
// that a host has answered already keep its answer.
func (a *Attempt) holdBack(h *hold) {
	for i := range a.state {
		s := &a.state[i]
		if s.over || s.spoke {
			continue
		}
		s.spoke, s.over = true, true
		s.RcptResult = RcptResult{N: s.N, Reply: h.reply(), Throttled: true, RetryAfter: max(h.for_, time.Second), Host: a.req.Route.NextHop()}
	}
}

func noRoom() *hold {
	return &hold{why: WhyConnections, for_: 2 * time.Second, text: "all connections to the destination that the policy allows are in use"}
}

func (a *Attempt) patience() time.Duration {
	if a.req.Patience > 0 {
		return a.req.Patience
	}
	return a.e.opt.Patience
}

// pay gets the next message its place in the destination's rate. False: there
// is none soon enough, and what is pending was held back.
func (a *Attempt) pay(ctx context.Context) bool {
	if a.paid || a.probe {
		return true
	}
	wait, h := a.pass.pay(min(a.patience(), a.e.opt.Patience))
	if h != nil {
		a.holdBack(h)
		return false
	}
	a.paid = true
	if wait <= 0 {
		return true
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// wear is how long a connection serves: messages, and time unused (0: it is closed at
// once).
func (p *pass) wear(r Route, idle time.Duration) (int, time.Duration) {
	p.x.mu.Lock()
	defer p.x.mu.Unlock()
	d := p.site.dest
	if p.x.dest != nil {
		idle = d.Idle
	}
	if r.PerConn > 0 || d.PerConnection <= 0 {
		return r.perConn(), idle
	}
	return d.PerConnection, idle
}
