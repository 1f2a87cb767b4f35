package badgerstore

import (
	"context"
	"errors"
	"fmt"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

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
			b.wrote = append(b.wrote, written{id: id})
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
		keys = append(keys, liveKey(id))
		return scan(ctx, txn, idKey(keyMessage, id), func(it *badger.Item) error {
			k := it.KeyCopy(nil)
			keys = append(keys, k)
			_, rest, _ := keyID(k)
			if seq, ok := eventOfSeq(rest); ok {
				keys = append(keys, eventKey(seq))
			}
			return nil
		})
	})
	return keys, err
}
