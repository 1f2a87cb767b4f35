package softkv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/store"
)

// OpKind is what an Op does.
type OpKind int

// The kinds of Op: each does what the method of its name does.
const (
	OpGet OpKind = iota
	OpSet
	OpDelete
	OpAdd
)

// Op is one operation of a Batch.
type Op struct {
	Kind  OpKind
	Key   string
	Value []byte // OpSet
	Delta int64  // OpAdd
	TTL   time.Duration
}

// Result is what became of one Op.
type Result struct {
	Found bool   // OpGet: there is a value; OpDelete: there was one
	Value []byte // OpGet
	Sum   int64  // OpAdd
}

// ErrBatch: the values a batch reads have more than its bound together.
var ErrBatch = errors.New("softkv: the batch reads too much")

// errFull ends a transaction that holds what Badger takes at once.
var errFull = errors.New("the transaction is full")

// Batch runs operations on keys of one plugin and tenant in order; each sees
// those before it. Nobody else writes these keys meanwhile. It is one
// transaction, unless it writes more than Badger takes at once (some 600 KiB,
// with keys): then it is several, and a crash or ErrQuota may keep the first of
// them. When
// the values read have more than maxRead octets together, the answer is
// ErrBatch, and nothing is written.
func (s *Store) Batch(plugin, tenant string, ops []Op, maxRead int) ([]Result, error) {
	keys := make([][]byte, len(ops))
	writes := false
	for i := range ops {
		k, err := entryKey(plugin, tenant, ops[i].Key)
		if err != nil {
			return nil, err
		}
		if len(ops[i].Value) > MaxValue {
			return nil, ErrTooLarge
		}
		keys[i] = k
		writes = writes || ops[i].Kind != OpGet
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, store.ErrUnavailable
	}
	if writes {
		if err := s.space.check(); err != nil {
			return nil, err
		}
		defer s.lockAll(ops, keys)()
	}
	b := batch{s: s, plugin: plugin, ops: ops, keys: keys, out: make([]Result, len(ops)), left: maxRead}
	var err error
	if writes {
		err = b.write()
	} else {
		err = s.db.View(func(txn *badger.Txn) error {
			_, err := b.run(txn, nil, 0) // nothing is written
			return err
		})
	}
	if errors.Is(err, ErrBatch) || errors.Is(err, ErrNotCounter) || errors.Is(err, ErrQuota) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("soft state of %s: %w", plugin, err)
	}
	return b.out, nil
}

// lockAll locks all keys that are written, in the order of the locks, so that
// two batches never wait for one another.
func (s *Store) lockAll(ops []Op, keys [][]byte) (unlock func()) {
	var which []uint32
	for i, k := range keys {
		if ops[i].Kind != OpGet {
			which = append(which, lockOf(k))
		}
	}
	slices.Sort(which)
	locks := make([]*sync.Mutex, 0, len(which))
	for _, n := range slices.Compact(which) {
		s.locks[n].Lock()
		locks = append(locks, &s.locks[n])
	}
	return func() {
		for _, l := range locks {
			l.Unlock()
		}
	}
}

type batch struct {
	s      *Store
	plugin string
	ops    []Op
	keys   [][]byte
	out    []Result
	left   int // octets that may still be read
}

// write runs all operations, in as many transactions as it takes.
func (b *batch) write() error {
	if err := b.measure(); err != nil {
		return err
	}
	for from := 0; from < len(b.ops); {
		next := from
		c := b.s.usage.begin(b.plugin, string(b.keys[0][:space(b.keys[0])]))
		err := b.s.db.Update(func(txn *badger.Txn) error {
			var err error
			if next, err = b.run(txn, c, from); err == errFull && next > from {
				return nil
			}
			return err
		})
		c.end(err == nil)
		if err != nil {
			return err
		}
		from = next
	}
	return nil
}

// measure finds out whether a batch that will not fit one transaction asks for
// too much or adds to what is no counter, before it writes anything.
func (b *batch) measure() error {
	size := 0
	for i := range b.ops {
		size += 2*len(b.keys[i]) + len(b.ops[i].Value) + 64
	}
	if size < 256<<10 {
		return nil // one transaction, which is dropped on an error
	}
	txn := b.s.db.NewTransaction(false)
	defer txn.Discard()
	dry := batch{s: b.s, ops: b.ops, keys: b.keys, out: make([]Result, len(b.ops)), left: b.left}
	over := map[string]entry{} // what earlier operations leave
	for i := range b.ops {
		old, done := over[string(b.keys[i])]
		if !done {
			var err error
			if old, err = b.s.read(txn, b.keys[i]); err != nil {
				return err
			}
		}
		now, err := dry.one(i, old)
		if err != nil {
			return err
		}
		if b.ops[i].Kind != OpGet {
			over[string(b.keys[i])] = now
		}
	}
	return nil
}

// run runs operations from one on and returns the first that was not done.
func (b *batch) run(txn *badger.Txn, c *change, from int) (int, error) {
	for i := from; i < len(b.ops); i++ {
		k := b.keys[i]
		old, err := b.s.read(txn, k)
		if err != nil {
			return i, err
		}
		now, err := b.one(i, old)
		switch {
		case err != nil:
			return i, err
		case b.ops[i].Kind == OpGet || !now.old && !old.old:
			continue
		case now.old:
			err = b.s.write(txn, c, k, old, now.value, now.end)
		default:
			err = b.s.remove(txn, c, k, old)
		}
		if errors.Is(err, badger.ErrTxnTooBig) {
			return i, errFull
		}
		if err != nil {
			return i, err
		}
	}
	return len(b.ops), nil
}

// one says what an operation leaves of an entry, and fills in its result.
func (b *batch) one(i int, old entry) (now entry, err error) {
	op, r := &b.ops[i], &b.out[i]
	*r = Result{}
	switch op.Kind {
	case OpGet:
		if r.Found = old.found; old.found {
			r.Value = old.value
			if b.left -= len(r.Value); b.left < 0 {
				return old, ErrBatch
			}
		}
		return old, nil
	case OpDelete:
		r.Found = old.found
		return entry{}, nil
	case OpSet:
		return entry{end: b.s.end(op.TTL), value: op.Value, found: true, old: true}, nil
	case OpAdd:
		sum, end, err := b.s.sum(old, op.Delta, op.TTL)
		r.Sum = sum
		return entry{end: end, value: binary.LittleEndian.AppendUint64(nil, uint64(sum)), found: true, old: true}, err
	}
	return old, fmt.Errorf("operation %d is of no known kind", i)
}

// sum is what Add makes of an entry.
func (s *Store) sum(old entry, delta int64, ttl time.Duration) (sum, end int64, err error) {
	if !old.found {
		return delta, s.end(ttl), nil
	}
	if len(old.value) != 8 {
		return 0, 0, ErrNotCounter
	}
	was := int64(binary.LittleEndian.Uint64(old.value))
	if delta > 0 && was > math.MaxInt64-delta || delta < 0 && was < math.MinInt64-delta {
		return 0, 0, ErrNotCounter
	}
	return was + delta, old.end, nil
}
