package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/sqlindex"
)

// feeder keeps the search index up to date: it follows the feed and makes the
// index anew where that is not of this store, or ahead of it.
type feeder struct {
	s    *Store
	dir  string
	x    atomic.Pointer[sqlindex.Index]
	log  *slog.Logger
	feed *feed

	ctx   context.Context
	stop  context.CancelFunc
	done  chan struct{}
	hurry chan struct{} // capacity 1: somebody waits
	again chan struct{} // capacity 1: make it anew

	mu      sync.Mutex
	whole   bool // the index has everything up to applied
	asked   bool // to make it anew, and not begun yet
	applied uint64
	trimmed uint64        // entries up to this one are gone
	moved   chan struct{} // closed when applied or whole change
	level   time.Time     // when the index last had everything (Lag)
	status  store.IndexStatus
}

// How the feeder works: so many messages to a transaction of the index, of which
// so many are read at one time; the time that it lets changes gather, so that a
// message which changes several times in a row is written once, and a page that
// holds several of them too; so many entries behind, it does not rest.
const (
	feedBatch  = 5000
	feedPart   = 250
	feedLinger = 3 * time.Second
	feedFar    = 50000
	feedRoom   = 4 << 30 // free octets of the disk that a whole batch wants
)

func openFeeder(s *Store, dir string) (*feeder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the search index: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	x, err := sqlindex.Open(ctx, dir, sqlindex.Options{Logger: s.log})
	if err != nil {
		stop()
		return nil, err
	}
	f := &feeder{
		s: s, dir: dir, log: s.log, feed: &s.com.feed, ctx: ctx, stop: stop, done: make(chan struct{}),
		hurry: make(chan struct{}, 1), again: make(chan struct{}, 1), moved: make(chan struct{}),
	}
	f.x.Store(x)
	f.level = time.Now()
	st, err := x.State(ctx)
	if err != nil {
		stop()
		return nil, errors.Join(err, x.Close())
	}
	f.applied, f.whole = st.Applied, f.fits(st)
	go f.run()
	return f, nil
}

// fits: the index is of this store, and not ahead of it, as after a backup of
// the store was put back.
func (f *feeder) fits(st sqlindex.State) bool {
	return st.Epoch == f.feed.epoch && st.Applied <= f.feed.durable.Load()
}

// close ends the feeder. What it has not read yet stands in the feed.
func (f *feeder) close() {
	if f == nil {
		return
	}
	f.stop()
	<-f.done
	if err := f.x.Load().Close(); err != nil {
		f.log.Warn("closing the search index", "error", err)
	}
}

func (f *feeder) run() {
	defer close(f.done)
	pause := time.Second
	for f.ctx.Err() == nil {
		err := f.work()
		if err == nil {
			pause = time.Second
			continue
		}
		if f.ctx.Err() != nil || errors.Is(err, store.ErrUnavailable) {
			return
		}
		f.log.Warn("the search index is behind; searches read the record itself meanwhile", "error", err)
		f.failed(err)
		if sqlindex.Corrupt(err) {
			f.discard()
		}
		f.sleep(pause)
		pause = min(2*pause, time.Minute)
	}
}

// discard throws a damaged index away and begins an empty one. Searches that
// read it fail and read the record instead.
func (f *feeder) discard() {
	old := f.x.Load()
	err := errors.Join(old.Close(), sqlindex.Remove(f.dir))
	if err == nil {
		var x *sqlindex.Index
		if x, err = sqlindex.Open(f.ctx, f.dir, sqlindex.Options{Logger: f.log}); err == nil {
			f.x.Store(x)
			return
		}
	}
	f.log.Error("a damaged search index cannot be made anew; stop the gateway and remove its folder", "folder", f.dir, "error", err)
}

func (f *feeder) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-f.ctx.Done():
	}
}

// work brings the index up to date, or waits until there is something to do.
func (f *feeder) work() error {
	st, err := f.x.Load().State(f.ctx)
	if err != nil {
		return err
	}
	select {
	case <-f.again:
		return f.rebuild()
	default:
	}
	if !f.fits(st) {
		return f.rebuild()
	}
	f.reached(st.Applied, true)
	batch := f.batch()
	ids, last, err := f.s.fed(st.Applied, batch)
	if errors.Is(err, errGap) {
		return f.rebuild()
	}
	if err != nil {
		return err
	}
	if last == st.Applied {
		if last < f.feed.durable.Load() { // entries are missing
			return f.rebuild()
		}
		f.wait()
		return nil
	}
	if err := f.s.space.room(); err != nil {
		return fmt.Errorf("the search index does not grow: %w", err)
	}
	start, n := time.Now(), len(ids)
	err = f.x.Load().ApplyParts(f.ctx, sqlindex.State{Epoch: f.feed.epoch, Applied: last}, func() ([]sqlindex.Change, error) {
		part := ids[:min(feedPart, len(ids))]
		ids = ids[len(part):]
		return f.load(part)
	})
	if err != nil {
		return err
	}
	f.reached(last, true)
	if err := f.trim(last); err != nil {
		return err
	}
	f.rest(n >= batch, f.feed.durable.Load()-last, time.Since(start))
	return nil
}

// batch is how many messages to take at a time. With millions of rows each may
// write a dozen pages, twice for a while: where the disk is rather full, as much
// must not be in the way of the store.
func (f *feeder) batch() int {
	if free, _, err := f.s.space.look(false); err != nil || free < feedRoom {
		return feedPart
	}
	return feedBatch
}

// rest leaves twice the time to the mail that the index took, and lets changes
// gather when it has all that there were. A batch writes to most pages of every
// index whatever its size, so that to wait for more changes is to write less.
func (f *feeder) rest(more bool, behind uint64, took time.Duration) {
	switch {
	case behind > feedFar:
	case more:
		f.linger(2 * took)
	default:
		f.linger(max(2*took, feedLinger))
	}
}

// linger waits, unless somebody is in a hurry.
func (f *feeder) linger(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-f.hurry:
	case <-f.again:
		f.rebuildSoon()
	case <-f.ctx.Done():
	}
}

// wait waits for changes, and then for more of them.
func (f *feeder) wait() {
	select {
	case <-f.feed.more:
		f.begun()
	case <-f.hurry:
		return
	case <-f.again:
		f.rebuildSoon()
		return
	case <-f.ctx.Done():
		return
	}
	f.linger(feedLinger)
}

// load reads messages as they are now.
func (f *feeder) load(ids []mail.ID) ([]sqlindex.Change, error) {
	out := make([]sqlindex.Change, 0, len(ids))
	err := f.s.view(func(txn *badger.Txn) error {
		for _, id := range ids {
			st, err := f.s.load(txn, id)
			switch {
			case errors.Is(err, store.ErrNotFound):
				out = append(out, sqlindex.Change{ID: id})
			case err != nil:
				return err
			default:
				out = append(out, sqlindex.Change{ID: id, Message: st.msg})
			}
		}
		return nil
	})
	return out, err
}

// reached says how far the index has come.
func (f *feeder) reached(applied uint64, whole bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	whole = whole && !f.asked
	if whole && applied >= f.feed.durable.Load() {
		f.level = time.Now()
	}
	if f.applied == applied && f.whole == whole {
		return
	}
	f.applied, f.whole = applied, whole
	close(f.moved)
	f.moved = make(chan struct{})
}

func (f *feeder) failed(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status.Error = err.Error()
	f.whole = false
	close(f.moved)
	f.moved = make(chan struct{})
}

// trim drops the entries before number seq.
func (f *feeder) trim(seq uint64) error {
	if f.trimmed == 0 {
		first, err := f.firstFed()
		if err != nil {
			return err
		}
		f.trimmed = first - 1
	}
	for f.trimmed+1 < seq {
		from, to := f.trimmed+1, min(seq, f.trimmed+1+500) // [from, to)
		o := &op{size: 32 * int(to-from), lazy: true, write: func(b *batch) error {
			for n := from; n < to; n++ {
				if err := b.Delete(feedKey(n)); err != nil {
					return err
				}
			}
			return nil
		}}
		if err := f.s.com.commit(o); err != nil {
			return fmt.Errorf("trim the feed: %w", err)
		}
		f.trimmed = to - 1
	}
	return nil
}

// firstFed is the number of the oldest entry; there is one.
func (f *feeder) firstFed() (seq uint64, err error) {
	err = f.s.view(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.PrefetchValues, o.Prefix = false, []byte{keyFeed}
		it := txn.NewIterator(o)
		defer it.Close()
		if it.Rewind(); !it.Valid() {
			return errors.New("read the feed: it is empty")
		}
		seq, err = feedSeq(it.Item().Key())
		return err
	})
	return seq, err
}

// errBehind: the index cannot answer yet.
var errBehind = errors.New("the search index is not up to date yet")

// maxWait is how long a search waits for the index, at most.
const maxWait = 2 * time.Second

// upToDate waits until the index has what is committed now. errBehind: it will
// take longer than a search should wait.
func (f *feeder) upToDate(ctx context.Context) error {
	if f == nil {
		return errBehind
	}
	want := f.feed.durable.Load()
	var timer *time.Timer
	for {
		f.mu.Lock()
		whole, applied, moved := f.whole, f.applied, f.moved
		f.mu.Unlock()
		if !whole {
			return errBehind
		}
		if applied >= want {
			return nil
		}
		if timer == nil {
			timer = time.NewTimer(maxWait)
			defer timer.Stop()
		}
		select {
		case f.hurry <- struct{}{}:
		default:
		}
		select {
		case <-moved:
		case <-timer.C:
			return errBehind
		case <-ctx.Done():
			return ctx.Err()
		case <-f.ctx.Done():
			return errBehind
		}
	}
}
