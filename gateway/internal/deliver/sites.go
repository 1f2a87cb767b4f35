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
	sum   Counts                // of all next hops, the forgotten ones too
	swept time.Time
}

// hopState is what is known of one next hop.
type hopState struct {
	site   *site // whose limits count
	most   int   // connections that the route allows to a site that is well
	reach  *site // what its hosts share: whether they can be reached. The site itself, unless that is a named destination
	counts Counts
	last   mail.Reply // anonymous
	lastAt time.Time
	used   time.Time
}

// Counts are recipients by what became of them at a next hop since the engine
// started or last forgot it.
type Counts struct{ Delivered, Deferred, Failed, Throttled uint64 }

// maxSites bounds what is remembered.
const (
	maxSites      = 8192
	forgetSite    = 30 * time.Minute // after its last use
	forgetTrouble = 12 * time.Hour   // likewise: longer than the pause between two tries
)

// firstConns are the connections to a destination that nothing is known of; it
// gets more with each message that it takes. So one that hangs holds few.
const firstConns = 5

// ownPause is the longest back-off of hosts that the operator's route names
// and no destination block does: they are his own, and found again soon.
const ownPause = 5 * time.Second

// destination finds how a route's hosts are to be treated, the key of what they
// share with others that the policy calls the same, and of what the same hosts serve.
func (x *sites) destination(r Route, hosts []host) (key, reach string, d policy.Destination) {
	hop := r.NextHop()
	if x.dest == nil {
		return hop, hop, policy.Destination{Connections: r.maxConns(), PerConnection: r.perConn()}
	}
	reach = hop
	if len(r.Hosts) == 0 {
		reach = rollUp(hop, hosts)
	}
	for i, h := range hosts {
		if e := x.dest(strings.ToLower(r.MX), h.host, r.Name); i == 0 || e.Name != "" {
			if d = e; d.Name != "" {
				return d.Name, reach, d
			}
		}
	}
	if len(r.Hosts) > 0 {
		d.Backoff, d.MaxBackoff, d.SuspendAfter = min(d.Backoff, ownPause), min(d.MaxBackoff, ownPause), 0
	}
	return reach, reach, d
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
	x           *sites
	hop         string
	site, reach *site
	trials      []*site // that this attempt tests
	start       time.Time
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
	return x.holdOf(hop, hs.site, hs.reach, now)
}

// holdOf says what keeps attempts back, of all that can.
func (x *sites) holdOf(hop string, s, reach *site, now time.Time) *hold {
	if h := x.manual(now, hop, s.dest.Name, s.key, reach.key); h != nil {
		return h
	}
	if h := s.held(now); h != nil || s == reach {
		return h
	}
	return reach.held(now)
}

// enter admits an attempt, or says what keeps it back. insist ignores back-off
// and our own suspensions.
func (x *sites) enter(r Route, hosts []host, insist bool) (*pass, *hold) {
	key, reachKey, d := x.destination(r, hosts)
	hop := r.NextHop()
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	x.sweep(now)
	s := x.site(key, d, now)
	reach := s
	if reachKey != key {
		reach = x.site(reachKey, d, now)
	}
	hs := x.hops[hop]
	if hs == nil {
		hs = &hopState{}
		x.hops[hop] = hs
	}
	hs.site, hs.reach, hs.used, hs.most = s, reach, now, most(r, d)
	h := x.holdOf(hop, s, reach, now)
	if h != nil && (!insist || h.why == WhyManual) {
		return nil, h
	}
	p := &pass{x: x, hop: hop, site: s, reach: reach, start: now}
	if h == nil {
		p.try(s)
		p.try(reach)
	}
	s.running++
	reach.running++
	return p, nil
}

func (x *sites) site(key string, d policy.Destination, now time.Time) *site {
	s := x.by[key]
	if s == nil {
		s = &site{key: key}
		if x.dest != nil && d.Connections > firstConns {
			s.window = firstConns
		}
		x.by[key] = s
	}
	s.dest, s.used = d, now
	return s
}

// try makes the attempt the one that tests whether a site is well again.
func (p *pass) try(s *site) {
	if s.troubled() && !s.trying {
		s.trying = true
		p.trials = append(p.trials, s)
	}
}

// limit is how many connections may be open now.
func (p *pass) limit(r Route) int {
	p.x.mu.Lock()
	defer p.x.mu.Unlock()
	return p.site.limit(most(r, p.site.dest))
}

// most is the limit of a site that is well.
func most(r Route, d policy.Destination) int {
	if r.MaxConns > 0 || d.Connections <= 0 {
		return r.maxConns()
	}
	return d.Connections
}

// leave ends an attempt with what it found out. That hosts cannot be reached
// says nothing of others under the same name in the policy.
func (p *pass) leave(f finding) {
	x := p.x
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	f.hop, f.start = p.hop, p.start
	p.site.running--
	p.reach.running--
	for _, s := range p.trials {
		s.trying = false
	}
	about := []*site{p.site}
	switch {
	case p.site == p.reach:
	case f.health == unreachable:
		about = []*site{p.reach}
	case f.health != unknown:
		about = []*site{p.site, p.reach}
	}
	for i, s := range about {
		if i == 1 {
			f.health = well // it can be reached
		}
		if what := s.report(f, now); what != "" {
			x.tell(what, s, f)
		}
	}
}

func (x *sites) tell(what string, s *site, f finding) {
	if f.health == well {
		x.log.Info(what, "destination", s.key)
		return
	}
	level := slog.LevelWarn
	if s.fails > 1 { // it goes on
		level = slog.LevelInfo
	}
	x.log.Log(context.Background(), level, what, "destination", s.key, "reply", f.heard().String(), "until", later(s.until, s.stopped))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// count files what became of an attempt's recipients at a next hop.
func (x *sites) count(hop string, rs []RcptResult) {
	var last mail.Reply
	for i := range slices.Backward(rs) {
		if !rs[i].Throttled {
			last = anonymous(rs[i].Reply)
			break
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	hs := x.hops[hop]
	if hs == nil {
		hs = &hopState{} // forgotten, or never called
	}
	for i := range rs {
		hs.counts.add(&rs[i])
		x.sum.add(&rs[i])
	}
	if !last.IsZero() {
		hs.last, hs.lastAt = last, x.now()
	}
}

func (c *Counts) add(r *RcptResult) {
	switch {
	case r.Throttled:
		c.Throttled++
	case r.Outcome == Delivered:
		c.Delivered++
	case r.Outcome == Failed:
		c.Failed++
	default:
		c.Deferred++
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
	return 0, &hold{why: WhyRate, for_: wait, text: "as many messages as the policy's rate allows have gone to the destination"}
}

// sweep forgets what has not been used for a while, and of too much an eighth:
// what is well and was used longest ago first. Who sends mail chooses its
// domain, and so how many of them are in trouble.
func (x *sites) sweep(now time.Time) {
	if now.Sub(x.swept) >= time.Minute {
		x.swept = now
		for name, h := range x.hops {
			if now.Sub(h.used) > forgetSite && !h.site.busy(now) {
				delete(x.hops, name)
			}
		}
		for key, s := range x.by {
			if now.Sub(s.used) > forgetSite && !s.busy(now) {
				delete(x.by, key)
			}
		}
	}
	if len(x.hops) >= maxSites {
		makeRoom(x.hops, func(h *hopState) (bool, bool, time.Time) { return false, h.site.busy(now), h.used })
	}
	if len(x.by) >= maxSites {
		makeRoom(x.by, func(s *site) (bool, bool, time.Time) { return s.running > 0, s.busy(now), s.used })
	}
}

// makeRoom forgets an eighth of maxSites entries of m.
func makeRoom[T any](m map[string]T, of func(T) (fixed, busy bool, used time.Time)) {
	type entry struct {
		name string
		busy bool
		used time.Time
	}
	var all []entry
	for name, v := range m {
		if fixed, busy, used := of(v); !fixed {
			all = append(all, entry{name, busy, used})
		}
	}
	slices.SortFunc(all, func(a, b entry) int {
		if a.busy != b.busy {
			if b.busy {
				return -1
			}
			return 1
		}
		return a.used.Compare(b.used)
	})
	for _, e := range all[:min(len(all), maxSites/8)] {
		delete(m, e.name)
	}
}

// busy reports that there is something to remember of a site. Trouble that
// nobody has met again for long is not.
func (s *site) busy(now time.Time) bool {
	return s.running > 0 || now.Before(s.until) || now.Before(s.stopped) || now.Before(s.tat) || s.fails > 0 && now.Sub(s.used) < forgetTrouble
}
