package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mailweir/weir/gateway/internal/atomicfile"
)

// The log's own entries.
const (
	ActionDamaged = "audit-damaged" // what was found wrong when the gateway started
	ActionPruned  = "audit-pruned"  // entries whose time was over were removed
	actorGateway  = "gateway"
)

// ErrUnavailable: the log takes no entries, so nothing may be done that has to
// be recorded.
var ErrUnavailable = errors.New("the audit log cannot be written")

// segmentSize is when a new file is begun within a day, octets.
const segmentSize = 8 << 20

// together bounds the entries that share one sync.
const together = 512

// headEvery is how long the head may be behind the log.
const headEvery = time.Second

// Options make a Log.
type Options struct {
	Dir    string               // made with mode 0700 where it is not there
	Key    []byte               // of the head's code
	Clock  func() time.Time     // nil: time.Now
	Logger *slog.Logger         // nil: nothing is logged
	Keep   func() time.Duration // how long entries are kept; nil or 0: for ever
	// NoSync switches syncing off, for tests of speed.
	NoSync bool
	// SegmentSize is when a new file is begun, octets; 0 is 8 MiB.
	SegmentSize int64
}

// Log is the audit log of one gateway. It is safe in parallel. One goroutine
// writes: entries that wait at the same time share one sync.
type Log struct {
	o     Options
	in    chan request
	stop  chan struct{}
	ended chan struct{}
	once  sync.Once

	mu     sync.Mutex // of what follows; the writer's own besides
	seq    uint64
	hash   string
	first  uint64
	before string // hash before first
	broken error

	refused atomic.Uint64 // entries that could not be written

	// The writer's alone.
	file *os.File
	size int64
	day  string // of the file's first entry, UTC
}

type request struct {
	entries []Entry
	done    chan error
}

var _ Recorder = (*Log)(nil)

// Open opens the log in o.Dir, or begins one. What is wrong with it is no
// error here: it becomes an entry, and Verify says it.
func Open(o Options) (*Log, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Keep == nil {
		o.Keep = func() time.Duration { return 0 }
	}
	if o.SegmentSize <= 0 {
		o.SegmentSize = segmentSize
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	l := &Log{o: o, in: make(chan request), stop: make(chan struct{}), ended: make(chan struct{})}
	wrong, err := l.resume()
	if err != nil {
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	go l.run()
	for _, w := range wrong {
		o.Logger.Error("the audit log is not as it was left; see: weir audit verify", "problem", w)
		if err := l.Record(context.Background(), Entry{Actor: actorGateway, Action: ActionDamaged, Details: map[string]string{"problem": w}}); err != nil {
			o.Logger.Error("the audit log takes no entries", "err", err)
		}
	}
	l.anchor("audit log opened")
	return l, nil
}

// resume finds where to go on, and says what is not as it was left.
func (l *Log) resume() (wrong []string, err error) {
	segs, err := segments(l.o.Dir)
	if err != nil {
		return nil, err
	}
	h, headErr := readHead(l.o.Dir, l.o.Key)
	if headErr != nil && !notThere(headErr) && !errors.Is(headErr, errHead) {
		return nil, headErr
	}
	l.first, l.before = max(h.First, 1), h.Prev
	if headErr != nil && len(segs) > 0 {
		wrong = append(wrong, "the head is missing or was written by somebody else")
		l.first = segs[0].first
	}
	if errors.Is(headErr, errHead) && len(segs) == 0 {
		wrong = append(wrong, "the head was written by somebody else, and there are no entries")
	}
	var t tail
	for i := len(segs) - 1; i >= 0 && t.entry.Seq == 0; i-- {
		if t, err = readTail(segs[i]); err != nil {
			return nil, err
		}
		if t.size == 0 { // begun before a crash
			if err := os.Remove(t.path); err != nil {
				return nil, err
			}
			continue
		}
		if !t.torn {
			continue
		}
		if h.Seq > t.entry.Seq {
			break // what was durable does not read: leave it to be looked at
		}
		// Cut off by a crash before it was durable: nobody was told that it was.
		if err := cutOff(t.path, t.good, !l.o.NoSync); err != nil {
			return nil, err
		}
		t.size = t.good
	}
	l.seq, l.hash = t.entry.Seq, t.entry.Hash
	if h.Seq > 0 && h.Seq <= t.entry.Seq {
		hash, err := hashAt(segs, h.Seq)
		if err != nil {
			return nil, err
		}
		if hash != h.Hash {
			wrong = append(wrong, fmt.Sprintf("entry %d is not the one that was written", h.Seq))
		}
	}
	switch {
	case h.Seq > t.entry.Seq:
		wrong = append(wrong, fmt.Sprintf("entries up to %d were written, and the log ends with %d", h.Seq, t.entry.Seq))
		l.seq, l.hash = h.Seq, h.Hash // the gap is to show for ever
	case t.entry.Seq > 0 && t.size == t.good:
		if l.file, err = os.OpenFile(t.path, os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
			return nil, err
		}
		l.size, l.day = t.size, t.entry.At.UTC().Format(time.DateOnly)
	}
	return wrong, writeHead(l.o.Dir, l.o.Key, l.headNow(), !l.o.NoSync)
}

func (l *Log) headNow() head {
	return head{Seq: l.seq, Hash: l.hash, First: l.first, Prev: l.before, At: l.o.Clock().UTC()}
}

// Record implements Recorder. ErrUnavailable, or ctx's error: then it is not
// known whether the entry is there.
func (l *Log) Record(ctx context.Context, e Entry) error { return l.RecordAll(ctx, []Entry{e}) }

// RecordAll records entries together: all of them are durable, or none counts.
func (l *Log) RecordAll(ctx context.Context, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	r := request{make([]Entry, len(entries)), make(chan error, 1)}
	for i, e := range entries {
		if e.Actor == "" || e.Action == "" {
			return errors.New("an audit entry names its actor and its action")
		}
		tidy(&e)
		r.entries[i] = e
	}
	select {
	case l.in <- r:
	case <-l.stop:
		return ErrUnavailable
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Head is the last entry's number and hash.
func (l *Log) Head() (uint64, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seq, l.hash
}

// Refused is how many entries could not be written since the log was opened: what
// they were about was not done.
func (l *Log) Refused() uint64 { return l.refused.Load() }

// Close writes what waits and ends the log. Record gives ErrUnavailable after it.
func (l *Log) Close() {
	l.once.Do(func() { close(l.stop) })
	<-l.ended
}

func (l *Log) run() {
	defer close(l.ended)
	var late <-chan time.Time // when the head has to follow
	for {
		select {
		case r := <-l.in:
			l.commit(l.gather(r))
			if late == nil {
				late = time.After(headEvery)
			}
		case <-late:
			late = nil
			l.follow()
		case <-l.stop:
			l.finish()
			return
		}
	}
}

// gather takes along what waits at the same time.
func (l *Log) gather(r request) []request {
	out, n := []request{r}, len(r.entries)
	for n < together {
		select {
		case r := <-l.in:
			out, n = append(out, r), n+len(r.entries)
		default:
			return out
		}
	}
	return out
}

func (l *Log) commit(rs []request) {
	err := l.broken
	if err == nil {
		err = l.write(rs)
	}
	for _, r := range rs {
		if err != nil {
			l.refused.Add(uint64(len(r.entries)))
		}
		r.done <- err
	}
}

// write makes the entries of all requests durable.
func (l *Log) write(rs []request) error {
	now := l.o.Clock().UTC()
	if err := l.roll(now); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	seq, hash := l.seq, l.hash
	var out []byte
	for _, r := range rs {
		for i := range r.entries {
			e := &r.entries[i]
			if e.At.IsZero() {
				e.At = now
			}
			e.At = e.At.UTC()
			seq++
			e.Seq, e.Prev = seq, hash
			line, err := seal(e)
			if err != nil {
				return err
			}
			hash = e.Hash
			out = append(out, line...)
		}
	}
	if _, err := l.file.Write(out); err != nil {
		// No room, perhaps: take back what was begun, and try anew next time.
		if back := l.file.Truncate(l.size); back != nil {
			l.giveUp(errors.Join(err, back))
		}
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if !l.o.NoSync {
		if err := l.file.Sync(); err != nil {
			l.giveUp(err) // what a later sync would say of these octets is not to be believed
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	l.size += int64(len(out))
	l.mu.Lock()
	l.seq, l.hash = seq, hash
	l.mu.Unlock()
	return nil
}

func (l *Log) giveUp(err error) {
	l.broken = fmt.Errorf("%w: %w; restart the gateway", ErrUnavailable, err)
	l.o.Logger.Error("the audit log takes no more entries, so operators can do nothing; restart the gateway", "err", err)
}

// roll begins a new file where a day or a file is over.
func (l *Log) roll(now time.Time) error {
	day := now.Format(time.DateOnly)
	if l.file != nil && l.size < l.o.SegmentSize && (l.size == 0 || day <= l.day) {
		return nil
	}
	f, err := os.OpenFile(segmentPath(l.o.Dir, l.seq+1), os.O_WRONLY|os.O_CREATE|os.O_APPEND|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if !l.o.NoSync {
		if err := atomicfile.SyncDir(l.o.Dir); err != nil {
			return errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}
	if l.file != nil {
		if err := l.file.Close(); err != nil {
			l.o.Logger.Warn("closing a file of the audit log", "err", err)
		}
	}
	if l.day != "" && day > l.day {
		l.anchor("audit log of the day")
	}
	l.file, l.size, l.day = f, 0, day
	l.prune(now)
	return nil
}

// anchor writes down outside of the log how far it goes: whoever keeps the
// line can tell whether the log was rewritten since.
func (l *Log) anchor(what string) {
	seq, hash := l.Head()
	l.o.Logger.Info(what, "entries", seq, "head", hash)
}

// follow writes the head.
func (l *Log) follow() {
	if err := writeHead(l.o.Dir, l.o.Key, l.headNow(), !l.o.NoSync); err != nil {
		l.o.Logger.Error("the head of the audit log cannot be written", "err", err)
	}
}

func (l *Log) finish() {
	l.follow()
	if l.file != nil {
		if err := l.file.Close(); err != nil {
			l.o.Logger.Warn("closing the audit log", "err", err)
		}
	}
	l.anchor("audit log closed")
}

// prune removes the files whose entries are all past their time. The head says
// so first.
func (l *Log) prune(now time.Time) {
	keep := l.o.Keep()
	if keep <= 0 {
		return
	}
	segs, err := segments(l.o.Dir)
	if err != nil {
		l.o.Logger.Warn("the audit log cannot be pruned", "err", err)
		return
	}
	var gone []segment
	var last Entry
	for i := 0; i+1 < len(segs); i++ {
		t, err := readTail(segs[i])
		if err != nil || t.torn || t.entry.Seq == 0 || !now.After(t.entry.At.Add(keep)) {
			break // what does not read is left to be looked at
		}
		gone, last = append(gone, segs[i]), t.entry
	}
	if len(gone) == 0 {
		return
	}
	from := l.first
	l.first, l.before = last.Seq+1, last.Hash
	if err := writeHead(l.o.Dir, l.o.Key, l.headNow(), !l.o.NoSync); err != nil {
		l.o.Logger.Warn("the audit log cannot be pruned", "err", err)
		return
	}
	for _, s := range gone {
		if err := os.Remove(s.path); err != nil {
			l.o.Logger.Warn("a file of the audit log cannot be removed", "err", err)
		}
	}
	// The writer cannot wait for itself.
	go func() {
		_ = l.Record(context.Background(), Entry{Actor: actorGateway, Action: ActionPruned, Details: map[string]string{ // at the end there is nobody to tell
			"from": strconv.FormatUint(from, 10), "to": strconv.FormatUint(last.Seq, 10),
		}})
	}()
}
