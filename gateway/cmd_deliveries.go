package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// DeliveriesCmd is the delivery log (B138): attempts, one line for each
// recipient (B123), or the attempts of one message with their dialogue (B153).
type DeliveriesCmd struct {
	ID     string   `arg:"" optional:"" help:"Message or recipient ID, or the unique beginning of one: its attempts with their dialogue, latest last."`
	Result []string `placeholder:"RESULT" enum:"sent,deferred,bounced,expired" help:"Only these results: sent, deferred, bounced, expired."`
	Lines  bool     `short:"l" help:"Write log lines, with to=<...>, in place of a table."`
	ListFlags
	Columns []string `short:"C" placeholder:"FIELD" help:"Columns to show in place of the usual ones, such as attempt_time,recipient,attempt_host,subject; \"weir log fields --deliveries\" lists them."`
}

// Run prints the latest attempts first.
func (c *DeliveriesCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	if c.ID == "" {
		base := query.Filter{}
		if len(c.Result) > 0 {
			base = query.OneOf("attempt_result", c.Result...)
		}
		if len(c.Columns) > 0 && (g.JSON || c.Lines) {
			return usageError{"--columns with --json or --lines, which have all of them", "leave one of them out"}
		}
		return deliveryLog{flags: c.ListFlags, columns: c.Columns, lines: c.Lines}.list(ctx, g, cl, base)
	}
	if c.given() || len(c.Columns) > 0 {
		return usageError{"an ID and a filter or columns together", "ask for one of them"}
	}
	all, err := cl.Attempts(ctx, c.ID)
	if err != nil {
		return err
	}
	all = c.only(all)
	if len(all) == 0 {
		if !g.JSON {
			fmt.Fprintln(os.Stderr, "weir: no delivery attempt matches")
		}
		return quiet(exitNoMatch)
	}
	return c.print(g, all)
}

// only keeps the results that were asked for.
func (c *DeliveriesCmd) only(as []api.Attempt) []api.Attempt {
	if len(c.Result) == 0 {
		return as
	}
	for i := range as {
		as[i].Outcome = slices.DeleteFunc(as[i].Outcome, func(o api.AttemptRcpt) bool { return !slices.Contains(c.Result, o.Result) })
	}
	return slices.DeleteFunc(as, func(a api.Attempt) bool { return len(a.Outcome) == 0 })
}

func (c *DeliveriesCmd) print(g *Globals, all []api.Attempt) error {
	switch {
	case g.JSON:
		for _, a := range all {
			if err := printJSON(a); err != nil {
				return err
			}
		}
	case c.Lines:
		s := g.screen()
		for i := range all {
			for _, o := range all[i].Outcome {
				fmt.Fprintln(s, terminal.Clean(deliveryLine(&all[i], &o)))
			}
		}
	default:
		story{g.screen(), g.view()}.attempts(all)
	}
	return nil
}

// deliveryLine is one recipient's result as a line of a mail log, in the way
// that tools for such logs read it (B116–B123).
func deliveryLine(a *api.Attempt, o *api.AttemptRcpt) string {
	relay := a.Host
	if host, port, err := net.SplitHostPort(a.Address); err == nil {
		relay += "[" + host + "]:" + port
	} else if a.Address != "" {
		relay += "[" + a.Address + "]"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s.%d: to=<%s>, relay=%s, attempt=%d, took=%dms", a.Start.UTC().Format(time.RFC3339), a.Message, o.N, o.Recipient, nonEmptyOr(relay, "none"), a.K, a.Took)
	if o.Reply.Enhanced != "" {
		fmt.Fprintf(&b, ", dsn=%s", o.Reply.Enhanced)
	}
	said := strings.ReplaceAll(replyLine(&o.Reply), "\n", " ")
	if o.Remote {
		said = "host " + a.Host + " said: " + said
	}
	fmt.Fprintf(&b, ", status=%s (%s)", o.Result, said)
	return b.String()
}

func nonEmptyOr(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// hostAndIP names a destination (B120).
func hostAndIP(a *api.Attempt) string {
	ip := a.Address
	if host, _, err := net.SplitHostPort(ip); err == nil {
		ip = host
	}
	switch {
	case a.Host == "" || a.Host == ip:
		return ip
	case ip == "":
		return a.Host
	}
	return a.Host + " [" + ip + "]"
}

func attemptTable(v view, as []api.Attempt, wholeIDs bool) *terminal.Table {
	t := terminal.NewTable(
		terminal.Column{Title: "TIME"}, terminal.Column{Title: "ID"}, terminal.Column{Title: "RECIPIENT", Min: 12, Want: 18},
		terminal.Column{Title: "HOST", Min: 10, Drop: 1}, terminal.Column{Title: "RESULT"}, terminal.Column{Title: "ANSWER", Min: 12, Want: 24, End: true})
	var ids []string
	for _, a := range as {
		for _, o := range a.Outcome {
			ids = append(ids, fmt.Sprintf("%s.%d", a.Message, o.N))
		}
	}
	if !wholeIDs {
		ids = shortIDs(ids)
	}
	k := 0
	for i := range as {
		for _, o := range as[i].Outcome {
			t.AddCells(plain(v.short(as[i].Start)), plain(ids[k]), plain(o.Recipient), plain(hostAndIP(&as[i])),
				terminal.Cell{Text: o.Result, Style: resultStyles[o.Result]}, plain(replyLine(&o.Reply)))
			k++
		}
	}
	return t
}
