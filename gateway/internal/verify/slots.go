package verify

import (
	"context"
	"sync"
	"time"
)

// slots bound how much goes on at a time, by name. Those who wait are served
// in no particular order.
type slots struct {
	max int
	mu  sync.Mutex
	m   map[string]*slot
}

type slot struct {
	room  chan struct{}
	users int // who hold or wait
}

func newSlots(max int) *slots { return &slots{max: max, m: map[string]*slot{}} }

// acquire takes a slot, waiting for it up to patience. Each that was taken is
// given back with release.
func (s *slots) acquire(ctx context.Context, name string, patience time.Duration) bool {
	s.mu.Lock()
	x := s.m[name]
	if x == nil {
		x = &slot{room: make(chan struct{}, s.max)}
		s.m[name] = x
	}
	x.users++
	s.mu.Unlock()
	select {
	case x.room <- struct{}{}:
		return true
	default:
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case x.room <- struct{}{}:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	s.leave(name, x)
	return false
}

func (s *slots) release(name string) {
	s.mu.Lock()
	x := s.m[name]
	s.mu.Unlock()
	<-x.room
	s.leave(name, x)
}

func (s *slots) leave(name string, x *slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.users--; x.users == 0 {
		delete(s.m, name)
	}
}
