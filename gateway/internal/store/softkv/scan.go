package softkv

import (
	"encoding/binary"
	"fmt"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/store"
)

// Scan calls f for the keys of one plugin and tenant that begin with prefix and
// come after after, in order, until f returns false. What has ended is passed
// over; end is zero for what stays. f must not keep value, and must not call the
// store. Writers are not held up: f sees the keys as they were when Scan began.
func (s *Store) Scan(plugin, tenant, prefix, after string, f func(key string, value []byte, end time.Time) bool) error {
	base, err := entryKey(plugin, tenant, "")
	if err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return store.ErrUnavailable
	}
	now := s.clock().UnixNano()
	err = s.db.View(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.PrefetchValues = false // they are in the LSM tree, beside the key
		o.Prefix = append(append([]byte(nil), base...), prefix...)
		it := txn.NewIterator(o)
		defer it.Close()
		from := append([]byte(nil), o.Prefix...)
		if after >= prefix && after != "" {
			from = append(append(append([]byte(nil), base...), after...), 0)
		}
		for it.Seek(from); it.Valid(); it.Next() {
			more := true
			err := it.Item().Value(func(v []byte) error {
				if len(v) < 8 {
					return nil // not ours
				}
				end := int64(binary.BigEndian.Uint64(v))
				if end != 0 && end <= now {
					return nil
				}
				var at time.Time
				if end != 0 {
					at = time.Unix(0, end)
				}
				more = f(string(it.Item().Key()[len(base):]), v[8:], at)
				return nil
			})
			if err != nil || !more {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("soft state of %s: %w", plugin, err)
	}
	return nil
}
