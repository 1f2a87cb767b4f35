package deliver

import (
	"context"
	"errors"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpc"
)

// HostView is one host of a route as an attempt would try it, for operators.
type HostView struct {
	Network string   // "tcp" or "unix"
	Host    string   // name, IP address or path
	Port    int      // 0 for unix
	Found   bool     // named by the recipient's domain, not by the operator
	Addrs   []string // to connect to, in order: "192.0.2.1:25", or the path
	// Reply is ours where the host has no address that may be called, else nil.
	Reply *mail.Reply

	secure bool // the DNS vouches for its being the domain's
}

// Demand is what an attempt demands of the channel to a host, for operators.
type Demand struct {
	Mode    string        // of smtpc
	Verify  *smtpc.Verify // nil: nothing but what Mode says
	Policy  string        // whose demand it is: PolicyTLSA, PolicySTS or PolicyNone, the route's
	Text    []string      // the policy's own: TLSA records, or the lines of MTA-STS
	Testing bool          // the MTA-STS policy is only tested
	Strange bool          // and does not name the host
	Refused *mail.Reply   // ours: the host must not be used now
}

// Demand finds what is demanded of a host that Lookup gave, or that an operator
// chose, on a route.
func (e *Engine) Demand(ctx context.Context, r Route, v HostView) Demand {
	s := e.security(ctx, r, host{network: v.Network, host: v.Host, port: v.Port, found: v.Found, secure: v.secure})
	d := Demand{Mode: s.mode, Verify: s.verify, Policy: s.policy, Text: s.text, Testing: s.testing, Strange: s.strange}
	if s.refused != nil {
		d.Refused = &s.refused.Reply
	}
	return d
}

// Lookup gives the hosts of a route in the order in which an attempt would try
// them now, with their addresses, and calls none. A reply is ours and tells why
// there are none: 4yz, or 5yz where mail for the route is hopeless.
func (e *Engine) Lookup(ctx context.Context, r Route) ([]HostView, *mail.Reply) {
	hosts, err := e.hosts(ctx, r)
	if err != nil {
		return nil, ourReply(err)
	}
	var out []HostView
	for _, h := range hosts {
		v := HostView{Network: h.network, Host: h.host, Port: h.port, Found: h.found, secure: h.secure}
		addrs, err := e.addrs(ctx, r, h)
		if err != nil {
			v.Reply = ourReply(err)
		}
		for _, a := range addrs {
			v.Addrs = append(v.Addrs, a.addr)
		}
		out = append(out, v)
	}
	return out, nil
}

func ourReply(err error) *mail.Reply {
	var f *dnsFailure
	if errors.As(err, &f) {
		return &f.reply
	}
	return mail.NewReply(451, "4.4.3", err.Error())
}
