package main

import (
	"context"
	"fmt"
	"os"

	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// SumFlags choose from the log without a limit.
type SumFlags struct {
	Terms  []string `arg:"" optional:"" name:"term" help:"Filter as in \"weir help search\"."`
	Status []string `short:"S" placeholder:"STATUS" help:"One of these statuses; see \"weir help statuses\"."`
	FilterFlags
}

func (f *SumFlags) search() (client.Search, error) {
	base, err := (&LogFlags{Terms: f.Terms, Status: f.Status}).base()
	if err != nil {
		return client.Search{}, err
	}
	filter, err := f.filter(base)
	return client.Search{Filter: filter}, err
}

// LogCountCmd counts what a search finds.
type LogCountCmd struct{ SumFlags }

// Run prints a number; "at least" stands before one that is not exact.
func (c *LogCountCmd) Run(ctx context.Context, g *Globals) error {
	s, err := c.search()
	if err != nil {
		return err
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	n, err := cl.Count(ctx, s)
	if err != nil {
		return err
	}
	switch {
	case g.JSON:
		err = printJSON(n)
	case n.Exact:
		_, err = fmt.Fprintln(os.Stdout, n.Count)
	default:
		_, err = fmt.Fprintln(os.Stdout, "at least", n.Count)
	}
	return err
}

// LogFacetsCmd sums up what a search finds.
type LogFacetsCmd struct {
	Field string `arg:"" help:"Field to sum up by, such as status, sender_domain or class."`
	SumFlags
	Top int `default:"20" help:"Values at most, the most frequent first."`
}

// Run prints a line for each value.
func (c *LogFacetsCmd) Run(ctx context.Context, g *Globals) error {
	if _, ok := query.Lookup(c.Field); !ok {
		return usageError{fmt.Sprintf("there is no field %q", c.Field), "see: weir help search"}
	}
	s, err := c.search()
	if err != nil {
		return err
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	res, err := cl.Facets(ctx, s, c.Top, c.Field)
	if err != nil {
		return err
	}
	f := res.Fields[c.Field]
	if g.JSON {
		return printJSON(f)
	}
	if len(f.Values) == 0 {
		return errNoMatch
	}
	t := terminal.NewTable(terminal.Column{Title: "ROWS", Right: true}, terminal.Column{Title: "VALUE", Min: 10, End: true})
	for _, v := range f.Values {
		text := v.Value
		if text == "" {
			text = "(none)"
		}
		t.Add(fmt.Sprint(v.Count), text)
	}
	if err := t.Write(g.screen()); err != nil {
		return err
	}
	if f.Others > 0 {
		fmt.Fprintf(os.Stderr, "weir: %d rows have other values; --top shows more\n", f.Others)
	}
	if !f.Exact {
		fmt.Fprintln(os.Stderr, "weir: of the newest rows only; the time to sum up was over")
	}
	return nil
}
