// Package keeper is what time does to mail: held mail that nobody decided on
// ends, finished mail loses its body and in the end its record, and a DSN
// that a crash left owed is made.
//
// It delivers and retries nothing (package queue does), and the repair of a
// store at start is the store's own.
package keeper

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Options make a Keeper. Store is needed; everything else has a default.
type Options struct {
	Store  store.Store
	Payer  *notify.Payer // nil: no DSNs are made, and bodies they are owed for stay
	Clock  Clock         // default: the machine's
	Logger *slog.Logger  // default slog.Default()

	// Every is the time between two looks for held mail whose time is over.
	// Default 1 min.
	Every time.Duration
	// Sweep is the time between two looks through finished mail. Default 1 h.
	Sweep time.Duration
	// Batch bounds the messages changed in one look, so that a flood is
	// worked off in portions. Default 2000.
	Batch int

	// Retain is how long a tenant keeps the log of finished mail. Default 32 d.
	Retain func(tenant string) time.Duration
	// Least is the shortest time that Retain gives now for any tenant: what is
	// younger is not looked at. Default: 24 h.
	Least func() time.Duration
	// KeepBody is how long the body of finished mail is kept after its last
	// change, so that what failed can be queued again (B132); at least a few
	// minutes. Default: no longer.
	KeepBody func(*store.Message) time.Duration
	// Known reports a sender that is known to be who it says, and so is told of
	// the end of what was held. Default: of outgoing mail.
	Known func(*store.Message) bool
	// Archive is the tenants' archives; nil: there are none.
	Archive Archive
	// Told is called when the end of held mail is durable: with the message as
	// it is then, the recipients concerned (N), what happened ("expired") and
	// who did it. It must not wait for anything. Default: nobody is told.
	Told func(m *store.Message, ns []int, name, actor string)
}

// settle is how long finished mail is left alone: who finished it may still
// be about to drop the body or to make the DSN.
const settle = 5 * time.Minute

// Clock is the time, and how to wait for it.
type Clock interface {
	Now() time.Time
	// Wait returns nil after d, or ctx's error.
	Wait(ctx context.Context, d time.Duration) error
}

// Stats counts what a Keeper did.
type Stats struct {
	Passes    int
	Expired   int // recipients whose time in quarantine or stalled was over
	Forgotten int // messages whose record was dropped
	Bodies    int // bodies dropped
	Notified  int // messages whose owed notices were made
	Copies    int // archived copies deleted
	Told      int // notices to administrators of mail that ended undecided
	Errors    int // messages that could not be dealt with; they are tried again
	Last      time.Time
	Swept     time.Time // when finished mail was last looked through to its end
}

func (s *Stats) add(o Stats) {
	s.Passes += o.Passes
	s.Expired += o.Expired
	s.Forgotten += o.Forgotten
	s.Bodies += o.Bodies
	s.Notified += o.Notified
	s.Told += o.Told
	s.Copies += o.Copies
	s.Errors += o.Errors
	s.Last = o.Last
	if !o.Swept.IsZero() {
		s.Swept = o.Swept
	}
}

// Keeper does it. One at a time per store is enough; two do no harm.
type Keeper struct {
	o     Options
	began time.Time // of the first pass

	mu    sync.Mutex
	stats Stats
}

// New makes a Keeper.
func New(o Options) *Keeper {
	if o.Clock == nil {
		o.Clock = wallClock{}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Every <= 0 {
		o.Every = time.Minute
	}
	if o.Sweep <= 0 {
		o.Sweep = time.Hour
	}
	if o.Batch <= 0 {
		o.Batch = 2000
	}
	if o.Retain == nil {
		o.Retain = func(string) time.Duration { return 32 * 24 * time.Hour }
	}
	if o.Least == nil {
		o.Least = func() time.Duration { return 24 * time.Hour }
	}
	if o.KeepBody == nil {
		o.KeepBody = func(*store.Message) time.Duration { return 0 }
	}
	if o.Known == nil {
		o.Known = func(m *store.Message) bool { return m.Direction == mail.Outbound }
	}
	if o.Told == nil {
		o.Told = func(*store.Message, []int, string, string) {}
	}
	return &Keeper{o: o}
}

// Stats is what was done so far.
func (k *Keeper) Stats() Stats {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.stats
}

// Run works until ctx ends, and returns its cause. What goes wrong is logged
// and tried again.
func (k *Keeper) Run(ctx context.Context) error {
	var swept time.Time
	for {
		now := k.o.Clock.Now()
		more, err := k.pass(ctx, "looking for held mail whose time is over", k.expire)
		if err == nil && (swept.IsZero() || now.Sub(swept) >= k.o.Sweep) {
			var left bool
			left, err = k.pass(ctx, sweeping, k.sweep)
			if err == nil && !left {
				swept = now
			}
			more = more || left
		}
		wait := k.o.Every
		if more && err == nil {
			wait = time.Second // there is more; let others have the store in between
		}
		if err := k.o.Clock.Wait(ctx, wait); err != nil {
			return context.Cause(ctx)
		}
	}
}

// Pass does everything once: both looks, one batch of each. more tells that
// a batch was not enough.
func (k *Keeper) Pass(ctx context.Context) (st Stats, more bool, err error) {
	before := k.Stats()
	for _, p := range []struct {
		doing string
		f     func(context.Context, *Stats) (bool, error)
	}{{"looking for held mail whose time is over", k.expire}, {sweeping, k.sweep}} {
		left, e := k.pass(ctx, p.doing, p.f)
		more = more || left
		err = errors.Join(err, e)
	}
	st = k.Stats()
	st.Passes -= before.Passes
	st.Expired -= before.Expired
	st.Forgotten -= before.Forgotten
	st.Bodies -= before.Bodies
	st.Notified -= before.Notified
	st.Told -= before.Told
	st.Copies -= before.Copies
	st.Errors -= before.Errors
	return st, more, err
}

// sweeping is what is done when finished mail is looked through.
const sweeping = "looking through finished mail"

func (k *Keeper) pass(ctx context.Context, doing string, f func(context.Context, *Stats) (bool, error)) (more bool, err error) {
	st := Stats{Passes: 1, Last: k.o.Clock.Now()}
	k.mu.Lock()
	if k.began.IsZero() {
		k.began = st.Last
	}
	k.mu.Unlock()
	if more, err = f(ctx, &st); err == nil && !more && doing == sweeping {
		st.Swept = k.o.Clock.Now()
	}
	k.mu.Lock()
	k.stats.add(st)
	k.mu.Unlock()
	if err != nil && ctx.Err() == nil {
		k.o.Logger.Error("the keeper stopped short and tries again: "+doing, "error", err)
	}
	if st.Expired+st.Forgotten+st.Bodies+st.Notified+st.Told+st.Copies+st.Errors > 0 {
		k.o.Logger.Info("kept house", "expired", st.Expired, "forgotten", st.Forgotten, "bodies", st.Bodies, "notified", st.Notified, "told", st.Told, "copies", st.Copies, "errors", st.Errors)
	}
	return more, err
}

// wallClock is the machine's clock.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
