package verify

import (
	"context"
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

// take takes a token, waiting for it up to patience. False: the hop is down,
// so many are waiting already that it would take longer, or ctx has ended.
func (l *limiter) take(ctx context.Context, hop string, patience time.Duration) bool {
	wait, ok := l.reserve(hop, patience)
	if !ok || wait <= 0 {
		return ok
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

// reserve takes a token that may still have to grow, and says how long that is.
func (l *limiter) reserve(hop string, patience time.Duration) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(hop)
	wait := time.Duration((1 - b.tokens) / l.rate * float64(time.Second))
	if l.now().Before(b.until) || wait > patience {
		return 0, false
	}
	b.tokens--
	return wait, true
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
