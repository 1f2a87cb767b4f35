package badgerstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

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
	if err := sameOrMore(old.msg, m); err != nil {
		return false, err
	}
	c, err := newChange(old, m, nil, events)
	if err != nil {
		return false, err
	}
	touched := map[int]bool{}
	for _, kv := range c.sets {
		if n, ok := recipientOf(kv.k); ok {
			if old.rawRcpt[n] != nil { // a further one is under no lease
				touched[n] = true
			}
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

// sameOrMore refuses what f must not do to the list of recipients: each that
// was there stays, and further ones stand behind them with higher numbers.
func sameOrMore(old, m *store.Message) error {
	if len(m.Recipients) < len(old.Recipients) {
		return errors.New("recipients cannot be removed")
	}
	most := 0
	for i := range old.Recipients {
		if m.Recipients[i].N != old.Recipients[i].N {
			return fmt.Errorf("recipient %d does not exist", m.Recipients[i].N)
		}
		most = max(most, old.Recipients[i].N)
	}
	for _, r := range m.Recipients[len(old.Recipients):] {
		if r.N <= most {
			return fmt.Errorf("recipient %d cannot be added: the next number is %d", r.N, most+1)
		}
		if !m.HasBody {
			return fmt.Errorf("recipient %d cannot be added: the body is gone", r.N)
		}
		most = r.N
	}
	return nil
}

// recipientOf reads N from a recipient's key.
func recipientOf(k []byte) (int, bool) {
	_, rest, ok := keyID(k)
	if !ok || k[0] != keyMessage || len(rest) != 5 || rest[0] != partRecipient {
		return 0, false
	}
	return int(binary.BigEndian.Uint32(rest[1:])), true
}
