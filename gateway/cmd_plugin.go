package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/terminal"
)

// PluginCmd is about filters.
type PluginCmd struct {
	List PluginListCmd `cmd:"" default:"withargs" help:"List the plugins of the running gateway; \"weir plugin\" alone does."`
	Show PluginShowCmd `cmd:"" help:"Show all there is to know of one plugin."`

	Actions PluginActionsCmd `cmd:"" help:"List the custom actions of plugins, with their parameters."`
	Tasks   PluginTasksCmd   `cmd:"" help:"List the calls of plugins that wait, and those that were given up."`

	PluginAuthorCmds
	PluginSupplyCmds
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
	t := terminal.NewTable(terminal.Column{Title: "PLUGIN", Min: 8}, terminal.Column{Title: "VERSION", Drop: 1},
		terminal.Column{Title: "POOL", Right: true, Drop: 2}, terminal.Column{Title: "CALLS", Right: true}, terminal.Column{Title: "TRAPS", Right: true},
		terminal.Column{Title: "P50 MS", Right: true}, terminal.Column{Title: "P99 MS", Right: true}, terminal.Column{Title: "MEMORY", Right: true},
		terminal.Column{Title: "FUEL", Right: true}, terminal.Column{Title: "VERDICTS", Min: 12, End: true, Drop: 3}, terminal.Column{Title: "STATE", Min: 8, End: true})
	for _, p := range ps {
		if g.JSON {
			if err := printJSON(p); err != nil {
				return err
			}
			continue
		}
		t.AddCells(plain(p.Name), plain(p.Version), plain(fmt.Sprint(p.Instances)), plain(short(p.Calls)), plain(short(p.Traps)),
			plain(fmt.Sprintf("%.1f", p.P50)), plain(fmt.Sprintf("%.1f", p.P99)), plain(octets(p.Memory)), plain(short(p.Fuel)),
			plain(verdicts(p.Verdicts)), pluginState(p.State))
	}
	if len(ps) == 0 || g.JSON {
		return nil
	}
	return t.Write(g.screen())
}

func pluginState(s string) terminal.Cell {
	if s == "ok" {
		return terminal.Cell{Text: s, Style: terminal.Green}
	}
	return terminal.Cell{Text: s, Style: terminal.Red}
}

// short writes a count in at most five columns: 99999, 1.2M, 340G.
func short(n uint64) string {
	if n < 100_000 {
		return fmt.Sprint(n)
	}
	f, unit := float64(n), ""
	for _, unit = range []string{"k", "M", "G", "T", "P", "E"} {
		if f /= 1000; f < 999.5 {
			break
		}
	}
	if f < 9.95 {
		return fmt.Sprintf("%.1f%s", f, unit)
	}
	return fmt.Sprintf("%.0f%s", f, unit)
}

// verdicts writes what a plugin has decided, without "continue", the usual.
func verdicts(by map[string]uint64) string {
	var out []string
	for _, action := range slices.Sorted(maps.Keys(by)) {
		if action != "continue" {
			out = append(out, action+" "+short(by[action]))
		}
	}
	return strings.Join(out, ", ")
}
