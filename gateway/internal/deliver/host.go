package deliver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/resolver"
)

const (
	maxHosts = 10 // hosts tried in one attempt
	maxAddrs = 4  // addresses tried of one host
)

// host is one destination of a route, before its addresses are known.
type host struct {
	network string // "tcp" or "unix"
	host    string // name, IP address, or path
	port    int
	found   bool // named by the recipient's domain, not by the operator
	secure  bool // DNSSEC says so too
	bare    bool // the domain itself, since it has no MX records
	only    bool // there is no other
}

func (h host) hostPort(name string) string { return net.JoinHostPort(name, strconv.Itoa(h.port)) }

func (h host) String() string {
	if h.network == "unix" {
		return "unix:" + h.host
	}
	return h.hostPort(h.host)
}

// ip is the host's address where it is written as one.
func (h host) ip() netip.Addr {
	if h.network == "unix" {
		return netip.Addr{}
	}
	a, _ := netip.ParseAddr(h.host)
	return a
}

// parseHost reads one entry of Route.Hosts.
func parseHost(s string, port int) host {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		return host{network: "unix", host: path}
	}
	if h, p, err := net.SplitHostPort(s); err == nil {
		if n, err := strconv.ParseUint(p, 10, 16); err == nil && n > 0 {
			return host{network: "tcp", host: strings.ToLower(h), port: int(n)}
		}
	}
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	return host{network: "tcp", host: strings.ToLower(s), port: port}
}

// dnsFailure is why a route or host has no address. It wraps the cause.
type dnsFailure struct {
	reply mail.Reply // ours; 5yz when asking again is of no use
	retry time.Duration
	err   error
}

func (f *dnsFailure) Error() string { return f.reply.String() }
func (f *dnsFailure) Unwrap() error { return f.err }

func dnsFail(code int, enhanced, text string, err error) *dnsFailure {
	f := &dnsFailure{reply: *mail.NewReply(code, enhanced, text), err: err}
	var re *resolver.Error
	if errors.As(err, &re) {
		f.retry = re.TTL
	}
	return f
}

// hosts are a route's destinations in the order in which to try them. Hosts
// that could not be reached a moment ago go last.
func (e *Engine) hosts(ctx context.Context, r Route) ([]host, error) {
	var hosts []host
	switch {
	case len(r.Hosts) > 0:
		for _, i := range ranked(len(r.Hosts), r.Weights) {
			h := parseHost(r.Hosts[i], r.port())
			if e.own(h.ip(), h.port) || e.ownName(h) {
				return nil, leadsBack(r, h)
			}
			hosts = append(hosts, h)
		}
	case r.MX != "":
		var err error
		if hosts, err = e.exchangers(ctx, r); err != nil {
			return nil, err
		}
		for i := range hosts {
			hosts[i].found, hosts[i].only = true, len(hosts) == 1
		}
	default:
		return nil, &dnsFailure{reply: *mail.NewReply(451, "4.3.5", fmt.Sprintf("route %q has no hosts", r.Name))}
	}
	if len(hosts) > 1 {
		hosts = e.cooling.last(hosts)
	}
	return hosts[:min(len(hosts), maxHosts)], nil
}

// exchangers asks for a domain's MX records: preference first, order within
// one preference by chance (RFC 5321 §5.1); the domain itself where it has
// none; a null MX is permanent (RFC 7505). Where we are listed ourselves, only
// better hosts count.
func (e *Engine) exchangers(ctx context.Context, r Route) ([]host, error) {
	if addr, ok := literal(r.MX); ok {
		if a, _ := netip.ParseAddr(addr); e.own(a, r.port()) {
			return nil, loops(r.MX)
		}
		return []host{{network: "tcp", host: addr, port: r.port()}}, nil
	}
	if e.opt.Resolver == nil {
		return nil, dnsFail(451, "4.4.3", "no name servers are configured", nil)
	}
	mxs, secure, err := e.mx(ctx, r.MX)
	if err != nil {
		var re *resolver.Error
		if errors.As(err, &re) && re.NoDomain {
			return nil, dnsFail(550, "5.1.2", fmt.Sprintf("the domain %s does not exist", r.MX), err)
		}
		return nil, dnsFail(451, "4.4.3", fmt.Sprintf("the mail servers of %s could not be looked up", r.MX), err)
	}
	if len(mxs) == 1 && mxs[0].Host == "" {
		return nil, dnsFail(556, "5.1.10", fmt.Sprintf("the domain %s takes no mail (null MX)", r.MX), nil)
	}
	if len(mxs) == 0 {
		h := host{network: "tcp", host: strings.ToLower(r.MX), port: r.port(), secure: secure, bare: true}
		if e.ours(ctx, []host{h})[0] {
			return nil, loops(r.MX)
		}
		return []host{h}, nil
	}
	rand.Shuffle(len(mxs), func(i, j int) { mxs[i], mxs[j] = mxs[j], mxs[i] })
	sort.SliceStable(mxs, func(i, j int) bool { return mxs[i].Pref < mxs[j].Pref })
	hosts := make([]host, len(mxs))
	for i, mx := range mxs {
		hosts[i] = host{network: "tcp", host: strings.ToLower(mx.Host), port: r.port(), secure: secure}
	}
	for i, ours := range e.ours(ctx, hosts) {
		if !ours {
			continue
		}
		for i > 0 && mxs[i-1].Pref == mxs[i].Pref {
			i--
		}
		if i == 0 {
			return nil, loops(r.MX)
		}
		return hosts[:i], nil
	}
	return hosts, nil
}

// mx asks for a domain's MX records, and whether DNSSEC secures them.
func (e *Engine) mx(ctx context.Context, domain string) ([]resolver.MX, bool, error) {
	if s, ok := e.opt.Resolver.(secureMX); ok && e.opt.DANE != nil {
		return s.MXSecure(ctx, domain)
	}
	mxs, err := e.opt.Resolver.MX(ctx, domain)
	return mxs, false, err
}

// literal reads a domain that is an address literal (RFC 5321 §4.1.3).
func literal(domain string) (string, bool) {
	if !strings.HasPrefix(domain, "[") || !strings.HasSuffix(domain, "]") {
		return "", false
	}
	s := domain[1 : len(domain)-1]
	if len(s) > 5 && strings.EqualFold(s[:5], "IPv6:") {
		s = s[5:]
	}
	a, err := netip.ParseAddr(s)
	return a.String(), err == nil
}

// dialable is one address to connect to.
type dialable struct{ network, addr string }

// addrs are the addresses of one host, in the order in which to try them.
func (e *Engine) addrs(ctx context.Context, r Route, h host) ([]dialable, error) {
	if h.network == "unix" {
		return []dialable{{"unix", h.host}}, nil
	}
	if a := h.ip(); a.IsValid() {
		if !e.may(h, a) {
			return nil, noWay(h)
		}
		return []dialable{{"tcp", h.hostPort(h.host)}}, nil
	}
	if e.opt.Resolver == nil {
		return nil, dnsFail(451, "4.4.3", "no name servers are configured", nil)
	}
	ips, err := e.opt.Resolver.Addrs(ctx, h.host)
	if err != nil {
		// A mail server or domain without address may be mended; a static
		// route's surely will. Only a domain that has neither MX nor address,
		// and says so itself, is hopeless.
		var re *resolver.Error
		if h.bare && errors.As(err, &re) && re.NotFound {
			return nil, dnsFail(550, "5.1.2", fmt.Sprintf("the domain %s has no mail server", h.host), err)
		}
		return nil, dnsFail(451, "4.4.3", fmt.Sprintf("the host %s could not be looked up", h.host), err)
	}
	if !h.found && slices.ContainsFunc(ips, func(ip netip.Addr) bool { return e.own(ip, h.port) }) {
		return nil, leadsBack(r, h)
	}
	wanted := r.preferred(ips)
	if len(wanted) == 0 && len(ips) > 0 {
		return nil, dnsFail(451, "4.4.4", fmt.Sprintf("the host %s has no address of the kind that route %q uses", h.host, r.Name), nil)
	}
	var out []dialable
	for _, ip := range wanted {
		if len(out) < maxAddrs && e.may(h, ip) {
			out = append(out, dialable{"tcp", h.hostPort(ip.String())})
		}
	}
	if len(out) == 0 && len(ips) > 0 {
		return nil, noWay(h)
	}
	return out, nil
}

// may reports whether a host may be called at an address. Whoever sends mail
// chooses the recipient's domain, and with it the mail server: that must not
// become a way to the services of this machine. Hosts that the operator wrote
// may be anything.
func (e *Engine) may(h host, a netip.Addr) bool {
	a = a.Unmap()
	return !h.found || e.opt.Loopback ||
		!a.IsLoopback() && !a.IsUnspecified() && !a.IsLinkLocalUnicast() && !a.IsMulticast()
}

// noWay is permanent where no other host could do better.
func noWay(h host) *dnsFailure {
	code, enhanced := 451, "4.1.2"
	if h.only {
		code, enhanced = 550, "5.1.2"
	}
	return dnsFail(code, enhanced, fmt.Sprintf("the mail server %s has no address that mail can be sent to: it is this machine's own, or none of the network's", h.host), nil)
}
