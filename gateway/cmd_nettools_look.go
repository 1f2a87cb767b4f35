package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/mailweir/weir/gateway/internal/nettools"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// TestRouteCmd tells where mail would go.
type TestRouteCmd struct {
	Recipient string `arg:"" help:"An address, or a domain."`
	From      string `placeholder:"ADDRESS" help:"Envelope sender; <> when absent."`
}

// Run looks. The exit code is 0 when there is a way.
func (c *TestRouteCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	r, err := cl.TestRoute(ctx, nettools.RouteOrder{Sender: c.From, Recipient: c.Recipient})
	if err != nil {
		return err
	}
	if g.JSON {
		err = printJSON(r)
	} else {
		err = showRoute(g, r)
	}
	if err == nil && r.Refused != nil {
		err = quiet(exitError)
	}
	return err
}

func showRoute(g *Globals, r *nettools.RouteReport) error {
	p := story{g.screen(), g.view()}
	fmt.Fprintf(p.s, "%s\n", p.s.Paint(terminal.Bold, p.cut(terminal.Clean(sender(r.Sender)+" to "+r.Recipient), 0)))
	p.item("Direction", r.Direction)
	if r.Through {
		p.item("Way", "in process, through the filters of the recipient's tenant")
	}
	p.item("Tenant", r.Tenant)
	p.item("Route", r.Route+nonEmpty(", chosen by ", r.Rule))
	p.item("Next hop", r.NextHop)
	if r.MX != "" {
		p.item("Hosts", "the mail servers of "+r.MX)
	}
	p.item("Refused", r.Refused.String())
	if r.Auth {
		p.item("Login", "the gateway authenticates there")
	}
	if d := r.Destination; d != nil {
		limits := fmt.Sprintf("%d connections, %d messages on each", d.Connections, d.PerConnection)
		if d.Rate != "" {
			limits += ", at most " + d.Rate
		}
		p.item("Treated", limits+nonEmpty(", as ", d.Name))
	}
	p.item("Retry", r.Schedule+nonEmpty(", given up after ", r.Lifetime))
	if len(r.Hosts) == 0 {
		return nil
	}
	fmt.Fprintln(p.s)
	t := terminal.NewTable(terminal.Column{Title: "HOST", Min: 12}, terminal.Column{Title: "ADDRESSES", Min: 16, End: true},
		terminal.Column{Title: "TLS"}, terminal.Column{Title: "DANE", Drop: 1}, terminal.Column{Title: "MTA-STS", Drop: 2})
	for _, h := range r.Hosts {
		addrs := plain(strings.Join(h.Addrs, " "))
		if h.Failed != nil {
			addrs = terminal.Cell{Text: h.Failed.Text, Style: terminal.Red}
		}
		cells := []terminal.Cell{plain(h.Host), addrs}
		if c := h.Channel; c != nil {
			dane := c.DANE
			if dane == "off" {
				dane = ""
			}
			cells = append(cells, plain(c.Demand), plain(dane), plain(c.STS))
			if c.Wrong != "" {
				fmt.Fprintln(os.Stderr, "weir: "+terminal.Clean(h.Host+": "+c.Wrong))
			}
		}
		t.AddCells(cells...)
	}
	return t.Write(p.s)
}

// TestTLSCmd looks at certificates.
type TestTLSCmd struct {
	Domain string `arg:"" optional:"" help:"Domain whose mail goes to the hosts."`
	Host   string `placeholder:"HOST" help:"One host instead: name, address or host:port."`
	Port   int    `help:"Port of --host; 25 when absent."`
	Quiet  bool   `short:"q" help:"Leave the dialogue out."`
}

// Run looks. The exit code is 0 when mail would go to every address.
func (c *TestTLSCmd) Run(ctx context.Context, g *Globals) error {
	if (c.Domain == "") == (c.Host == "") {
		return usageError{"name a domain, or a host with --host", "see: weir test tls --help"}
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	rs, err := cl.TestTLS(ctx, nettools.TLSOrder{Domain: c.Domain, Host: c.Host, Port: c.Port})
	if err != nil {
		return err
	}
	good := len(rs) > 0
	for i := range rs {
		good = good && rs[i].Usable
		if g.JSON {
			if err := printJSON(rs[i]); err != nil {
				return err
			}
			continue
		}
		showTLS(g, &rs[i], c.Quiet)
	}
	if !good {
		return quiet(exitError)
	}
	return nil
}

func showTLS(g *Globals, r *nettools.TLSReport, short bool) {
	p := story{g.screen(), g.view()}
	note, style := "mail goes there", terminal.Green
	if !r.Usable {
		note, style = "no mail goes there", terminal.Red
	} else if len(r.Wrong) > 0 {
		style = terminal.Yellow
	}
	p.title(hostAt(r.Host, r.Addr), note, style)
	p.item("Session", strings.TrimSpace(r.Version+" "+r.Cipher))
	for _, w := range r.Wrong {
		p.item("Wrong", w)
	}
	if c := r.Channel; c != nil {
		p.item("Demanded", c.Demand+", by "+map[string]string{"route": "the route", "dane": "DANE", "mta-sts": "MTA-STS"}[c.By])
		if c.DANE != "off" {
			match := ""
			if len(c.TLSA) > 0 && r.Offered {
				match = map[bool]string{true: ", matches the certificate", false: ", does not match"}[r.DANEMatch]
			}
			p.item("DANE", c.DANE+match)
		}
		for _, rec := range c.TLSA {
			p.item("TLSA", rec)
		}
		if c.STS != "" {
			p.item("MTA-STS", c.STS+map[bool]string{true: ", names the host", false: ", does not name the host"}[c.STSMX])
		}
	}
	for _, c := range r.Certificates {
		p.item("Subject", c.Subject)
		p.item("  for", strings.Join(c.Names, ", "))
		p.item("  issuer", c.Issuer)
		ends := fmt.Sprintf("%s (in %d days)", p.v.long(c.NotAfter), c.Days)
		if c.Days < 0 || c.NotAfter.Before(p.v.now) {
			ends = fmt.Sprintf("%s (%d days ago)", p.v.long(c.NotAfter), -c.Days)
		}
		p.item("  until", ends)
		p.item("  key", c.Key)
		p.item("  TLSA", "3 1 1 "+c.SPKI)
	}
	if !short {
		p.dialogue(r.Dialogue)
	}
}

// TestDNSCmd asks name servers.
type TestDNSCmd struct {
	Name string `arg:"" help:"The name to look up."`
	Type string `arg:"" optional:"" help:"A, AAAA, MX, TXT, PTR, TLSA, SRV, CNAME or NS; MX, A and AAAA when absent."`
}

// Run asks. Exit code 3: there is no such record.
func (c *TestDNSCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	as, err := cl.TestDNS(ctx, nettools.DNSOrder{Name: c.Name, Type: strings.ToUpper(c.Type)})
	if err != nil {
		return err
	}
	found := false
	t := terminal.NewTable(terminal.Column{Title: "TYPE"}, terminal.Column{Title: "VALUE", Min: 20}, terminal.Column{Title: "TTL", Right: true}, terminal.Column{Title: "DNSSEC"})
	for _, a := range as {
		found = found || len(a.Values) > 0
		if g.JSON {
			if err := printJSON(a); err != nil {
				return err
			}
			continue
		}
		secure := ""
		if a.Secure {
			secure = "secure"
		}
		for _, v := range a.Values {
			t.Add(a.Type, v, fmt.Sprintf("%ds", a.TTL), secure)
		}
		if a.Failed != "" {
			t.AddCells(plain(a.Type), terminal.Cell{Text: a.Failed, Style: terminal.Dim}, plain(fmt.Sprintf("%ds", a.TTL)), plain(secure))
		}
	}
	if !g.JSON {
		if err := t.Write(g.screen()); err != nil {
			return err
		}
	}
	if !found {
		return quiet(exitNoMatch)
	}
	return nil
}

// TestSelfCmd is B88.
type TestSelfCmd struct {
	Last bool `help:"Show the last check, which is made at the start and twice a day, in place of checking now."`
}

// Run checks. The exit code is 0 when nothing is wrong.
func (c *TestSelfCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	r, err := cl.TestSelf(ctx, !c.Last)
	if err != nil {
		return err
	}
	if g.JSON {
		err = printJSON(r)
	} else {
		err = showSelf(g, r)
	}
	if err == nil && !r.OK {
		err = quiet(exitError)
	}
	return err
}

func showSelf(g *Globals, r *nettools.SelfReport) error {
	s := g.screen()
	t := terminal.NewTable(terminal.Column{Title: "NAME OR ADDRESS", Min: 12}, terminal.Column{Title: "USE", Min: 12, End: true}, terminal.Column{Title: "LEADS TO", Min: 16, End: true})
	for _, n := range r.Names {
		to := plain(strings.Join(n.Addrs, " "))
		if n.Failed != "" {
			to = terminal.Cell{Text: n.Failed, Style: terminal.Red}
		}
		t.AddCells(plain(n.Name), plain(n.Use), to)
	}
	for _, a := range r.Addresses {
		to := plain(a.Name)
		switch {
		case a.Failed != "":
			to = terminal.Cell{Text: a.Failed, Style: terminal.Red}
		case a.Local:
			to = terminal.Cell{Text: "not a public address", Style: terminal.Dim}
		}
		t.AddCells(plain(a.Addr), plain(a.Use), to)
	}
	if err := t.Write(s); err != nil {
		return err
	}
	p := story{s, g.view()}
	for _, w := range r.Warnings {
		fmt.Fprintln(s)
		p.hang(s.Paint(terminal.Red, "Wrong")+"  ", 7, terminal.Clean(w))
	}
	if r.Unsure {
		fmt.Fprintln(os.Stderr, "weir: a name server gave no answer; what depends on it is not known")
	}
	return nil
}
