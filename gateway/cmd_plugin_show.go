package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// PluginShowCmd shows one plugin.
type PluginShowCmd struct {
	Name string `arg:"" help:"The plugin, as the policy names it."`
}

// Run prints a line for each thing.
func (c *PluginShowCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	ps, err := cl.Plugins(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(ps, func(p api.PluginStatus) bool { return p.Name == c.Name })
	if i < 0 {
		return errNoMatch
	}
	if g.JSON {
		return printJSON(ps[i])
	}
	return showPlugin(g, &ps[i])
}

func showPlugin(g *Globals, p *api.PluginStatus) error {
	screen := g.screen()
	var b strings.Builder
	line := func(title, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%s  %s\n", screen.Paint(terminal.Bold, fmt.Sprintf("%-9s", title)), text)
		}
	}
	row := func(title, format string, args ...any) { line(title, terminal.Clean(fmt.Sprintf(format, args...))) }
	row("plugin", "%s %s", p.Name, p.Version)
	row("about", "%s", p.Description)
	state := pluginState(p.State)
	line("state", screen.Paint(state.Style, terminal.Clean(state.Text)))
	row("source", "%s", p.Source)
	row("digest", "%s", p.Digest)
	if !p.Loaded.IsZero() {
		row("loaded", "%s, in %s", g.view().long(p.Loaded), time.Duration(p.LoadTime*float64(time.Millisecond)).Round(time.Millisecond))
	}
	row("hooks", "%s", strings.Join(p.Hooks, " "))
	row("grants", "%s", strings.Join(p.Grants, " "))
	row("actions", "%s", strings.Join(p.Actions, " "))
	row("instances", "%d, %d idle", p.Instances, p.Idle)
	row("memory", "%s now, %s at most; limit %s each", octets(p.Memory), octets(p.MemoryPeak), octets(p.MemoryLimit))
	row("calls", "%d", p.Calls)
	row("verdicts", "%s", counts(p.Verdicts))
	row("failures", "%s", counts(p.Failures))
	row("traps", "%d", p.Traps)
	row("duration", "half within %.2f ms, 99 of 100 within %.2f ms", p.P50, p.P99)
	row("fuel", "%s units, %s a call", short(p.Fuel), short(p.Fuel/max(p.Calls, 1)))
	_, err := screen.Write([]byte(b.String()))
	return err
}

// counts writes numbers by name, the largest first.
func counts(by map[string]uint64) string {
	names := slices.SortedFunc(maps.Keys(by), func(a, b string) int {
		return cmp.Or(cmp.Compare(by[b], by[a]), strings.Compare(a, b))
	})
	for i, n := range names {
		names[i] = fmt.Sprintf("%s %d", n, by[n])
	}
	return strings.Join(names, ", ")
}
