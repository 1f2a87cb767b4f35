package badgerstore

import (
	"context"
	"errors"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/sqlindex"
)

var _ store.Indexed = (*Store)(nil)

// rebuildBatch is how many messages are read and written at a time.
const rebuildBatch = 2000

// rebuild makes the index anew from the record, oldest first (rows in order
// take half the space), while the store goes on. Until it is whole it has no epoch, so that what a crash leaves is
// begun again. What changes meanwhile stands in the feed.
func (f *feeder) rebuild() error {
	from := f.feed.durable.Load()
	f.mu.Lock()
	f.status, f.asked = store.IndexStatus{Rebuilding: true, Since: f.s.now()}, false
	f.mu.Unlock()
	f.reached(0, false)
	start := time.Now()
	if err := f.x.Load().Begin(f.ctx); err != nil {
		return err
	}
	rows := 0
	for after := (mail.ID{}); ; {
		ids, err := f.idsAfter(after, rebuildBatch)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			break
		}
		if rows == 0 {
			f.log.Info("the search index is made anew; searches read the record itself meanwhile")
		}
		changes, err := f.load(ids)
		if err != nil {
			return err
		}
		if err := f.x.Load().Apply(f.ctx, sqlindex.State{}, changes); err != nil {
			return err
		}
		after = ids[len(ids)-1]
		for _, c := range changes {
			if c.Message != nil {
				rows += len(c.Message.Recipients)
			}
		}
		f.mu.Lock()
		f.status.Rows, f.status.Reached = rows, after.Time()
		f.mu.Unlock()
	}
	if err := f.x.Load().Finish(f.ctx, sqlindex.State{Epoch: f.feed.epoch, Applied: from}); err != nil {
		return err
	}
	f.mu.Lock()
	f.status = store.IndexStatus{}
	f.mu.Unlock()
	f.reached(from, true)
	if rows > 0 {
		f.log.Info("the search index is whole again", "rows", rows, "took", time.Since(start).Round(time.Millisecond))
	}
	return nil
}

// idsAfter lists messages newer than one, the oldest first.
func (f *feeder) idsAfter(after mail.ID, n int) (ids []mail.ID, err error) {
	err = f.s.view(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.PrefetchValues, o.Prefix = false, []byte{keyMessage}
		it := txn.NewIterator(o)
		defer it.Close()
		for it.Seek(append(idKey(keyMessage, after), 0xff)); it.Valid() && len(ids) < n; it.Next() {
			if err := f.ctx.Err(); err != nil {
				return err
			}
			id, rest, ok := keyID(it.Item().Key())
			if ok && len(rest) > 0 && (len(ids) == 0 || ids[len(ids)-1] != id) {
				ids = append(ids, id)
			}
		}
		return nil
	})
	return ids, err
}

func (f *feeder) rebuildSoon() {
	select {
	case f.again <- struct{}{}:
	default:
	}
}

var errNoIndex = errors.New("this store has no search index")

// RebuildIndex implements store.Indexed.
func (s *Store) RebuildIndex(context.Context) error {
	if s.search == nil {
		return errNoIndex
	}
	f := s.search
	f.mu.Lock()
	f.asked = true
	f.status = store.IndexStatus{Rebuilding: true, Since: s.now()}
	f.mu.Unlock()
	f.reached(0, false)
	f.rebuildSoon()
	return nil
}

// IndexStatus implements store.Indexed.
func (s *Store) IndexStatus(ctx context.Context) (store.IndexStatus, error) {
	f := s.search
	if f == nil {
		return store.IndexStatus{}, errNoIndex
	}
	f.mu.Lock()
	st := f.status
	st.Whole, st.Behind = f.whole, f.feed.durable.Load()-min(f.applied, f.feed.durable.Load())
	f.mu.Unlock()
	size, err := f.x.Load().Size(ctx)
	if err != nil {
		return st, err
	}
	st.Size = size
	if !st.Rebuilding {
		if st.Rows, err = f.x.Load().Rows(ctx); err != nil {
			return st, err
		}
	}
	return st, nil
}
