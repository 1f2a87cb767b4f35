package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/mailweir/weir/gateway/internal/terminal"
)

// PluginCmd is about filters.
type PluginCmd struct {
	List PluginListCmd `cmd:"" default:"withargs" help:"List the plugins of the running gateway; \"weir plugin\" alone does."`
}

// PluginListCmd lists plugins.
type PluginListCmd struct{}

// Run prints one line for each plugin.
func (c *PluginListCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	ps, err := cl.Plugins(ctx)
	if err != nil {
		return err
	}
	if len(ps) == 0 && !g.JSON {
		fmt.Fprintln(os.Stderr, "weir: the policy names no plugin")
	}
	t := terminal.NewTable(terminal.Column{Title: "PLUGIN", Min: 8}, terminal.Column{Title: "VERSION", Drop: 1}, terminal.Column{Title: "HOOKS", Min: 10, End: true},
		terminal.Column{Title: "POOL", Right: true}, terminal.Column{Title: "CALLS", Right: true}, terminal.Column{Title: "TRAPS", Right: true},
		terminal.Column{Title: "P50 MS", Right: true}, terminal.Column{Title: "P99 MS", Right: true}, terminal.Column{Title: "STATE", Min: 8, End: true})
	for _, p := range ps {
		if g.JSON {
			if err := printJSON(p); err != nil {
				return err
			}
			continue
		}
		style := terminal.Red
		if p.State == "ok" {
			style = terminal.Green
		}
		t.AddCells(plain(p.Name), plain(p.Version), plain(strings.Join(p.Hooks, " ")), plain(fmt.Sprint(p.Instances)), plain(fmt.Sprint(p.Calls)),
			plain(fmt.Sprint(p.Traps)), plain(fmt.Sprintf("%.1f", p.P50)), plain(fmt.Sprintf("%.1f", p.P99)), terminal.Cell{Text: p.State, Style: style})
	}
	if len(ps) == 0 || g.JSON {
		return nil
	}
	return t.Write(g.screen())
}
