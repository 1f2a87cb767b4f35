package badgerstore

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
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
	leases := s.idx.claim(r.Now.UnixNano(), r.Now.Add(r.For).UnixNano(), r)
	out := make([]store.Claimed, 0, len(leases))
	for i, l := range leases {
		st, err := s.get(l.id)
		if err != nil {
			for _, l := range leases[i:] {
				s.idx.unclaim(l)
			}
			if len(out) > 0 {
				s.log.Error("reading claimed mail", "msg", l.id.String(), "error", err)
				return out, nil
			}
			return nil, fmt.Errorf("claim: %w", err)
		}
		out = append(out, store.Claimed{Lease: l.seam(), Message: st.msg})
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
	for {
		old, err := s.get(l.Message)
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
		dropped = o.DropBody && m.HasBody && final(m)
		if dropped {
			m.HasBody = false
		}
		c, err := newChange(old, m, o.Attempts, o.Events)
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
	s.verified.Delete(id)
	if err := s.spool.drop(id); err != nil {
		s.log.Warn("a body that is done with stays until the next start", "msg", id.String(), "error", err)
	}
}

// Update implements store.Queue.
func (s *Store) Update(ctx context.Context, id mail.ID, f func(*store.Message) ([]mail.Event, error)) error {
	end, err := s.begin(ctx)
	if err != nil {
		return fmt.Errorf("change message %s: %w", id, err)
	}
	defer end()
	return s.change(ctx, id, f)
}

// change is Update within a change that has begun.
func (s *Store) change(ctx context.Context, id mail.ID, f func(*store.Message) ([]mail.Event, error)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		dropped, err := s.update(id, f)
		if errors.Is(err, errStale) {
			continue
		}
		if err != nil {
			return fmt.Errorf("change message %s: %w", id, err)
		}
		if dropped {
			s.dropBody(id)
		}
		return nil
	}
}

func (s *Store) update(id mail.ID, f func(*store.Message) ([]mail.Event, error)) (dropped bool, err error) {
	old, err := s.get(id)
	if err != nil {
		return false, err
	}
	fresh, err := s.get(id) // f's own: it may write through whatever it finds
	if err != nil {
		return false, err
	}
	m := fresh.msg
	if m.Rev != old.msg.Rev {
		return false, errStale
	}
	attempts := m.Attempts
	events, err := f(m)
	if err != nil {
		return false, err
	}
	if m.ID != id || m.Attempts != attempts {
		return false, errors.New("ID and attempts are not for changing")
	}
	if m.HasBody && !old.msg.HasBody {
		return false, errors.New("the body is gone")
	}
	m.Rev = old.msg.Rev
	if err := checkRecipients(m, m.HasBody); err != nil {
		return false, err
	}
	if len(m.Recipients) != len(old.msg.Recipients) {
		return false, errors.New("recipients cannot be added or removed")
	}
	c, err := newChange(old, m, nil, events)
	if err != nil {
		return false, err
	}
	touched := map[int]bool{}
	for _, kv := range c.sets {
		if n, ok := recipientOf(kv.k); ok {
			if old.rawRcpt[n] == nil {
				return false, fmt.Errorf("recipient %d does not exist", n)
			}
			touched[n] = true
		}
	}
	now := s.now().UnixNano()
	err = s.com.commit(&op{
		size:  c.size,
		guard: func() error { return s.idx.guard(id, func() error { return s.idx.leased(id, touched, now) }) },
		write: func(b *batch) error { return writeAll(b, c) },
		done: func(err error) {
			if err != nil {
				s.idx.finish(id, nil, nil, nil)
				return
			}
			s.idx.finish(id, &c.state, nil, nil)
		},
	})
	return old.msg.HasBody && !m.HasBody, err
}

// recipientOf reads N from a recipient's key.
func recipientOf(k []byte) (int, bool) {
	_, rest, ok := keyID(k)
	if !ok || k[0] != keyMessage || len(rest) != 5 || rest[0] != partRecipient {
		return 0, false
	}
	return int(binary.BigEndian.Uint32(rest[1:])), true
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
		return scan(ctx, txn, idKey(keyAttempt, id), func(it *badger.Item) error {
			var a mail.Attempt
			if err := it.Value(func(v []byte) error { return json.Unmarshal(v, &a) }); err != nil {
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

// Forget implements store.Queue. That the body is gone is durable before the
// record goes: otherwise a crash would bring the message back.
func (s *Store) Forget(ctx context.Context, id mail.ID) error {
	end, err := s.begin(ctx)
	if err != nil {
		return fmt.Errorf("forget message %s: %w", id, err)
	}
	defer end()
	st, err := s.get(id)
	if err != nil {
		return err
	}
	if !final(st.msg) {
		return fmt.Errorf("forget message %s: it is not final for every recipient", id)
	}
	if st.msg.HasBody {
		if err := s.change(ctx, id, func(m *store.Message) ([]mail.Event, error) {
			m.HasBody = false
			return nil, nil
		}); err != nil {
			return err
		}
		if st, err = s.get(id); err != nil {
			return err
		}
	}
	if err := s.spool.drop(id); err != nil {
		return err
	}
	if err := s.spool.flush(id); err != nil {
		return fmt.Errorf("forget message %s: %w", id, err)
	}
	keys, err := s.keysOf(ctx, id)
	if err != nil {
		return err
	}
	rev := st.msg.Rev
	err = s.com.commit(&op{
		size:  64 * len(keys),
		guard: func() error { return s.idx.guard(id, nil) },
		write: func(b *batch) error {
			if err := (&change{id: id, expect: rev}).check(b); err != nil {
				return err
			}
			for _, k := range keys {
				if err := b.Delete(k); err != nil {
					return err
				}
			}
			return nil
		},
		done: func(err error) {
			if err != nil {
				s.idx.finish(id, nil, nil, nil)
				return
			}
			s.idx.finish(id, &state{}, nil, nil)
		},
	})
	if errors.Is(err, errStale) {
		return fmt.Errorf("forget message %s: it is being changed: %w", id, store.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("forget message %s: %w", id, err)
	}
	return nil
}

// keysOf lists every key of a message.
func (s *Store) keysOf(ctx context.Context, id mail.ID) (keys [][]byte, err error) {
	err = s.view(func(txn *badger.Txn) error {
		for _, kind := range []byte{keyMessage, keyAttempt, keyEventOf} {
			if err := scan(ctx, txn, idKey(kind, id), func(it *badger.Item) error {
				k := it.KeyCopy(nil)
				keys = append(keys, k)
				if kind == keyEventOf {
					_, seq, _ := keyID(k)
					keys = append(keys, append([]byte{keyEvent}, seq...))
				}
				return nil
			}); err != nil {
				return err
			}
		}
		keys = append(keys, liveKey(id))
		return nil
	})
	return keys, err
}
