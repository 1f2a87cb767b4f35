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

// Request is one question.
type Request struct {
	Tenant  string
	Address mail.Address
	Route   deliver.Route
	Mode    string            // ModeCallout when empty
	IsLocal func(string) bool // Local Recipients, asked with Address.Key(); nil none

	ValidFor   time.Duration // how long a yes holds; 0 means 4 days, which is also the most (B71)
	InvalidFor time.Duration // how long a no holds; 0 means 2 h
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

	Timeout time.Duration // of one callout; default 10 s
	// Rate and Burst bound callouts to one next hop; default 100 a second, 200
	// at once. Beyond them a callout waits, and when that would take half of
	// Timeout the answer is Unknown.
	Rate  float64
	Burst int
	// DownFor is how long a destination that gave no answer is not asked
	// again; default 1 s, negative none.
	DownFor time.Duration
}

const (
	maxValid       = 96 * time.Hour // B71
	defaultInvalid = 2 * time.Hour
	catchAllFor    = 24 * time.Hour // how long a destination's being a catch-all, or not, is believed
	refreshAfter   = time.Hour      // a delivery renews a yes at most this often
)

// Checker answers. All methods are safe in parallel.
type Checker struct {
	opt   Options
	log   *slog.Logger
	limit *limiter

	ctx    context.Context
	cancel context.CancelFunc
	mu     sync.Mutex
	calls  map[string]*call
	closed bool
	wg     sync.WaitGroup
}

// call is a callout under way, shared by everyone who asks the same.
type call struct {
	done   chan struct{}
	answer Answer
	reply  *mail.Reply
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
	if o.Rate <= 0 {
		o.Rate = 100
	}
	if o.Burst <= 0 {
		o.Burst = 200
	}
	if o.DownFor == 0 {
		o.DownFor = time.Second
	}
	c := &Checker{opt: o, log: o.Logger, calls: map[string]*call{}, limit: newLimiter(o.Rate, o.Burst, o.DownFor, o.Now)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
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
	key := r.Address.Key()
	if r.IsLocal != nil && r.IsLocal(key) {
		return Local, nil
	}
	if r.Mode == ModeLocal {
		return Invalid, mail.NewReply(550, "5.1.1", "no such recipient here")
	}
	if a, reply, ok := c.cached(r, key); ok {
		return a, reply
	}
	if r.Mode == ModeNone || c.opt.Prober == nil {
		return Unknown, nil
	}
	k := c.join(r, key)
	if k == nil {
		return Unknown, nil
	}
	select {
	case <-k.done:
		return k.answer, k.reply
	case <-ctx.Done():
		return Unknown, nil
	}
}

// cached answers from what was learnt. A no is not believed in ModeNone: only
// a callout that may be repeated can take it back.
func (c *Checker) cached(r Request, key string) (Answer, *mail.Reply, bool) {
	e, ok := c.opt.Cache.Get(r.Tenant, key)
	if !ok {
		return Unknown, nil, false
	}
	age := c.opt.Now().Sub(e.At)
	switch {
	case e.Kind == EntryValid && age < r.validFor():
		return Known, nil, true
	case e.Kind == EntryInvalid && age < r.invalidFor() && r.Mode != ModeNone:
		return Invalid, e.Reply, true
	}
	return Unknown, nil, false
}

func (r Request) validFor() time.Duration {
	if r.ValidFor <= 0 || r.ValidFor > maxValid {
		return maxValid
	}
	return r.ValidFor
}

func (r Request) invalidFor() time.Duration {
	if r.InvalidFor <= 0 {
		return defaultInvalid
	}
	return r.InvalidFor
}

// join finds the callout for this question or starts it; nil when closed.
func (c *Checker) join(r Request, key string) *call {
	id := r.Tenant + "\x00" + r.Route.NextHop() + "\x00" + key
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.calls[id]; k != nil {
		return k
	}
	if c.closed {
		return nil
	}
	k := &call{done: make(chan struct{})}
	c.calls[id] = k
	c.wg.Add(1)
	go func() {
		defer c.wg.Done()
		ctx, cancel := context.WithTimeout(c.ctx, c.opt.Timeout)
		defer cancel()
		k.answer, k.reply = c.callout(ctx, r, key)
		c.mu.Lock()
		delete(c.calls, id)
		c.mu.Unlock()
		close(k.done)
	}()
	return k
}

// Delivered tells that the destination took mail for addr, which confirms it
// (B65), unless the destination is known to take anything (B67).
func (c *Checker) Delivered(tenant string, addr mail.Address) {
	if e, ok := c.opt.Cache.Get(tenant, domainKey(addr)); ok && e.Kind == EntryCatchAll && c.fresh(e, catchAllFor) {
		return
	}
	key := addr.Key()
	if e, ok := c.opt.Cache.Get(tenant, key); ok && e.Kind == EntryValid && c.fresh(e, refreshAfter) {
		return
	}
	c.put(tenant, key, Entry{Kind: EntryValid}, maxValid)
}

// Forget drops what is known of an address: the next question asks anew.
func (c *Checker) Forget(tenant string, addr mail.Address) { c.opt.Cache.Delete(tenant, addr.Key()) }

func (c *Checker) fresh(e Entry, d time.Duration) bool { return c.opt.Now().Sub(e.At) < d }

func (c *Checker) put(tenant, key string, e Entry, keep time.Duration) {
	e.At = c.opt.Now()
	c.opt.Cache.Put(tenant, key, e, keep)
}

// domainKey is where a domain's being a catch-all is remembered; no address
// starts with an @.
func domainKey(a mail.Address) string { return "@" + a.Domain() }

// probeAddress is an address that exists nowhere. It starts with "unknown-",
// so that whoever reads the destination's log sees what it is.
func probeAddress(like mail.Address) (mail.Address, error) {
	return mail.ParseAddress("unknown-" + strings.ToLower(rand.Text())[:16] + "@" + like.Domain())
}
