package verify

import (
	"context"
	"sync"
	"time"
)

// limiter is a token bucket for each of many names; next hops also have a pause
// after the destination gave no answer, which doubles while it gives none.
type limiter struct {
	rate    float64 // tokens a second
	burst   float64
	downFor time.Duration
	now     func() time.Time

	mu sync.Mutex
	m  map[string]*bucket
}

type bucket struct {
	tokens float64
	at     time.Time
	until  time.Time // down until
	fails  int       // pauses in a row
}

const (
	// maxBuckets bounds the memory; full buckets are dropped beyond it.
	maxBuckets = 10_000
	// maxDown is the longest pause of a destination that gives no answer. It is
	// also how long its return may go unnoticed.
	maxDown = 15 * time.Second
)

func newLimiter(rate float64, burst int, downFor time.Duration, now func() time.Time) *limiter {
	return &limiter{rate: rate, burst: float64(burst), downFor: downFor, now: now, m: map[string]*bucket{}}
}

// take takes a token, waiting for it up to patience. False: so many are waiting
// already that it would take longer, or ctx has ended.
func (l *limiter) take(ctx context.Context, name string, patience time.Duration) bool {
	wait, ok := l.reserve(name, patience)
	if !ok || wait <= 0 {
		return ok
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		l.giveBack(name)
		return false
	}
}

// reserve takes a token that may still have to grow, and says how long that is.
func (l *limiter) reserve(name string, patience time.Duration) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(name)
	wait := time.Duration((1 - b.tokens) / l.rate * float64(time.Second))
	if wait > patience {
		return 0, false
	}
	b.tokens--
	return wait, true
}

// giveBack returns a token that was not used after all.
func (l *limiter) giveBack(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(name)
	b.tokens = min(l.burst, b.tokens+1)
}

// ample reports that at least half of the burst is left: there is room for
// what nobody waits for.
func (l *limiter) ample(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bucket(name).tokens >= l.burst/2
}

// isDown reports whether a hop is in a pause.
func (l *limiter) isDown(hop string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now().Before(l.bucket(hop).until)
}

// down pauses callouts to a hop. Failures that were under way together count once.
func (l *limiter) down(hop string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, now := l.bucket(hop), l.now()
	if l.downFor <= 0 || now.Before(b.until) {
		return
	}
	b.until = now.Add(min(l.downFor<<min(b.fails, 10), max(maxDown, l.downFor)))
	b.fails++
}

// up ends the pause of a hop that has answered.
func (l *limiter) up(hop string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(hop)
	b.until, b.fails = time.Time{}, 0
}

func (l *limiter) bucket(name string) *bucket {
	now := l.now()
	b := l.m[name]
	if b == nil {
		if len(l.m) >= maxBuckets {
			l.prune(now)
		}
		b = &bucket{tokens: l.burst, at: now}
		l.m[name] = b
	}
	b.tokens = min(l.burst, b.tokens+now.Sub(b.at).Seconds()*l.rate)
	b.at = now
	return b
}

// prune drops buckets that are full again, and all of them when none is.
func (l *limiter) prune(now time.Time) {
	for k, b := range l.m {
		if now.After(b.until) && b.tokens+now.Sub(b.at).Seconds()*l.rate >= l.burst {
			delete(l.m, k)
		}
	}
	if len(l.m) >= maxBuckets {
		clear(l.m)
	}
}
