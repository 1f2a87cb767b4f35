package flow

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/identities"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/verify"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
)

// Filters is the plugin host as flow uses it; *filter.Host is one.
type Filters interface {
	// Hooks reports whether a plugin subscribes to a stage. It is asked for
	// every filter and stage, so it must be cheap.
	Hooks(plugin string, s abi.Stage) bool
	// Loaded reports whether there is such a plugin (still). It must be cheap.
	Loaded(plugin string) bool
	// Run calls one hook, and tells what ran. Any failure is a *filter.Failure.
	Run(ctx context.Context, plugin string, ev *abi.Event, msg filter.MessageView) (*abi.Verdict, filter.Run, error)
}

// Verifier answers whether a recipient exists; *verify.Checker is one.
type Verifier interface {
	Check(ctx context.Context, r verify.Request) (verify.Answer, *mail.Reply)
	queue.Confirmer
}

// Names finds the confirmed reverse name of a client.
type Names interface {
	PTR(ctx context.Context, a netip.Addr) (string, error)
}

// Options make a Flow. All fields are needed but Names,
// Stop, Listed, Override, Calls, Identify and Archive.
type Options struct {
	Archive queue.Archive         // makes the tenants' copies (B81); nil: there are none
	Policy  func() *policy.Policy // the current snapshot
	Filters Filters
	Store   store.Store
	Engine  queue.Engine
	Verify  Verifier
	Names   Names
	Notices queue.Notices
	Now     func() time.Time
	Jitter  func() float64
	Logger  *slog.Logger
	Stop    func(error) // a store that cannot record ends the process

	// Listed is the policy's function listed(), with what operators added to
	// the lists; nil: as the policy declares them.
	Listed func(tenant, list, key string) bool
	// Override is the action that an operator chose for a class of incoming
	// mail (B37); nil: none.
	Override func(tenant, main, sub, extra string) (policy.Override, bool)
	// Calls takes what policy's run asks for; nil: it is not done.
	Calls Calls
	// Identify finds in whose identity outgoing mail is sent, and whether that is
	// locked; nil: nobody's is known. It must be quick.
	Identify func(identities.Facts) identities.Resolved
}

// Flow makes transactions. It implements smtpd.Gate and queue.Judge.
type Flow struct {
	o       Options
	refused *sampler
	late    sync.WaitGroup // attempts that go on after the 250, look-ups of names, and observers
	mu      sync.Mutex     // of the end of life against what begins beside sessions
	tellers [tellers]teller
	// life ends with Wait, by stop: what goes on is to end.
	life     context.Context
	stop     context.CancelFunc
	stopping <-chan struct{} // life.Done()
}

// New makes a Flow.
func New(o Options) *Flow {
	f := &Flow{o: o, refused: newSampler(refusedPerMinute)}
	f.life, f.stop = context.WithCancel(context.Background())
	f.stopping = f.life.Done()
	return f
}

// Wait ends the attempts of answered transactions, those past their final dot
// after some grace, and returns when none runs any more. No session may be
// served by then.
func (f *Flow) Wait() {
	f.mu.Lock()
	f.stop()
	f.mu.Unlock()
	f.late.Wait()
}

var _ queue.Judge = (*Flow)(nil)

// attemptLimit bounds one direct attempt, the time after the 250 included.
const attemptLimit = 10 * time.Minute
