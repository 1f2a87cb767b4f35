package flow

import (
	"net/netip"
	"sync"
	"time"
)

// refusedPerMinute is how many transactions without a message one client may
// have journalled in full each minute; beyond, one in sampleEvery is.
const (
	refusedPerMinute = 60
	sampleEvery      = 20
	maxSampled       = 20000 // clients remembered
)

// sampler keeps a dictionary attack from filling the journal.
type sampler struct {
	mu     sync.Mutex
	limit  int
	minute int64
	seen   map[netip.Addr]int
}

func newSampler(limit int) *sampler { return &sampler{limit: limit, seen: map[netip.Addr]int{}} }

func (s *sampler) allow(a netip.Addr, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := now.Unix() / 60; m != s.minute || len(s.seen) > maxSampled {
		s.minute = m
		clear(s.seen)
	}
	s.seen[a]++
	n := s.seen[a]
	return n <= s.limit || n%sampleEvery == 0
}
