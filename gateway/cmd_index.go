package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
)

// IndexCmd is the search index, which can be made anew from the record.
type IndexCmd struct {
	Status  IndexStatusCmd  `cmd:"" default:"1" help:"Say whether searches can use it."`
	Rebuild IndexRebuildCmd `cmd:"" help:"Make it anew; the gateway goes on, and searches read the record itself meanwhile."`
}

// IndexStatusCmd shows the state of the index.
type IndexStatusCmd struct{}

// Run prints it. Exit code 1: searches cannot use it.
func (c *IndexStatusCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	st, err := cl.Index(ctx)
	if err != nil {
		return err
	}
	if err := g.showIndex(st); err != nil {
		return err
	}
	if !st.Whole {
		return quiet(exitError)
	}
	return nil
}

func (g *Globals) showIndex(st *api.IndexInfo) error {
	if g.JSON {
		return printJSON(st)
	}
	s := g.screen()
	v := g.view()
	switch {
	case st.Rebuilding:
		reached := ""
		if !st.Reached.IsZero() {
			reached = ", up to " + v.short(st.Reached)
		}
		fmt.Fprintf(s, "the search index is being made anew since %s: %s%s; searches read the record itself meanwhile\n", v.short(st.Since), count(st.Rows, "row"), reached)
	case st.Whole:
		fmt.Fprintf(s, "the search index is whole: %s, %.1f MiB, %s behind\n", count(st.Rows, "row"), float64(st.Size)/(1<<20), count(int(st.Behind), "commit"))
	default:
		fmt.Fprintf(s, "searches do not use the search index: it is %s behind\n", count(int(st.Behind), "commit"))
	}
	if st.Error != "" {
		fmt.Fprintf(s, "the last fault: %s\n", st.Error)
	}
	return nil
}

// IndexRebuildCmd makes the index anew.
type IndexRebuildCmd struct {
	Wait bool `help:"Wait until it is whole."`
}

// Run asks for it.
func (c *IndexRebuildCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	st, err := cl.RebuildIndex(ctx)
	if err != nil {
		return err
	}
	if !c.Wait {
		if g.JSON {
			return printJSON(st)
		}
		fmt.Fprintln(os.Stderr, "weir: the search index is being made anew; see: weir index status")
		return nil
	}
	for st.Rebuilding || !st.Whole {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
		if st, err = cl.Index(ctx); err != nil {
			return err
		}
	}
	return g.showIndex(st)
}
