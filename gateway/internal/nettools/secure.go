package nettools

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/dane"
	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpc"
)

// Channel is what is demanded of the channel to one host, and by whom.
type Channel struct {
	Demand  string   `json:"demand" enum:"none,opportunistic,required,verified,dane" doc:"Least that is accepted"`
	By      string   `json:"by" enum:"route,dane,mta-sts" doc:"Who demands it"`
	DANE    string   `json:"dane" enum:"off,absent,present,unusable,failed" doc:"TLSA records that DNSSEC vouches for (RFC 7672)"`
	TLSA    []string `json:"tlsa,omitempty" doc:"The records, as zone files write them"`
	STS     string   `json:"mta_sts,omitempty" enum:"enforce,testing" doc:"Mode of the domain's MTA-STS policy (RFC 8461); absent: none counts"`
	STSMX   bool     `json:"mta_sts_mx,omitempty" doc:"The policy names the host"`
	STSText []string `json:"mta_sts_policy,omitempty" doc:"The lines of the policy"`
	Wrong   string   `json:"wrong,omitempty" doc:"Why the host may not be used now"`

	verify *smtpc.Verify
	found  dane.Found
}

// channel is what an attempt demands of a host, in an operator's words.
func (t *Tools) channel(ctx context.Context, r deliver.Route, h deliver.HostView) Channel {
	d := t.Engine.Demand(ctx, r, h)
	c := Channel{Demand: d.Mode, By: "route", DANE: "off", verify: d.Verify}
	if h.Network != "unix" && t.Policy().Gateway().DANE && (h.Found || r.TLS == smtpc.TLSDANE) {
		t.lookDANE(ctx, h, &c)
	}
	switch d.Policy {
	case deliver.PolicyTLSA:
		c.By = "dane"
	case deliver.PolicySTS:
		c.STS, c.STSText, c.STSMX = "enforce", d.Text, !d.Strange && d.Refused == nil
		if d.Testing {
			c.STS = "testing"
		} else {
			c.By = "mta-sts"
		}
	}
	if d.Refused != nil {
		c.Wrong = d.Refused.Text
	}
	return c
}

// lookDANE looks at a host's TLSA records, whoever demands what.
func (t *Tools) lookDANE(ctx context.Context, h deliver.HostView, c *Channel) {
	c.found = dane.Lookup(ctx, t.DNS, h.Host, h.Port)
	c.DANE = c.found.State.String()
	for _, r := range c.found.TLSA {
		c.TLSA = append(c.TLSA, r.String())
	}
}

// dial are the options to call one address of a host with.
func (t *Tools) dial(r deliver.Route, h deliver.HostView, addr string) smtpc.Options {
	o := smtpc.Options{
		Network: h.Network, Addr: addr, Host: h.Host, Helo: r.Helo, Source: r.Source, LMTP: r.LMTP, Auth: r.Auth,
		Roots: t.Roots, Timeouts: t.Timeouts, Transcript: &smtpc.Transcript{},
	}
	if o.Helo == "" {
		o.Helo = t.Policy().Gateway().Hostname
	}
	if a, err := netip.ParseAddrPort(addr); err == nil && a.Addr().Unmap().Is6() {
		o.Source = r.Source6
	}
	if h.Network == "unix" {
		o.Host = ""
	}
	return o
}

// hostRoute is a route to a host of an administrator's choice, without the
// credentials of the policy's: they are for the hosts they were written with.
func hostRoute(like deliver.Route, host string, port int) deliver.Route {
	r := like
	r.Name, r.Hosts, r.Weights, r.MX, r.Auth, r.Port = "host", []string{strings.TrimSpace(host)}, nil, "", nil, port
	r.LMTP = r.LMTP || strings.HasPrefix(r.Hosts[0], "unix:") // nobody speaks SMTP there
	return r
}

// hosts are those of a route as an attempt would try them; or the one that an
// administrator chose, be it the gateway's own, which no route may lead to.
func (t *Tools) hosts(ctx context.Context, r deliver.Route, chosen bool) ([]deliver.HostView, *mail.Reply) {
	if !chosen {
		return t.Engine.Lookup(ctx, r)
	}
	name := r.Hosts[0]
	if path, ok := strings.CutPrefix(name, "unix:"); ok {
		return []deliver.HostView{{Network: "unix", Host: path, Addrs: []string{path}}}, nil
	}
	port := orElse(r.Port, 25)
	if h, p, err := net.SplitHostPort(name); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return nil, mail.NewReply(451, "4.3.5", fmt.Sprintf("%.20q is no port", p))
		}
		name, port = h, int(n)
	}
	v := deliver.HostView{Network: "tcp", Host: strings.ToLower(strings.Trim(name, "[]")), Port: port}
	addrs, err := t.DNS.Addrs(ctx, v.Host)
	if err != nil {
		v.Reply = mail.NewReply(451, "4.4.3", err.Error())
	}
	for _, a := range addrs {
		v.Addrs = append(v.Addrs, netip.AddrPortFrom(a, uint16(port)).String())
	}
	return []deliver.HostView{v}, nil
}
