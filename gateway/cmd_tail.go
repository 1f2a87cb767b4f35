package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// LogTailCmd watches the log.
type LogTailCmd struct {
	Terms []string `arg:"" optional:"" name:"term" help:"Filter as in \"weir help search\"."`
	FilterFlags
	View  string  `placeholder:"NAME" help:"A saved search or view; see \"weir search\"."`
	After *uint64 `placeholder:"SEQ" help:"Begin behind this event, in place of now; --json shows its number as seq. 0 is the whole log."`
	Lines int     `short:"n" help:"End after this many; 0 goes on."`
}

// Run writes a line for each change of a recipient that matches, until it is
// interrupted. When the gateway is started anew it goes on where it was.
func (c *LogTailCmd) Run(ctx context.Context, g *Globals) error {
	text, err := query.Parse(strings.Join(c.Terms, " "))
	if err != nil {
		return usageError{err.Error(), "see: weir help search"}
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	if c.View != "" {
		v, err := cl.SavedSearch(ctx, c.View)
		if err != nil {
			return err
		}
		f, err := query.Parse(v.Q)
		if err != nil {
			return fmt.Errorf("the saved search %q does not read: %w", c.View, err)
		}
		text = query.And(f, text)
	}
	f, err := c.filter(text)
	if err != nil {
		return err
	}
	away := false
	o := client.TailOptions{Search: client.Search{Filter: f}, After: c.After, Lost: func(err error) error {
		if !away {
			fmt.Fprintln(os.Stderr, "weir: the stream broke off; waiting for the gateway")
		}
		away = true
		return nil
	}}
	n := 0
	for ch, err := range cl.Tail(ctx, o) {
		switch {
		case errors.Is(err, context.Canceled):
			return nil // interrupted: that is how one ends it
		case err != nil:
			return err
		}
		away = false
		if err := c.write(g, &ch); err != nil {
			return err
		}
		if n++; n == c.Lines {
			return nil
		}
	}
	return nil
}

func (c *LogTailCmd) write(g *Globals, ch *api.Change) error {
	if g.JSON {
		return printJSON(ch)
	}
	s := g.screen()
	line := tailLine(g.view(), ch)
	if w := s.Width(); w > 0 && s.IsTerminal() {
		line[len(line)-1].Text = terminal.Cut(line[len(line)-1].Text, max(w-widthOf(line[:len(line)-1]), 10))
	}
	texts := make([]string, len(line))
	for i, cell := range line {
		texts[i] = s.Paint(cell.Style, cell.Text)
	}
	_, err := fmt.Fprintln(s, strings.TrimRight(strings.Join(texts, " "), " "))
	return err
}

func widthOf(cells []terminal.Cell) int {
	n := 0
	for _, c := range cells {
		n += terminal.Columns(c.Text) + 1
	}
	return n
}

// tailLine is one change for people: when, what, which, whose, and the answer
// or reason.
func tailLine(v view, ch *api.Change) []terminal.Cell {
	r := &ch.Row
	id := r.ID
	if m, n, ok := strings.Cut(id, "."); ok && len(m) > shortID {
		id = m[:shortID] + "." + n
	}
	more := r.Subject
	switch {
	case ch.Text != "":
		more = ch.Text
	case ch.Type == "TransientFailure" || ch.Type == "Bounce" || ch.Type == "Delivery" || ch.Type == "Expiration":
		more = replyLine(r.Last)
	case why(r) != "":
		more = why(r)
	}
	if ch.Actor != "" {
		more = strings.TrimSpace("by " + ch.Actor + "  " + more)
	}
	return []terminal.Cell{
		plain(ch.At.In(v.loc).Format("15:04:05")),
		plain(id),
		{Text: terminal.Pad(ch.Type, 16)},
		{Text: terminal.Pad(r.Status, 15), Style: statusStyle(r.Status)},
		plain(terminal.Clean(sender(r.Sender) + " -> " + r.Recipient)),
		plain(terminal.Clean(more)),
	}
}

// JobsWatchCmd follows a job.
type JobsWatchCmd struct {
	ID string `arg:"" help:"Job."`
}

// Run shows how the job gets on until it is over, and ends as "weir jobs wait"
// does. With --json each state is a line.
func (c *JobsWatchCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	p := progress{s: terminal.NewScreen(os.Stderr, g.Color), watch: true}
	var last api.Job
	for j, err := range cl.WatchJob(ctx, c.ID) {
		if errors.Is(err, context.Canceled) {
			p.clear()
			return failure{"job " + c.ID + " goes on", "see: weir jobs"}
		}
		if err != nil {
			p.clear()
			return err
		}
		last = j
		if g.JSON {
			if err := printJSON(j); err != nil {
				return err
			}
			continue
		}
		p.show(&j)
	}
	p.clear()
	if !g.JSON {
		return showJob(ctx, g, cl, &last)
	}
	switch {
	case last.State != "done" || last.Refused > 0:
		return quiet(exitError)
	case last.Tried == 0:
		return quiet(exitNoMatch)
	}
	return nil
}
