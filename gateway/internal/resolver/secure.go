package resolver

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/miekg/dns"

	"github.com/mailweir/weir/gateway/internal/dane"
)

// Whose AD bit is believed. RFC 7672 §2.1.1 wants a validating resolver and a
// way to it that nobody else writes to, so the bit counts from a server
//
//   - on the loopback of this machine, but for 127.0.0.11, at which container
//     engines forward to servers elsewhere and pass their bits on;
//   - that the operator says is trusted, by Options.TrustAD or, for those of
//     resolv.conf, by its line "options trust-ad" (resolv.conf(5)).
//
// Answers of every other server are used, and are never secure.

// forwarder is where Docker and Podman have their embedded name server.
var forwarder = netip.MustParseAddr("127.0.0.11")

// server is one name server.
type server struct {
	addr    string
	trusted bool // its AD bit is believed
}

func servers(o Options) []server {
	list, trust := o.Servers, o.TrustAD
	if len(list) == 0 {
		if conf, err := dns.ClientConfigFromFile(o.ResolvConf); err == nil {
			for _, s := range conf.Servers {
				list = append(list, net.JoinHostPort(s, conf.Port))
			}
			trust = trust || trustsAD(o.ResolvConf)
		}
	}
	var out []server
	for _, s := range list {
		s = withPort(s)
		out = append(out, server{addr: s, trusted: trust || local(s)})
	}
	return out
}

func withPort(s string) string {
	if _, err := netip.ParseAddr(s); err == nil {
		return net.JoinHostPort(s, "53")
	}
	return s
}

func local(hostPort string) bool {
	at, err := netip.ParseAddrPort(hostPort)
	return err == nil && at.Addr().Unmap().IsLoopback() && at.Addr().Unmap() != forwarder
}

// trustsAD looks for "options trust-ad" (glibc 2.31).
func trustsAD(file string) bool {
	b, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	trust := false
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != "options" {
			continue
		}
		for _, o := range f[1:] {
			trust = trust || o == "trust-ad"
		}
	}
	return trust
}

// Validating reports whether there is a server whose AD bit is believed, and
// whether all are such. With some only, what is secure depends on which of
// them answers.
func (c *Client) Validating() (some, all bool) {
	all = len(c.servers) > 0
	for _, s := range c.servers {
		some = some || s.trusted
		all = all && s.trusted
	}
	return some, all
}

// MXSecure is MX, and whether the answer, be it a "no", is secure (RFC 7672
// §2.1.1).
func (c *Client) MXSecure(ctx context.Context, domain string) ([]MX, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opt.Budget)
	defer cancel()
	a, err := c.lookupAnswer(ctx, domain, dns.TypeMX)
	mx, err := exchangers(a.records, err)
	return mx, a.secure, err
}

// AddrsSecure is Addrs, and whether the addresses with all aliases that led to
// them are secure. What the hosts file says never is.
func (c *Client) AddrsSecure(ctx context.Context, host string) ([]netip.Addr, bool, error) {
	addrs, err := c.Addrs(ctx, host)
	if err != nil {
		return nil, false, err
	}
	_, secure, err := c.Canonical(ctx, host)
	return addrs, secure && err == nil, nil
}

// Canonical implements dane.Resolver: the name at the end of a host's aliases,
// and whether its addresses, be they absent, and all the aliases are secure.
// The name of an address, or one that the hosts file knows, is its own and not
// secure. The error is an *Error, and never a NotFound.
func (c *Client) Canonical(ctx context.Context, host string) (string, bool, error) {
	if _, err := netip.ParseAddr(host); err == nil || c.known(host) != nil {
		return plain(host), false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.opt.Budget)
	defer cancel()
	name, secure := "", true
	var failed error
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
		a, err := c.lookupAnswer(ctx, host, kind)
		if err != nil && !notFound(err) {
			failed = err
			continue
		}
		secure = secure && a.secure
		if name == "" || len(a.records) > 0 {
			name = plain(a.name)
		}
	}
	if name == "" { // neither was answered
		return plain(host), false, failed
	}
	return name, secure, nil
}

// AliasSecure implements dane.Resolver: whether the host's own CNAME record
// is secure, whatever it leads to.
func (c *Client) AliasSecure(ctx context.Context, host string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opt.Budget)
	defer cancel()
	a, err := c.lookupAnswer(ctx, host, dns.TypeCNAME)
	if err != nil && !notFound(err) {
		return false, err
	}
	return err == nil && a.secure, nil
}

// TLSA implements dane.Resolver: the records of _PORT._tcp.HOST (RFC 6698 §3)
// and whether the answer, be it a "no", is secure. Records that are not secure
// must not be used. The error is an *Error, and never a NotFound: it means
// SERVFAIL, as a validating resolver answers for what is bogus, or silence.
func (c *Client) TLSA(ctx context.Context, host string, port int) ([]dane.TLSA, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opt.Budget)
	defer cancel()
	a, err := c.lookupAnswer(ctx, fmt.Sprintf("_%d._tcp.%s", port, host), dns.TypeTLSA)
	if err != nil && !notFound(err) {
		return nil, false, err
	}
	var out []dane.TLSA
	for _, rr := range a.records {
		r := rr.(*dns.TLSA)
		data, err := hex.DecodeString(r.Certificate)
		if err != nil {
			data = nil // as unusable as an empty one
		}
		out = append(out, dane.TLSA{Usage: r.Usage, Selector: r.Selector, Matching: r.MatchingType, Data: data})
	}
	return out, a.secure, nil
}

var _ dane.Resolver = (*Client)(nil)

func notFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.NotFound
}
