package resolver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// Options configure a Client; zero fields have the defaults named.
type Options struct {
	Servers    []string      // "192.0.2.53" or "192.0.2.53:53"; default those of ResolvConf
	TrustAD    bool          // the AD bit of them all is believed, not only of those on the loopback (see secure.go)
	ResolvConf string        // default /etc/resolv.conf
	HostsFile  string        // names for Addrs that go before the DNS; default /etc/hosts, "none" for none
	Timeout    time.Duration // one query to one server; default 3 s
	Budget     time.Duration // one look-up with all its queries; default 10 s
	CacheSize  int           // answers kept; default 10000
	MaxTTL     time.Duration // an answer is kept no longer; default 1 h
	Logger     *slog.Logger  // default: discard
	Now        func() time.Time
}

const (
	maxNegativeTTL     = 5 * time.Minute // RFC 2308 §5 allows up to 3 h; mail waits shorter
	defaultNegativeTTL = time.Minute     // an answer without SOA
	failureTTL         = 5 * time.Second // RFC 9520: a failed look-up is not repeated at once
	maxRecords         = 50              // records used of one answer
	maxAliases         = 8               // CNAMEs followed
	maxNames           = 5               // PTR names confirmed
	usualAnswer        = 1 << 10         // octets: with CacheSize, what the cache holds of longer ones
)

// Client asks recursive name servers. All methods are safe in parallel; it has
// no goroutine of its own.
type Client struct {
	opt     Options
	log     *slog.Logger
	servers []server
	first   atomic.Int32 // the server that answered last
	cache   cache
	hosts   hostsFile
}

var _ Resolver = (*Client)(nil)

// New makes a Client. Without any server every look-up fails temporarily.
func New(o Options) *Client {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ResolvConf == "" {
		o.ResolvConf = "/etc/resolv.conf"
	}
	if o.HostsFile == "" {
		o.HostsFile = "/etc/hosts"
	}
	if o.Timeout <= 0 {
		o.Timeout = 3 * time.Second
	}
	if o.Budget <= 0 {
		o.Budget = 10 * time.Second
	}
	if o.CacheSize <= 0 {
		o.CacheSize = 10_000
	}
	if o.MaxTTL <= 0 {
		o.MaxTTL = time.Hour
	}
	c := &Client{opt: o, log: o.Logger, servers: servers(o)}
	c.cache = cache{max: o.CacheSize, now: o.Now, m: map[question]answer{}}
	c.hosts = hostsFile{path: o.HostsFile, now: o.Now}
	if len(c.servers) == 0 {
		c.log.Warn("no name servers: every look-up will fail; set gateway.resolver or " + o.ResolvConf)
	}
	if some, all := c.Validating(); some && !all {
		c.log.Warn("some name servers are not trusted to validate: what DNSSEC protects depends on which of them answers")
	}
	return c
}

// question is a cache key.
type question struct {
	name string // lower case, with the final dot
	kind uint16
}

// lookup returns the records of one kind at the end of a name's aliases, from
// the cache or the servers.
func (c *Client) lookup(ctx context.Context, name string, kind uint16) ([]dns.RR, error) {
	a, err := c.lookupAnswer(ctx, name, kind)
	return a.records, err
}

// lookupAnswer is lookup with all there is to know of the answer.
func (c *Client) lookupAnswer(ctx context.Context, name string, kind uint16) (answer, error) {
	q := question{dns.CanonicalName(name), kind}
	if _, ok := dns.IsDomainName(q.name); !ok || len(q.name) > 254 {
		return answer{}, &Error{Name: name, Type: dns.TypeToString[kind], NotFound: true, NoDomain: true, Err: errors.New("not a domain name")}
	}
	if a, ok := c.cache.get(q); ok {
		return a, a.failure(q)
	}
	a := c.ask(ctx, q)
	if ctx.Err() == nil { // a caller that gave up says nothing about the name
		c.cache.put(q, a)
	}
	return a, a.failure(q)
}

// ask tries the servers, twice each, until one has a usable answer.
func (c *Client) ask(ctx context.Context, q question) answer {
	err := errors.New("no name servers are configured")
	start := int(c.first.Load())
	for i := range 2 * len(c.servers) {
		n := (start + i) % len(c.servers)
		if cerr := ctx.Err(); cerr != nil {
			return c.failed(context.Cause(ctx))
		}
		var msg *dns.Msg
		if msg, err = c.exchange(ctx, q, c.servers[n].addr); err != nil {
			c.log.Debug("dns query failed", "server", c.servers[n].addr, "name", q.name, "type", dns.TypeToString[q.kind], "err", err)
			continue
		}
		c.first.Store(int32(n))
		msg.AuthenticatedData = msg.AuthenticatedData && c.servers[n].trusted
		return c.read(q, msg)
	}
	return c.failed(err)
}

func (c *Client) failed(err error) answer {
	return answer{err: &Error{Temporary: true, Err: err}, until: c.opt.Now().Add(failureTTL)}
}

// exchange asks one server, over TCP when the answer does not fit UDP.
func (c *Client) exchange(ctx context.Context, q question, server string) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(q.name, q.kind)
	m.SetEdns0(1232, false)
	m.AuthenticatedData = true // asks for the AD bit of the answer (RFC 6840 §5.7)
	for _, network := range []string{"udp", "tcp"} {
		ctx, cancel := context.WithTimeout(ctx, c.opt.Timeout)
		client := &dns.Client{Net: network, Timeout: c.opt.Timeout, UDPSize: 1232}
		r, err := exchange(ctx, client, m, server)
		cancel()
		if err != nil {
			return nil, fmt.Errorf("asking %s over %s: %w", server, network, err)
		}
		if len(r.Question) != 1 || dns.CanonicalName(r.Question[0].Name) != q.name || r.Question[0].Qtype != q.kind {
			return nil, fmt.Errorf("asking %s: the answer is to another question", server)
		}
		if r.Truncated && network == "udp" {
			continue
		}
		if r.Rcode != dns.RcodeSuccess && r.Rcode != dns.RcodeNameError {
			return nil, fmt.Errorf("asking %s: %s%s", server, dns.RcodeToString[r.Rcode], extended(r))
		}
		if referral(r) {
			return nil, fmt.Errorf("asking %s: it does not know and refers elsewhere; a resolver that answers for every name is needed", server)
		}
		return r, nil
	}
	return nil, fmt.Errorf("asking %s: the answer does not fit", server)
}

// referral reports an answer that is none (RFC 2308 §2.2): it must not be read
// as "no such record".
func referral(m *dns.Msg) bool {
	if m.Rcode != dns.RcodeSuccess || len(m.Answer) > 0 {
		return false
	}
	ns := false
	for _, rr := range m.Ns {
		switch rr.Header().Rrtype {
		case dns.TypeSOA:
			return false
		case dns.TypeNS:
			ns = true
		}
	}
	return ns
}

// extended is what the server adds to its failure (RFC 8914), such as that an
// answer is bogus.
func extended(m *dns.Msg) string {
	opt := m.IsEdns0()
	if opt == nil {
		return ""
	}
	for _, o := range opt.Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok {
			if what := dns.ExtendedErrorCodeToString[e.InfoCode]; what != "" {
				return " (" + what + ")"
			}
		}
	}
	return ""
}

// exchange is client.ExchangeContext, but it ends with ctx: that looks at the
// deadline alone.
func exchange(ctx context.Context, client *dns.Client, m *dns.Msg, server string) (*dns.Msg, error) {
	conn, err := client.DialContext(ctx, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	r, _, err := client.ExchangeWithConnContext(ctx, m, conn)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return nil, cause
	}
	return r, err
}

// read takes the records out of a message, following its aliases.
func (c *Client) read(q question, m *dns.Msg) answer {
	now := c.opt.Now()
	name, ttl := q.name, c.opt.MaxTTL
	var records []dns.RR
	for hop := 0; hop <= maxAliases && len(records) == 0; hop++ {
		next := ""
		for _, rr := range m.Answer {
			if dns.CanonicalName(rr.Header().Name) != name {
				continue
			}
			switch {
			case rr.Header().Rrtype == q.kind && len(records) < maxRecords:
				records = append(records, rr)
			case rr.Header().Rrtype == dns.TypeCNAME:
				next = dns.CanonicalName(rr.(*dns.CNAME).Target)
			default:
				continue
			}
			ttl = min(ttl, time.Duration(rr.Header().Ttl)*time.Second)
		}
		if next == "" {
			break
		}
		name = next
	}
	if len(records) > 0 {
		return answer{records: records, name: name, until: now.Add(ttl), secure: m.AuthenticatedData}
	}
	ttl = min(negativeTTL(m), ttl)
	return answer{
		err:  &Error{NotFound: true, NoDomain: m.Rcode == dns.RcodeNameError, TTL: ttl},
		name: name, until: now.Add(ttl), secure: m.AuthenticatedData,
	}
}

// negativeTTL is how long a "no" holds (RFC 2308 §5).
func negativeTTL(m *dns.Msg) time.Duration {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return min(time.Duration(min(soa.Hdr.Ttl, soa.Minttl))*time.Second, maxNegativeTTL)
		}
	}
	return defaultNegativeTTL
}

// answer is one cached answer: records, or err (whose name and type are
// filled in for whoever asks).
type answer struct {
	records []dns.RR
	err     *Error
	name    string // at the end of the aliases, with the final dot
	until   time.Time
	secure  bool // validated, says a name server that is trusted to
}

func (a answer) failure(q question) error {
	if a.err == nil {
		return nil
	}
	e := *a.err
	e.Name, e.Type = q.name[:max(len(q.name)-1, 0)], dns.TypeToString[q.kind]
	return &e
}

// octets is about what an entry takes.
func (a answer) octets(q question) int {
	n := 200 + len(q.name) + len(a.name)
	for _, rr := range a.records {
		n += 100 + dns.Len(rr)
	}
	return n
}

// cache is bounded by count, and by octets, for strangers choose how long their
// answers are; each entry by its own time.
type cache struct {
	max    int
	now    func() time.Time
	mu     sync.Mutex
	m      map[question]answer
	octets int
}

func (c *cache) get(q question) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.m[q]
	if ok && !c.now().Before(a.until) {
		c.drop(q, a)
		return answer{}, false
	}
	return a, ok
}

func (c *cache) put(q question, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if !now.Before(a.until) {
		return
	}
	octets, most := a.octets(q), c.max*usualAnswer
	if octets > most {
		return
	}
	if old, ok := c.m[q]; ok {
		c.drop(q, old)
	}
	for len(c.m) >= c.max || c.octets+octets > most {
		c.evict(now)
	}
	c.m[q], c.octets = a, c.octets+octets
}

func (c *cache) drop(q question, a answer) {
	delete(c.m, q)
	c.octets -= a.octets(q)
}

// evict looks at some entries in the map's chance order, drops the expired
// ones, and one that is not when there was none.
func (c *cache) evict(now time.Time) {
	looked, dropped := 0, 0
	var any question
	for q, a := range c.m {
		any = q
		if !now.Before(a.until) {
			c.drop(q, a)
			dropped++
		}
		if looked++; looked == 32 {
			break
		}
	}
	if dropped == 0 {
		c.drop(any, c.m[any])
	}
}
