package badgerstore

import (
	"errors"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// TestNoticeOfWhatNeverHappened: a kill between the body of a DSN and the
// commit of the bounce leaves the one without the other, and the sender must
// not be told twice; `make crash` found it.
func TestNoticeOfWhatNeverHappened(t *testing.T) {
	for _, size := range []int{small, large} {
		dir := t.TempDir()
		s := openTest(t, dir)
		due, done := enqueue(t, s, small, nil), enqueue(t, s, small, nil)
		deliver(t, s, done)
		notice := func(of mail.ID) mail.ID {
			return enqueue(t, s, size, func(m *store.Message) { m.Kind, m.Parent = "dsn", of })
		}
		never, happened := notice(due), notice(done)
		must(t, s.Close())
		for _, id := range []mail.ID{never, happened} {
			loseRecord(t, dir, id, []byte("Ml")...)
		}
		s = openTest(t, dir)
		if _, err := s.Get(ctx, never); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a notice about mail that is still due: %v", err)
		}
		if _, err := s.OpenBody(ctx, never); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("its body: %v", err)
		}
		wantStatus(t, s, happened, mail.StatusQueued)
		wantBody(t, s, happened, size)
		wantStatus(t, s, due, mail.StatusQueued)
		must(t, s.Close())
	}
}
