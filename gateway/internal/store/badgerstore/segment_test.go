package badgerstore

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

func segTestStore(t *testing.T, dir string) *Store {
	t.Helper()
	o := testOptions(t, dir)
	o.segSize = 64 << 10
	s, err := open(o)
	must(t, err)
	return s
}

func segBytes(t *testing.T, s *Store) (n int64) {
	t.Helper()
	for _, p := range s.spool.segs.paths() {
		if fi, err := os.Stat(p); err == nil {
			n += fi.Size()
		}
	}
	return n
}

// waitFor polls for what a background goroutine does.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestSegmentsGoWhenDoneWith(t *testing.T) {
	dir := t.TempDir()
	s := segTestStore(t, dir)
	var ids []mail.ID
	for range 100 { // several segments
		ids = append(ids, enqueue(t, s, small, nil))
	}
	if n := len(s.spool.segs.paths()); n < 3 {
		t.Fatalf("%d segments: the test shows nothing", n)
	}
	for _, id := range ids {
		deliver(t, s, id)
	}
	if n := len(s.spool.segs.paths()); n > 1 {
		t.Errorf("%d segments are left of finished mail", n)
	}
	must(t, s.Close())
	if n := spooled(t, dir); n != 0 {
		t.Errorf("%d files are left after close", n)
	}
}

func TestCleanerBoundsTheSpool(t *testing.T) {
	dir := t.TempDir()
	s := segTestStore(t, dir)
	var kept []mail.ID
	for i := range 400 { // one of twenty stays: no segment empties by itself
		id := enqueue(t, s, small, nil)
		if i%20 == 0 {
			kept = append(kept, id)
		} else {
			deliver(t, s, id)
		}
	}
	live := int64(len(kept)) * (small + 1500)
	waitFor(t, "the cleaner", func() bool { return segBytes(t, s) < 2*live+5*s.o.segSize })
	for range 2 {
		for _, id := range kept {
			wantBody(t, s, id, small)
			wantStatus(t, s, id, mail.StatusQueued)
		}
		must(t, s.Close())
		s = segTestStore(t, dir)
	}
	// And without Badger: moved mail is there once, delivered mail not at all.
	must(t, s.Close())
	must(t, os.RemoveAll(filepath.Join(dir, "meta")))
	s = segTestStore(t, dir)
	defer s.Close()
	n, err := s.Counts(ctx)
	must(t, err)
	if n[mail.StatusQueued] != len(kept) {
		t.Errorf("%d messages after the loss of Badger, want %d", n[mail.StatusQueued], len(kept))
	}
}

func TestCleanerAgainstReadersAndDrops(t *testing.T) {
	dir := t.TempDir()
	s := segTestStore(t, dir)
	var mu sync.Mutex
	left := map[mail.ID]bool{}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			var mine []mail.ID
			for i := range 120 {
				id := enqueue(t, s, small, func(m *store.Message) { m.Recipients[0].NextHop = string(rune('a' + w)) })
				mine = append(mine, id)
				if len(mine) > 6 { // drop from the middle, read what stays
					d := mine[i%6]
					mine = append(mine[:i%6], mine[i%6+1:]...)
					must(t, s.Update(ctx, d, func(m *store.Message) ([]mail.Event, error) {
						m.Recipients[0].Status, m.HasBody = mail.StatusQueueRemoved, false
						return nil, nil
					}))
					wantBody(t, s, mine[i%len(mine)], small)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for _, id := range mine {
				left[id] = true
			}
		})
	}
	wg.Wait()
	for id := range left {
		wantBody(t, s, id, small)
	}
	must(t, s.Close())
	s = segTestStore(t, dir)
	defer s.Close()
	n, err := s.Counts(ctx)
	must(t, err)
	if n[mail.StatusQueued] != len(left) {
		t.Errorf("%d messages, want %d", n[mail.StatusQueued], len(left))
	}
	for id := range left {
		wantBody(t, s, id, small)
	}
}

// Where an old copy of a moved body survived a crash, it must not come back
// once the newer one is done with.
func TestInterruptedMoveLeavesOneCopy(t *testing.T) {
	dir := t.TempDir()
	s := segTestStore(t, dir)
	id := enqueue(t, s, small, nil)
	other := enqueue(t, s, small, nil)
	old := s.spool.segs.paths()[0]
	copied, err := os.ReadFile(old)
	must(t, err)
	ref := s.spool.segs.refs[id]
	s.spool.segs.mu.Lock()
	s.spool.segs.sealLocked(ref.seg)
	s.spool.segs.mu.Unlock()
	must(t, s.spool.segs.evacuate(ref.seg))
	if _, err := os.Stat(old); err == nil {
		t.Fatal("the old segment is still there: the test shows nothing")
	}
	must(t, s.Close())
	must(t, os.WriteFile(old, copied, 0o600)) // its removal was not durable
	s = segTestStore(t, dir)
	wantBody(t, s, id, small)
	wantBody(t, s, other, small)
	deliver(t, s, id)
	must(t, s.Forget(ctx, id))
	must(t, s.Close())
	must(t, os.RemoveAll(filepath.Join(dir, "meta")))
	s = segTestStore(t, dir)
	defer s.Close()
	if n, err := s.Counts(ctx); err != nil || n[mail.StatusQueued] != 1 {
		t.Errorf("%v, %v", n, err)
	}
}
