package deliver

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/smtpc"
)

// Route is where mail goes and how. Either Hosts or MX is set.
type Route struct {
	Name  string   // the policy's name for it, for the log
	Hosts []string // "host", "host:port", "[::1]:25" or "unix:/path" (LMTP), tried in this order
	MX    string   // domain whose mail exchangers are asked from the DNS

	// Weights are the priority and weight of Hosts, by index: lower priority
	// first, within one by chance in proportion to weight (as SRV records,
	// RFC 2782). nil: the order of Hosts.
	Weights []Weight

	TLS     string // "none", "opportunistic" (also ""), "required", "verified", "dane"; as smtpc has them
	Helo    string // our name in EHLO; "" the engine's hostname
	Source  string // local IPv4 address to call from, "" any
	Source6 string // local IPv6 address to call from, "" any
	IP      string // "any" (also ""), "4", "6", "prefer4", "prefer6"
	LMTP    bool
	Auth    *smtpc.Credentials // nil: none

	MaxConns int // open connections to this next hop at a time; 0 the destination's
	PerConn  int // messages over one connection; 0 the destination's
	Port     int // where a host names none; 0 means 25
}

// Weight is a host's place among those of its route.
type Weight struct{ Priority, Weight int }

// NextHop is the key by which recipients are grouped and connections counted:
// routes with equal keys lead to the same place.
func (r Route) NextHop() string {
	var b strings.Builder
	if r.LMTP {
		b.WriteString("lmtp:")
	}
	if len(r.Hosts) == 0 {
		b.WriteString(strings.ToLower(r.MX))
		if p := r.port(); p != 25 {
			b.WriteString(":" + strconv.Itoa(p))
		}
		return b.String()
	}
	for i, h := range r.Hosts {
		if i > 0 {
			b.WriteByte(',')
		}
		s := parseHost(h, r.port())
		if s.network == "unix" {
			b.WriteString("unix:" + s.host)
		} else {
			b.WriteString(s.hostPort(s.host))
		}
	}
	return b.String()
}

func (r Route) port() int {
	if r.Port > 0 {
		return r.Port
	}
	return 25
}

func (r Route) maxConns() int {
	if r.MaxConns > 0 {
		return r.MaxConns
	}
	return 20
}

func (r Route) perConn() int {
	if r.PerConn > 0 {
		return r.PerConn
	}
	return 100
}

// source is the local address to call an address from, "" any.
func (r Route) source(at dialable) string {
	ap, err := netip.ParseAddrPort(at.addr)
	if err != nil || at.network == "unix" {
		return ""
	}
	if ap.Addr().Unmap().Is4() {
		return r.source4()
	}
	return r.source6()
}

// source4 and source6 tell the two apart also where an IPv6 address was
// written as Source.
func (r Route) source4() string {
	if a, err := netip.ParseAddr(r.Source); err == nil && !a.Unmap().Is4() {
		return ""
	}
	return r.Source
}

func (r Route) source6() string {
	if a, err := netip.ParseAddr(r.Source); r.Source6 == "" && err == nil && !a.Unmap().Is4() {
		return r.Source
	}
	return r.Source6
}

// preferred puts a host's addresses in the order that the route wants, without
// those it does not want. A route that names a source address of one family
// alone calls the other one only where it says so.
func (r Route) preferred(ips []netip.Addr) []netip.Addr {
	var four, six []netip.Addr
	for _, ip := range ips {
		if ip.Unmap().Is4() {
			four = append(four, ip)
		} else {
			six = append(six, ip)
		}
	}
	switch r.IP {
	case "4":
		return four
	case "6":
		return six
	case "prefer4":
		return append(four, six...)
	case "prefer6":
		return append(six, four...)
	}
	switch s4, s6 := r.source4() != "", r.source6() != ""; {
	case s4 && !s6:
		return four
	case s6 && !s4:
		return six
	}
	return ips
}

func (r Route) tls() string {
	if r.TLS == "" {
		return smtpc.TLSOpportunistic
	}
	return r.TLS
}
