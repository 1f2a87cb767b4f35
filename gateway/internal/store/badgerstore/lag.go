package badgerstore

import (
	"context"
	"time"
)

// Lag is how far the search index is behind the record.
type Lag struct {
	Entries uint64        // commits that it does not have yet
	For     time.Duration // since it had everything; 0 where Entries is 0
	Whole   bool          // searches use it
	Size    int64         // octets on disk
}

// Lag tells how far the search index is behind. It costs next to nothing, so that
// it may be asked every few seconds.
func (s *Store) Lag(ctx context.Context) (l Lag, err error) {
	f := s.search
	if f == nil {
		return l, errNoIndex
	}
	f.mu.Lock()
	durable := f.feed.durable.Load()
	l.Whole, l.Entries = f.whole, durable-min(f.applied, durable)
	if l.Entries > 0 || !l.Whole {
		l.For = time.Since(f.level)
	}
	f.mu.Unlock()
	l.Size, err = f.x.Load().Size(ctx)
	return l, err
}

// begun notes that there is something to do again, after a rest.
func (f *feeder) begun() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.level = time.Now()
}
