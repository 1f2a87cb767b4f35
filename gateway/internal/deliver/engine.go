package deliver

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/smtpc"
	"github.com/mailweir/weir/policy"
)

// Options configure an Engine; zero fields have the defaults named.
type Options struct {
	Resolver resolver.Resolver // nil: only routes to IP addresses and unix sockets work
	Logger   *slog.Logger      // default: discard
	// Loopback lets the mail servers of a recipient's domain be addresses of this
	// machine (loopback, link-local). For tests alone: see may.
	Loopback bool
	Hostname string           // our name in EHLO where the route has none
	Now      func() time.Time // for records; default time.Now

	IdleTimeout time.Duration // an unused connection is closed after it where the destination says nothing; default 15 s
	MaxAge      time.Duration // a connection is not used again after it; default 5 min
	// Cooldown is how long a host that could not be reached is tried after its
	// neighbours instead of in order; default 30 s, negative none.
	Cooldown time.Duration
	// DotGrace is how long a reply to a final dot is still awaited after the
	// attempt's context has ended; default 20 s.
	DotGrace time.Duration
	Timeouts smtpc.Timeouts // default as smtpc has them, but Connect 15 s
	Roots    *x509.CertPool // for RcptResult.Verified; nil the system's

	// Destination is how mail to a domain ("" on routes to hosts), at one of its
	// hosts, by a route's name is to be treated (B89). nil: nothing is held back,
	// and connections are limited as the routes say.
	Destination func(domain, host, route string) policy.Destination
	// Patience is how long an attempt waits for a free connection, or its place in
	// the rate, where the request does not say; default 1 s.
	Patience time.Duration
	// Own are our own listeners: a recipient's domain whose mail server is one of
	// them is a loop.
	Own func() []netip.AddrPort

	DANE DANE // nil: no TLSA record counts
	STS  STS  // nil: no MTA-STS policy counts
	// TLSResult is told once for each connection made, or not made for want of
	// TLS, to a mail server of a recipient's domain (RFC 8460). nil: nobody is.
	TLSResult func(TLSResult)
}

// maxRcpts is how many recipients go into one transaction (RFC 5321
// §4.5.3.1.8: every server takes 100).
const maxRcpts = 100

// Engine makes delivery attempts. All methods are safe in parallel.
type Engine struct {
	opt     Options
	log     *slog.Logger
	pool    *pool
	cooling *cooling
	sites   *sites

	base   context.Context // ends with Close
	cancel context.CancelCauseFunc
	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup // running attempts
}

// errClosing is the cause of an attempt's end when the engine closes.
var errClosing = errors.New("deliver: the engine is closing")

// New makes an engine. Close it.
func New(o Options) *Engine {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&o.IdleTimeout, 15*time.Second)
	set(&o.MaxAge, 5*time.Minute)
	set(&o.Cooldown, 30*time.Second)
	set(&o.Patience, time.Second)
	set(&o.DotGrace, 20*time.Second)
	set(&o.Timeouts.Connect, 15*time.Second)
	e := &Engine{opt: o, log: o.Logger, pool: newPool(o.MaxAge)}
	e.cooling = &cooling{For: o.Cooldown, now: o.Now}
	e.sites = &sites{now: o.Now, log: o.Logger, dest: o.Destination, by: map[string]*site{}, hops: map[string]*hopState{}, held: map[string]Suspension{}}
	e.base, e.cancel = context.WithCancelCause(context.Background())
	return e
}

// Close stops running attempts (those past a final dot within DotGrace), waits
// for them, and closes idle connections. A later Start is deferred at once.
func (e *Engine) Close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.cancel(errClosing)
	e.wg.Wait()
	e.pool.close()
}

// enter counts a running attempt; false when the engine is closed.
func (e *Engine) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.wg.Add(1)
	return true
}
