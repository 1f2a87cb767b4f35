package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// JobsCmd is about verbs that are applied to all that a search finds (B96).
type JobsCmd struct {
	List    JobsListCmd    `cmd:"" default:"1" help:"List jobs; \"weir jobs\" alone does."`
	Wait    JobsWaitCmd    `cmd:"" help:"Wait for one, and show what became of it."`
	Watch   JobsWatchCmd   `cmd:"" help:"Follow one, and show what became of it."`
	Results JobsResultsCmd `cmd:"" help:"Show what became of each recipient."`
	Cancel  JobsCancelCmd  `cmd:"" help:"Stop one; what was done stays done."`
}

// JobsListCmd lists jobs.
type JobsListCmd struct{ BoundFlag }

// Run prints one line for each job, newest first.
func (c *JobsListCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	all, err := cl.Jobs(ctx, c.atMost())
	if err != nil {
		return err
	}
	if len(all) == 0 {
		if !g.JSON {
			fmt.Fprintln(os.Stderr, "weir: there are no jobs")
		}
		return quiet(exitNoMatch)
	}
	for _, j := range all {
		if g.JSON {
			if err := printJSON(j); err != nil {
				return err
			}
		}
	}
	if g.JSON {
		return nil
	}
	return jobTable(g.view(), all).Write(g.screen())
}

func jobTable(v view, all []api.Job) *terminal.Table {
	t := terminal.NewTable(terminal.Column{Title: "JOB"}, terminal.Column{Title: "STARTED"}, terminal.Column{Title: "VERB"}, terminal.Column{Title: "STATE"},
		terminal.Column{Title: "DONE", Right: true}, terminal.Column{Title: "NOT", Right: true}, terminal.Column{Title: "OF", Right: true},
		terminal.Column{Title: "BY", Drop: 1, Min: 6}, terminal.Column{Title: "SEARCH", Min: 12, End: true})
	styles := map[string]terminal.Style{"done": terminal.Green, "counting": terminal.Yellow, "running": terminal.Yellow}
	for _, j := range all {
		style, ok := styles[j.State]
		if !ok {
			style = terminal.Red
		}
		t.AddCells(plain(j.ID), plain(v.short(j.Started)), plain(j.Verb), terminal.Cell{Text: j.State, Style: style}, plain(strconv.Itoa(j.Changed)),
			plain(strconv.Itoa(j.Refused)), plain(strconv.Itoa(j.Total)), plain(j.Actor), plain(j.Query))
	}
	return t
}

// JobsWaitCmd waits for a job.
type JobsWaitCmd struct {
	ID string `arg:"" help:"Job."`
}

// Run waits, and stops waiting on an interrupt; the job goes on.
func (c *JobsWaitCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	j, err := cl.Job(ctx, c.ID)
	if err != nil {
		return err
	}
	if j, err = follow(ctx, g, cl, j, false); err != nil {
		return err
	}
	return showJob(ctx, g, cl, j)
}

// JobsResultsCmd shows results.
type JobsResultsCmd struct {
	ID      string `arg:"" help:"Job."`
	Refused bool   `help:"Only what was not done."`
}

// Run prints one line for each recipient, as it was done.
func (c *JobsResultsCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	w := lineWriter{g: g}
	for it, err := range cl.JobResults(ctx, c.ID, c.Refused) {
		if err != nil {
			return err
		}
		if err := w.write(&it); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	if w.n == 0 {
		return errNoMatch
	}
	return nil
}

// lineWriter writes results in tables of some hundred lines, so that a hundred
// thousand do not stand in memory.
type lineWriter struct {
	g     *Globals
	items []api.ActionItem
	n     int
}

func (w *lineWriter) write(it *api.ActionItem) error {
	w.n++
	if w.g.JSON {
		return printJSON(it)
	}
	if w.items = append(w.items, *it); len(w.items) == 500 {
		return w.flush()
	}
	return nil
}

func (w *lineWriter) flush() error {
	if len(w.items) == 0 {
		return nil
	}
	defer func() { w.items = w.items[:0] }()
	return resultTable(w.items, true).Write(w.g.screen())
}

// JobsCancelCmd stops a job.
type JobsCancelCmd struct {
	ID string `arg:"" help:"Job."`
}

// Run stops it and shows how far it came.
func (c *JobsCancelCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	j, err := cl.CancelJob(ctx, c.ID)
	if err != nil {
		return err
	}
	if j, err = follow(ctx, g, cl, j, false); err != nil {
		return err
	}
	if g.JSON {
		return printJSON(j)
	}
	return jobTable(g.view(), []api.Job{*j}).Write(g.screen())
}

// job applies a verb to what a filter finds, and shows what became of it. An
// interrupt stops it.
func (f *VerbFlags) job(ctx context.Context, g *Globals, cl *client.Client, req api.ActionRequest) error {
	j, err := cl.StartJob(ctx, api.JobRequest{Verb: req.Verb, Filter: req.Filter, Args: req.Args})
	if err != nil {
		return err
	}
	if f.Detach && !g.offline {
		if g.JSON {
			return printJSON(j)
		}
		fmt.Println(j.ID)
		return nil
	}
	if j, err = follow(ctx, g, cl, j, true); err != nil {
		return err
	}
	return showJob(ctx, g, cl, j)
}

// follow asks for a job until it is over, and shows its progress to whoever
// watches. When ctx ends first it cancels the job, where it is ours.
func follow(ctx context.Context, g *Globals, cl *client.Client, j *api.Job, ours bool) (*api.Job, error) {
	p := progress{s: terminal.NewScreen(os.Stderr, g.Color)}
	defer p.clear()
	wait, asked := 20*time.Millisecond, false
	late := context.WithoutCancel(ctx)
	for !j.Over {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			if !ours {
				return nil, failure{"job " + j.ID + " goes on", "see: weir jobs"}
			}
			if !asked {
				asked = true
				if _, err := cl.CancelJob(late, j.ID); err != nil {
					return nil, err
				}
			}
			time.Sleep(wait)
		}
		wait = min(2*wait, 500*time.Millisecond)
		now, err := cl.Job(late, j.ID)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("job %s goes on unseen", j.ID), err)
		}
		j = now
		p.show(j)
	}
	return j, nil
}

// progress is one line that is written over.
type progress struct {
	s     *terminal.Screen
	shown bool
	watch bool // it is not ours to stop
}

func (p *progress) show(j *api.Job) {
	if !p.s.IsTerminal() || j.State == "counting" {
		return
	}
	p.shown = true
	end := "stops it"
	if p.watch {
		end = "leaves it"
	}
	fmt.Fprintf(p.s, "\r%s: %d of %d, %d not done; Ctrl-C %s\x1b[K", j.Verb, j.Tried, j.Total, j.Refused, end)
}

func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.s, "\r\x1b[K")
	}
}

// listed is how many results of a job are listed; of more, only what was not
// done, as many.
const listed = 100

// showJob shows what became of a job. Exit code 1: something was not done, or
// not all was tried; 3: nothing matched.
func showJob(ctx context.Context, g *Globals, cl *client.Client, j *api.Job) error {
	res := api.ActionResult{Verb: j.Verb, Matched: j.Tried, Changed: j.Changed}
	all := g.JSON || j.Tried <= listed
	for it, err := range cl.JobResults(ctx, j.ID, !all) {
		if err != nil {
			return err
		}
		if g.JSON {
			if err := printJSON(it); err != nil {
				return err
			}
			continue
		}
		if res.Items = append(res.Items, it); len(res.Items) == listed {
			break
		}
	}
	var err error
	if j.Tried > 0 && !g.JSON {
		err = showResult(g, &res)
	}
	switch {
	case j.State != "done":
		fmt.Fprintf(os.Stderr, "weir: %s is %s after %d of %d recipients%s\n", j.Verb, j.State, j.Tried, j.Total, nonEmpty(": ", j.Error))
		return quiet(exitError)
	case j.Tried == 0:
		return errNoMatch
	case j.Refused > 0 && !g.JSON && len(res.Items) < j.Refused:
		fmt.Fprintf(os.Stderr, "weir: %d were not done; see: weir jobs results %s --refused\n", j.Refused, j.ID)
	}
	if j.Refused > 0 {
		return quiet(exitError)
	}
	return err
}
