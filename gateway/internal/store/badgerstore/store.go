package badgerstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Store implements store.Store.
type Store struct {
	o     *settings
	log   *slog.Logger
	lock  *dirLock
	db    *badger.DB
	spool *spool
	space *space
	com   *committer
	idx   *index

	search   *feeder // of the search index; nil there is none
	inflight inflight
	verified idSet        // whose body was written or verified by this process
	ops      sync.RWMutex // held for reading while something is being changed
	closing  bool
	reading  sync.RWMutex // held for reading while Badger is read
	closed   bool
	lost     lostRows
	fatal1   sync.Once
}

var _ store.Store = (*Store)(nil)

// Open opens the store in o.Dir, making it where there is none, migrates an
// older one and reconciles bodies and records. It refuses, with words, a
// directory that another process has open and a store of a newer version.
func Open(o Options) (*Store, error) { return open(o.defaults()) }

func open(o *settings) (_ *Store, err error) {
	if err := makeDir(o.Dir, o.NoSync); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{o: o, log: o.Logger}
	if s.lock, err = lockDir(o.Dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.abandon()
		}
	}()
	s.space = newSpace(o.Dir, o)
	if err := s.space.open(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := s.space.engineRoom(); err != nil {
		return nil, fmt.Errorf("open store: the disk of %s is full, free at least %d MiB first; nothing is lost: %w", o.Dir, o.reserve>>20, err)
	}
	if s.db, err = openBadger(filepath.Join(o.Dir, "meta"), o); err != nil {
		return nil, err
	}
	if s.spool, err = openSpool(filepath.Join(o.Dir, "spool"), o); err != nil {
		return nil, err
	}
	if !o.NoSync {
		// The names of what was made in it, and its own, which whoever made it
		// before us may not have synced.
		if err := errors.Join(syncDir(o.Dir), syncDir(filepath.Dir(filepath.Clean(o.Dir)))); err != nil && !errors.Is(err, os.ErrPermission) {
			return nil, fmt.Errorf("open store: %w", err)
		}
	}
	s.spool.segs = newSegLog(filepath.Join(s.spool.dir, "seg"), o, s.fail)
	s.com = newCommitter(s.db, s.space, newWALRoom(filepath.Join(o.Dir, "meta"), s.log), o.linger, s.fail)
	s.com.wal.look()
	epoch, err := s.counters()
	if err != nil {
		return nil, err
	}
	s.idx = newIndex(epoch)
	s.com.tail.seq = s.com.seq
	s.com.start()
	if err := s.reconcile(); err != nil {
		return nil, err
	}
	s.spool.segs.start()
	if o.IndexDir != "" {
		if s.search, err = openFeeder(s, o.IndexDir); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// makeDir makes a directory and its parents, durably: otherwise a power cut
// soon after could take all of it, acknowledged mail included.
func makeDir(dir string, noSync bool) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDir(parent, noSync); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if noSync {
		return nil
	}
	return syncDir(parent)
}

// abandon lets go of everything after a failed open.
func (s *Store) abandon() {
	s.search.close()
	if s.com != nil {
		s.com.close()
	}
	if s.spool != nil && s.spool.segs != nil {
		s.spool.segs.close()
	}
	if s.db != nil {
		_ = s.db.Close()
	}
	_ = s.lock.release()
}

// fail reports the one error after which nothing can be recorded.
func (s *Store) fail(err error) {
	s.fatal1.Do(func() {
		if s.com != nil {
			s.com.failed.Store(true)
		}
		s.o.Fatal(err)
	})
}

// counters reads the counters and takes a new epoch, which makes the fencing
// tokens of this process larger than any before.
func (s *Store) counters() (epoch uint64, err error) {
	read := func(txn *badger.Txn, key []byte) (uint64, error) {
		it, err := txn.Get(key)
		if errors.Is(err, badger.ErrKeyNotFound) {
			return 0, nil
		}
		if err != nil {
			return 0, fmt.Errorf("read counter: %w", err)
		}
		b, err := it.ValueCopy(nil)
		if err != nil || len(b) != 8 {
			return 0, fmt.Errorf("counter %s is damaged", key)
		}
		return binary.BigEndian.Uint64(b), nil
	}
	err = s.db.Update(func(txn *badger.Txn) error {
		var err error
		if s.com.seq, err = read(txn, counterSeq); err != nil {
			return err
		}
		if s.com.doc, err = read(txn, counterDoc); err != nil {
			return err
		}
		if epoch, err = read(txn, counterEpoch); err != nil {
			return err
		}
		if s.com.feed.epoch, err = feedEpoch(txn, epoch); err != nil {
			return err
		}
		if s.com.feed.seq, err = lastFed(txn); err != nil {
			return err
		}
		s.com.feed.durable.Store(s.com.feed.seq)
		s.com.recent = newRecent(highest(txn, s.now()))
		epoch++
		return txn.Set(counterEpoch, binary.BigEndian.AppendUint64(nil, epoch))
	})
	if err != nil {
		return 0, fmt.Errorf("open store: %w", err)
	}
	return epoch, nil
}

// view reads a consistent snapshot. store.ErrUnavailable after Close.
func (s *Store) view(f func(*badger.Txn) error) error {
	s.reading.RLock()
	defer s.reading.RUnlock()
	if s.closed {
		return store.ErrUnavailable
	}
	return s.db.View(f)
}

// get loads one message.
func (s *Store) get(id mail.ID) (st *stored, err error) {
	err = s.view(func(txn *badger.Txn) error {
		st, err = s.load(txn, id)
		return err
	})
	return st, err
}

func (s *Store) now() time.Time { return s.o.Clock() }

// begin starts a change; the caller calls end when it is over. Close waits
// for what has begun. store.ErrUnavailable after it.
func (s *Store) begin(ctx context.Context) (end func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.ops.RLock()
	if s.closing {
		s.ops.RUnlock()
		return nil, store.ErrUnavailable
	}
	return s.ops.RUnlock, nil
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.ops.Lock()
	s.closing = true
	s.ops.Unlock()
	s.reading.Lock()
	if s.closed {
		s.reading.Unlock()
		return nil
	}
	s.closed = true
	s.reading.Unlock()
	s.search.close()
	s.com.close()
	s.com.tail.end()
	s.spool.segs.close()
	var err error
	full := s.space.engineRoom()
	switch {
	case s.com.failed.Load():
		// What is in memory is not to be trusted: the next open reads the log.
	case full != nil:
		// Closing writes tables, for which there is no room. All is in the
		// log, and the next open reads it.
		s.log.Warn("the database is left as it is, for the disk is full", "error", full)
	default:
		err = s.db.Close()
	}
	if e := s.lock.release(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}
