package badgerstore

import (
	"testing"
	"time"
)

// TestBatchesAreSmallOnAFullDisk: the search index takes no half a GiB of log at
// a time where the store may need the room.
func TestBatchesAreSmallOnAFullDisk(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.Close()
	f := &feeder{s: s}
	for free, want := range map[int64]int{feedRoom - 1: feedPart, feedRoom: feedBatch} {
		s.space.mu.Lock()
		s.space.stat = func(string) (int64, error) { return free, nil }
		s.space.at = time.Time{}
		s.space.mu.Unlock()
		if got := f.batch(); got != want {
			t.Errorf("%d octets free: %d at a time, want %d", free, got, want)
		}
	}
}
