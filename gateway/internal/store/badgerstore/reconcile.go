package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// reconcile compares records and bodies, both ways, before anything else
// happens:
//
//	complete body without record    taken up again from its trailer, event Recovered
//	the same, of a notice           removed while what it tells of has not happened
//	incomplete body without record  removed: it was never acknowledged
//	body of a record without one    removed: it was done with
//	record without its body         frozen, loudly
//	record with a damaged body      frozen, loudly
type reconciliation struct {
	s       *Store
	known   map[mail.ID]*state // records that are live or have a body
	missing map[mail.ID]error  // of those with a body: not found yet, or damaged
	found   []*store.Message   // to be taken up again
	removed int
	budget  int64 // octets that are still verified now
}

func (s *Store) reconcile() error {
	r := &reconciliation{s: s, known: map[mail.ID]*state{}, missing: map[mail.ID]error{}, budget: s.o.verify}
	if err := r.records(); err != nil {
		return fmt.Errorf("reconcile the store: %w", err)
	}
	if err := errors.Join(s.spool.clearTemp(), s.spool.segs.load(r.segmentBody), s.spool.files(r.fileBody)); err != nil {
		return fmt.Errorf("reconcile the store: %w", err)
	}
	// What an earlier process removed may not be durably gone; Forget relies
	// on it.
	for _, sh := range s.spool.shards {
		if err := sh.sync(); err != nil {
			return fmt.Errorf("reconcile the store: %w", err)
		}
	}
	for id, st := range r.known {
		s.idx.put(id, st)
	}
	for id, why := range r.missing {
		s.freezeDamaged(id, why)
	}
	if err := s.recoverAll(r.found); err != nil {
		return fmt.Errorf("reconcile the store: %w", err)
	}
	if n := len(r.found); n > 0 || r.removed > 0 || len(r.missing) > 0 {
		s.log.Warn("records and bodies were reconciled", "recovered", n, "removed", r.removed, "without_body", len(r.missing))
	}
	s.idx.wake()
	return nil
}

var errNoBody = errors.New("the body is missing from the spool")

// records reads what is live or has a body.
func (r *reconciliation) records() error {
	return r.s.db.View(func(txn *badger.Txn) error {
		return eachKey(txn, []byte{keyLive}, func(k []byte) error {
			id, _, ok := keyID(k)
			if !ok {
				return nil
			}
			st, err := loadState(txn, id)
			if errors.Is(err, badger.ErrKeyNotFound) {
				// Badger lost the record and kept the mark. The body, if it is
				// there, brings the message back.
				return nil
			}
			if err != nil {
				return fmt.Errorf("message %s: %w", id, err)
			}
			r.known[id] = &st
			if st.hasBody {
				r.missing[id] = errNoBody
			}
			return nil
		})
	})
}

func loadState(txn *badger.Txn, id mail.ID) (st state, err error) {
	it, err := txn.Get(stateKey(id))
	if err != nil {
		return st, err
	}
	err = it.Value(func(v []byte) error {
		st, err = decodeState(v)
		return err
	})
	return st, err
}

// unmarked is the state of a message without a live mark; nil: there is no record. One
// with a body has lost the mark, and gets it again.
func (r *reconciliation) unmarked(id mail.ID) (*state, error) {
	var st *state
	err := r.s.db.View(func(txn *badger.Txn) error {
		got, err := loadState(txn, id)
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil
		}
		st = &got
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", id, err)
	}
	if st == nil || !st.hasBody {
		return st, nil
	}
	r.known[id] = st
	r.s.log.Warn("mail was found that had no mark of being live", "message", id.String())
	return st, r.s.com.commit(&op{size: 32, write: func(b *batch) error { return b.set(liveKey(id), nil) }})
}

// segmentBody decides about a body in a segment: false removes it.
func (r *reconciliation) segmentBody(id mail.ID, rd io.ReaderAt, n int64) (bool, error) {
	return r.body(id, rd, n)
}

// fileBody decides about a message file and removes it where it has to go.
func (r *reconciliation) fileBody(id mail.ID) error {
	f, err := os.Open(r.s.spool.path(id))
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if r.s.spool.segs.has(id) {
		r.removed++
		return r.removeFile(id) // cannot be, unless by hand; the segment's counts
	}
	keep, err := r.body(id, f, fi.Size())
	if err != nil || keep {
		return err
	}
	return r.removeFile(id)
}

func (r *reconciliation) removeFile(id mail.ID) error {
	if err := os.Remove(r.s.spool.path(id)); err != nil {
		return err
	}
	r.s.spool.shard(id).removed()
	return nil
}

// body looks at one body with its trailer. false: it has no business here.
func (r *reconciliation) body(id mail.ID, rd io.ReaderAt, n int64) (keep bool, err error) {
	st := r.known[id]
	if st == nil {
		if st, err = r.unmarked(id); err != nil {
			return false, err
		}
	}
	if st != nil && !st.hasBody { // it was being removed
		r.removed++
		return false, nil
	}
	live := st != nil
	t, err := readTrailer(rd, n)
	whole := err == nil
	if whole && (!live || r.budget > 0) {
		r.budget -= t.bodyLen
		err = t.verify(rd)
		if err == nil {
			r.s.verified.add(id)
		}
	}
	switch {
	case err != nil && !errors.Is(err, errNoTrailer) && !errors.Is(err, errDamaged):
		return false, err // an I/O error says nothing about the mail
	case live && err != nil:
		r.missing[id] = err
		return true, nil // kept: an operator may save what can be saved
	case live:
		delete(r.missing, id)
		return true, nil
	case err != nil && whole:
		r.s.log.Error("a damaged body without a record was left in the spool", "message", id.String(), "error", err)
		return true, nil
	case err != nil:
		r.removed++
		return false, nil
	}
	m, err := t.message()
	if err != nil || m.ID != id {
		r.s.log.Error("a body whose trailer cannot be read was left in the spool", "message", id.String(), "error", err)
		return true, nil
	}
	if r.uncaused(m) {
		r.removed++
		return false, nil
	}
	r.found = append(r.found, m)
	return true, nil
}

// uncaused tells of a notice, made with an outcome, that the outcome was never
// committed: its message is still due. The same will come of that again and
// make the notice anew, or something else will, and make it untrue.
func (r *reconciliation) uncaused(m *store.Message) bool {
	if m.Kind == "" || m.Parent.IsZero() {
		return false
	}
	parent := r.known[m.Parent]
	return parent != nil && slices.ContainsFunc(parent.rcpts, func(x rcptState) bool { return x.status.Due() })
}

// recoverAll takes up many at once, so that they share commits.
func (s *Store) recoverAll(ms []*store.Message) error {
	errs := make(chan error, len(ms))
	turns := make(chan struct{}, 64)
	for _, m := range ms {
		turns <- struct{}{}
		go func() {
			errs <- s.recover(m)
			<-turns
		}()
	}
	var all error
	for range ms {
		all = errors.Join(all, <-errs)
	}
	return all
}

// recover takes up a message that has a body but no record: a crash came
// between the two, or Badger lost it. Its recipients are as they were when it
// was taken over, so one that was served since gets the mail twice; that is
// better than not at all.
func (s *Store) recover(m *store.Message) error {
	m.Rev, m.Attempts, m.HasBody = 0, 0, true
	now := s.now()
	c, err := newChange(nil, m, nil, []mail.Event{{
		At: now, Type: mail.EventRecovered, Message: m.ID, Direction: m.Direction, Sender: m.Sender.String(),
		Text: "found in the spool without a record; taken up again as it was accepted",
	}})
	if err != nil {
		return err
	}
	s.log.Warn("mail was recovered from the spool", "message", m.ID.String())
	return s.com.commit(&op{
		size:  c.size,
		write: func(b *batch) error { return writeAll(b, c) },
		done: func(err error) {
			if err == nil && !c.existing {
				s.idx.finish(m.ID, &c.state, nil, nil)
			}
		},
	})
}

// freezeDamaged stops all automatic work on a message whose body is missing
// or damaged, also what is under way: its lease is revoked.
func (s *Store) freezeDamaged(id mail.ID, why error) {
	s.log.Error("mail cannot be sent: its body is missing or damaged; restore the spool from a backup, or remove the message", "message", id.String(), "error", why)
	now := s.now()
	freeze := func(m *store.Message) ([]mail.Event, error) {
		var ev []mail.Event
		for i := range m.Recipients {
			r := &m.Recipients[i]
			if !r.Status.Live() || strings.Contains(r.Reason, why.Error()) {
				continue
			}
			if r.Status.Due() {
				r.Status, r.Changed = mail.StatusQueueFrozen, now
			}
			if r.Reason != "" { // why it is held is still worth knowing
				r.Reason += "; "
			}
			r.Reason += why.Error()
			ev = append(ev, mail.Event{
				At: now, Type: mail.EventFreeze, Message: id, N: r.N, Tenant: r.Tenant, Direction: m.Direction,
				Sender: m.Sender.String(), Recipient: r.Address.String(), Status: r.Status, Text: why.Error(),
			})
		}
		return ev, nil
	}
	err := store.ErrLeased
	for try := 0; try < 10 && errors.Is(err, store.ErrLeased); try++ {
		s.idx.revoke(id) // a claim may come between this and the update
		err = s.Update(context.Background(), id, freeze)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		s.log.Error("freezing a message", "message", id.String(), "error", err)
	}
}
