package badgerstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// admission is an Admission that is on its way into the store.
type admission struct {
	*change
	msg    *store.Message
	staged bool // its body is in the spool
}

// checkAdmission refuses what a caller must not ask for.
func checkAdmission(a *store.Admission) error {
	if a == nil || a.Message == nil {
		return errors.New("take over a message: there is none")
	}
	m := a.Message
	if m.ID.IsZero() {
		return errors.New("take over a message: it has no ID")
	}
	return checkRecipients(m, a.Draft != nil)
}

func checkRecipients(m *store.Message, hasBody bool) error {
	if len(m.Recipients) == 0 {
		return fmt.Errorf("message %s has no recipients", m.ID)
	}
	seen := make(map[int]bool, len(m.Recipients))
	for i := range m.Recipients {
		r := &m.Recipients[i]
		if r.N < 1 || seen[r.N] {
			return fmt.Errorf("message %s: recipient number %d is not unique and above 0", m.ID, r.N)
		}
		seen[r.N] = true
		if r.Status == "" {
			return fmt.Errorf("message %s: recipient %d has no status", m.ID, r.N)
		}
		if r.Status.Live() && !hasBody {
			return fmt.Errorf("message %s: recipient %d is %s, but there is no body to send", m.ID, r.N, r.Status)
		}
	}
	return nil
}

// exists reports whether a message has a record.
func (s *Store) exists(id mail.ID) (ok bool, err error) {
	err = s.view(func(txn *badger.Txn) error {
		rev, err := s.com.revision(txn, id)
		ok = rev > 0
		return err
	})
	return ok, err
}

// admit makes an admission's body durable and encodes its records. nil, nil:
// the message is there already. The caller commits, or calls unstage.
func (s *Store) admit(a *store.Admission) (_ *admission, err error) {
	if err := checkAdmission(a); err != nil {
		return nil, err
	}
	id := a.Message.ID
	s.inflight.enter(id)
	defer func() {
		if err != nil {
			s.inflight.leave(id)
		}
	}()
	if ok, err := s.exists(id); err != nil || ok {
		if err == nil {
			s.inflight.leave(id)
		}
		return nil, err
	}
	m := *a.Message
	m.Recipients = slices.Clone(m.Recipients)
	m.Rev, m.Attempts, m.HasBody = 0, 0, a.Draft != nil
	ad := &admission{msg: &m}
	if a.Draft != nil {
		d, ok := a.Draft.(*draft)
		if !ok || d.s != s {
			return nil, fmt.Errorf("take over message %s: its draft is not of this store", id)
		}
		if err := s.space.room(); err != nil {
			return nil, err
		}
		if err := s.spool.put(d, &m); err != nil {
			return nil, err
		}
		ad.staged = true
		s.verified.add(id)
	}
	if ad.change, err = newChange(nil, &m, a.Attempts, a.Events); err != nil {
		s.dropStaged(ad)
		return nil, err
	}
	return ad, nil
}

// finished ends what admit began, when the commit succeeded.
func (s *Store) finished(ad *admission) { s.inflight.leave(ad.msg.ID) }

// unstage ends what admit began, when the commit failed.
func (s *Store) unstage(ad *admission) {
	s.dropStaged(ad)
	s.inflight.leave(ad.msg.ID)
}

// dropStaged takes a body back that was not committed, so that the next start
// does not take it for mail that was accepted.
func (s *Store) dropStaged(ad *admission) {
	if !ad.staged || s.com.failed.Load() {
		return // after a failed commit it may be recorded after all: reconciling decides
	}
	s.verified.remove(ad.msg.ID)
	if err := s.spool.drop(ad.msg.ID); err != nil {
		s.log.Error("a body that was not taken over could not be removed; it may be delivered after a restart", "message", ad.msg.ID.String(), "error", err)
	}
}

// Enqueue implements store.Queue. It is not cut short by ctx once the body is
// being written: the answer must be known.
func (s *Store) Enqueue(ctx context.Context, a *store.Admission) (store.Lease, error) {
	end, err := s.begin(ctx)
	if err != nil {
		return store.Lease{}, fmt.Errorf("take over a message: %w", err)
	}
	defer end()
	ad, err := s.admit(a)
	if err != nil || ad == nil {
		return store.Lease{}, err
	}
	var held *lease
	now := s.now()
	err = s.com.commit(&op{
		size: ad.size, grows: true,
		guard: func() error { return s.idx.guard(ad.id, nil) },
		write: func(b *batch) error { return writeAll(b, ad.change) },
		done: func(err error) {
			st := &ad.state
			if err != nil || ad.existing {
				st = nil
			}
			s.idx.finish(ad.id, st, nil, func(e *entry) {
				if st != nil && a.LeaseFor > 0 {
					held = s.idx.lease(e, now.Add(a.LeaseFor).UnixNano(), func(s *slot) bool { return a.LeaseOnly == nil || slices.Contains(a.LeaseOnly, int(s.n)) })
					s.idx.arrange(e)
				}
			})
		},
	})
	if err != nil {
		s.unstage(ad)
		return store.Lease{}, fmt.Errorf("take over message %s: %w", ad.id, err)
	}
	s.finished(ad)
	return held.seam(), nil
}

// stageSpawn makes the bodies of messages that an outcome brings with it
// durable. Those that are there already are left out: their ID says that they
// are the same.
func (s *Store) stageSpawn(as []*store.Admission) (out []*admission, err error) {
	for _, a := range as {
		if err := checkAdmission(a); err != nil {
			return nil, err
		}
	}
	// In order and each once, so that two outcomes cannot wait for each other.
	as = slices.Clone(as)
	slices.SortFunc(as, func(a, b *store.Admission) int { return bytes.Compare(a.Message.ID[:], b.Message.ID[:]) })
	as = slices.CompactFunc(as, func(a, b *store.Admission) bool { return a.Message.ID == b.Message.ID })
	for _, a := range as {
		ad, err := s.admit(a)
		if err != nil {
			for _, b := range out {
				s.unstage(b)
			}
			return nil, err
		}
		if ad != nil {
			out = append(out, ad)
		}
	}
	return out, nil
}
