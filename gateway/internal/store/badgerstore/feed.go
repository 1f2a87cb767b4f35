package badgerstore

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// feed numbers the commits that change messages and writes, in the same
// commit, which ones. The search index follows it and trims what is behind it,
// but for the last entry: by that the number is known after a restart.
type feed struct {
	epoch   string
	seq     uint64        // last used; only the committer's goroutine
	durable atomic.Uint64 // last committed
	more    chan struct{} // capacity 1: there are new ones
	quiet   bool          // nothing is written, as by a program without a feed; only in tests
}

// write adds a batch's entry, if it changes any message.
func (f *feed) write(b *batch) error {
	if len(b.wrote) == 0 || f.quiet {
		return nil
	}
	v := make([]byte, 0, len(b.wrote)*len(mail.ID{}))
	for i, w := range b.wrote {
		if i == 0 || w.id != b.wrote[i-1].id {
			v = append(v, w.id[:]...)
		}
	}
	return b.set(feedKey(f.seq+1), v)
}

func (f *feed) committed(b *batch) {
	if len(b.wrote) == 0 || f.quiet {
		return
	}
	f.seq++
	f.durable.Store(f.seq)
	select {
	case f.more <- struct{}{}:
	default:
	}
}

// feedEpoch names the numbers of this store's feed. opened is how often the
// store was opened before: it is written beside the name, so that a program
// that knows no feed is noticed to have had the store in between, and the
// numbers begin a new epoch.
func feedEpoch(txn *badger.Txn, opened uint64) (string, error) {
	name := make([]byte, 8)
	it, err := txn.Get(counterFeed)
	switch {
	case errors.Is(err, badger.ErrKeyNotFound):
		rand.Read(name)
	case err != nil:
		return "", fmt.Errorf("read the feed's epoch: %w", err)
	default:
		b, err := it.ValueCopy(nil)
		if err != nil {
			return "", fmt.Errorf("read the feed's epoch: %w", err)
		}
		if len(b) == 16 && binary.BigEndian.Uint64(b[8:]) == opened {
			copy(name, b)
		} else {
			rand.Read(name)
		}
	}
	return hex.EncodeToString(name), txn.Set(counterFeed, binary.BigEndian.AppendUint64(bytes.Clone(name), opened+1))
}

// lastFed is the number of the newest entry.
func lastFed(txn *badger.Txn) (seq uint64, err error) {
	k := lastKey(txn, keyFeed)
	if k == nil {
		return 0, nil
	}
	return feedSeq(k)
}

func feedSeq(k []byte) (uint64, error) {
	if len(k) != 9 {
		return 0, errors.New("read the feed: an entry's key is damaged")
	}
	return binary.BigEndian.Uint64(k[1:]), nil
}

// errGap: what the index needs is no longer in the feed.
var errGap = errors.New("read the feed: entries are missing")

// fed reads entries behind one number: the messages, each once, that they name,
// until there are at least some many, and the number of the last.
func (s *Store) fed(after uint64, enough int) (ids []mail.ID, last uint64, err error) {
	last = after
	seen := map[mail.ID]bool{}
	until := s.com.feed.durable.Load()
	err = s.view(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix = []byte{keyFeed}
		it := txn.NewIterator(o)
		defer it.Close()
		for it.Seek(feedKey(after + 1)); it.Valid() && len(ids) < enough; it.Next() {
			seq, err := feedSeq(it.Item().Key())
			if err != nil {
				return err
			}
			if seq > until {
				return nil
			}
			if seq != last+1 {
				return errGap
			}
			last = seq
			err = it.Item().Value(func(v []byte) error {
				for ; len(v) >= len(mail.ID{}); v = v[len(mail.ID{}):] {
					id := mail.ID(v[:len(mail.ID{})])
					if !seen[id] {
						seen[id] = true
						ids = append(ids, id)
					}
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("read the feed: %w", err)
			}
		}
		return nil
	})
	return ids, last, err
}
