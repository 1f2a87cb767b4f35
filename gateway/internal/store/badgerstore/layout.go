package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	badger "github.com/dgraph-io/badger/v4"
)

// oldKinds are the kinds of keys of a store up to version 2: messages, their attempts,
// the events, and which of them are about a message.
var oldKinds = [][]byte{{'m'}, {'a'}, {'e'}, {'x'}}

// layOut copies what has an old key to its new one (keys.go). The old ones stay until
// the store has its new version: a step that is interrupted begins again, and until
// then an older program finds all that it knows.
func layOut(db *badger.DB, o *settings) error {
	c := &copying{db: db, o: o, said: time.Now()}
	if err := c.room(); err != nil {
		return err
	}
	if err := c.empty(); err != nil {
		return err
	}
	size, err := tablesSize(db.Opts().Dir)
	if err != nil {
		return err
	}
	free, err := o.stat(db.Opts().Dir)
	if err != nil {
		return err
	}
	// Until the old keys are gone there are two of each, and where the copy is
	// compacted with them three.
	if need := 2*size + o.reserve; free < need {
		return fmt.Errorf("its keys are written anew, which takes %d MiB until that is done: free %d MiB more first; nothing is lost", need>>20, (need-free)>>20+1)
	}
	o.Logger.Warn("the store's keys are written anew; nothing is taken or sent until that is done", "size_mib", size>>20)
	w := db.NewWriteBatch()
	defer w.Cancel()
	err = db.View(func(txn *badger.Txn) error {
		for _, kind := range oldKinds {
			if err := c.kind(txn, w, kind); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, w.Flush()); err != nil {
		return err
	}
	return c.check()
}

// copying is layOut under way.
type copying struct {
	db      *badger.DB
	o       *settings
	keys    int   // copied
	octets  int64 // since the disk was looked at
	skipped int   // damaged keys
	said    time.Time
}

// tablesSize is what a database's tables and logs take, in octets. (Badger's own
// figure is kept only with its metrics.)
func tablesSize(dir string) (n int64, err error) {
	for _, pattern := range []string{"*.sst", "*.mem"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return 0, err
		}
		for _, name := range names {
			fi, err := os.Stat(name)
			if err != nil {
				return 0, err
			}
			n += fi.Size()
		}
	}
	return n, nil
}

// room is an error when Badger could die of a full disk.
func (c *copying) room() error {
	free, err := c.o.stat(c.db.Opts().Dir)
	if err == nil && free < c.o.reserve/16*13 {
		err = fmt.Errorf("the disk is full: free %d MiB at least; nothing is lost: %w", c.o.reserve>>20, errFull)
	}
	return err
}

// empty removes what a step that was interrupted left.
func (c *copying) empty() error {
	if err := c.db.DropPrefix([]byte{keyMessage}, []byte{keyEvent}); err != nil {
		return err
	}
	n, err := c.count([]byte{keyMessage}, []byte{keyEvent})
	if err == nil && n > 0 { // Badger may only say so in its log
		err = fmt.Errorf("%d keys of an interrupted migration could not be removed; try again", n)
	}
	return err
}

// count is how many keys of some kinds there are.
func (c *copying) count(kinds ...[]byte) (n int, err error) {
	err = c.db.View(func(txn *badger.Txn) error {
		for _, kind := range kinds {
			err := eachKey(txn, kind, func([]byte) error {
				n++
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

func (c *copying) kind(txn *badger.Txn, w *badger.WriteBatch, kind []byte) error {
	o := badger.DefaultIteratorOptions
	o.Prefix = kind
	it := txn.NewIterator(o)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		k := newKey(it.Item().Key())
		if k == nil { // nobody could read it before, either
			c.skipped++
			c.o.Logger.Error("a damaged key is left out", "key", fmt.Sprintf("%x", it.Item().Key()))
			continue
		}
		v, err := it.Item().ValueCopy(nil)
		if err != nil {
			return fmt.Errorf("read %x: %w", it.Item().Key(), err)
		}
		if err := w.Set(k, v); err != nil {
			return err
		}
		c.keys++
		if c.octets += int64(len(k) + len(v)); c.octets > 8<<20 {
			if err := c.room(); err != nil {
				return err
			}
			c.octets = 0
		}
		if time.Since(c.said) > 10*time.Second {
			c.said = time.Now()
			c.o.Logger.Warn("the store's keys are written anew", "keys", c.keys)
		}
	}
	return nil
}

// check sees that all is there, and that of what is live above all.
func (c *copying) check() error {
	n, err := c.count([]byte{keyMessage}, []byte{keyEvent})
	if err != nil {
		return err
	}
	if n != c.keys {
		return fmt.Errorf("%d of %d keys are there; the old ones are kept, try again", n, c.keys)
	}
	return c.db.View(func(txn *badger.Txn) error {
		return eachKey(txn, []byte{keyLive}, func(k []byte) error {
			id, _, ok := keyID(k)
			if !ok {
				return nil
			}
			if _, err := txn.Get(append(idKey('m', id), partState)); errors.Is(err, badger.ErrKeyNotFound) {
				return nil // reconciling knows what to do
			} else if err != nil {
				return err
			}
			if _, err := txn.Get(stateKey(id)); err != nil {
				return fmt.Errorf("message %s was not copied; the old keys are kept, try again: %w", id, err)
			}
			return nil
		})
	})
}

// newKey is what a key up to version 2 is called since; nil: it is damaged.
func newKey(old []byte) []byte {
	if old[0] == 'e' {
		if len(old) != 9 {
			return nil
		}
		return eventKey(binary.BigEndian.Uint64(old[1:]))
	}
	id, rest, ok := keyID(old)
	if !ok {
		return nil
	}
	switch old[0] {
	case 'a':
		return append(attemptsOf(id), rest...)
	case 'x':
		return append(eventsOf(id), rest...)
	}
	return append(idKey(keyMessage, id), rest...)
}

// dropOld removes what layOut left.
func dropOld(db *badger.DB) error {
	var left [][]byte
	err := db.View(func(txn *badger.Txn) error {
		for _, kind := range oldKinds {
			if lastKey(txn, kind[0]) != nil {
				left = append(left, kind)
			}
		}
		return nil
	})
	if err != nil || len(left) == 0 {
		return err
	}
	return db.DropPrefix(left...)
}
