package main

import (
	"context"
	"fmt"
	"os"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// DeliveriesCmd lists attempts, one line for each recipient (B138, B123).
type DeliveriesCmd struct{ ListFlags }

// Run prints the attempts of the newest messages first.
func (c *DeliveriesCmd) Run(ctx context.Context, g *Globals) error {
	f, err := c.filter(query.Where("attempts", query.After, "0"))
	if err != nil {
		return err
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	var all []api.Attempt
	n := 0
	for a, err := range cl.AllDeliveries(ctx, client.Search{Filter: f}, c.Limit) {
		if err != nil {
			return err
		}
		n++
		if g.JSON {
			if err := printJSON(a); err != nil {
				return err
			}
			continue
		}
		all = append(all, a)
	}
	if n == 0 {
		if !g.JSON {
			fmt.Fprintln(os.Stderr, "weir: no delivery attempt matches")
		}
		return quiet(exitNoMatch)
	}
	if g.JSON {
		return nil
	}
	return attemptTable(g.view(), all, g.Wide).Write(g.screen())
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
	styles := map[string]terminal.Style{"sent": terminal.Green, "deferred": terminal.Yellow, "bounced": terminal.Red}
	for _, a := range as {
		for _, o := range a.Outcome {
			host := a.Host
			if host == "" {
				host = a.Address
			}
			t.AddCells(plain(v.short(a.Start)), plain(ids[k]), plain(o.Recipient), plain(host),
				terminal.Cell{Text: o.Result, Style: styles[o.Result]}, plain(replyLine(&o.Reply)))
			k++
		}
	}
	return t
}
