package verify

import (
	"sync"
	"time"
)

// limiter bounds callouts by next hop: a token bucket each, and a pause after
// the destination gave no answer.
type limiter struct {
	rate    float64
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
}

// maxBuckets bounds the memory; full buckets are dropped beyond it.
const maxBuckets = 10_000

func newLimiter(rate float64, burst int, downFor time.Duration, now func() time.Time) *limiter {
	return &limiter{rate: rate, burst: float64(burst), downFor: downFor, now: now, m: map[string]*bucket{}}
}

// allow takes a token, or reports that none is left or the hop is down.
func (l *limiter) allow(hop string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(hop)
	if l.now().Before(b.until) || b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// down pauses callouts to a hop.
func (l *limiter) down(hop string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bucket(hop).until = l.now().Add(l.downFor)
}

func (l *limiter) bucket(hop string) *bucket {
	now := l.now()
	b := l.m[hop]
	if b == nil {
		if len(l.m) >= maxBuckets {
			l.prune(now)
		}
		b = &bucket{tokens: l.burst, at: now}
		l.m[hop] = b
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
