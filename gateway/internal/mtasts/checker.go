package mtasts

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/mailweir/weir/gateway/internal/resolver"
)

// Resolver is what a Checker asks; *resolver.Client is one.
type Resolver interface {
	Addrs(ctx context.Context, host string) ([]netip.Addr, error)
	Records(ctx context.Context, name, kind string) (resolver.Records, error)
}

// Options of a Checker; zero fields but Resolver have the defaults named.
type Options struct {
	Resolver Resolver
	Cache    Cache          // default: memory, which a restart empties
	Roots    *x509.CertPool // whom policy hosts must be certified by; nil: the system's
	Logger   *slog.Logger   // default: discard
	Now      func() time.Time
	// Refuse says why a policy host must not be asked at an address, "" it may.
	// The default refuses all that is not public.
	Refuse  func(netip.Addr) string
	Port    int           // of policy hosts; default 443
	Timeout time.Duration // one fetch; default 20 s (RFC 8461 §3.3 suggests up to a minute, mail waits)
	Retry   time.Duration // a domain whose fetch failed is not asked again for so long; default 5 min (§3.3)
	Refresh time.Duration // a policy in use is fetched again after so long; default 24 h (§10.2)
	Fetches int           // at one time; default 64
}

// refreshAfter is the age at which a policy is fetched again.
func (o *Options) refreshAfter(p *Policy) time.Duration { return min(o.Refresh, p.MaxAge/2) }

// Checker knows the policies of domains. All methods are safe in parallel.
// Close it.
type Checker struct {
	o     Options
	log   *slog.Logger
	group singleflight.Group
	slots chan struct{}

	base   context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	failed map[string]failure // by domain
}

// failure is a fetch that did not succeed, not to be repeated until a time.
type failure struct {
	id    string
	err   error
	until time.Time
}

const maxFailures = 10_000

// New makes a Checker.
func New(o Options) *Checker {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Refuse == nil {
		o.Refuse = notPublic
	}
	if o.Port == 0 {
		o.Port = 443
	}
	if o.Timeout <= 0 {
		o.Timeout = 20 * time.Second
	}
	if o.Retry <= 0 {
		o.Retry = 5 * time.Minute
	}
	if o.Refresh <= 0 {
		o.Refresh = 24 * time.Hour
	}
	if o.Fetches <= 0 {
		o.Fetches = 64
	}
	if o.Cache == nil {
		o.Cache = newMemory()
	}
	c := &Checker{o: o, log: o.Logger, slots: make(chan struct{}, o.Fetches), failed: map[string]failure{}}
	c.base, c.cancel = context.WithCancel(context.Background())
	return c
}

// Close ends the fetches that run and waits for them.
func (c *Checker) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
}

// Policy is what a recipient's domain demands now (RFC 8461 §5.1). nil and no
// error: it has no policy. An *Error: it announces one that cannot be had, and
// none is known from before; mail goes as without a policy, and reports count
// it. Other errors are those of ctx.
//
// A policy that is known holds until its max_age has passed, whatever happens
// to the TXT record or the fetch; only a newer policy takes its place.
func (c *Checker) Policy(ctx context.Context, domain string) (*Policy, error) {
	domain = ascii(domain)
	if !mayAnnounce(domain) {
		return nil, nil
	}
	known := c.cached(domain)
	id, err := c.announced(ctx, domain)
	switch {
	case err != nil || id == "":
		if known == nil && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		// Nothing is announced, or it cannot be told: what is known holds. A
		// look-up that fails is as good as no record (RFC 8461 §3.1).
		return known, nil
	case known != nil && known.ID == id:
		if c.o.Now().Sub(known.Fetched) > c.o.refreshAfter(known) {
			c.renew(domain, id)
		}
		return known, nil
	}
	p, err := c.fetched(ctx, domain, id)
	if err != nil && known != nil {
		c.log.Debug("a newer MTA-STS policy cannot be had; the known one holds", "domain", domain, "until", known.Expires(), "err", err)
		return known, nil
	}
	return p, err
}

// announced is the id of a domain's TXT record, "" when there is none.
func (c *Checker) announced(ctx context.Context, domain string) (string, error) {
	r, err := c.o.Resolver.Records(ctx, "_mta-sts."+domain, "TXT")
	var re *resolver.Error
	if errors.As(err, &re) && re.NotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return recordID(r.Values), nil
}

// fetched fetches a policy, once for everybody who waits for it, and keeps it.
func (c *Checker) fetched(ctx context.Context, domain, id string) (*Policy, error) {
	if err := c.recent(domain, id); err != nil {
		return nil, err
	}
	done := c.start(domain, id)
	if done == nil {
		return nil, &Error{Domain: domain, Result: ResultFetch, Err: errors.New("the gateway is stopping")}
	}
	select {
	case r := <-done:
		p, _ := r.Val.(*Policy)
		return p, r.Err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// renew fetches a policy again while the old one is in use.
func (c *Checker) renew(domain, id string) {
	if c.recent(domain, id) == nil {
		c.start(domain, id)
	}
}

// start begins a fetch, or joins the one that runs. nil: closed.
func (c *Checker) start(domain, id string) <-chan singleflight.Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.wg.Add(1)
	out := make(chan singleflight.Result, 1)
	in := c.group.DoChan(domain+" "+id, func() (any, error) { return c.fetchAndKeep(domain, id) })
	go func() {
		defer c.wg.Done()
		out <- <-in
	}()
	return out
}

func (c *Checker) fetchAndKeep(domain, id string) (*Policy, error) {
	late := time.NewTimer(c.o.Timeout)
	defer late.Stop()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-late.C:
		return nil, &Error{Domain: domain, Result: ResultFetch, Err: errors.New("too many policies are being fetched")}
	case <-c.base.Done():
		return nil, &Error{Domain: domain, Result: ResultFetch, Err: errors.New("the gateway is stopping")}
	}
	// Another fetch may have ended between the caller's look and this one's start.
	if p := c.cached(domain); p != nil && p.ID == id && c.o.Now().Sub(p.Fetched) <= c.o.refreshAfter(p) {
		return p, nil
	}
	p, err := c.fetch(c.base, domain, id)
	if err != nil {
		if c.base.Err() == nil {
			c.log.Info("an MTA-STS policy cannot be had", "domain", domain, "err", err)
			c.remember(domain, failure{id, err, c.o.Now().Add(c.o.Retry)})
		}
		return nil, err
	}
	c.log.Debug("MTA-STS policy", "domain", domain, "mode", p.Mode, "max_age", p.MaxAge)
	c.keep(p)
	return p, nil
}

// recent is the error of a fetch that failed a moment ago.
func (c *Checker) recent(domain, id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.failed[domain]
	if !ok || f.id != id {
		return nil
	}
	if !c.o.Now().Before(f.until) {
		delete(c.failed, domain)
		return nil
	}
	return f.err
}

func (c *Checker) remember(domain string, f failure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.failed) >= maxFailures {
		clear(c.failed) // each is asked once more, then remembered again
	}
	c.failed[domain] = f
}
