package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// errStale: the message changed since it was read; read it again.
var errStale = errors.New("message changed meanwhile")

// op is one unit that is committed whole or not at all. All its functions
// run on the committer's goroutine.
type op struct {
	// guard takes the op's place in the index (no claim comes between) and
	// refuses what may not be done. It runs once. nil: nothing to guard.
	guard func() error
	// write checks and then sets. An error before the first Set fails this op
	// alone. It runs again when a batch has to be split.
	write func(*batch) error
	// done gets the outcome, after the commit; it runs once, also after an
	// error, but not when guard refused.
	done func(error)

	size    int
	grows   bool // adds mail: refused when space is low
	lazy    bool // nobody waits: may linger for company
	res     chan error
	guarded bool
}

// batch is one Badger transaction that is being filled.
type batch struct {
	*badger.Txn
	c     *committer
	seq   uint64
	doc   uint64
	wrote []written // in order
}

// written is what a batch makes of a message.
type written struct {
	id      mail.ID
	records *records // nil: they are gone
}

func (b *batch) set(k, v []byte) error { return b.SetEntry(badger.NewEntry(k, v)) }

// revision is that of a message, with what the batch has written already; 0: there
// is none.
func (b *batch) revision(id mail.ID) (rev uint64, err error) {
	for i := len(b.wrote) - 1; i >= 0; i-- {
		if w := &b.wrote[i]; w.id == id {
			if w.records == nil {
				return 0, nil
			}
			return decodeRev(w.records.state)
		}
	}
	return b.c.revision(b.Txn, id)
}

// revision is that of a message that is committed; 0: there is none.
func (c *committer) revision(txn *badger.Txn, id mail.ID) (rev uint64, err error) {
	if rev, known, err := c.recent.revision(id); known || err != nil {
		return rev, err
	}
	it, err := txn.Get(stateKey(id))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return 0, nil
	}
	if err == nil {
		err = it.Value(func(v []byte) error {
			rev, err = decodeRev(v)
			return err
		})
	}
	return rev, err
}

// event writes one event under the next number.
func (b *batch) event(e *encodedEvent) error {
	b.seq++
	if err := b.set(eventKey(b.seq), e.json); err != nil {
		return err
	}
	if e.id.IsZero() {
		return nil
	}
	return b.set(eventOfKey(e.id, b.seq), nil)
}

type encodedEvent struct {
	id   mail.ID
	json []byte
}

func encodeEvents(events []mail.Event) ([]encodedEvent, int, error) {
	out := make([]encodedEvent, len(events))
	size := 0
	for i := range events {
		e := events[i]
		e.Seq = 0 // the key has it
		b, err := encodeJSON(&e)
		if err != nil {
			return nil, 0, fmt.Errorf("encode event %s: %w", e.Type, err)
		}
		out[i] = encodedEvent{id: e.Message, json: b}
		size += len(b) + 64
	}
	return out, size, nil
}

// committer is the one writer to Badger: it takes all ops that wait and
// commits them as one transaction, with one sync. Badger by itself syncs
// once per transaction.
type committer struct {
	db     *badger.DB
	space  *space
	fatal  func(error)
	queue  chan *op
	linger time.Duration
	max    int
	wal    *walRoom
	wg     sync.WaitGroup

	seq, doc uint64 // last used; only the committer's goroutine
	feed     feed
	recent   *recent
	tail     tail // who follows the events

	failed atomic.Bool // a commit failed: nothing is written any more

	mu     sync.RWMutex
	closed bool
}

// maxOps bounds one transaction's ops; its octets are bounded by Badger.
const maxOps = 1000

func newCommitter(db *badger.DB, sp *space, wal *walRoom, linger time.Duration, fatal func(error)) *committer {
	return &committer{
		db: db, space: sp, wal: wal, fatal: fatal, linger: linger,
		feed: feed{more: make(chan struct{}, 1)}, queue: make(chan *op, 1024), max: int(db.MaxBatchSize()) * 7 / 10,
	}
}

func (c *committer) start() {
	c.wg.Add(1)
	go c.run()
}

func (c *committer) close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.queue)
	}
	c.mu.Unlock()
	c.wg.Wait()
}

// submit hands an op over and does not wait. It blocks while the backlog is full.
func (c *committer) submit(o *op) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed || c.failed.Load() {
		return store.ErrUnavailable
	}
	c.queue <- o
	return nil
}

// commit hands an op over and waits until it is durable. It takes no
// context: whether a commit under way succeeds must be known.
func (c *committer) commit(o *op) error {
	o.res = make(chan error, 1)
	if err := c.submit(o); err != nil {
		return err
	}
	return <-o.res
}

func (c *committer) run() {
	defer c.wg.Done()
	for o := range c.queue {
		c.execute(c.collect(o))
	}
}

// collect takes what waits behind first. A batch of lazy ops alone lingers a
// little, so that the record of direct deliveries costs few syncs.
func (c *committer) collect(first *op) []*op {
	ops, size, lazy := []*op{first}, first.size, first.lazy
	var timer <-chan time.Time
	for len(ops) < maxOps && size < c.max {
		var o *op
		var ok bool
		select {
		case o, ok = <-c.queue:
		default:
			if !lazy {
				return ops
			}
			if timer == nil {
				t := time.NewTimer(c.linger)
				defer t.Stop()
				timer = t.C
			}
			select {
			case o, ok = <-c.queue:
			case <-timer:
				return ops
			}
		}
		if !ok {
			return ops
		}
		ops = append(ops, o)
		size += o.size
		lazy = lazy && o.lazy
	}
	return ops
}

// execute commits ops in order, in as few transactions as fit.
func (c *committer) execute(ops []*op) {
	for len(ops) > 0 {
		ops = c.admitted(ops)
		n := c.transaction(ops)
		ops = ops[n:]
	}
}

// admitted drops the ops that may not be done now and answers them.
func (c *committer) admitted(ops []*op) []*op {
	engine, room := c.space.engineRoom(), c.space.room()
	out := ops[:0]
	for _, o := range ops {
		err := engine
		if err == nil && o.grows {
			err = room
		}
		if c.failed.Load() {
			err = store.ErrUnavailable
		}
		if err == nil && o.guard != nil && !o.guarded {
			err = o.guard()
			o.guarded = err == nil
		}
		if err != nil {
			c.answer(o, err)
			continue
		}
		out = append(out, o)
	}
	return out
}

func (c *committer) answer(o *op, err error) {
	if o.done != nil && (o.guard == nil || o.guarded) {
		o.done(err)
	}
	if o.res != nil {
		o.res <- err
	}
}

// transaction commits a leading part of ops, answers them and returns how
// many they were: all, unless they do not fit into one transaction.
func (c *committer) transaction(ops []*op) int {
	if len(ops) == 0 {
		return 0
	}
	limit := len(ops)
	for {
		errs, n, err := c.try(ops[:limit])
		if errors.Is(err, badger.ErrTxnTooBig) {
			if n == 0 {
				c.answer(ops[0], fmt.Errorf("commit: one change is too large for the store: %w", err))
				return 1
			}
			limit = n // those before it fitted
			continue
		}
		if err != nil {
			c.fail(err)
		}
		size := 0
		for i, o := range ops[:limit] {
			size += o.size
			e := errs[i]
			if e == nil && err != nil {
				e = fmt.Errorf("commit: %w", store.ErrUnavailable)
			}
			c.answer(o, e)
		}
		c.wal.wrote(size)
		return limit
	}
}

// try fills and commits one transaction. n is the number of ops that went in
// before err.
func (c *committer) try(ops []*op) (errs []error, n int, err error) {
	b := &batch{Txn: c.db.NewTransaction(true), c: c, seq: c.seq, doc: c.doc}
	defer b.Discard()
	errs = make([]error, len(ops))
	wrote := false
	for i, o := range ops {
		if o.write == nil {
			continue
		}
		e := o.write(b)
		if errors.Is(e, badger.ErrTxnTooBig) {
			return nil, i, e
		}
		errs[i] = e
		wrote = wrote || e == nil
	}
	if !wrote {
		return errs, len(ops), nil
	}
	counters := []struct {
		key      []byte
		was, now uint64
	}{{counterSeq, c.seq, b.seq}, {counterDoc, c.doc, b.doc}}
	for _, k := range counters {
		if k.was == k.now {
			continue
		}
		if e := b.set(k.key, binary.BigEndian.AppendUint64(nil, k.now)); e != nil {
			return nil, len(ops) - 1, e
		}
	}
	if e := c.feed.write(b); e != nil {
		return nil, len(ops) - 1, e
	}
	// With one writer there are no conflicts; ErrConflict would be a failure
	// like any other.
	if e := b.Commit(); e != nil {
		if errors.Is(e, badger.ErrTxnTooBig) {
			return nil, len(ops) / 2, e
		}
		return errs, len(ops), e
	}
	c.seq, c.doc = b.seq, b.doc
	c.recent.put(b.wrote)
	c.feed.committed(b)
	c.tail.reached(c.seq)
	return errs, len(ops), nil
}

// fail stops all writing: after a failed sync nothing Badger says can be
// trusted, and the process has to start anew from what is on disk.
func (c *committer) fail(err error) {
	if c.failed.Swap(true) {
		return
	}
	c.fatal(fmt.Errorf("commit to the store failed, nothing more can be recorded: %w", err))
}
