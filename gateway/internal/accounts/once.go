package accounts

import (
	"sync"
	"time"
)

// once remembers what was used until it would not hold any more.
type once struct {
	clock func() time.Time
	mu    sync.Mutex
	used  map[string]time.Time // until
}

func newOnce(clock func() time.Time) *once { return &once{clock: clock, used: map[string]time.Time{}} }

// take reports whether it is the first use.
func (o *once) take(key string, until time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.clock()
	if len(o.used) > 10_000 {
		for k, t := range o.used {
			if !now.Before(t) {
				delete(o.used, k)
			}
		}
	}
	if _, ok := o.used[key]; ok {
		return false
	}
	o.used[key] = until
	return true
}
