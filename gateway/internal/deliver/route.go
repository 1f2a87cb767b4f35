package deliver

import (
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

func (r Route) tls() string {
	if r.TLS == "" {
		return smtpc.TLSOpportunistic
	}
	return r.TLS
}
