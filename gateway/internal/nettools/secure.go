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
	Demand string   `json:"demand" enum:"none,opportunistic,required,verified,dane" doc:"Least that is accepted"`
	By     string   `json:"by" enum:"route,dane,mta-sts" doc:"Who demands it"`
	DANE   string   `json:"dane" enum:"off,absent,present,unusable,failed" doc:"TLSA records that DNSSEC vouches for (RFC 7672)"`
	TLSA   []string `json:"tlsa,omitempty" doc:"The records, as zone files write them"`
	STS    string   `json:"mta_sts,omitempty" doc:"Mode of the domain's MTA-STS policy (RFC 8461): enforce, testing, none; absent: no policy"`
	STSMX  bool     `json:"mta_sts_mx,omitempty" doc:"The policy names the host"`
	Wrong  string   `json:"wrong,omitempty" doc:"Why the host may not be used now"`

	verify *smtpc.Verify
	found  dane.Found
}

var strength = map[string]int{
	smtpc.TLSNone: 0, smtpc.TLSOpportunistic: 1, "": 1, smtpc.TLSRequired: 2, smtpc.TLSVerified: 3, smtpc.TLSDANE: 4,
}

// stronger is the more demanding of two modes.
func stronger(a, b string) string {
	if strength[b] > strength[a] {
		return b
	}
	return a
}

// channel finds out what is demanded of a host: the route's floor, and for
// mail servers that a domain names itself what the DNS and the domain say.
// domain is the recipients'.
func (t *Tools) channel(ctx context.Context, domain string, r deliver.Route, h deliver.HostView) Channel {
	c := Channel{Demand: stronger(smtpc.TLSNone, r.TLS), By: "route", DANE: "off"}
	if r.TLS == "" {
		c.Demand = smtpc.TLSOpportunistic
	}
	g := t.Policy().Gateway()
	if h.Network == "unix" {
		return c
	}
	if g.DANE && (h.Found || r.TLS == smtpc.TLSDANE) {
		t.danes(ctx, h, &c)
	}
	if g.MTASTS && h.Found && t.STS != nil {
		t.sts(ctx, domain, h, &c)
	}
	switch {
	case r.TLS == smtpc.TLSDANE && c.DANE != dane.Present.String() && c.Wrong == "":
		c.Wrong = "the route demands DANE, and the host has no TLSA records that can be used"
	case c.DANE == dane.Present.String() || c.DANE == dane.Unusable.String():
		// DANE goes before MTA-STS (RFC 8461 §2).
		c.verify = &smtpc.Verify{TLSA: c.found.TLSA, Names: c.found.Names, Mandatory: r.TLS == smtpc.TLSDANE}
		if c.By, c.Demand = "dane", smtpc.TLSDANE; r.TLS == smtpc.TLSDANE {
			c.By = "route"
		}
	}
	return c
}

func (t *Tools) danes(ctx context.Context, h deliver.HostView, c *Channel) {
	c.found = dane.Lookup(ctx, t.DNS, h.Host, h.Port)
	c.DANE = c.found.State.String()
	for _, r := range c.found.TLSA {
		c.TLSA = append(c.TLSA, r.String())
	}
	if c.found.State == dane.Failed {
		c.Wrong = c.found.Err.Error()
	}
}

func (t *Tools) sts(ctx context.Context, domain string, h deliver.HostView, c *Channel) {
	mode, matches, err := t.STS.Policy(ctx, domain)
	if err != nil || mode == "" {
		return
	}
	c.STS, c.STSMX = mode, matches(h.Host)
	if mode != "enforce" || c.DANE == dane.Present.String() {
		return
	}
	if !c.STSMX {
		c.Wrong = fmt.Sprintf("the MTA-STS policy of %s does not name the host", domain)
	}
	if strength[c.Demand] <= strength[smtpc.TLSVerified] {
		c.Demand, c.By = smtpc.TLSVerified, "mta-sts"
		c.verify = &smtpc.Verify{Names: []string{h.Host}, Channel: "mta-sts"}
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
