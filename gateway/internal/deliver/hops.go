package deliver

import (
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// HopStatus is how one next hop is doing.
type HopStatus struct {
	NextHop     string
	Destination string // name in the policy, "" none
	Site        string // what it shares its limits with: the destination's name, or the hosts that serve it

	Open     int // connections, idle ones included
	Idle     int
	Limit    int // connections allowed now; below Connections while it recovers from trouble
	RateLeft int // messages that may go at once now; -1 there is no rate

	Backoff     time.Time // nothing is tried before it; zero none
	Suspended   time.Time // likewise, since it refused everybody
	SuspendedBy string    // the operator who suspended it, "" none
	Fails       int       // episodes of trouble in a row
	Recovering  bool      // after trouble: a trial runs or is due, or connections still grow

	Last   mail.Reply // the last answer to a recipient, or our word for its failure
	LastAt time.Time
	Counts Counts
}

// Room is how many attempts to a next hop may run at a time, 0 where that is not
// known, of all that share a destination with it, whose key is given, and whether our
// own limits leave room for a further one now. It is quick, and may be called for
// every hop at every claim. One that is unknown has room. The tenant makes no
// difference: among those who wait for a connection the one with the fewest goes
// first.
func (e *Engine) Room(nextHop string) (most int, destination string, now bool) {
	x := e.sites
	x.mu.Lock()
	hs := x.hops[nextHop]
	if hs == nil {
		held := len(x.held) > 0 && x.manual(x.now(), nextHop) != nil
		x.mu.Unlock()
		return 0, "", !held
	}
	at := x.now()
	s := hs.site
	ready := x.holdOf(nextHop, s, hs.reach, at) == nil
	if ready {
		if wait, _ := (&site{dest: s.dest, tat: s.tat}).take(at, 0); wait > 0 {
			ready = false
		}
	}
	limit, key := s.limit(hs.most), s.key
	x.mu.Unlock()
	return limit, key, ready && e.pool.free(key, limit)
}

// Held is for how long our own limits keep mail for a next hop back; ok is false
// when nothing does that lasts.
func (e *Engine) Held(nextHop string) (d time.Duration, ok bool) {
	if h := e.sites.known(nextHop); h != nil {
		return h.for_, true
	}
	return 0, false
}

// Hops is how every next hop that is remembered is doing, by name.
func (e *Engine) Hops() []HopStatus {
	x := e.sites
	open := e.pool.open()
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	out := make([]HopStatus, 0, len(x.hops))
	for name, h := range x.hops {
		s := h.site
		st := HopStatus{
			NextHop: name, Destination: s.dest.Name, Site: s.key, Limit: s.limit(h.most), RateLeft: s.left(now),
			Open: open[s.key].open, Idle: open[s.key].idle, Last: h.last, LastAt: h.lastAt, Counts: h.counts,
		}
		if until := later(s.until, h.reach.until); now.Before(until) {
			st.Backoff = until
		}
		if until := later(s.stopped, h.reach.stopped); now.Before(until) {
			st.Suspended = until
		}
		st.Recovering = s.troubled() || h.reach.troubled() || s.window > 0 && !s.since.IsZero()
		st.Fails = max(s.fails, h.reach.fails)
		for _, n := range []string{name, s.dest.Name, s.key, h.reach.key} {
			if m, ok := x.held[strings.ToLower(n)]; ok && n != "" && (m.Until.IsZero() || now.Before(m.Until)) {
				st.Suspended, st.SuspendedBy = m.Until, m.By
				break
			}
		}
		out = append(out, st)
	}
	slices.SortFunc(out, func(a, b HopStatus) int { return strings.Compare(a.NextHop, b.NextHop) })
	return out
}

// Totals are the recipients of all attempts since the engine started.
func (e *Engine) Totals() Counts {
	e.sites.mu.Lock()
	defer e.sites.mu.Unlock()
	return e.sites.sum
}
