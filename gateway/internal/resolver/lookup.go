package resolver

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// MX implements Resolver.
func (c *Client) MX(ctx context.Context, domain string) ([]MX, error) {
	mx, _, err := c.MXSecure(ctx, domain)
	return mx, err
}

func exchangers(records []dns.RR, err error) ([]MX, error) {
	if err != nil {
		var e *Error
		if errors.As(err, &e) && e.NotFound && !e.NoDomain {
			return nil, nil
		}
		return nil, err
	}
	var out []MX
	for _, rr := range records {
		mx := rr.(*dns.MX)
		out = append(out, MX{Host: plain(mx.Mx), Pref: mx.Preference})
	}
	if len(out) > 1 { // a null MX among others is a mistake (RFC 7505 §3)
		out = slices.DeleteFunc(out, func(m MX) bool { return m.Host == "" })
		if len(out) == 0 {
			return []MX{{}}, nil
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Pref < out[j].Pref })
	return out, nil
}

// Addrs implements Resolver. Names of the hosts file and localhost (RFC 6761
// §6.3) are answered without the DNS.
func (c *Client) Addrs(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	if a := c.known(host); len(a) > 0 {
		return a, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.opt.Budget)
	defer cancel()
	var four, six []netip.Addr
	var err4, err6 error
	var wg sync.WaitGroup
	wg.Go(func() { six, err6 = c.addrs(ctx, host, dns.TypeAAAA) })
	four, err4 = c.addrs(ctx, host, dns.TypeA)
	wg.Wait()
	if out := inTurn(six, four); len(out) > 0 {
		return out, nil
	}
	return nil, worse(err4, err6)
}

// known are the addresses of a host that the DNS is not asked for.
func (c *Client) known(host string) []netip.Addr {
	if a := c.hosts.lookup(host); len(a) > 0 {
		return a
	}
	if name := dns.CanonicalName(host); name == "localhost." || strings.HasSuffix(name, ".localhost.") {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}
	}
	return nil
}

func (c *Client) addrs(ctx context.Context, host string, kind uint16) ([]netip.Addr, error) {
	records, err := c.lookup(ctx, host, kind)
	var out []netip.Addr
	for _, rr := range records {
		var a netip.Addr
		switch rr := rr.(type) {
		case *dns.A:
			a, _ = netip.AddrFromSlice(rr.A)
		case *dns.AAAA:
			a, _ = netip.AddrFromSlice(rr.AAAA)
		}
		if a.IsValid() {
			out = append(out, a.Unmap())
		}
	}
	return out, err
}

// inTurn merges two lists, one of each by turns.
func inTurn(a, b []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for i := range max(len(a), len(b)) {
		if i < len(a) {
			out = append(out, a[i])
		}
		if i < len(b) {
			out = append(out, b[i])
		}
	}
	return out
}

// worse is the error that leaves more open: one temporary failure makes the
// whole look-up temporary.
func worse(a, b error) error {
	var e *Error
	if errors.As(b, &e) && e.Temporary {
		return b
	}
	return a
}

// PTR implements Resolver.
func (c *Client) PTR(ctx context.Context, addr netip.Addr) (string, error) {
	addr = addr.Unmap().WithZone("")
	name, err := dns.ReverseAddr(addr.String())
	if err != nil {
		return "", &Error{Name: addr.String(), Type: "PTR", NotFound: true, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, c.opt.Budget)
	defer cancel()
	records, err := c.lookup(ctx, name, dns.TypePTR)
	if err != nil {
		return "", err
	}
	failed := error(&Error{Name: addr.String(), Type: "PTR", NotFound: true, Err: errors.New("no name leads back to the address")})
	for _, rr := range records[:min(len(records), maxNames)] {
		host := plain(rr.(*dns.PTR).Ptr)
		addrs, err := c.Addrs(ctx, host)
		if slices.Contains(addrs, addr) {
			return host, nil
		}
		var e *Error
		if errors.As(err, &e) && e.Temporary {
			failed = err
		}
	}
	return "", failed
}

// plain is a name as mail writes it: lower case, no final dot.
func plain(name string) string { return strings.TrimSuffix(dns.CanonicalName(name), ".") }
