package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// PluginActionsCmd lists the custom actions of plugins.
type PluginActionsCmd struct {
	Plugin string `arg:"" optional:"" help:"Of this plugin only."`
}

// Run describes each action with its parameters.
func (c *PluginActionsCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	all, err := cl.PluginActions(ctx)
	if err != nil {
		return err
	}
	s := g.screen()
	p := story{s: s}
	n := 0
	for _, a := range all {
		if c.Plugin != "" && a.Plugin != c.Plugin {
			continue
		}
		n++
		if g.JSON {
			if err := printJSON(a); err != nil {
				return err
			}
			continue
		}
		p.hang(s.Paint(terminal.Bold, terminal.Clean(a.Plugin+" "+a.Action))+"  ", 2, terminal.Clean(a.Title))
		if a.Doc != "" && a.Doc != a.Title {
			p.hang("  ", 2, terminal.Clean(a.Doc))
		}
		p.hang("  ", 2, "For "+forWhom(&a))
		for _, x := range a.Params {
			p.hang(terminal.Pad("    "+x.Name, 20), 20, terminal.Clean(paramText(&x)))
		}
	}
	if n == 0 {
		if !g.JSON {
			fmt.Fprintln(os.Stderr, "weir: no plugin offers an action")
		}
		return quiet(exitNoMatch)
	}
	return nil
}

// forWhom says for which mail an action is, and who may call it.
func forWhom(a *api.PluginAction) string {
	text := "mail in any status"
	if len(a.Statuses) > 0 {
		text = strings.Join(a.Statuses, ", ") + " mail"
	}
	if a.Body {
		text += " whose content is kept"
	}
	if a.Train != "" {
		text += "; teaches " + a.Train
	}
	return text + "; level " + a.Level + "."
}

func paramText(x *api.PluginParam) string {
	words := []string{x.Type}
	switch {
	case x.Required:
		words = append(words, "needed")
	case x.Default != nil:
		words = append(words, fmt.Sprintf("%v if left out", x.Default))
	}
	if x.Secret {
		words = append(words, "secret")
	}
	if len(x.OneOf) > 0 {
		words = append(words, "one of "+strings.Join(x.OneOf, ", "))
	}
	return strings.TrimSpace(strings.Join(words, ", ") + ". " + x.Doc)
}

// PluginTasksCmd lists what plugins have still to do.
type PluginTasksCmd struct{}

// Run prints one line for each call that waits or was given up.
func (c *PluginTasksCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	all, err := cl.PluginTasks(ctx)
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b api.PluginTask) int { return a.Next.Compare(b.Next) }) // the next due first
	t := terminal.NewTable(terminal.Column{Title: "PLUGIN", Min: 8}, terminal.Column{Title: "CALL", Min: 8, Want: 16}, terminal.Column{Title: "TENANT", Min: 6, Drop: 2},
		terminal.Column{Title: "MESSAGE", Drop: 1}, terminal.Column{Title: "STATE"}, terminal.Column{Title: "NEXT"},
		terminal.Column{Title: "TRIES", Right: true}, terminal.Column{Title: "LAST ERROR", Min: 12, End: true})
	v := g.view()
	for _, x := range all {
		if g.JSON {
			if err := printJSON(x); err != nil {
				return err
			}
			continue
		}
		id := x.Message
		if id != "" && !g.Wide {
			id = shortIDs([]string{id})[0]
		}
		style := terminal.Yellow
		if x.State == "failed" || x.State == "missing" {
			style = terminal.Red
		}
		call := x.Name
		if x.Key != "" {
			call += " " + x.Key
		}
		t.AddCells(plain(x.Plugin), plain(call), plain(x.Tenant), plain(id), terminal.Cell{Text: x.State, Style: style}, plain(v.until(x.Next)),
			plain(fmt.Sprint(x.Tries)), plain(x.Error))
	}
	if len(all) == 0 {
		if !g.JSON {
			fmt.Fprintln(os.Stderr, "weir: no plugin has anything to do")
		}
		return quiet(exitNoMatch)
	}
	if g.JSON {
		return nil
	}
	return t.Write(g.screen())
}
