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

// take counts a request of key's, or says how long to wait for it. peek counts
// nothing.
func (g *gcra) take(key string, l Limits, now time.Time, peek bool) (wait time.Duration) {
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
	if !peek {
		g.at[key] = at.Add(step)
	}
	return 0
}

// remote is the address of a caller over the network; "" for the socket and for
// callers in this process, which have no limits.
func remote(r *http.Request) string {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	ip := a.Addr().Unmap().WithZone("")
	if ip.Is6() { // a subscriber has a whole network of them
		p, _ := ip.Prefix(64)
		return p.String()
	}
	return ip.String()
}

// limited lets a caller through as often as the policy says.
func (s *server) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if remote(r) != "" {
			if wait := s.rates.take("c "+callerOf(r.Context()), s.limits(), s.now(), false); wait > 0 {
				tooMany(w, wait, "more requests than the policy's admin block lets one caller make")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// knocking slows down an address whose requests nobody vouches for.
func (s *server) knocking(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := remote(r)
		if from == "" {
			next.ServeHTTP(w, r)
			return
		}
		l := s.limits()
		if wait := s.rates.take("a "+from, l, s.now(), true); wait > 0 {
			tooMany(w, wait, "too many requests without a valid session or token from this address")
			return
		}
		rec := &statusOf{ResponseWriter: w}
		next.ServeHTTP(rec, r)
		if rec.status == http.StatusUnauthorized {
			s.rates.take("a "+from, l, s.now(), false)
		}
	})
}

// statusOf remembers the status of an answer.
type statusOf struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusOf) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusOf) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func tooMany(w http.ResponseWriter, wait time.Duration, detail string) {
	secs := max(1, int((wait+time.Second-1)/time.Second))
	w.Header().Set("Retry-After", strconv.Itoa(secs))
	writeProblem(w, problem(http.StatusTooManyRequests, detail, "wait "+strconv.Itoa(secs)+" s, or raise limits in the policy's admin block"))
}

// callerOf names who asks, for counts and keys of their own: the account, and
// whose mail it is about.
func callerOf(ctx context.Context) string {
	sc := scopeOf(ctx)
	return strings.Join([]string{string(sc.Level), sc.TenantName(), sc.Mailbox, sc.Actor}, "\x00")
}
