package softkv

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	badger "github.com/dgraph-io/badger/v4"
	"golang.org/x/sys/unix"

	"github.com/mailweir/weir/gateway/internal/store"
)

// sweep removes what has ended, once a minute. Readers do not depend on it.
func (s *Store) sweep() {
	defer close(s.done)
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-t.C:
		}
		if _, err := s.sweepOnce(); err != nil {
			s.log.Warn("sweeping soft state", "error", err)
		}
	}
}

// sweepOnce removes everything whose time is over and says how much it was.
func (s *Store) sweepOnce() (n int, err error) {
	for {
		keys, err := s.ended()
		if err != nil || len(keys) == 0 {
			return n, err
		}
		for _, x := range keys {
			if err := s.expire(x); err != nil {
				return n, err
			}
			n++
			select {
			case <-s.stop:
				return n, nil
			default:
			}
		}
	}
}

// ended lists index keys of the past, the oldest first, at most sweepBatch.
func (s *Store) ended() (keys [][]byte, err error) {
	now := s.clock().UnixNano()
	err = s.db.View(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.PrefetchValues = false
		o.Prefix = []byte{'x'}
		it := txn.NewIterator(o)
		defer it.Close()
		for it.Rewind(); it.Valid() && len(keys) < sweepBatch; it.Next() {
			k := it.Item().KeyCopy(nil)
			if len(k) < 9 || int64(binary.BigEndian.Uint64(k[1:])) > now {
				return nil
			}
			keys = append(keys, k)
		}
		return nil
	})
	return keys, err
}

// expire removes one index entry, and the key itself unless it was set anew.
func (s *Store) expire(x []byte) error {
	k := x[9:]
	l := &s.locks[lockOf(k)]
	l.Lock()
	defer l.Unlock()
	c := s.usage.begin("", string(k[:space(k)]))
	err := s.db.Update(func(txn *badger.Txn) error {
		e, err := s.read(txn, k)
		if err != nil {
			return err
		}
		if e.old && e.end == int64(binary.BigEndian.Uint64(x[1:])) {
			return s.remove(txn, c, k, e)
		}
		return txn.Delete(x)
	})
	c.end(err == nil)
	return err
}

// minFree is the free space in octets below which nothing is written whatever
// the options say: Badger must never meet a full disk, for it writes through
// mmap.
const minFree = 112 << 20

// room is a look at the free space that is at most a second old.
type room struct {
	dir   string
	least int64
	mu    sync.Mutex
	at    time.Time
	err   error
}

func (r *room) check() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.at.IsZero() && time.Since(r.at) < time.Second {
		return r.err
	}
	var st unix.Statfs_t
	if r.err = unix.Statfs(r.dir, &st); r.err == nil {
		if free := int64(st.Bavail) * st.Bsize; free < r.least {
			r.err = fmt.Errorf("soft state: %d octets are free: %w", free, store.ErrFull)
		}
	}
	r.at = time.Now()
	return r.err
}
