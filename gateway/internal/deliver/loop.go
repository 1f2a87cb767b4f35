package deliver

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// loops is the end of mail whose best mail server is this gateway although
// the policy does not say that the domain is ours (RFC 5321 §5.1, §6.3).
func loops(domain string) *dnsFailure {
	return dnsFail(554, "5.4.6", fmt.Sprintf("mail for %s would come back to this gateway: it is the domain's best mail server", domain), nil)
}

// leadsBack is the end of an attempt by a route whose host is this gateway. The policy
// can be mended: the mail waits.
func leadsBack(r Route, h host) *dnsFailure {
	return dnsFail(451, "4.4.6", fmt.Sprintf("route %q leads back to this gateway: %s is one of its own listeners", r.Name, h), nil)
}

// ownName reports whether a host is one of our own listeners by the gateway's name,
// which need not lead to an address of this machine.
func (e *Engine) ownName(h host) bool {
	return e.opt.Own != nil && e.opt.Hostname != "" && h.network == "tcp" && strings.EqualFold(h.host, e.opt.Hostname) &&
		slices.ContainsFunc(e.opt.Own(), func(ap netip.AddrPort) bool { return int(ap.Port()) == h.port })
}

// own reports whether an address and port are one of our own listeners.
func (e *Engine) own(a netip.Addr, port int) bool {
	if e.opt.Own == nil || !a.IsValid() {
		return false
	}
	a = a.Unmap().WithZone("")
	for _, ap := range e.opt.Own() {
		if ap.Addr().Unmap().WithZone("") == a && int(ap.Port()) == port {
			return true
		}
	}
	return false
}

// ours tells of each mail server of a domain whether it is this gateway, by
// name or by address. One that cannot be looked up is not.
func (e *Engine) ours(ctx context.Context, hosts []host) []bool {
	out := make([]bool, len(hosts))
	var wg sync.WaitGroup
	for i, h := range hosts[:min(len(hosts), maxHosts)] {
		out[i] = e.opt.Hostname != "" && strings.EqualFold(h.host, e.opt.Hostname)
		if out[i] || e.opt.Own == nil {
			continue
		}
		wg.Go(func() {
			ips, err := e.opt.Resolver.Addrs(ctx, h.host)
			for _, ip := range ips {
				out[i] = out[i] || err == nil && e.own(ip, h.port)
			}
		})
	}
	wg.Wait()
	return out
}
