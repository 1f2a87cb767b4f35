package nettools

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/policy"
)

// SelfReport is whether the gateway's own names and addresses lead to one
// another in the DNS (B88). Many servers refuse mail from an address without a
// name that leads back to it.
type SelfReport struct {
	Hostname  string        `json:"hostname"`
	Checked   time.Time     `json:"checked"`
	OK        bool          `json:"ok" doc:"Nothing is wrong"`
	Unsure    bool          `json:"unsure,omitempty" doc:"A name server gave no answer"`
	Names     []SelfName    `json:"names"`
	Addresses []SelfAddress `json:"addresses"`
	Warnings  []string      `json:"warnings" doc:"What is wrong, and what to do about it"`
}

// SelfName is a name by which the gateway goes.
type SelfName struct {
	Name   string   `json:"name"`
	Use    string   `json:"use"`
	Addrs  []string `json:"addrs,omitempty"`
	Failed string   `json:"failed,omitempty"`
}

// SelfAddress is an address that mail leaves from, or may leave from.
type SelfAddress struct {
	Addr   string `json:"addr"`
	Use    string `json:"use"`
	Name   string `json:"name,omitempty" doc:"That leads back to the address"`
	Failed string `json:"failed,omitempty"`
	Local  bool   `json:"local,omitempty" doc:"Not public: it has no name that others could look up"`
}

// selfState is the last report.
type selfState struct {
	mu   sync.Mutex
	last *SelfReport
}

const (
	selfEvery = 12 * time.Hour
	selfAgain = 10 * time.Minute // after a look-up without answer
	selfTime  = 30 * time.Second // of one check
	selfLook  = time.Minute      // how soon a reload is noticed
)

// WatchSelf checks at once and twice a day, and says in the log what is wrong,
// until ctx ends.
func (t *Tools) WatchSelf(ctx context.Context) {
	for {
		r := t.checkSelf(ctx)
		if ctx.Err() != nil {
			return
		}
		for _, w := range r.Warnings {
			t.Logger.Warn("the gateway's own name or address: "+w, "hostname", r.Hostname)
		}
		if r.OK {
			t.Logger.Info("the gateway's own names and addresses lead to one another", "hostname", r.Hostname, "addresses", len(r.Addresses))
		}
		wait := selfEvery
		if r.Unsure {
			wait = selfAgain
		}
		if !t.idle(ctx, wait) {
			return
		}
	}
}

// idle waits until another check is due: after a time, or when a reload has
// changed the names or addresses. False: ctx has ended.
func (t *Tools) idle(ctx context.Context, wait time.Duration) bool {
	was := selfKey(t.Policy())
	due := time.NewTimer(wait)
	defer due.Stop()
	look := time.NewTicker(selfLook)
	defer look.Stop()
	for {
		select {
		case <-due.C:
			return true
		case <-look.C:
			if selfKey(t.Policy()) != was {
				return true
			}
		case <-ctx.Done():
			return false
		}
	}
}

// selfKey is what a check depends on.
func selfKey(p *policy.Policy) string {
	parts := []string{p.Gateway().Hostname}
	for _, r := range routesOf(p) {
		parts = append(parts, r.Helo, r.Source, r.Source6)
	}
	return strings.Join(parts, " ")
}

// Self gives the last check's report, or that of a check made now. It is for
// administrators.
func (t *Tools) Self(ctx context.Context, sc scope.Scope, fresh bool) (*SelfReport, error) {
	if err := sc.Validate(); err != nil {
		return nil, err
	}
	if !sc.Everything() {
		return nil, &lifecycle.Refusal{Verb: "test-self", Reason: "needs an administrator"}
	}
	if r := t.SelfNow(); r != nil && !fresh {
		return r, nil
	}
	if err := t.rations.ask.take(sc.Actor, 5); err != nil {
		return nil, err
	}
	return t.checkSelf(ctx), nil
}

// SelfNow is the last report, nil before the first.
func (t *Tools) SelfNow() *SelfReport {
	t.self.mu.Lock()
	defer t.self.mu.Unlock()
	return t.self.last
}

func (t *Tools) checkSelf(ctx context.Context) *SelfReport {
	ctx, cancel := context.WithTimeout(ctx, selfTime)
	defer cancel()
	p := t.Policy()
	r := &SelfReport{Hostname: p.Gateway().Hostname, Names: []SelfName{}, Addresses: []SelfAddress{}, Warnings: []string{}}
	s := selfCheck{t: t, SelfReport: r, seen: map[netip.Addr]bool{}}
	s.name(ctx, r.Hostname, "gateway.hostname")
	for _, x := range routesOf(p) {
		if x.Helo != "" && !strings.EqualFold(x.Helo, r.Hostname) {
			s.name(ctx, x.Helo, "helo of "+x.Name)
		}
		for _, a := range []string{x.Source, x.Source6} {
			if addr, err := netip.ParseAddr(a); err == nil {
				s.addr(ctx, addr, "source of "+x.Name)
			}
		}
	}
	public := slices.ContainsFunc(r.Addresses, func(a SelfAddress) bool { return !a.Local })
	for _, a := range t.Outward() {
		s.addr(ctx, a, "the world is called from it")
		public = public || isPublic(a)
	}
	if !public && !r.Unsure {
		r.Warnings = append(r.Warnings, fmt.Sprintf("no public address is known: %s leads to none, and the machine has none; let %s lead to the address that mail leaves from, so that it can be checked", r.Hostname, r.Hostname))
	}
	r.Checked, r.OK = t.Now().UTC(), len(r.Warnings) == 0 && !r.Unsure
	if ctx.Err() == nil {
		t.self.mu.Lock()
		t.self.last = r
		t.self.mu.Unlock()
	}
	return r
}

// selfCheck is one check under way.
type selfCheck struct {
	*SelfReport
	t    *Tools
	seen map[netip.Addr]bool
}

// name looks for the addresses of one of our names, in the DNS alone: what the
// hosts file of this machine says nobody else sees.
func (s *selfCheck) name(ctx context.Context, name, use string) {
	if slices.ContainsFunc(s.Names, func(n SelfName) bool { return strings.EqualFold(n.Name, name) }) {
		return
	}
	n := SelfName{Name: name, Use: use}
	var addrs []netip.Addr
	var failed error
	for _, kind := range []string{"A", "AAAA"} {
		rs, err := s.t.DNS.Records(ctx, name, kind)
		for _, v := range rs.Values {
			if a, err := netip.ParseAddr(v); err == nil {
				addrs = append(addrs, a)
				n.Addrs = append(n.Addrs, v)
			}
		}
		if err != nil && (failed == nil || !unanswered(failed)) {
			failed = err
		}
	}
	switch {
	case len(addrs) > 0:
	case unanswered(failed):
		n.Failed, s.Unsure = failed.Error(), true
	default:
		n.Failed = "no address in the DNS"
		s.Warnings = append(s.Warnings, fmt.Sprintf("%s (%s) has no address in the DNS: add an A or AAAA record for it, or choose a name that has one", name, use))
	}
	s.Names = append(s.Names, n)
	for _, a := range addrs {
		s.addr(ctx, a, "address of "+name)
	}
}

// addr looks for a name of one of our addresses that leads back to it.
func (s *selfCheck) addr(ctx context.Context, a netip.Addr, use string) {
	a = a.Unmap().WithZone("")
	if s.seen[a] {
		return
	}
	s.seen[a] = true
	x := SelfAddress{Addr: a.String(), Use: use}
	if x.Local = !isPublic(a); !x.Local {
		name, err := s.t.DNS.PTR(ctx, a)
		x.Name = name
		var re *resolver.Error
		switch {
		case err == nil:
		case unanswered(err):
			x.Failed, s.Unsure = err.Error(), true
		case errors.As(err, &re) && re.Err != nil:
			x.Failed = "its name does not lead back"
			s.Warnings = append(s.Warnings, fmt.Sprintf("the name of %s (%s) does not lead back to it: let its PTR record name %s, and let that lead to %s", a, use, s.Hostname, a))
		default:
			x.Failed = "no reverse DNS"
			s.Warnings = append(s.Warnings, fmt.Sprintf("%s (%s) has no reverse DNS: have whoever gave you the address add a PTR record for it, to %s", a, use, s.Hostname))
		}
	}
	s.Addresses = append(s.Addresses, x)
}

func unanswered(err error) bool {
	var re *resolver.Error
	return err != nil && (!errors.As(err, &re) || re.Temporary)
}

func isPublic(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsGlobalUnicast() && !a.IsPrivate() && !netip.MustParsePrefix("100.64.0.0/10").Contains(a) // RFC 6598
}

// routesOf are the routes by which mail leaves, each once.
func routesOf(p *policy.Policy) []policy.Route {
	out := slices.Clone(p.Routes())
	seen := map[string]bool{}
	for _, t := range p.Tenants() {
		for _, r := range []policy.Route{t.Route(), p.OutboundRoute(t, "")} {
			if !r.IsZero() && !seen[r.Name] {
				seen[r.Name] = true
				out = append(out, r)
			}
		}
	}
	return out
}

// outward asks the kernel which addresses it would call a public host from.
// Nothing is sent: connecting a datagram socket only chooses an address.
func outward() []netip.Addr {
	var out []netip.Addr
	for network, to := range map[string]string{"udp4": "198.41.0.4:53", "udp6": "[2001:503:ba3e::2:30]:53"} { // a.root-servers.net
		c, err := net.Dial(network, to)
		if err != nil {
			continue
		}
		if u, ok := c.LocalAddr().(*net.UDPAddr); ok {
			if a, ok := netip.AddrFromSlice(u.IP); ok {
				out = append(out, a.Unmap())
			}
		}
		c.Close()
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}
