package softkv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/mailweir/weir/gateway/internal/store"
)

// syncer lets those who wait for the disk share one wait.
type syncer struct {
	asked atomic.Int64 // tickets given
	mu    sync.Mutex
	done  int64 // all tickets up to here are on disk
	err   error // for good: after a failed sync nobody knows what is there
}

// Sync returns when all that was written before it was called is on disk: a
// power cut does not take it. Callers in parallel share the work. After an
// error it fails for ever: the kernel may have dropped what it could not
// write, and a later success would say nothing.
func (s *Store) Sync() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return store.ErrUnavailable
	}
	ticket := s.sync.asked.Add(1)
	s.sync.mu.Lock()
	defer s.sync.mu.Unlock()
	if s.sync.err != nil || s.sync.done >= ticket {
		return s.sync.err
	}
	covers := s.sync.asked.Load() // whoever has a ticket by now had written before
	if err := syncFiles(s.space.dir); err != nil {
		s.sync.err = fmt.Errorf("soft state does not reach the disk: %w", err)
		s.log.Error("soft state cannot be made durable any more; restart when the disk is well", "error", err)
		return s.sync.err
	}
	s.sync.done = covers
	return nil
}

// syncFiles syncs the logs of Badger's memtables and their directory. Badger's
// own Sync leaves out a memtable that is full and not yet a table; tables and
// the manifest it syncs itself. A log that goes meanwhile has become a table.
func syncFiles(dir string) error {
	logs, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil {
		return err
	}
	for _, name := range append(logs, dir) {
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("sync %s: %w", name, err)
		}
	}
	return nil
}
