package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/mailweir/weir/gateway/internal/terminal"
)

// EventsCmd is about the receivers of events that the policy names.
type EventsCmd struct {
	Status EventsStatusCmd `cmd:"" default:"1" help:"Show how far each receiver is; \"weir events\" alone does."`
	Resume EventsResumeCmd `cmd:"" help:"Try one now, also one that wanted nothing any more."`
}

// EventsStatusCmd shows receivers.
type EventsStatusCmd struct{}

// Run prints one line for each. Exit code 3: there is none; 1: one of them is
// retried or disabled.
func (c *EventsStatusCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	all, err := cl.EventSinks(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		if !g.JSON {
			fmt.Fprintln(os.Stderr, "weir: the policy names no receivers of events; see the events block")
		}
		return quiet(exitNoMatch)
	}
	bad := false
	v := g.view()
	t := terminal.NewTable(terminal.Column{Title: "NAME"}, terminal.Column{Title: "STATE"}, terminal.Column{Title: "BEHIND", Right: true}, terminal.Column{Title: "LAG", Right: true},
		terminal.Column{Title: "TAKEN", Right: true}, terminal.Column{Title: "LOST", Right: true}, terminal.Column{Title: "NEXT TRY"},
		terminal.Column{Title: "TO", Min: 12, Want: 30, Drop: 1}, terminal.Column{Title: "WHY", Min: 16, End: true})
	for _, s := range all {
		bad = bad || s.State != "ok"
		if g.JSON {
			if err := printJSON(s); err != nil {
				return err
			}
			continue
		}
		style := terminal.Green
		if s.State != "ok" {
			style = terminal.Red
		}
		lag := ""
		if s.Lag > 0 {
			lag = distance(time.Duration(s.Lag) * time.Second)
		}
		t.AddCells(plain(s.Name), terminal.Cell{Text: s.State, Style: style}, plain(strconv.FormatUint(s.Behind, 10)), plain(lag),
			plain(strconv.FormatUint(s.Delivered, 10)), plain(strconv.FormatUint(s.Lost, 10)), plain(v.until(s.Next)), plain(s.To), plain(s.Error))
	}
	if !g.JSON {
		if err := t.Write(g.screen()); err != nil {
			return err
		}
	}
	if bad {
		return quiet(exitError)
	}
	return nil
}

// EventsResumeCmd has one tried.
type EventsResumeCmd struct {
	Name string `arg:"" help:"Receiver, as in the policy; TENANT/NAME of a tenant's."`
}

// Run asks for it. Exit code 3: there is none of that name.
func (c *EventsResumeCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	return cl.ResumeEventSink(ctx, c.Name)
}
