package accounts

import (
	"sync"
	"time"
)

// ration lets each key through some times in a window.
type ration struct {
	clock  func() time.Time
	window time.Duration
	mu     sync.Mutex
	used   map[string]rationed
}

type rationed struct {
	since time.Time
	count int
}

func newRation(clock func() time.Time, window time.Duration) *ration {
	return &ration{clock: clock, window: window, used: map[string]rationed{}}
}

// take counts a use, or says how long to wait for it.
func (r *ration) take(key string, most int) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock()
	if len(r.used) >= rememberMost {
		for k, u := range r.used {
			if now.Sub(u.since) >= r.window {
				delete(r.used, k)
			}
		}
		for k := range r.used { // in no order
			if len(r.used) < rememberMost*9/10 {
				break
			}
			delete(r.used, k)
		}
	}
	u := r.used[key]
	if now.Sub(u.since) >= r.window {
		u = rationed{since: now}
	}
	if u.count >= most {
		return u.since.Add(r.window).Sub(now)
	}
	u.count++
	r.used[key] = u
	return 0
}
