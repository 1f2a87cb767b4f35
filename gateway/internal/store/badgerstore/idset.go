package badgerstore

import (
	"sync"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// idSet is a set of messages. There may be hundreds of thousands in it: a
// plain map takes a quarter of what a sync.Map does.
type idSet struct {
	mu sync.RWMutex
	m  map[mail.ID]struct{}
}

func (s *idSet) add(id mail.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = map[mail.ID]struct{}{}
	}
	s.m[id] = struct{}{}
}

func (s *idSet) remove(id mail.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, id)
	if len(s.m) == 0 {
		s.m = nil // a map keeps the room of the most it ever held
	}
}

func (s *idSet) has(id mail.ID) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.m[id]
	return ok
}
