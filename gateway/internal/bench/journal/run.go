package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
)

// Options are what to measure.
type Options struct {
	Records int           // recipients
	Dir     string        // where the store is made; "" a temporary folder
	Keep    bool          // leave the store, and use one that is there as it is
	Rounds  int           // of each search; default 5
	Turn    time.Duration // of recording, alone and beside searches; default 5 s
	Out     io.Writer

	turns  int                      // of recording, of each kind; 3, and fewer in tests
	limits func(records int) limits // of tests; limitsFor
}

// Run loads and measures. Its error is an *ExceededError where all could be
// measured and something was over a limit.
func Run(ctx context.Context, o Options) (err error) {
	if o.Rounds <= 0 {
		o.Rounds = 5
	}
	if o.Turn <= 0 {
		o.Turn = 5 * time.Second
	}
	if o.turns <= 0 {
		o.turns = 3
	}
	if o.limits == nil {
		o.limits = limitsFor
	}
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "weir-bench-journal-"); err != nil {
			return fmt.Errorf("making a folder for the store: %w", err)
		}
		if !o.Keep {
			defer os.RemoveAll(o.Dir)
		}
	}
	b := &bench{Options: o, ctx: ctx, limits: o.limits(o.Records), memory: watchMemory()}
	defer b.memory.stop()
	if _, err := os.Stat(filepath.Join(o.Dir, "meta")); errors.Is(err, os.ErrNotExist) {
		if err := b.load(time.Now().Truncate(time.Second)); err != nil {
			return err
		}
	} else {
		b.printf("a store is there already")
	}
	if err := b.open(filepath.Join(b.Dir, "index")); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.s.Close()) }()
	return b.run()
}

type bench struct {
	Options
	ctx    context.Context
	s      *badgerstore.Store
	memory *memory
	limits limits
	over   []string // the limits that are exceeded
}

func (b *bench) open(index string) (err error) {
	b.s, err = badgerstore.Open(badgerstore.Options{
		Dir: b.Dir, IndexDir: index, BallastSize: -1, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	return err
}

func (b *bench) printf(format string, args ...any) { fmt.Fprintf(b.Out, format+"\n", args...) }

func (b *bench) run() error {
	start := time.Now()
	if err := b.indexed(); err != nil {
		return err
	}
	st, err := b.s.IndexStatus(b.ctx)
	if err != nil {
		return err
	}
	took := time.Since(start)
	b.printf("index       has %d rows after %v: %.0f a second", st.Rows, took.Round(time.Millisecond), float64(st.Rows)/took.Seconds())
	b.limits = b.Options.limits(st.Rows) // of a store that was there
	b.phase("indexing")
	for _, phase := range []struct {
		name    string
		measure func() error
	}{{"", b.size}, {"searching", b.searches}, {"scanning", b.scans}, {"summing up", b.sums}, {"recording and searching", b.together}} {
		if err := phase.measure(); err != nil {
			return err
		}
		if phase.name != "" {
			b.phase(phase.name)
		}
	}
	return b.verdict()
}

// phase prints what the process had at the most since the last phase, and
// judges it.
func (b *bench) phase(name string) {
	peak, ok := b.memory.peak()
	if !ok {
		return // not Linux
	}
	b.printf("memory      %d MiB of its own at the most while %s", peak>>20, name)
	b.judge(peak <= b.limits.memory, "memory while %s: %d MiB, limit %d MiB", name, peak>>20, b.limits.memory>>20)
}

// load records the history, as deliveries that are done at once are recorded.
// The index is made of it afterwards, which is quicker than if it followed.
func (b *bench) load(end time.Time) (err error) {
	if err := b.open(""); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.s.Close()) }()
	h := newHistory(b.Records, end)
	start := time.Now()
	n := 0
	for n < b.Records {
		if err := b.ctx.Err(); err != nil {
			return err
		}
		n += b.record(h)
	}
	if err := b.s.Sync(b.ctx); err != nil {
		return err
	}
	took := time.Since(start)
	b.printf("recorded    %d recipients of %d messages in %v: %.0f a second", n, h.n, took.Round(time.Millisecond), float64(n)/took.Seconds())
	b.phase("recording")
	return nil
}

// record records one message and tells how many recipients it has.
func (b *bench) record(h *history) int {
	m := h.next()
	events := []mail.Event{{At: m.Received, Type: mail.EventReception, Message: m.ID, Direction: m.Direction, Sender: m.Sender.String()}}
	for i := range m.Recipients {
		r := &m.Recipients[i]
		events = append(events, mail.Event{At: r.Changed, Type: mail.EventDelivery, Message: m.ID, N: r.N, Tenant: r.Tenant, Direction: m.Direction, Recipient: r.Address.String(), Status: r.Status})
	}
	b.s.Record(m, nil, events...)
	return len(m.Recipients)
}

// indexed waits until the index has everything.
func (b *bench) indexed() error {
	for {
		st, err := b.s.IndexStatus(b.ctx)
		if err != nil {
			return err
		}
		if st.Error != "" {
			return errors.New(st.Error)
		}
		if st.Whole && st.Behind == 0 {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-b.ctx.Done():
			return b.ctx.Err()
		}
	}
}

// size prints what a record takes on disk.
func (b *bench) size() error {
	st, err := b.s.IndexStatus(b.ctx)
	if err != nil {
		return err
	}
	meta := int64(0)
	err = filepath.WalkDir(filepath.Join(b.Dir, "meta"), func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			meta += info.Size()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("measuring the store: %w", err)
	}
	n := int64(max(1, st.Rows))
	b.printf("size        %d octets a record in the store, %d in the index", meta/n, st.Size/n)
	return nil
}

// pageBudget is how long the API gives a page.
const pageBudget = 5 * time.Second

// find is one page, as the API asks for it.
func (b *bench) find(q store.Query, budget time.Duration) (store.Found, time.Duration, error) {
	ctx, cancel := context.WithTimeout(b.ctx, budget)
	defer cancel()
	start := time.Now()
	found, err := b.s.Find(ctx, q)
	return found, time.Since(start), err
}
