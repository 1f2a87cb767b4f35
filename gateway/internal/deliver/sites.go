package deliver

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/policy"
)

// sites remembers how destinations and next hops are doing. Everything in it
// may be forgotten: it is learnt again.
type sites struct {
	now func() time.Time
	log *slog.Logger
	// dest is Options.Destination; nil: nothing is held back.
	dest func(domain, host, route string) policy.Destination

	mu    sync.Mutex
	by    map[string]*site
	hops  map[string]*hopState
	held  map[string]Suspension // by operators, by name
	swept time.Time
}

// hopState is what is known of one next hop.
type hopState struct {
	site   *site
	counts Counts
	last   mail.Reply
	lastAt time.Time
	used   time.Time
}

// Counts are recipients by what became of them at a next hop since the engine
// started or last forgot it.
type Counts struct{ Delivered, Deferred, Failed, Throttled uint64 }

// maxSites bounds what is remembered; beyond it what is well goes first.
const (
	maxSites   = 8192
	forgetSite = 30 * time.Minute // after its last use
)

// ownPause is the longest back-off of hosts that the operator's route names
// and no destination block does: they are his own, and found again soon.
const ownPause = 5 * time.Second

// destination finds how a route's hosts are to be treated, and the key that
// they share with others.
func (x *sites) destination(r Route, hosts []host) (string, policy.Destination) {
	d := policy.Destination{Connections: r.maxConns(), PerConnection: r.perConn()}
	hop := r.NextHop()
	if x.dest == nil {
		return hop, d
	}
	for i, h := range hosts {
		if e := x.dest(strings.ToLower(r.MX), h.host, r.Name); i == 0 || e.Name != "" {
			if d = e; d.Name != "" {
				return d.Name, d
			}
		}
	}
	if len(r.Hosts) > 0 {
		d.Backoff, d.MaxBackoff = min(d.Backoff, ownPause), min(d.MaxBackoff, ownPause)
		d.SuspendAfter = 0
		return hop, d
	}
	return rollUp(hop, hosts), d
}

// rollUp is the key of an MX route that the policy has no name for: domains
// with the same mail servers are one destination.
func rollUp(hop string, hosts []host) string {
	if len(hosts) == 0 {
		return hop
	}
	names := make([]string, len(hosts))
	for i, h := range hosts {
		names[i] = h.String()
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}

// pass lets one attempt to a site.
type pass struct {
	x     *sites
	site  *site
	hop   *hopState
	trial bool
	start time.Time
}

// known says from memory what keeps attempts to a next hop back.
func (x *sites) known(hop string) *hold {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	if h := x.manual(now, hop); h != nil {
		return h
	}
	hs := x.hops[hop]
	if hs == nil {
		return nil
	}
	if h := x.manual(now, hs.site.dest.Name, hs.site.key); h != nil {
		return h
	}
	return hs.site.held(now)
}

// enter admits an attempt, or says what keeps it back. insist ignores
// everything but the number of connections.
func (x *sites) enter(r Route, hosts []host, insist bool) (*pass, *hold) {
	key, d := x.destination(r, hosts)
	hop := r.NextHop()
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	x.sweep(now)
	s := x.by[key]
	if s == nil {
		s = &site{key: key}
		x.by[key] = s
	}
	s.dest, s.used = d, now
	hs := x.hops[hop]
	if hs == nil {
		hs = &hopState{}
		x.hops[hop] = hs
	}
	hs.site, hs.used = s, now
	h := x.manual(now, hop, d.Name, key)
	if h == nil {
		h = s.held(now)
	}
	if h != nil && !insist {
		return nil, h
	}
	p := &pass{x: x, site: s, hop: hs, start: now}
	if s.troubled() && !s.trying && h == nil {
		p.trial, s.trying = true, true
	}
	s.running++
	return p, nil
}

// limit is how many connections may be open now.
func (p *pass) limit(r Route) int {
	p.x.mu.Lock()
	defer p.x.mu.Unlock()
	return p.site.limit(p.most(r))
}

// most is the limit of a site that is well.
func (p *pass) most(r Route) int {
	if r.MaxConns > 0 || p.site.dest.Connections <= 0 {
		return r.maxConns()
	}
	return p.site.dest.Connections
}

// leave ends an attempt with what it found out.
func (p *pass) leave(h health, reply mail.Reply, sender string) {
	x := p.x
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	p.site.running--
	if p.trial {
		p.site.trying = false
	}
	if what := p.site.report(h, reply, sender, p.start, now); what != "" {
		level := slog.LevelWarn
		if h == well {
			level = slog.LevelInfo
		}
		x.log.Log(context.Background(), level, what, "destination", p.site.key, "reply", reply.String(), "until", later(p.site.until, p.site.stopped))
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// count files what became of an attempt's recipients at a next hop.
func (x *sites) count(hop string, rs []RcptResult) {
	x.mu.Lock()
	defer x.mu.Unlock()
	hs := x.hops[hop]
	if hs == nil {
		return
	}
	for i := range rs {
		r := &rs[i]
		switch {
		case r.Throttled:
			hs.counts.Throttled++
			continue
		case r.Outcome == Delivered:
			hs.counts.Delivered++
		case r.Outcome == Failed:
			hs.counts.Failed++
		default:
			hs.counts.Deferred++
		}
		hs.last, hs.lastAt = r.Reply, x.now()
	}
}

// pay takes one message's place in the rate and waits for it, within
// patience. Otherwise it says how long that would be.
func (p *pass) pay(patience time.Duration) (time.Duration, *hold) {
	p.x.mu.Lock()
	defer p.x.mu.Unlock()
	wait, ok := p.site.take(p.x.now(), patience)
	if ok {
		return wait, nil
	}
	return 0, &hold{why: WhyRate, for_: wait, reply: *mail.NewReply(451, "4.4.5", "waiting: as many messages as the policy's rate allows have gone to the destination")}
}

// sweep forgets what has not been used for a while, more of it when there is
// too much.
func (x *sites) sweep(now time.Time) {
	full := len(x.by) >= maxSites || len(x.hops) >= maxSites
	if now.Sub(x.swept) < time.Minute && !full {
		return
	}
	x.swept = now
	keep := forgetSite
	if full {
		keep = 0
	}
	for name, h := range x.hops {
		if now.Sub(h.used) > keep && (full || !h.site.busy(now)) {
			delete(x.hops, name)
		}
	}
	for key, s := range x.by {
		if now.Sub(s.used) > keep && !s.busy(now) {
			delete(x.by, key)
		}
	}
}

// busy reports that a site cannot be forgotten.
func (s *site) busy(now time.Time) bool {
	return s.running > 0 || now.Before(s.until) || now.Before(s.stopped) || s.fails > 0 || now.Before(s.tat)
}
