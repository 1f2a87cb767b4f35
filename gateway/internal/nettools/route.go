package nettools

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/policy"
)

// RouteOrder asks where mail from one address to another would go.
type RouteOrder struct {
	Sender    string `json:"sender,omitempty" doc:"Empty: the null sender"`
	Recipient string `json:"recipient" minLength:"1" doc:"An address, or a domain"`
}

// RouteReport is the way of one recipient's mail by the policy and the DNS of
// now (B82, B90, B102).
type RouteReport struct {
	Sender      string       `json:"sender"`
	Recipient   string       `json:"recipient"`
	Direction   string       `json:"direction" enum:"inbound,outbound"`
	Tenant      string       `json:"tenant,omitempty" doc:"Whose tables decide"`
	Through     bool         `json:"through,omitempty" doc:"From one hosted tenant to another, through the receiver's filters, in process"`
	Route       string       `json:"route,omitempty"`
	Rule        string       `json:"rule,omitempty" doc:"What chose it: file and line of the policy"`
	NextHop     string       `json:"next_hop,omitempty"`
	MX          string       `json:"mx,omitempty" doc:"Domain whose mail servers are used"`
	Auth        bool         `json:"auth,omitempty" doc:"The gateway authenticates there"`
	Refused     *Said        `json:"refused,omitempty" doc:"Instead of a way"`
	Hosts       []RouteHost  `json:"hosts" doc:"In the order of an attempt"`
	Schedule    string       `json:"schedule,omitempty" doc:"Retry schedule"`
	Lifetime    string       `json:"lifetime,omitempty" doc:"Longest time in the queue"`
	Destination *Destination `json:"destination,omitempty" doc:"How gently it is treated (B89)"`
}

// RouteHost is one host on the way.
type RouteHost struct {
	Host    string   `json:"host"`
	Port    int      `json:"port,omitempty"`
	Addrs   []string `json:"addrs,omitempty" doc:"In the order in which they are called"`
	Failed  *Said    `json:"failed,omitempty" doc:"Why it has no address"`
	Channel *Channel `json:"channel,omitempty"`
}

// Destination is how a destination is treated.
type Destination struct {
	Name          string `json:"name,omitempty" doc:"Of the destination block or the provider; absent: the defaults"`
	Connections   int    `json:"connections"`
	PerConnection int    `json:"per_connection"`
	Rate          string `json:"rate,omitempty" doc:"Messages in a time; absent: no limit"`
}

// Route tells where mail would go. Nobody but name servers is asked. Domain
// level asks about mail to its own domains, and from them.
func (t *Tools) Route(ctx context.Context, sc scope.Scope, o RouteOrder) (*RouteReport, error) {
	const verb = lifecycle.SMTPTest
	if err := may(sc, verb); err != nil {
		return nil, err
	}
	var from mail.Address
	var err error
	if s := strings.TrimSpace(o.Sender); s != "" && s != "<>" {
		if from, err = address(s); err != nil {
			return nil, err
		}
	}
	rcpt := strings.TrimSpace(o.Recipient)
	if !strings.Contains(rcpt, "@") {
		rcpt = "postmaster@" + rcpt
	}
	to, err := address(rcpt)
	if err != nil {
		return nil, err
	}
	if !t.owns(sc, to.Domain()) && (from.IsNull() || !t.owns(sc, from.Domain())) {
		return nil, elsewhere(verb, to.Domain())
	}
	if err := t.rations.ask.take(sc.Actor, 1); err != nil {
		return nil, err
	}
	x := t.trip(from, to)
	r := &RouteReport{
		Sender: from.String(), Recipient: to.String(), Direction: string(x.dir), Through: x.through,
		Route: x.policy.Name, Rule: x.policy.Rule, Refused: said(x.refused, false), Hosts: []RouteHost{},
	}
	if x.tenant != nil {
		r.Tenant = x.tenant.Name
	}
	if !t.owns(sc, to.Domain()) && x.hosted {
		// Another tenant's: its sender learns no more of it than anybody does.
		return &RouteReport{Sender: r.Sender, Recipient: r.Recipient, Direction: r.Direction, Through: true, Hosts: []RouteHost{}}, nil
	}
	if x.refused == nil {
		t.way(ctx, &x, r)
	}
	return r, nil
}

// way adds hosts, and how mail is sent there.
func (t *Tools) way(ctx context.Context, x *trip, r *RouteReport) {
	p := t.Policy()
	r.NextHop, r.Auth = x.route.NextHop(), x.route.Auth != nil
	if len(x.route.Hosts) == 0 {
		r.MX = x.route.MX
	}
	hosts, reply := t.Engine.Lookup(ctx, x.route)
	r.Refused = said(reply, false)
	first := ""
	for _, h := range hosts {
		c := t.channel(ctx, x.route, h)
		r.Hosts = append(r.Hosts, RouteHost{Host: h.Host, Port: h.Port, Addrs: h.Addrs, Failed: said(h.Reply, false), Channel: &c})
		if first == "" {
			first = h.Host
		}
	}
	domain := ""
	if r.MX != "" {
		domain = x.to.Domain()
	}
	d := p.Destination(domain, first, x.policy.Name)
	r.Destination = &Destination{Name: d.Name, Connections: orElse(x.policy.Connections, d.Connections), PerConnection: orElse(x.policy.PerConnection, d.PerConnection)}
	if d.Rate > 0 {
		r.Destination.Rate = fmt.Sprintf("%d in %s", d.Rate, strings.TrimSuffix(strings.TrimSuffix(d.RatePer.String(), "0s"), "0m"))
	}
	t.patience(p, x, d, r)
}

func orElse(a, b int) int {
	if a > 0 {
		return a
	}
	return b
}

// patience is how long mail would wait in the queue.
func (t *Tools) patience(p *policy.Policy, x *trip, d policy.Destination, r *RouteReport) {
	var lifetime time.Duration
	if x.tenant != nil {
		who := x.to
		if x.dir == mail.Outbound {
			who = x.from
		}
		s := x.tenant.Settings(string(x.dir), who.Key())
		r.Schedule, lifetime = s.Schedule, s.Lifetime
	}
	for _, name := range []string{x.policy.Schedule, d.Schedule} { // the route's goes over the tenant's, the destination's over both
		if name != "" {
			r.Schedule = name
		}
	}
	if r.Schedule == "" {
		r.Schedule = "standard"
	}
	if s, ok := p.Schedule(r.Schedule); ok {
		r.Lifetime = strings.TrimSuffix(strings.TrimSuffix(s.End(lifetime).String(), "0s"), "0m")
	}
}
