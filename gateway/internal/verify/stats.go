package verify

import (
	"maps"
	"sync"
)

// Stats are counts since the start. Names are few and fixed.
type Stats struct {
	Answers   map[string]map[string]uint64 // by source ("list", "cache", "callout", "nobody"), then answer
	Callouts  map[string]uint64            // made, by answer
	Limited   map[string]uint64            // left out, by reason
	Refreshes map[string]uint64            // "renewed", "withdrawn", "unanswered"
	Shared    uint64                       // questions that joined a callout under way
	Running   int                          // callouts waiting or under way now
}

type stats struct {
	mu                                   sync.Mutex
	answers                              map[string]map[string]uint64
	callouts, limited, refreshes, shared map[string]uint64
}

func (s *stats) count(m *map[string]uint64, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *m == nil {
		*m = map[string]uint64{}
	}
	(*m)[name]++
}

func (s *stats) answered(a Answer, source string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answers == nil {
		s.answers = map[string]map[string]uint64{}
	}
	if s.answers[source] == nil {
		s.answers[source] = map[string]uint64{}
	}
	s.answers[source][a.String()]++
}

// Stats gives the counts.
func (c *Checker) Stats() Stats {
	c.mu.Lock()
	running := len(c.calls)
	c.mu.Unlock()
	s := &c.stats
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Stats{
		Answers: map[string]map[string]uint64{}, Callouts: maps.Clone(s.callouts), Limited: maps.Clone(s.limited),
		Refreshes: maps.Clone(s.refreshes), Shared: s.shared[""], Running: running,
	}
	for source, by := range s.answers {
		out.Answers[source] = maps.Clone(by)
	}
	return out
}
