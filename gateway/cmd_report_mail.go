package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/mailweir/weir/gateway/internal/terminal"
)

// ReportListCmd lists the reports that are sent by mail.
type ReportListCmd struct{}

// Run prints one line for each.
func (c *ReportListCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	all, err := cl.Reports(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		if !g.JSON {
			fmt.Fprintln(os.Stderr, "weir: no reports; a report block in the policy makes one")
		}
		return quiet(exitNoMatch)
	}
	v := g.view()
	t := terminal.NewTable(terminal.Column{Title: "NAME"}, terminal.Column{Title: "TENANT", Drop: 2}, terminal.Column{Title: "AT", Min: 10},
		terminal.Column{Title: "LAST", Drop: 3}, terminal.Column{Title: "NEXT"}, terminal.Column{Title: "TO", Min: 12, Want: 24, Drop: 1}, terminal.Column{Title: "SEARCH", Min: 14, Want: 30, End: true})
	for i := range all {
		r := &all[i]
		if g.JSON {
			if err := printJSON(r); err != nil {
				return err
			}
			continue
		}
		last := "never"
		if !r.Last.IsZero() {
			last = v.short(r.Last)
		}
		t.Add(r.Name, nonEmptyOr(r.Tenant, "all"), r.At, last, v.short(r.Next), strings.Join(r.To, ", "), r.Search)
	}
	if g.JSON {
		return nil
	}
	return t.Write(g.screen())
}

// ReportRunCmd makes a report now.
type ReportRunCmd struct {
	Name   string   `arg:"" help:"Name of the report."`
	Tenant string   `short:"t" placeholder:"NAME" help:"Tenant whose report it is; the gateway's own when absent."`
	To     []string `placeholder:"ADDRESS" help:"Send this one there instead."`
}

// Run has the gateway make and send it.
func (c *ReportRunCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	sent, err := cl.RunReport(ctx, c.Tenant, c.Name, c.To)
	if err != nil {
		return err
	}
	return printSent(g, "report", sent)
}
