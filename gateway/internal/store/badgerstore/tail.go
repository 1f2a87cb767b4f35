package badgerstore

import (
	"context"
	"fmt"
	"sync"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

var _ store.Tailer = (*Store)(nil)

// maxTail bounds one reading of events.
const maxTail = 1000

// tail tells whoever follows the events that there are more. It waits for
// nobody: telling is the closing of a channel, and what was told stands in
// the store.
type tail struct {
	mu   sync.Mutex
	seq  uint64 // of the last durable event
	more chan struct{}
	over bool
}

// reached is called by the committer alone, after a commit.
func (t *tail) reached(seq uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if seq == t.seq {
		return
	}
	t.seq = seq
	t.wake()
}

func (t *tail) wake() {
	if t.more != nil {
		close(t.more)
		t.more = nil
	}
}

// end wakes everybody for the last time.
func (t *tail) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	t.wake()
}

func (t *tail) last() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seq
}

func (t *tail) next() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		c := make(chan struct{})
		close(c)
		return c
	}
	if t.more == nil {
		t.more = make(chan struct{})
	}
	return t.more
}

// EventsAfter implements store.Tailer.
func (s *Store) EventsAfter(ctx context.Context, after uint64, limit int) ([]mail.Event, error) {
	if limit <= 0 || limit > maxTail {
		limit = maxTail
	}
	last := s.com.tail.last() // what is committed later may be in the snapshot, but is not durable yet
	if after >= last {
		return nil, ctx.Err()
	}
	var out []mail.Event
	err := s.view(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Reverse, o.Prefix = true, []byte{keyEvent}
		o.PrefetchSize = min(limit, 100)
		it := txn.NewIterator(o)
		defer it.Close()
		for it.Seek(eventKey(after + 1)); it.Valid() && len(out) < limit; it.Next() {
			if err := ctx.Err(); err != nil {
				return err
			}
			seq, err := eventSeq(it.Item().Key())
			if err != nil || seq > last {
				return err
			}
			var e mail.Event
			if err := it.Item().Value(func(v []byte) error { return decodeJSON(v, &e) }); err != nil {
				return fmt.Errorf("read event %d: %w", seq, err)
			}
			e.Seq = seq
			out = append(out, e)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("follow events: %w", err)
	}
	return out, nil
}

// LastSeq implements store.Tailer.
func (s *Store) LastSeq() uint64 { return s.com.tail.last() }

// Committed implements store.Tailer.
func (s *Store) Committed() <-chan struct{} { return s.com.tail.next() }
