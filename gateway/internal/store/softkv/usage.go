package softkv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	badger "github.com/dgraph-io/badger/v4"
)

// ErrQuota: the plugin has no room left for this tenant.
var ErrQuota = errors.New("softkv: over the quota")

// entryCost is what an entry counts for beside its key and value, in octets.
const entryCost = 64

// usage is how much each plugin holds for each tenant, in octets. It is counted
// at Open and kept up to date in memory.
type usage struct {
	quota func(plugin string) int64 // 0: no bound

	mu   sync.Mutex
	held map[string]int64 // by the key's part up to the tenant
}

// change is what one transaction does to a namespace's usage. Room is taken
// before the commit and given back when it fails; what is freed is free after it.
type change struct {
	u           *usage
	space       string
	limit       int64
	taken, free int64
}

func (u *usage) begin(plugin, space string) *change {
	c := &change{u: u, space: space}
	if u.quota != nil {
		c.limit = u.quota(plugin)
	}
	return c
}

// put is an entry of n octets in place of one of old octets (0: none).
func (c *change) put(old, n int64) error {
	more := n - old
	if more <= 0 {
		c.free -= more
		return nil
	}
	c.u.mu.Lock()
	defer c.u.mu.Unlock()
	if held := c.u.held[c.space]; c.limit > 0 && held+more > c.limit {
		return fmt.Errorf("%w: %d of %d octets are in use", ErrQuota, held, c.limit)
	}
	c.u.held[c.space] += more
	c.taken += more
	return nil
}

// end settles the change when the transaction has ended.
func (c *change) end(committed bool) {
	c.u.mu.Lock()
	defer c.u.mu.Unlock()
	if committed {
		c.u.held[c.space] -= c.free
	} else {
		c.u.held[c.space] -= c.taken
	}
	if c.u.held[c.space] <= 0 {
		delete(c.u.held, c.space)
	}
}

// cost is what an entry counts for.
func cost(key []byte, value int) int64 { return int64(len(key)+value) + entryCost }

func (e *entry) cost(key []byte) int64 {
	if !e.old {
		return 0
	}
	return cost(key, len(e.value))
}

// Used is how many octets a plugin holds for a tenant, what has ended but was
// not yet removed included.
func (s *Store) Used(plugin, tenant string) int64 {
	k, err := entryKey(plugin, tenant, "")
	if err != nil {
		return 0
	}
	s.usage.mu.Lock()
	defer s.usage.mu.Unlock()
	return s.usage.held[string(k)]
}

// count takes stock of what is there.
func (s *Store) count() error {
	return s.db.View(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.PrefetchValues = false
		o.Prefix = []byte{'k'}
		it := txn.NewIterator(o)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			k := it.Item().Key()
			if n := space(k); n > 0 {
				s.usage.held[string(k[:n])] += cost(k, max(0, int(it.Item().ValueSize())-8))
			}
		}
		return nil
	})
}

// space is how long the part of a key is that names plugin and tenant; 0: it is
// no key of ours.
func space(k []byte) int {
	at := 1
	for range 2 {
		n, w := binary.Uvarint(k[min(at, len(k)):])
		if w <= 0 || n > uint64(len(k)-at-w) {
			return 0
		}
		at += w + int(n)
	}
	return at
}
