package verify

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
)

// Answer is what is known of a recipient.
type Answer int

// The answers. Only Known and Local may be queued (B65, B70).
const (
	Unknown  Answer = iota // no answer to be had now; nothing is cached (B69, B72)
	Known                  // the destination takes it, now or within ValidFor (B71)
	Local                  // on the tenant's Local Recipients (B70)
	Invalid                // refused for good; the reply says by whom
	CatchAll               // taken, but by a destination that takes anything (B67, B68)
)

// String is the answer's name.
func (a Answer) String() string {
	return [...]string{"unknown", "known", "local", "invalid", "catch-all"}[a]
}

// The modes of Request.Mode.
const (
	ModeCallout = "callout" // ask the destination
	ModeLocal   = "local"   // Local Recipients is the whole list
	ModeNone    = "none"    // ask nobody; only deliveries teach
)

// Request is one question. What it says of time is the tenant's settings.
type Request struct {
	Tenant  string
	Address mail.Address
	Route   deliver.Route
	Mode    string            // ModeCallout when empty
	IsLocal func(string) bool // Local Recipients, asked with Address.Key(); nil none

	ValidFor   time.Duration // how long a yes holds; 0 means 4 days, which is also the most (B71)
	InvalidFor time.Duration // how long a no holds; 0 means 2 h
	// Refresh: a yes that is used this long before its end is asked for again,
	// while nobody waits; 0 not. At most half of ValidFor counts.
	Refresh time.Duration
	// Client is whom callouts that find nobody are counted against, such as an
	// IP address; "" nobody.
	Client string
}

// Prober asks a destination; *deliver.Engine is one.
type Prober interface {
	Probe(ctx context.Context, r deliver.Route, to ...mail.Address) deliver.Result
}

// Options configure a Checker; zero fields have the defaults named.
type Options struct {
	Logger *slog.Logger // default: discard
	Prober Prober       // required for callouts
	Cache  Cache        // default: NewMemory(100000)
	Now    func() time.Time

	Timeout time.Duration // of one callout, its turn included; default 10 s

	// Rate and Burst bound callouts to one next hop; default 100 a second, 200
	// at once. Beyond them a callout waits, and when that would take half of
	// Timeout the answer is Unknown.
	Rate  float64
	Burst int
	// TenantRate and TenantBurst are the same for one tenant; default 200, 400.
	TenantRate  float64
	TenantBurst int
	// StrangerRate and StrangerBurst bound callouts that find nobody, by tenant
	// and domain; default 5 a second, 200 at once. Beyond them nobody new of the
	// domain is asked for until there is room.
	StrangerRate  float64
	StrangerBurst int
	// ClientRate and ClientBurst are the same by Request.Client; default 0.5, 50.
	ClientRate  float64
	ClientBurst int
	// HopConcurrency and TenantConcurrency are how many callouts run at a time;
	// default 10 and 40.
	HopConcurrency, TenantConcurrency int
	// Waiting is how many callouts may wait or run for one tenant; default 400.
	Waiting int

	// DownFor is how long a destination that gave no answer is not asked
	// again at first; it doubles up to 15 s; default 1 s, negative none.
	DownFor time.Duration
}

const (
	maxValid       = 96 * time.Hour // B71
	defaultInvalid = 2 * time.Hour
	selectiveFor   = time.Hour       // how long a destination is believed to be no catch-all
	catchAllFor    = 24 * time.Hour  // how long deliveries teach nothing after it was one, or would not say
	refusesFor     = 5 * time.Minute // how long its refusing a domain is believed: that is mended soon
	refreshAfter   = time.Hour       // a delivery renews a yes at most this often
	maxAgain       = time.Hour       // longest pause before an unanswered refresh is tried again
)

// Checker answers. All methods are safe in parallel.
type Checker struct {
	opt   Options
	log   *slog.Logger
	adm   *admission
	stats stats

	ctx    context.Context
	cancel context.CancelFunc
	mu     sync.Mutex
	calls  map[string]*call
	by     map[string]int // calls of a tenant
	closed bool
	wg     sync.WaitGroup
}

// asking is why a callout is made.
type asking byte

const (
	waitedFor  asking = 'w' // a client waits
	refreshing asking = 'r' // nobody does
	ordered    asking = 'o' // an operator wants to know, whatever is remembered
)

// call is a callout under way, shared by everyone who asks the same.
type call struct {
	done chan struct{}
	Report
}

// New makes a Checker. Close it.
func New(o Options) *Checker {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Cache == nil {
		o.Cache = NewMemory(100_000)
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.DownFor == 0 {
		o.DownFor = time.Second
	}
	orElse(&o.Rate, 100)
	orElse(&o.Burst, 200)
	orElse(&o.TenantRate, 200)
	orElse(&o.TenantBurst, 400)
	orElse(&o.StrangerRate, 5)
	orElse(&o.StrangerBurst, 200)
	orElse(&o.ClientRate, 0.5)
	orElse(&o.ClientBurst, 50)
	orElse(&o.HopConcurrency, 10)
	orElse(&o.TenantConcurrency, 40)
	orElse(&o.Waiting, 400)
	c := &Checker{opt: o, log: o.Logger, calls: map[string]*call{}, by: map[string]int{}, adm: newAdmission(&o)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

func orElse[T int | float64](v *T, otherwise T) {
	if *v <= 0 {
		*v = otherwise
	}
}

// Close ends callouts under way and waits for them.
func (c *Checker) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
}

// Check answers one question. It waits for a callout at most until ctx ends
// (then Unknown); the callout goes on for others and for the cache. The reply
// is set for Invalid, and for Unknown where the destination gave one.
func (c *Checker) Check(ctx context.Context, r Request) (Answer, *mail.Reply) {
	rep, known := c.Look(r)
	source := "callout"
	switch {
	case known && (rep.Answer == Local || r.Mode == ModeLocal):
		source = "list"
	case known:
		source = "cache"
		c.refresh(r, rep)
	case r.Mode == ModeNone || c.opt.Prober == nil:
		source = "nobody"
	default:
		rep = c.wait(ctx, c.join(r, waitedFor))
	}
	c.stats.answered(rep.Answer, source)
	if rep.Answer == Known || rep.Answer == CatchAll {
		return rep.Answer, nil
	}
	return rep.Answer, rep.Reply
}

// Look answers without asking anybody; false: it would have to.
func (c *Checker) Look(r Request) (Report, bool) {
	key := r.Address.Key()
	if r.IsLocal != nil && r.IsLocal(key) {
		return Report{Answer: Local}, true
	}
	if r.Mode == ModeLocal {
		return Report{Answer: Invalid, Reply: mail.NewReply(550, "5.1.1", "no such recipient here")}, true
	}
	return c.cached(&r, key)
}

// Ask asks the destination, whatever is remembered and on whatever list the
// address is, and remembers the answer. It waits at most until ctx ends.
func (c *Checker) Ask(ctx context.Context, r Request) Report {
	if c.opt.Prober == nil {
		return Report{}
	}
	return c.wait(ctx, c.join(r, ordered))
}

func (c *Checker) wait(ctx context.Context, k *call) Report {
	if k == nil {
		return Report{Limited: limitedBusy}
	}
	select {
	case <-k.done:
		return k.Report
	case <-ctx.Done():
		return Report{}
	}
}

// cached answers from what was learnt. A no is not believed in ModeNone: only
// a callout that may be repeated can take it back.
func (c *Checker) cached(r *Request, key string) (Report, bool) {
	if e, ok := c.opt.Cache.Get(r.Tenant, key); ok {
		rep := Report{Reply: e.Reply, At: e.At}
		switch {
		case e.Kind == EntryValid && c.fresh(e, r.validFor()):
			rep.Answer, rep.Until = Known, e.At.Add(r.validFor())
			return rep, true
		case e.Kind == EntryInvalid && c.fresh(e, r.invalidFor()) && r.Mode != ModeNone:
			rep.Answer, rep.Until = Invalid, e.At.Add(r.invalidFor())
			return rep, true
		}
	}
	if r.Mode == ModeNone {
		return Report{}, false
	}
	if e, ok := c.opt.Cache.Get(r.Tenant, domainKey(r.Address)); ok && e.Kind == EntryRefuses && c.fresh(e, refusesFor) {
		return Report{Answer: Invalid, Reply: e.Reply, At: e.At, Until: e.At.Add(refusesFor)}, true
	}
	return Report{}, false
}

func (r *Request) validFor() time.Duration {
	if r.ValidFor <= 0 || r.ValidFor > maxValid {
		return maxValid
	}
	return r.ValidFor
}

func (r *Request) invalidFor() time.Duration {
	if r.InvalidFor <= 0 {
		return defaultInvalid
	}
	return r.InvalidFor
}

// join finds the callout for this question or starts it; nil when closed, or
// when too many wait for the tenant already.
func (c *Checker) join(r Request, how asking) *call {
	key := r.Address.Key()
	id := string(how) + r.Tenant + "\x00" + r.Route.NextHop() + "\x00" + key
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.calls[id]; k != nil {
		c.stats.count(&c.stats.shared, "")
		return k
	}
	if c.closed {
		return nil
	}
	if c.by[r.Tenant] >= c.opt.Waiting {
		c.stats.count(&c.stats.limited, limitedBusy)
		return nil
	}
	k := &call{done: make(chan struct{})}
	c.calls[id] = k
	c.by[r.Tenant]++
	c.wg.Add(1)
	go func() {
		defer c.wg.Done()
		ctx, cancel := context.WithTimeout(c.ctx, c.opt.Timeout)
		defer cancel()
		k.Report = c.callout(ctx, r, key, how)
		if how == refreshing {
			c.refreshed(&r, key, &k.Report)
		}
		c.mu.Lock()
		delete(c.calls, id)
		if c.by[r.Tenant]--; c.by[r.Tenant] == 0 {
			delete(c.by, r.Tenant)
		}
		c.mu.Unlock()
		close(k.done)
	}()
	return k
}

// Delivered tells that the destination took mail for addr, which confirms it
// (B65), unless the destination is known to take anything, or may well (B67).
func (c *Checker) Delivered(tenant string, addr mail.Address) {
	if e, ok := c.opt.Cache.Get(tenant, domainKey(addr)); ok && c.mayTakeAny(e) {
		return
	}
	key := addr.Key()
	if e, ok := c.opt.Cache.Get(tenant, key); ok && e.Kind == EntryValid && c.fresh(e, refreshAfter) {
		return
	}
	c.put(tenant, key, Entry{Kind: EntryValid}, maxValid)
}

// mayTakeAny reports that what is remembered of a domain keeps deliveries from
// proving anything.
func (c *Checker) mayTakeAny(domain Entry) bool {
	return (domain.Kind == EntryCatchAll || domain.Kind == EntryUnsure) && c.fresh(domain, catchAllFor)
}

// Forget drops what is known of an address: the next question asks anew.
func (c *Checker) Forget(tenant string, addr mail.Address) { c.opt.Cache.Delete(tenant, addr.Key()) }

func (c *Checker) fresh(e Entry, d time.Duration) bool { return c.opt.Now().Sub(e.At) < d }

// put remembers from now on.
func (c *Checker) put(tenant, key string, e Entry, keep time.Duration) time.Time {
	e.At = c.opt.Now()
	c.opt.Cache.Put(tenant, key, e, keep)
	return e.At
}

// domainKey is where what holds for a whole domain is remembered; no address
// starts with an @.
func domainKey(a mail.Address) string { return "@" + a.Domain() }

// probeAddress is an address that exists nowhere. It starts with "unknown-",
// so that whoever reads the destination's log sees what it is.
func probeAddress(like mail.Address) (mail.Address, error) {
	return mail.ParseAddress("unknown-" + strings.ToLower(rand.Text())[:16] + "@" + like.Domain())
}

// Stranger is an address at the same domain that exists nowhere: what a
// destination says of it tells whether it takes anything (B67).
func Stranger(like mail.Address) (mail.Address, error) { return probeAddress(like) }
