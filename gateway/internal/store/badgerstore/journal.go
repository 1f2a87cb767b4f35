package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Record implements store.Journal. It blocks while a thousand records wait.
func (s *Store) Record(m *store.Message, attempts []mail.Attempt, events ...mail.Event) {
	id := ""
	if m != nil {
		id = m.ID.String()
	}
	o, err := s.record(m, attempts, events)
	if err == nil {
		o.done = func(err error) { s.lost.report(s.log, id, err) }
		err = s.com.submit(o)
	}
	s.lost.report(s.log, id, err)
}

// lostRows reports rows of the log that could not be written: the first at
// once, then one line a second, for on a full disk there may be thousands.
type lostRows struct {
	mu sync.Mutex
	at time.Time
	n  int
}

func (l *lostRows) report(log *slog.Logger, id string, err error) {
	if err == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n++; time.Since(l.at) < time.Second {
		return
	}
	log.Error("rows of the log were lost; no mail was", "rows", l.n, "message", id, "error", err)
	l.at, l.n = time.Now(), 0
}

func (s *Store) record(m *store.Message, attempts []mail.Attempt, events []mail.Event) (*op, error) {
	if m == nil {
		if len(attempts) > 0 {
			return nil, errors.New("attempts without their message")
		}
		es, size, err := encodeEvents(events)
		if err != nil {
			return nil, err
		}
		return &op{size: size, lazy: true, write: func(b *batch) error { return writeEvents(b, es) }}, nil
	}
	if m.ID.IsZero() {
		return nil, errors.New("a message without ID")
	}
	if err := checkRecipients(m, false); err != nil {
		return nil, err
	}
	m = clone(m)
	m.Attempts, m.HasBody = 0, false
	c, err := newChange(nil, m, attempts, events)
	if err != nil {
		return nil, err
	}
	return &op{size: c.size, lazy: true, write: func(b *batch) error {
		if err := writeAll(b, c); err != nil {
			return err
		}
		if c.existing { // recorded before: what happened is still news
			return writeEvents(b, c.events)
		}
		return nil
	}}, nil
}

func writeEvents(b *batch, es []encodedEvent) error {
	for i := range es {
		if err := b.event(&es[i]); err != nil {
			return err
		}
	}
	return nil
}

// Events implements store.Journal.
func (s *Store) Events(ctx context.Context, id mail.ID) ([]mail.Event, error) {
	var out []mail.Event
	err := s.view(func(txn *badger.Txn) error {
		return scan(ctx, txn, eventsOf(id), func(it *badger.Item) error {
			_, rest, _ := keyID(it.Key())
			seq, ok := eventOfSeq(rest)
			if !ok {
				return fmt.Errorf("read events of %s: %w", id, errState)
			}
			e, err := readEvent(txn, seq)
			if err != nil {
				return fmt.Errorf("read events of %s: %w", id, err)
			}
			out = append(out, e)
			return nil
		})
	})
	return out, err
}

func readEvent(txn *badger.Txn, seq uint64) (e mail.Event, err error) {
	it, err := txn.Get(eventKey(seq))
	if err != nil {
		return e, err
	}
	err = it.Value(func(v []byte) error { return decodeJSON(v, &e) })
	e.Seq = seq
	return e, err
}

// Sync implements store.Journal.
func (s *Store) Sync(ctx context.Context) error {
	o := &op{res: make(chan error, 1)}
	if err := s.com.submit(o); err != nil {
		return err
	}
	select {
	case err := <-o.res:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Resolve implements store.Journal. A prefix that could be nobody's is
// ErrNotFound, too.
func (s *Store) Resolve(ctx context.Context, prefix string) (mail.ID, error) {
	prefix = strings.ToLower(prefix)
	lo, hi, ok := idRange(prefix)
	if !ok {
		return mail.ID{}, fmt.Errorf("message %q: %w", prefix, store.ErrNotFound)
	}
	var found []mail.ID
	err := s.view(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.PrefetchValues = false
		o.Prefix = []byte{keyMessage}
		it := txn.NewIterator(o)
		defer it.Close()
		for it.Seek(idKey(keyMessage, lo)); it.Valid() && len(found) < 2; {
			if err := ctx.Err(); err != nil {
				return err
			}
			id, rest, ok := keyID(it.Item().Key())
			if !ok || string(id[:]) > string(hi[:]) {
				return nil
			}
			if len(rest) == 1 && rest[0] == partMessage { // and not only events
				found = append(found, id)
			}
			it.Seek(append(idKey(keyMessage, id), 0xff)) // behind all of its keys
		}
		return nil
	})
	switch {
	case err != nil:
		return mail.ID{}, err
	case len(found) == 0:
		return mail.ID{}, fmt.Errorf("message %q: %w", prefix, store.ErrNotFound)
	case len(found) > 1:
		return mail.ID{}, fmt.Errorf("%w: %q could be %s or %s; give more characters", store.ErrAmbiguous, prefix, found[0], found[1])
	}
	return found[0], nil
}

// idRange is the first and last ID that start with prefix.
func idRange(prefix string) (lo, hi mail.ID, ok bool) {
	const n = 26
	if len(prefix) > n || prefix == "" {
		return lo, hi, false
	}
	pad := func(c string) string {
		s := prefix + strings.Repeat(c, n-len(prefix))
		return s
	}
	lo, err := mail.ParseID(pad("0"))
	if err != nil {
		return lo, hi, false
	}
	if hi, err = mail.ParseID(pad("z")); err != nil {
		return lo, hi, false
	}
	return lo, hi, true
}
