package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// LogHistogramCmd counts what a search finds by when it came in.
type LogHistogramCmd struct {
	SumFlags
	Step string `default:"1h" placeholder:"TIME" help:"Length of a step, from 1s to 30d, such as 15m, 1h or 1d; days are those of UTC."`
}

// Run prints a line for each step of time, oldest first, with a bar.
func (c *LogHistogramCmd) Run(ctx context.Context, g *Globals) error {
	step, err := query.ParseDistance(c.Step)
	if err != nil || step < time.Second {
		return usageError{fmt.Sprintf("--step %s is not a length of time from 1s to 30d", c.Step), "write one such as 15m, 1h or 1d"}
	}
	s, err := c.search()
	if err != nil {
		return err
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	res, err := cl.Histogram(ctx, s, c.Step)
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(res)
	}
	if len(res.Bars) == 0 {
		return errNoMatch
	}
	screen := g.screen()
	if err := histogramTable(g.view(), res.Bars, step, screen.Width()).Write(screen); err != nil {
		return err
	}
	if !res.Exact {
		fmt.Fprintln(os.Stderr, "weir: of the newest rows only; the time to sum up was over")
	}
	return nil
}

// barWidth is how wide a line with its bar is where the screen does not say, and
// at the most.
const barWidth = 80

// emptySteps are shown one by one up to so many; a longer time in which nothing
// came in is one line.
const emptySteps = 5

// histogramTable has a line for each step. The longest bar fills the width; what
// is more than nothing has a bar of one at least.
func histogramTable(v view, bars []api.Bar, step time.Duration, width int) *terminal.Table {
	if width <= 0 || width > barWidth {
		width = barWidth
	}
	most := 0
	for _, b := range bars {
		most = max(most, b.Count)
	}
	format := "2006-01-02 15:04"
	switch {
	case step%(24*time.Hour) == 0 && v.loc == time.UTC:
		format = "2006-01-02"
	case step%time.Minute != 0:
		format += ":05"
	}
	const gaps = 4 // between the columns
	room := max(1, width-len(format)-max(len("ROWS"), len(strconv.Itoa(most)))-gaps)
	t := terminal.NewTable(terminal.Column{Title: "FROM"}, terminal.Column{Title: "ROWS", Right: true}, terminal.Column{Title: "", End: true})
	for i, b := range bars {
		if i > 0 {
			addEmpty(t, v, format, bars[i-1].At.Add(step), b.At, step)
		}
		t.Add(b.At.In(v.loc).Format(format), strconv.Itoa(b.Count), strings.Repeat("#", (b.Count*room+most-1)/most))
	}
	return t
}

// addEmpty adds the steps from one time to another in which nothing came in.
func addEmpty(t *terminal.Table, v view, format string, from, to time.Time, step time.Duration) {
	if n := int(to.Sub(from) / step); n > emptySteps {
		t.Add(from.In(v.loc).Format(format), "0", fmt.Sprintf("(%d steps)", n))
		return
	}
	for ; from.Before(to); from = from.Add(step) {
		t.Add(from.In(v.loc).Format(format), "0", "")
	}
}
