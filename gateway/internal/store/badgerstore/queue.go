package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// seam is the lease as the seam has it.
func (l *lease) seam() store.Lease {
	if l == nil {
		return store.Lease{}
	}
	return store.Lease{Message: l.id, Recipients: append([]int(nil), l.ns...), Token: l.token, Until: time.Unix(0, l.until)}
}

// Claim implements store.Queue.
func (s *Store) Claim(ctx context.Context, r store.ClaimRequest) ([]store.Claimed, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.Limit <= 0 || r.For <= 0 {
		return nil, fmt.Errorf("claim: limit %d and lease %v must be positive", r.Limit, r.For)
	}
	if err := s.space.engineRoom(); err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	leases := s.idx.claim(r.Now.UnixNano(), r.Now.Add(r.For).UnixNano(), r)
	out := make([]store.Claimed, 0, len(leases))
	for _, l := range leases {
		st, err := s.get(l.id)
		if errors.Is(err, store.ErrUnavailable) {
			return nil, fmt.Errorf("claim: %w", err)
		}
		if err != nil {
			// The lease stays, so that it is tried again when that is over and
			// not at once and for ever.
			s.log.Error("reading mail that is due; it is tried again when its lease is over", "message", l.id.String(), "error", err)
			continue
		}
		l.read = st
		out = append(out, store.Claimed{Lease: l.seam(), Message: clone(st.msg)})
	}
	return out, nil
}

// Extend implements store.Queue.
func (s *Store) Extend(ctx context.Context, l store.Lease, until time.Time) (store.Lease, error) {
	if err := ctx.Err(); err != nil {
		return l, err
	}
	if err := s.idx.extend(l, until.UnixNano()); err != nil {
		return l, err
	}
	l.Until = until
	return l, nil
}

// Settle implements store.Queue.
func (s *Store) Settle(ctx context.Context, l store.Lease, o store.Outcome) error {
	end, err := s.begin(ctx)
	if err != nil {
		return fmt.Errorf("settle message %s: %w", l.Message, err)
	}
	defer end()
	held, err := s.idx.current(l)
	if err != nil {
		return err
	}
	spawn, err := s.stageSpawn(o.Spawn)
	if err != nil {
		return fmt.Errorf("settle message %s: %w", l.Message, err)
	}
	dropped, err := s.settle(held, l, o, spawn)
	if err != nil {
		for _, ad := range spawn {
			s.unstage(ad)
		}
		return fmt.Errorf("settle message %s: %w", l.Message, err)
	}
	for _, ad := range spawn {
		s.finished(ad)
	}
	if dropped {
		s.dropBody(l.Message)
	}
	return nil
}

func (s *Store) settle(held *lease, l store.Lease, o store.Outcome, spawn []*admission) (dropped bool, err error) {
	read := held.read // as claimed; the commit finds out whether it is still so
	for {
		old, err := read, error(nil)
		if read = nil; old == nil {
			old, err = s.get(l.Message)
		}
		if errors.Is(err, store.ErrNotFound) {
			return false, store.ErrLeaseLost
		}
		if err != nil {
			return false, err
		}
		m := clone(old.msg)
		if err := outcome(m, held.ns, o.Recipients); err != nil {
			return false, err
		}
		events, err := addRecipients(m, o)
		if err != nil {
			return false, err
		}
		dropped = o.DropBody && m.HasBody && final(m)
		if dropped {
			m.HasBody = false
		}
		c, err := newChange(old, m, o.Attempts, events)
		if err != nil {
			return false, err
		}
		all := []*change{c}
		size := c.size
		for _, ad := range spawn {
			all = append(all, ad.change)
			size += ad.size
		}
		err = s.com.commit(&op{
			size:  size,
			guard: func() error { return s.idx.guardLease(l) },
			write: func(b *batch) error { return writeAll(b, all...) },
			done: func(err error) {
				if err != nil {
					s.idx.finish(c.id, nil, nil, nil)
					return
				}
				s.idx.finish(c.id, &c.state, held, nil)
				for _, ad := range spawn {
					if !ad.existing {
						s.idx.finish(ad.id, &ad.state, nil, nil)
					}
				}
			},
		})
		if errors.Is(err, errStale) {
			continue
		}
		return dropped, err
	}
}

// outcome puts the new state of leased recipients into m.
func outcome(m *store.Message, leased []int, rs []store.Recipient) error {
	for i := range rs {
		ok := false
		for _, n := range leased {
			ok = ok || n == rs[i].N
		}
		if !ok {
			return fmt.Errorf("recipient %d is not under the lease", rs[i].N)
		}
		if rs[i].Status == "" {
			return fmt.Errorf("recipient %d has no status", rs[i].N)
		}
		found := false
		for j := range m.Recipients {
			if m.Recipients[j].N == rs[i].N {
				m.Recipients[j], found = rs[i], true
			}
		}
		if !found {
			return fmt.Errorf("recipient %d does not exist", rs[i].N)
		}
		if rs[i].Status.Live() && !m.HasBody {
			return fmt.Errorf("recipient %d cannot be %s: the body is gone", rs[i].N, rs[i].Status)
		}
	}
	return nil
}

// addRecipients gives m the further recipients and part edits of an outcome,
// and the outcome's events their numbers.
func addRecipients(m *store.Message, o store.Outcome) ([]mail.Event, error) {
	if len(o.PartEdits) > 0 {
		m.PartEdits = maps.Clone(m.PartEdits)
		if m.PartEdits == nil {
			m.PartEdits = map[string][]mail.PartEdit{}
		}
		maps.Copy(m.PartEdits, o.PartEdits)
	}
	defer m.Prune()
	events := o.Events
	if len(o.Added) == 0 {
		return events, nil
	}
	if !m.HasBody {
		return nil, errors.New("a recipient cannot be added: the body is gone")
	}
	events = slices.Clone(events)
	next := 0
	for i := range m.Recipients {
		next = max(next, m.Recipients[i].N)
	}
	for i, r := range o.Added {
		if r.Status == "" {
			return nil, errors.New("a recipient without a status cannot be added")
		}
		next++
		r.N = next
		m.Recipients = append(m.Recipients, r)
		for j := range events {
			if events[j].N == -1-i {
				events[j].N = next
			}
		}
	}
	return events, nil
}

func final(m *store.Message) bool {
	for i := range m.Recipients {
		if m.Recipients[i].Status.Live() {
			return false
		}
	}
	return true
}

// clone copies what the store changes; the recipients' inner values are
// replaced whole, never written through.
func clone(m *store.Message) *store.Message {
	c := *m
	c.Recipients = append([]store.Recipient(nil), m.Recipients...)
	return &c
}

// dropBody removes a body whose record says that it is gone. Failing that,
// the next start does it.
func (s *Store) dropBody(id mail.ID) {
	s.verified.remove(id)
	if err := s.spool.drop(id); err != nil {
		s.log.Warn("a body that is done with stays until the next start", "message", id.String(), "error", err)
	}
}

// Get implements store.Queue.
func (s *Store) Get(ctx context.Context, id mail.ID) (*store.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	st, err := s.get(id)
	if err != nil {
		return nil, err
	}
	return st.msg, nil
}

// Attempts implements store.Queue.
func (s *Store) Attempts(ctx context.Context, id mail.ID) ([]mail.Attempt, error) {
	var out []mail.Attempt
	err := s.view(func(txn *badger.Txn) error {
		return scan(ctx, txn, attemptsOf(id), func(it *badger.Item) error {
			var a mail.Attempt
			if err := it.Value(func(v []byte) error { return decodeJSON(v, &a) }); err != nil {
				return fmt.Errorf("read attempt of %s: %w", id, err)
			}
			out = append(out, a)
			return nil
		})
	})
	return out, err
}

// scan calls f for every key with a prefix, in order.
func scan(ctx context.Context, txn *badger.Txn, prefix []byte, f func(*badger.Item) error) error {
	o := badger.DefaultIteratorOptions
	o.Prefix = prefix
	it := txn.NewIterator(o)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f(it.Item()); err != nil {
			return err
		}
	}
	return nil
}

// eachKey goes through the keys of a prefix, which are f's only during the call.
func eachKey(txn *badger.Txn, prefix []byte, f func(k []byte) error) error {
	o := badger.DefaultIteratorOptions
	o.PrefetchValues, o.Prefix = false, prefix
	it := txn.NewIterator(o)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		if err := f(it.Item().Key()); err != nil {
			return err
		}
	}
	return nil
}

// lastKey is the last key of a kind; nil: there is none.
func lastKey(txn *badger.Txn, kind byte) []byte {
	o := badger.DefaultIteratorOptions
	o.PrefetchValues, o.Reverse, o.Prefix = false, true, []byte{kind}
	it := txn.NewIterator(o)
	defer it.Close()
	if it.Seek([]byte{kind + 1}); !it.Valid() {
		return nil
	}
	return it.Item().KeyCopy(nil)
}

// NextDue implements store.Queue.
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, err
	}
	t, ok := s.idx.nextDue()
	if !ok {
		return time.Time{}, nil
	}
	return time.Unix(0, t), nil
}

// Woken implements store.Queue.
func (s *Store) Woken() <-chan struct{} { return s.idx.woken }

// Counts implements store.Queue.
func (s *Store) Counts(ctx context.Context) (map[mail.Status]int, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.idx.snapshot(), nil
}
