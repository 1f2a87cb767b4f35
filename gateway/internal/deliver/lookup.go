package deliver

import (
	"context"
	"errors"

	"github.com/mailweir/weir/gateway/internal/mail"
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
		v := HostView{Network: h.network, Host: h.host, Port: h.port, Found: h.found}
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
