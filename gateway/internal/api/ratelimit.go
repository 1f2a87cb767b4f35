package api

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// gcra is the generic cell rate algorithm (ITU-T I.371): for each key the time
// at which its bucket would be full, and nothing else.
type gcra struct {
	mu    sync.Mutex
	at    map[string]time.Time // theoretical arrival time of the next request
	swept time.Time
}

// maxKeys is how many callers are told apart; beyond, those that have rested
// are forgotten at once, and further ones share one bucket.
const maxKeys = 50000

// take counts a request of key's, or says how long to wait for it.
func (g *gcra) take(key string, l Limits, now time.Time) (wait time.Duration) {
	if l.Requests <= 0 {
		return 0
	}
	step := time.Minute / time.Duration(l.Requests)
	slack := step * time.Duration(max(l.Burst, 1)-1)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.at == nil {
		g.at = map[string]time.Time{}
	}
	if len(g.at) >= maxKeys || now.Sub(g.swept) > time.Minute {
		g.swept = now
		for k, t := range g.at {
			if t.Before(now) {
				delete(g.at, k)
			}
		}
	}
	if _, known := g.at[key]; !known && len(g.at) >= maxKeys {
		key = ""
	}
	at := g.at[key]
	if at.Before(now) {
		at = now
	}
	if wait = at.Sub(now) - slack; wait > 0 {
		return wait
	}
	g.at[key] = at.Add(step)
	return 0
}

// overNetwork reports a caller with an address. Those of the socket and those
// in this process have none, and no limits.
func overNetwork(r *http.Request) bool {
	_, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil
}

// network is a source as it is counted: an IPv6 address by its /64, for a
// subscriber has a whole network of them.
func network(source string) string {
	a, err := netip.ParseAddr(source)
	if err != nil {
		return source
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	p, _ := a.Prefix(64) // 64 bits are there, and the zone is gone
	return p.String()
}

// limited lets a caller through as often as the policy says.
func (s *server) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if overNetwork(r) {
			if wait := s.counting(r.Context()).take("c "+callerOf(r.Context()), s.limits(), s.now()); wait > 0 {
				tooMany(w, wait, "more requests than the policy's admin block lets one caller make")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// counting is where a caller is counted. However many strangers there are, they
// take no room from those who are known.
func (s *server) counting(ctx context.Context) *gcra {
	if anonymous(ctx) {
		return &s.strangers
	}
	return &s.rates
}

// knocked counts a request that nobody vouches for, by the network it came
// from, or says how long to wait: then it is not to be answered.
func (s *server) knocked(who Authenticator, r *http.Request) time.Duration {
	if !overNetwork(r) {
		return 0
	}
	return s.strangers.take("a "+network(who.Source(r)), s.limits(), s.now())
}

// retryAfter is a wait in whole seconds (RFC 9110 §10.2.3).
func retryAfter(wait time.Duration) string {
	return strconv.Itoa(max(1, int((wait+time.Second-1)/time.Second)))
}

func tooMany(w http.ResponseWriter, wait time.Duration, detail string) {
	secs := retryAfter(wait)
	w.Header().Set("Retry-After", secs)
	writeProblem(w, problem(http.StatusTooManyRequests, detail, "wait "+secs+" s, or raise limits in the policy's admin block"))
}

// callerOf names who asks, for counts and keys of their own: the account, and
// whose mail it is about; of somebody unknown, the network they come from.
func callerOf(ctx context.Context) string {
	if anonymous(ctx) {
		return network(sourceOf(ctx))
	}
	sc := scopeOf(ctx)
	return strings.Join([]string{string(sc.Level), sc.TenantName(), sc.Mailbox, sc.Actor}, "\x00")
}

// anonymous reports a request that guard let through without an identity.
func anonymous(ctx context.Context) bool { return scopeOf(ctx).Level == "" }
