// Package softkv keeps soft state: plugins' keys and counters, rates, known
// recipients. It survives a restart and a crash of the process; a power cut may
// take the last seconds, but for what Sync was called after. A damaged store is
// begun anew, the old one kept aside.
//
// It is not for mail, nor for anything an operator would miss: that is what
// package store is for.
package softkv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerfiles"
)

// Options configure a store; the zero value does.
type Options struct {
	Clock  func() time.Time // what time-to-live is measured by; default time.Now
	Logger *slog.Logger     // default slog.Default()
	// MinFree is the free space in octets below which nothing is written; at
	// least 112 MiB, which Badger needs. It should be above the free space that
	// mail is refused at: plugins may write until here.
	MinFree int64
	// Quota is how many octets a plugin may hold for one tenant, keys and values
	// with 64 octets each; 0 any number. It must be quick. nil: there is none.
	Quota func(plugin string) int64
}

const (
	// MaxValue is the largest value in octets; the plugin host's limit (64 KiB)
	// is below it.
	MaxValue = 128 << 10
	// MaxKey is the largest plugin, tenant and key together, in octets.
	MaxKey = 4 << 10

	sweepEvery = time.Minute
	sweepBatch = 500
)

var (
	// ErrTooLarge: the key or the value is over MaxKey or MaxValue.
	ErrTooLarge = errors.New("softkv: key or value is too large")
	// ErrNotCounter: Add on a value that is no counter, or beyond its range.
	ErrNotCounter = errors.New("softkv: not a counter")
)

// Store is a key-value store with time-to-live. Its methods are safe for use
// in parallel. Plugins and tenants cannot see one another's keys.
type Store struct {
	db    *badger.DB
	clock func() time.Time
	log   *slog.Logger
	space room
	usage usage
	locks [64]sync.Mutex // by key: a read and the write that follows it
	sync  syncer

	mu     sync.RWMutex
	closed bool
	stop   chan struct{}
	done   chan struct{}
}

// Open opens the store in dir, which must be dir's own. A store that cannot
// be read is moved to dir.damaged and begun anew.
func Open(dir string, o Options) (*Store, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	db, err := openBadger(dir)
	if err != nil && !strings.Contains(err.Error(), "directory lock") {
		// The lock was ours for a moment: nobody else has it open.
		if err2 := badgerfiles.DropHalfMade(dir); err2 == nil {
			db, err = openBadger(dir)
		}
	}
	if err != nil {
		if strings.Contains(err.Error(), "directory lock") {
			return nil, fmt.Errorf("soft state in %s is in use by another weir: %w", dir, err)
		}
		aside := dir + ".damaged"
		o.Logger.Warn("soft state cannot be read and is begun anew; the old one is kept aside", "dir", aside, "error", err)
		if err := errors.Join(os.RemoveAll(aside), os.Rename(dir, aside)); err != nil {
			return nil, fmt.Errorf("move damaged soft state aside: %w", err)
		}
		if db, err = openBadger(dir); err != nil {
			return nil, fmt.Errorf("open soft state in %s: %w", dir, err)
		}
	}
	s := &Store{
		db: db, clock: o.Clock, log: o.Logger, space: room{dir: dir, least: max(o.MinFree, minFree)},
		usage: usage{quota: o.Quota, held: map[string]int64{}},
		stop:  make(chan struct{}), done: make(chan struct{}),
	}
	if err := s.count(); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("read soft state in %s: %w", dir, err)
	}
	go s.sweep()
	return s, nil
}

func openBadger(dir string) (*badger.DB, error) {
	return badger.Open(badger.DefaultOptions(dir).
		WithSyncWrites(false).
		WithValueThreshold(512 << 10).  // everything in the LSM tree: the value log gives no space back
		WithMemTableSize(4<<20 - 4096). // as in badgerstore
		WithBaseTableSize(2<<20 - 4096).
		WithNumMemtables(2).
		WithValueLogFileSize(4 << 20).
		WithBlockCacheSize(8 << 20).
		WithNumCompactors(2).
		WithDetectConflicts(false). // writers of one key take turns
		WithMetricsEnabled(false).
		WithLogger(nil))
}

// Close ends the sweeper and closes the store.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	close(s.stop)
	<-s.done
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close soft state: %w", err)
	}
	return nil
}

// An entry's value is its end as UnixNano, 0 for none, and what was set. Its
// end is also in an index, in order, for the sweeper:
//
//	k plugin tenant key      (lengths before plugin and tenant)
//	x END + the key above
func entryKey(plugin, tenant, key string) ([]byte, error) {
	if len(plugin)+len(tenant)+len(key) > MaxKey {
		return nil, ErrTooLarge
	}
	k := []byte{'k'}
	k = binary.AppendUvarint(k, uint64(len(plugin)))
	k = append(k, plugin...)
	k = binary.AppendUvarint(k, uint64(len(tenant)))
	k = append(k, tenant...)
	return append(k, key...), nil
}

func indexKey(end int64, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{'x'}, uint64(end)), key...)
}

// entry is what a key holds.
type entry struct {
	end   int64
	value []byte
	found bool // there, and its time is not over
	old   bool // there, over or not
}

func (s *Store) read(txn *badger.Txn, key []byte) (e entry, err error) {
	it, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return entry{}, nil
	}
	if err != nil {
		return e, err
	}
	v, err := it.ValueCopy(nil)
	if err != nil {
		return e, err
	}
	if len(v) < 8 {
		return entry{}, nil // not ours: as good as absent
	}
	e = entry{end: int64(binary.BigEndian.Uint64(v)), value: v[8:], old: true}
	e.found = e.end == 0 || e.end > s.clock().UnixNano()
	return e, nil
}

func (s *Store) write(txn *badger.Txn, c *change, key []byte, old entry, value []byte, end int64) error {
	if old.old && old.end != 0 && old.end != end {
		if err := txn.Delete(indexKey(old.end, key)); err != nil {
			return err
		}
	}
	if end != 0 {
		if err := txn.Set(indexKey(end, key), nil); err != nil {
			return err
		}
	}
	if err := txn.Set(key, append(binary.BigEndian.AppendUint64(nil, uint64(end)), value...)); err != nil {
		return err
	}
	return c.put(old.cost(key), cost(key, len(value)))
}

func (s *Store) remove(txn *badger.Txn, c *change, key []byte, old entry) error {
	if old.end != 0 {
		if err := txn.Delete(indexKey(old.end, key)); err != nil {
			return err
		}
	}
	if err := txn.Delete(key); err != nil {
		return err
	}
	return c.put(old.cost(key), 0)
}

// end is when something set now with this time-to-live ends; ttl 0 or less: never.
func (s *Store) end(ttl time.Duration) int64 {
	if ttl <= 0 {
		return 0
	}
	return s.clock().Add(ttl).UnixNano()
}

// update runs f on a key with nobody else writing it.
func (s *Store) update(plugin, tenant, key string, f func(txn *badger.Txn, c *change, k []byte, old entry) error) error {
	k, err := entryKey(plugin, tenant, key)
	if err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return store.ErrUnavailable
	}
	if err := s.space.check(); err != nil {
		return err
	}
	l := &s.locks[lockOf(k)]
	l.Lock()
	defer l.Unlock()
	c := s.usage.begin(plugin, string(k[:len(k)-len(key)]))
	err = s.db.Update(func(txn *badger.Txn) error {
		old, err := s.read(txn, k)
		if err != nil {
			return err
		}
		return f(txn, c, k, old)
	})
	c.end(err == nil)
	if err != nil {
		return fmt.Errorf("soft state of %s: %w", plugin, err)
	}
	return nil
}

// lockOf spreads keys over the locks (FNV-1a).
func lockOf(k []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range k {
		h = (h ^ uint32(c)) * 16777619
	}
	return h % 64
}

// Get returns the value of a key whose time is not over.
func (s *Store) Get(plugin, tenant, key string) (value []byte, found bool, err error) {
	k, err := entryKey(plugin, tenant, key)
	if err != nil {
		return nil, false, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, false, store.ErrUnavailable
	}
	var e entry
	err = s.db.View(func(txn *badger.Txn) error {
		e, err = s.read(txn, k)
		return err
	})
	if err != nil || !e.found {
		return nil, false, err
	}
	return e.value, true, nil
}

// Set writes a value. ttl 0 or less: it stays until it is deleted.
func (s *Store) Set(plugin, tenant, key string, value []byte, ttl time.Duration) error {
	if len(value) > MaxValue {
		return ErrTooLarge
	}
	return s.update(plugin, tenant, key, func(txn *badger.Txn, c *change, k []byte, old entry) error {
		return s.write(txn, c, k, old, value, s.end(ttl))
	})
}

// CAS writes value if the key holds old; old nil means that it is absent. It
// tells whether it wrote.
func (s *Store) CAS(plugin, tenant, key string, old, value []byte, ttl time.Duration) (swapped bool, err error) {
	if len(value) > MaxValue {
		return false, ErrTooLarge
	}
	err = s.update(plugin, tenant, key, func(txn *badger.Txn, c *change, k []byte, have entry) error {
		if swapped = have.found == (old != nil) && (old == nil || string(have.value) == string(old)); !swapped {
			return nil
		}
		return s.write(txn, c, k, have, value, s.end(ttl))
	})
	return swapped && err == nil, err
}

// Delete removes a key; it is no error if there is none.
func (s *Store) Delete(plugin, tenant, key string) error {
	return s.update(plugin, tenant, key, func(txn *badger.Txn, c *change, k []byte, old entry) error {
		if !old.old {
			return nil
		}
		return s.remove(txn, c, k, old)
	})
}

// Add adds to a counter and returns its new value. A counter that is absent
// starts at 0, and its time-to-live counts from then. It is kept as eight
// octets, little-endian. ErrNotCounter.
func (s *Store) Add(plugin, tenant, key string, delta int64, ttl time.Duration) (sum int64, err error) {
	err = s.update(plugin, tenant, key, func(txn *badger.Txn, c *change, k []byte, old entry) error {
		n, end, err := s.sum(old, delta, ttl)
		if err != nil {
			return err
		}
		sum = n
		return s.write(txn, c, k, old, binary.LittleEndian.AppendUint64(nil, uint64(sum)), end)
	})
	if err != nil {
		return 0, err
	}
	return sum, nil
}
