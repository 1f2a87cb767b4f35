package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/mailweir/weir/gateway/internal/nettools"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// TestCmd tries destinations out (B43–B45, B88).
type TestCmd struct {
	Callout TestCalloutCmd `cmd:"" help:"Ask the destination whether recipients exist; no mail is sent."`
	Sender  TestSenderCmd  `cmd:"" help:"Ask a sender's mail servers whether it could be answered."`
	SMTP    TestSMTPCmd    `cmd:"" name:"smtp" help:"Hold the dialogue that a delivery begins with, up to DATA."`
	Route   TestRouteCmd   `cmd:"" help:"Tell where mail would go, and how; nobody is called."`
	TLS     TestTLSCmd     `cmd:"" name:"tls" help:"Look at the certificates of the hosts of a domain, or of one host."`
	DNS     TestDNSCmd     `cmd:"" name:"dns" help:"Ask the gateway's name servers."`
	Self    TestSelfCmd    `cmd:"" help:"Check that the gateway's own names and addresses lead to one another."`
}

// subject tells an address from a message's ID.
func subject(s string) (address, message string) {
	if strings.Contains(s, "@") {
		return s, ""
	}
	return "", s
}

// dialogue writes what was said, wrapped behind an indent.
func (p story) dialogue(text string) {
	for line := range strings.Lines(text) {
		line = terminal.Clean(strings.TrimRight(line, "\n"))
		if strings.HasPrefix(line, "* ") {
			line = p.s.Paint(terminal.Dim, line)
		}
		p.hang("    ", 6, line)
	}
}

// hostAt is a host with the address that was called, which may be all that is
// known of it.
func hostAt(host, addr string) string {
	switch {
	case addr == "":
		return host
	case strings.HasPrefix(addr, host):
		return addr
	}
	return host + " at " + addr
}

// visits writes the dialogues with the hosts that were called.
func (p story) visits(vs []nettools.Visit) {
	for _, v := range vs {
		note, style := "", terminal.Dim
		switch {
		case v.Failed != nil:
			note, style = "broke off: "+v.Stage, terminal.Red
		case v.Channel != "":
			note = v.TLS + " " + v.Channel
		case v.TLS != "" && !v.Verified:
			note = v.TLS + " unverified"
		default:
			note = v.TLS
		}
		p.title(hostAt(v.Host, v.Addr), note, style)
		if v.Dialogue == "" && v.Failed != nil {
			p.para(4, v.Failed.String())
		}
		p.dialogue(v.Dialogue)
	}
}

// TestCalloutCmd is B43.
type TestCalloutCmd struct {
	What  []string `arg:"" name:"address or id" help:"Addresses; or a message's or recipient's ID, for its recipients."`
	Quiet bool     `short:"q" help:"Leave the dialogue out."`
}

// Run asks. The exit code is 0 when every one is taken.
func (c *TestCalloutCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	taken := true
	for i, what := range c.What {
		var o nettools.CalloutOrder
		o.Address, o.Message = subject(what)
		as, err := cl.TestRecipient(ctx, o)
		if err != nil {
			return err
		}
		for j := range as {
			if g.JSON {
				if err := printJSON(as[j]); err != nil {
					return err
				}
			} else {
				showCallout(g, &as[j], i+j > 0, c.Quiet)
			}
			taken = taken && isTaken(&as[j])
		}
	}
	if !taken {
		return quiet(exitError)
	}
	return nil
}

func isTaken(a *nettools.CalloutAnswer) bool {
	return a.Answer == "known" || a.Answer == "catch-all" || a.Answer == "local"
}

var calloutWords = map[string]string{
	"known":     "the destination takes mail for it",
	"invalid":   "the destination refuses it",
	"catch-all": "the destination takes it, as it takes any address",
	"unknown":   "no answer to be had",
	"local":     "one of the Local Recipients",
}

// calloutLimits says why nobody was asked.
var calloutLimits = map[string]string{
	"down":        "the destination gave no answer a moment ago; try again in some seconds",
	"strangers":   "too many unknown addresses of the domain were asked for",
	"tenant":      "too many callouts for the tenant",
	"destination": "too many callouts to the destination",
	"busy":        "too many callouts are waiting",
	"held":        "the destination is held back; see: weir destinations",
}

func calloutStyle(a *nettools.CalloutAnswer) terminal.Style {
	switch a.Answer {
	case "known", "local":
		return terminal.Green
	case "invalid":
		return terminal.Red
	}
	return terminal.Yellow
}

func showCallout(g *Globals, a *nettools.CalloutAnswer, more, short bool) {
	p := story{g.screen(), g.view()}
	if more {
		fmt.Fprintln(p.s)
	}
	fmt.Fprintf(p.s, "%s  %s\n", p.s.Paint(terminal.Bold, p.cut(terminal.Clean(a.Address), 12)), p.s.Paint(calloutStyle(a), a.Answer))
	p.para(2, calloutWords[a.Answer])
	if a.Reply != nil && a.Reply.Ours {
		p.item("Failed", a.Reply.String())
	} else {
		p.item("Reply", a.Reply.String())
	}
	p.item("Stranger", a.Stranger.String())
	p.item("Not asked", calloutLimits[a.Limited])
	if a.Listed {
		p.item("Listed", "one of the Local Recipients: always accepted and queued")
	}
	if a.Tenant != "" {
		if a.Queued {
			p.item("Outage", "mail for it is queued while the destination is down")
		} else {
			p.item("Outage", "mail for it is deferred while the destination is down")
		}
	}
	p.item("Tenant", a.Tenant)
	p.item("Route", strings.TrimPrefix(a.Route+nonEmpty(" to ", a.NextHop), " "))
	if !a.Until.IsZero() {
		p.item("Remembered", "since "+p.v.long(a.Learnt)+", until "+p.v.long(a.Until))
	}
	if !short {
		p.visits(a.Visits)
	}
}

// TestSenderCmd is B44.
type TestSenderCmd struct {
	What  string `arg:"" name:"address or id" help:"The sender's address; or a message's ID, for its sender."`
	Quiet bool   `short:"q" help:"Leave the dialogue out."`
}

// Run asks. The exit code is 0 when the sender could be answered.
func (c *TestSenderCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	var o nettools.CalloutOrder
	o.Address, o.Message = subject(c.What)
	a, err := cl.TestSender(ctx, o)
	if err != nil {
		return err
	}
	if g.JSON {
		err = printJSON(a)
	} else {
		showCallout(g, a, false, c.Quiet)
	}
	if err == nil && !isTaken(a) {
		err = quiet(exitError)
	}
	return err
}

// TestSMTPCmd is B45.
type TestSMTPCmd struct {
	What []string `arg:"" name:"address or id" help:"Recipients; or a message's or recipient's ID, for its envelope."`
	From string   `placeholder:"ADDRESS" help:"Envelope sender; <> when absent."`
	Host string   `placeholder:"HOST" help:"Call this host, not the one that the policy says: name, address, host:port or unix:/path."`
	Port int      `help:"Port of --host; 25 when absent."`
	TLS  string   `name:"tls" enum:"route,none,opportunistic,required,verified" default:"route" help:"STARTTLS: none, opportunistic, required or verified; as the route demands when absent."`
	All  bool     `short:"a" help:"Call every host and address, not only until one answers."`
	Send bool     `help:"Send a short test message in place of stopping before DATA."`
}

// Run holds the dialogue. The exit code is 0 when every recipient is taken.
func (c *TestSMTPCmd) Run(ctx context.Context, g *Globals) error {
	o := nettools.SMTPOrder{From: c.From, Host: c.Host, Port: c.Port, All: c.All, Send: c.Send}
	if c.TLS != "route" {
		o.TLS = c.TLS
	}
	for _, what := range c.What {
		a, m := subject(what)
		switch {
		case m == "":
			o.To = append(o.To, a)
		case len(c.What) > 1:
			return usageError{"an ID stands alone", "give one message, or addresses"}
		case c.From != "":
			return usageError{"--from goes with addresses; a message has its own sender", "leave it out"}
		default:
			o.Message = m
		}
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	tests, err := cl.TestSMTP(ctx, o)
	if err != nil {
		return err
	}
	taken := len(tests) > 0
	for i := range tests {
		t := &tests[i]
		if g.JSON {
			if err := printJSON(t); err != nil {
				return err
			}
		} else {
			showSMTP(g, t, i > 0)
		}
		for _, a := range t.Answers {
			taken = taken && a != nil && a.Code/100 == 2
		}
	}
	if !taken {
		return quiet(exitError)
	}
	return nil
}

func showSMTP(g *Globals, t *nettools.SMTPTest, more bool) {
	p := story{g.screen(), g.view()}
	if more {
		fmt.Fprintln(p.s)
	}
	fmt.Fprintf(p.s, "%s\n", p.s.Paint(terminal.Bold, p.cut(terminal.Clean(t.Route+nonEmpty(" to ", t.NextHop)), 0)))
	p.item("Sender", sender(t.From))
	p.item("Refused", t.Refused.String())
	for i, r := range t.Recipients {
		a := "no host answered"
		if t.Answers[i] != nil {
			a = t.Answers[i].String()
		}
		if t.Refused != nil {
			a = ""
		}
		p.item("Recipient", r+nonEmpty(": ", a))
	}
	p.visits(t.Visits)
	switch {
	case t.Sent:
		fmt.Fprintln(os.Stderr, "weir: the test message was taken: "+terminal.Clean(t.MessageID))
	case t.MessageID != "":
		fmt.Fprintln(os.Stderr, "weir: the test message was not taken")
	}
}
