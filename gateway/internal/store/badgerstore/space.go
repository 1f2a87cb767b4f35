package badgerstore

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mailweir/weir/gateway/internal/store"
)

// errFull is what every refusal for want of space wraps.
var errFull = store.ErrFull

// engineReserve is what is kept free for Badger, in octets: it writes through mmap, and
// where a page cannot be had the process dies of SIGBUS. A compaction has its old
// tables and its new ones side by side. Of level 0 it takes 20 tables of 8 MiB
// (badgerOptions) into a level below that holds 64 MiB by its target, and 250 MiB
// were seen after a burst: so much is free when the last thing is committed (stop).
const engineReserve = 512 << 20

// statAge is how long a look at the free space is good for.
const statAge = 200 * time.Millisecond

// space watches the free space of the data directory, in three steps:
//
//	below the watermark          new mail is refused (Admit, 452)
//	below the reserve            the ballast goes; nothing that adds bodies is committed
//	below 13/16 of the reserve   nothing is committed at all (451)
type space struct {
	dir     string
	mark    int64
	keep    int64
	stop    int64
	ballast int64
	log     *slog.Logger
	stat    func(dir string) (int64, error)

	mu       sync.Mutex
	free     int64
	at       time.Time // monotonic: about the machine, not about mail
	held     int64     // octets that drafts have been promised
	hasBall  bool
	low      bool
	statErr  error
	ballPath string
}

func newSpace(dir string, o *settings) *space {
	return &space{
		dir: dir, mark: max(o.FreeWatermark, o.reserve), keep: o.reserve, stop: o.reserve / 16 * 13, ballast: o.BallastSize,
		log: o.Logger, stat: o.stat, ballPath: filepath.Join(dir, "ballast"),
	}
}

// Watermark is the free space below which no mail is taken, in octets:
// Options.FreeWatermark, and never less than the store needs itself.
func (s *Store) Watermark() int64 { return s.space.mark }

func statFree(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// open lays the ballast, if there is room for it.
func (s *space) open() error {
	fi, err := os.Stat(s.ballPath)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hasBall = err == nil
	if s.hasBall && fi.Size() != s.ballast {
		s.dropBallastLocked()
	}
	s.lookLocked(true)
	return s.statErr
}

// look returns the free octets, not older than statAge, without what drafts
// hold.
func (s *space) look(fresh bool) (free, held int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookLocked(fresh)
	return s.free, s.held, s.statErr
}

func (s *space) lookLocked(fresh bool) {
	if !fresh && time.Since(s.at) < statAge && !s.low {
		return
	}
	s.free, s.statErr = s.stat(s.dir)
	s.at = time.Now()
	if s.statErr != nil {
		return
	}
	if s.free < s.keep && s.hasBall {
		s.dropBallastLocked()
		s.free, s.statErr = s.stat(s.dir)
	}
	low := s.free < s.keep
	if low != s.low {
		s.low = low
		if low {
			s.log.Error("the disk is almost full: no mail is taken until there is space", "dir", s.dir, "free", s.free)
		} else {
			s.log.Info("there is space on the disk again", "dir", s.dir, "free", s.free)
		}
	}
	if !s.hasBall && s.ballast > 0 && s.free > s.mark+2*s.ballast {
		s.layBallastLocked()
	}
}

func (s *space) dropBallastLocked() {
	if err := os.Remove(s.ballPath); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.log.Error("removing the ballast file", "error", err)
		return
	}
	s.hasBall = false
}

func (s *space) layBallastLocked() {
	f, err := os.OpenFile(s.ballPath, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err == nil {
		err = unix.Fallocate(int(f.Fd()), 0, 0, s.ballast)
		f.Close()
	}
	if err != nil {
		os.Remove(s.ballPath)
		s.ballast = 0 // a file system without fallocate: go on without
		s.log.Warn("no ballast against a full disk", "error", err)
		return
	}
	s.hasBall = true
}

// reserve changes what drafts hold by n octets.
func (s *space) reserve(n int64) {
	if n == 0 {
		return
	}
	s.mu.Lock()
	s.held += n
	s.mu.Unlock()
}

// admit is store.Bodies.Admit.
func (s *space) admit(size int64) error {
	free, held, err := s.look(false)
	if err != nil {
		return err
	}
	if need := max(s.mark, size+size/2); free-held < need {
		return fmt.Errorf("%d octets are free, %d are needed: %w", free-held, need, errFull)
	}
	return nil
}

// room reports whether the spool may grow.
func (s *space) room() error {
	free, _, err := s.look(false)
	if err == nil && free < s.keep {
		err = fmt.Errorf("%d octets are free, %d are kept for the queue's own records: %w", free, s.keep, errFull)
	}
	return err
}

// engineRoom reports whether Badger may still write.
func (s *space) engineRoom() error {
	free, _, err := s.look(false)
	if err == nil && free < s.stop {
		err = fmt.Errorf("%d octets are free: nothing can be recorded until there is space: %w: %w", free, store.ErrUnavailable, errFull)
	}
	return err
}
