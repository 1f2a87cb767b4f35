package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// DestinationsCmd is about where mail goes (B89).
type DestinationsCmd struct {
	List    DestinationsListCmd    `cmd:"" default:"withargs" help:"List next hops and how they are doing; \"weir destinations\" alone does."`
	Suspend DestinationsSuspendCmd `cmd:"" help:"Keep back what goes to a destination. Its mail stays queued."`
	Resume  DestinationsResumeCmd  `cmd:"" help:"Try a destination again: end its suspension and its back-off."`
}

// DestinationsListCmd lists next hops.
type DestinationsListCmd struct {
	Troubled bool   `short:"t" help:"Only those that are kept back or recover."`
	Name     string `arg:"" optional:"" help:"Only those whose next hop, destination or hosts contain this."`
	BoundFlag
}

// Run prints one line for each next hop. Exit code 3: there is none.
func (c *DestinationsListCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	all, err := cl.Destinations(ctx)
	if err != nil {
		return err
	}
	var shown []api.DestinationStatus
	for _, d := range all {
		if c.Troubled && d.State == "ok" || !strings.Contains(strings.ToLower(d.NextHop+" "+d.Destination+" "+d.Site), strings.ToLower(c.Name)) {
			continue
		}
		if c.Limit > 0 && len(shown) == c.Limit {
			break
		}
		shown = append(shown, d)
	}
	switch {
	case len(shown) == 0:
		if !g.JSON {
			fmt.Fprintln(os.Stderr, "weir: no such destination is remembered; they are while mail goes to them")
		}
		return quiet(exitNoMatch)
	case g.JSON:
		for _, d := range shown {
			if err := printJSON(d); err != nil {
				return err
			}
		}
		return nil
	}
	return destinationTable(g.view(), shown).Write(g.screen())
}

func destinationTable(v view, ds []api.DestinationStatus) *terminal.Table {
	t := terminal.NewTable(terminal.Column{Title: "NEXT HOP", Min: 10, Want: 16}, terminal.Column{Title: "DESTINATION", Drop: 1},
		terminal.Column{Title: "CONNS", Right: true}, terminal.Column{Title: "SENT", Right: true, Drop: 2}, terminal.Column{Title: "PUT OFF", Right: true, Drop: 4},
		terminal.Column{Title: "REFUSED", Right: true, Drop: 3}, terminal.Column{Title: "STATE"}, terminal.Column{Title: "UNTIL"},
		terminal.Column{Title: "LAST ANSWER", Min: 14, Want: 20, End: true})
	for i := range ds {
		d := &ds[i]
		until := v.until(d.Until)
		if d.State == "suspended" && d.Until.IsZero() {
			until = "resumed"
		}
		t.AddCells(plain(d.NextHop), plain(d.Destination), plain(fmt.Sprintf("%d/%d", d.Open, d.Limit)), plain(short(d.Delivered)),
			plain(short(d.Deferred)), plain(short(d.Failed)), destinationState(d), plain(until), plain(lastWord(d)))
	}
	return t
}

func destinationState(d *api.DestinationStatus) terminal.Cell {
	c := terminal.Cell{Text: d.State}
	switch d.State {
	case "ok":
		c.Style = terminal.Green
	case "recovering", "back-off":
		c.Style = terminal.Yellow
	default:
		c.Style = terminal.Red
	}
	return c
}

// lastWord is who suspended a destination and why, else its last answer.
func lastWord(d *api.DestinationStatus) string {
	if d.By == "" {
		return replyLine(d.Last)
	}
	if d.Why == "" {
		return "by " + d.By
	}
	return "by " + d.By + ": " + d.Why
}

// DestinationsSuspendCmd suspends.
type DestinationsSuspendCmd struct {
	Name string        `arg:"" help:"Name of a destination block or a built-in provider, or a next hop as \"weir destinations\" shows it."`
	For  time.Duration `placeholder:"DURATION" help:"How long, such as 2h; until it is resumed when absent."`
	Why  string        `placeholder:"TEXT" help:"A reason, for the next operator."`
}

// Run suspends one destination.
func (c *DestinationsSuspendCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	r := api.SuspendRequest{Name: c.Name, Why: c.Why}
	if c.For < 0 {
		return usageError{"--for wants a time that is not negative", "write it as --for 2h"}
	}
	if c.For > 0 {
		r.Until = time.Now().Add(c.For).UTC().Truncate(time.Second)
	}
	known, err := cl.SuspendDestination(ctx, r)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "suspended: %s\n", c.Name)
	if !known {
		fmt.Fprintln(os.Stderr, "weir: nothing of that name has had mail of late; \"weir destinations\" shows the names of what has")
	}
	return nil
}

// DestinationsResumeCmd resumes.
type DestinationsResumeCmd struct {
	Name string `arg:"" help:"As \"weir destinations\" shows it: a next hop or a destination."`
}

// Run resumes one destination. Exit code 3: nothing kept it back.
func (c *DestinationsResumeCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	was, err := cl.ResumeDestination(ctx, c.Name)
	switch {
	case err != nil:
		return err
	case !was:
		fmt.Fprintf(os.Stderr, "weir: nothing kept back what goes to %s\n", c.Name)
		return quiet(exitNoMatch)
	}
	fmt.Fprintf(os.Stderr, "resumed: %s\n", c.Name)
	return nil
}
