package badgerstore

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// segLog is the set of segments: one that is written, the others sealed. A
// sealed segment goes when nothing in it is needed; the cleaner moves what is
// left out of segments that are mostly dead.
type segLog struct {
	dir    *dirSyncer
	size   int64 // of a segment
	noSync bool
	log    *slog.Logger
	fatal  func(error)

	mu     sync.Mutex
	refs   map[mail.ID]segRef
	segs   map[uint64]*segment
	active *segment
	nextNo uint64

	queue  chan *segWrite
	closed bool // under closeMu
	cleanC chan struct{}
	stop   chan struct{}
	wg     sync.WaitGroup
	// closeMu lets append send while close has not begun.
	closeMu sync.RWMutex
	flushMu sync.Mutex // a flush that finds nothing dirty must not overtake one under way
}

// segWrite is one body to append.
type segWrite struct {
	id      mail.ID
	body    []byte
	trailer []byte
	moved   *segRef // the cleaner's: where it lies now
	done    chan error
}

func (w *segWrite) payload() int64 { return int64(len(w.body) + len(w.trailer)) }

const segSuffix = ".seg"

// maxSegBatch bounds what one sync carries, and with it how long the first
// in a batch waits for the last.
const maxSegBatch = 8 << 20

func newSegLog(dir string, o *settings, fatal func(error)) *segLog {
	return &segLog{
		dir: &dirSyncer{dir: dir, off: o.NoSync}, size: o.segSize, noSync: o.NoSync, log: o.Logger, fatal: fatal,
		refs: map[mail.ID]segRef{}, segs: map[uint64]*segment{}, nextNo: 1,
		queue: make(chan *segWrite, 1024), cleanC: make(chan struct{}, 1), stop: make(chan struct{}),
	}
}

// load reads what is there. keep decides about each body: false kills it.
func (l *segLog) load(keep func(id mail.ID, payload io.ReaderAt, n int64) (bool, error)) error {
	names, err := readNames(l.dir.dir)
	if err != nil {
		return err
	}
	var nos []uint64
	for _, n := range names {
		no, err := strconv.ParseUint(strings.TrimSuffix(n, segSuffix), 16, 64)
		if err == nil && strings.HasSuffix(n, segSuffix) {
			nos = append(nos, no)
		}
	}
	// Newest first: where the cleaner was interrupted, the newer copy counts.
	sort.Slice(nos, func(i, j int) bool { return nos[i] > nos[j] })
	for _, no := range nos {
		if no >= l.nextNo {
			l.nextNo = no + 1
		}
		if err := l.loadSegment(no, keep); err != nil {
			return err
		}
	}
	return l.dir.flush()
}

func (l *segLog) loadSegment(no uint64, keep func(mail.ID, io.ReaderAt, int64) (bool, error)) error {
	s, frames, err := openSegment(segPath(l.dir.dir, no), no)
	if errors.Is(err, errNoTrailer) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.segs[no] = s
		return l.removeLocked(s)
	}
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.segs[no] = s
	l.mu.Unlock()
	// Backwards: of two frames with one ID the later one counts.
	for i := len(frames) - 1; i >= 0; i-- {
		fr := frames[i]
		if !fr.live {
			continue
		}
		ref := segRef{seg: s, off: fr.off, len: fr.len}
		_, twice := l.refs[fr.id]
		ok := false
		if !twice {
			if ok, err = keep(fr.id, ref.payload(), fr.len); err != nil {
				return err
			}
		}
		if !ok {
			if err := s.kill(fr.off); err != nil {
				return fmt.Errorf("mark body %s as done: %w", fr.id, err)
			}
			s.dirty = true
			continue
		}
		l.mu.Lock()
		l.addLocked(fr.id, ref)
		l.mu.Unlock()
	}
	if !l.noSync {
		// What a dead process marked may still be in memory only.
		if err := unix.Fdatasync(int(s.f.Fd())); err != nil {
			return fmt.Errorf("sync segment: %w", err)
		}
		s.dirty = false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.live == 0 {
		return l.removeLocked(s)
	}
	if err := s.f.Truncate(s.end); err != nil {
		return fmt.Errorf("give back the unused end of a segment: %w", err)
	}
	return nil
}

func (l *segLog) addLocked(id mail.ID, ref segRef) {
	l.refs[id] = ref
	ref.seg.live++
	ref.seg.liveBytes += ref.frameLen()
}

// removeLocked unlinks a segment that nobody needs. Readers keep the file.
func (l *segLog) removeLocked(s *segment) error {
	delete(l.segs, s.no)
	s.removed = true
	err := os.Remove(s.path)
	l.dir.removed()
	if s.readers == 0 {
		s.f.Close()
	}
	if err != nil {
		return fmt.Errorf("remove segment: %w", err)
	}
	return nil
}

// start begins to serve append. close ends it.
func (l *segLog) start() {
	l.wg.Add(2)
	go l.write()
	go l.clean()
}

func (l *segLog) close() {
	l.closeMu.Lock()
	if l.closed {
		l.closeMu.Unlock()
		return
	}
	l.closed = true
	close(l.stop)
	close(l.queue)
	l.closeMu.Unlock()
	l.wg.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.segs {
		if s.live == 0 {
			if err := l.removeLocked(s); err != nil {
				l.log.Warn("closing the spool", "error", err)
			}
			continue
		}
		if !s.sealed {
			if err := s.f.Truncate(s.end); err != nil {
				l.log.Warn("closing the spool", "error", err)
			}
		}
		if s.readers == 0 {
			s.f.Close()
		}
		s.removed = true // a last reader closes it
	}
}

// append makes a body and its trailer durable.
func (l *segLog) append(id mail.ID, body, trailer []byte) error {
	return l.submit(&segWrite{id: id, body: body, trailer: trailer, done: make(chan error, 1)})
}

func (l *segLog) submit(w *segWrite) error {
	l.closeMu.RLock()
	if l.closed {
		l.closeMu.RUnlock()
		return fmt.Errorf("write body %s: %w", w.id, store.ErrUnavailable)
	}
	l.queue <- w
	l.closeMu.RUnlock()
	return <-w.done
}

// write is the one writer: it takes all who wait and syncs once for them.
func (l *segLog) write() {
	defer l.wg.Done()
	var buf []byte
	for w := range l.queue {
		batch := []*segWrite{w}
		size := w.payload()
	fill:
		for size < maxSegBatch {
			select {
			case w, ok := <-l.queue:
				if !ok {
					break fill
				}
				batch = append(batch, w)
				size += w.payload()
			default:
				break fill
			}
		}
		var err error
		buf, err = l.writeBatch(buf[:0], batch)
		for _, w := range batch {
			w.done <- err
		}
		if cap(buf) > 4<<20 {
			buf = nil
		}
	}
}

func (l *segLog) writeBatch(buf []byte, batch []*segWrite) ([]byte, error) {
	s, err := l.room()
	if err != nil {
		return buf, fullOr(err)
	}
	start := s.end
	refs := make([]segRef, len(batch))
	for i, w := range batch {
		refs[i] = segRef{seg: s, off: start + int64(len(buf)), len: w.payload()}
		buf = s.frameHead(buf, w.id, w.payload())
		buf = append(buf, w.body...)
		buf = append(buf, w.trailer...)
		for len(buf)&7 != 0 {
			buf = append(buf, 0)
		}
	}
	if _, err := s.f.WriteAt(buf, start); err != nil {
		l.seal(s, start)
		return buf, fullOr(fmt.Errorf("write segment: %w", err))
	}
	if !l.noSync {
		if err := unix.Fdatasync(int(s.f.Fd())); err != nil {
			l.seal(s, start)
			err = fullOr(fmt.Errorf("sync segment: %w", err))
			if !errors.Is(err, store.ErrFull) {
				l.fatal(err) // a later sync may claim success with this data gone
			}
			return buf, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.end = start + int64(len(buf))
	for i, w := range batch {
		l.placeLocked(w, refs[i])
	}
	if s.end >= l.size {
		l.sealLocked(s)
	}
	return buf, nil
}

// placeLocked enters a durable frame. One that the cleaner moved counts only
// if the body was not dropped meanwhile.
func (l *segLog) placeLocked(w *segWrite, ref segRef) {
	old, had := l.refs[w.id]
	if w.moved != nil && (!had || old != *w.moved) {
		if err := ref.seg.kill(ref.off); err != nil {
			l.log.Warn("marking a moved body", "message", w.id.String(), "error", err)
		}
		ref.seg.dirty = true
		return
	}
	if had {
		l.dropLocked(w.id, old)
	}
	l.addLocked(w.id, ref)
}

// room returns the segment to write to. Only write calls it.
func (l *segLog) room() (*segment, error) {
	l.mu.Lock()
	s, no := l.active, l.nextNo
	l.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := createSegment(l.dir.dir, no, l.size, l.noSync)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nextNo, l.active = no+1, s
	l.segs[no] = s
	return s, nil
}

// seal stops writing to s after a failure and cuts off what was half written.
func (l *segLog) seal(s *segment, end int64) {
	if err := s.f.Truncate(end); err != nil {
		l.log.Warn("cutting a segment after a failed write", "error", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sealLocked(s)
}

func (l *segLog) sealLocked(s *segment) {
	s.sealed = true
	if l.active == s {
		l.active = nil
	}
	if s.live == 0 {
		if err := l.removeLocked(s); err != nil {
			l.log.Warn("removing a spool segment", "error", err)
		}
	}
	l.wakeCleaner()
}

// drop marks a body as done with; false: it is not in a segment.
func (l *segLog) drop(id mail.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	ref, ok := l.refs[id]
	if ok {
		l.dropLocked(id, ref)
	}
	return ok
}

func (l *segLog) dropLocked(id mail.ID, ref segRef) {
	delete(l.refs, id)
	s := ref.seg
	s.live--
	s.liveBytes -= ref.frameLen()
	if s.live == 0 && s.sealed {
		if err := l.removeLocked(s); err == nil {
			return
		}
	}
	if err := s.kill(ref.off); err != nil {
		l.log.Warn("marking a body as done", "message", id.String(), "error", err)
	}
	s.dirty = true
	if s.sealed {
		l.wakeCleaner()
	}
}

// flush makes every drop so far durable.
func (l *segLog) flush() error {
	if l.noSync {
		return nil
	}
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	l.mu.Lock()
	var dirty []*segment
	for _, s := range l.segs {
		if s.dirty {
			s.dirty = false
			s.readers++ // keeps the file open
			dirty = append(dirty, s)
		}
	}
	l.mu.Unlock()
	var errs []error
	for _, s := range dirty {
		if err := unix.Fdatasync(int(s.f.Fd())); err != nil {
			errs = append(errs, fmt.Errorf("sync segment: %w", err))
			l.mu.Lock()
			s.dirty = true
			l.mu.Unlock()
		}
		_ = l.unread(s)
	}
	return errors.Join(append(errs, l.dir.flush())...)
}

func (l *segLog) unread(s *segment) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.readers--
	if s.removed && s.readers == 0 {
		return s.f.Close()
	}
	return nil
}

// open opens a body for reading; false: it is not in a segment.
func (l *segLog) open(id mail.ID) (*body, bool) {
	l.mu.Lock()
	ref, ok := l.refs[id]
	if ok {
		ref.seg.readers++
	}
	l.mu.Unlock()
	if !ok {
		return nil, false
	}
	r := ref.payload()
	t, err := readTrailer(r, ref.len)
	if err != nil {
		t = &trailer{} // verify finds it damaged
	}
	return &body{r: r, trailer: t, close: func() error { return l.unread(ref.seg) }}, true
}

// has reports whether a body lies in a segment.
func (l *segLog) has(id mail.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.refs[id]
	return ok
}

// paths lists the segments, for tests and tools.
func (l *segLog) paths() []string {
	p, _ := filepath.Glob(filepath.Join(l.dir.dir, "*"+segSuffix))
	return p
}
