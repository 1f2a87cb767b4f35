package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	reports "github.com/mailweir/weir/gateway/internal/report"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// QueueSummaryCmd sums the queue up, as qshape does.
type QueueSummaryCmd struct {
	FilterFlags
	By  []string `short:"b" placeholder:"WHAT" default:"destination,reason" help:"By what: ${dimensions}."`
	Top int      `default:"10" help:"Lines of each, the largest first."`
}

// Run prints the recipients by status, then by what is asked for and by the
// age of their messages.
func (c *QueueSummaryCmd) Run(ctx context.Context, g *Globals) error {
	filter, err := c.filter(query.Filter{})
	if err != nil {
		return err
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	shape, err := cl.Shape(ctx, client.Search{Filter: filter}, c.By, c.Top)
	if err != nil {
		return err
	}
	if !c.given() { // then what is held is counted, too
		sum, err := cl.Summary(ctx)
		if err != nil {
			return err
		}
		shape.Counts = sum.Counts
	}
	if g.JSON {
		return printJSON(shape)
	}
	s := g.screen()
	if err := countTable(shape.Counts, !c.given()).Write(s); err != nil {
		return err
	}
	if shape.All.Total == 0 {
		return nil
	}
	for _, by := range c.By {
		fmt.Fprintln(s)
		var err error
		if by == "reason" {
			err = reasonTable(g.view(), shape).Write(s)
		} else {
			err = shapeTable(by, shape).Write(s)
		}
		if err != nil {
			return err
		}
		if n := shape.Others[by]; n > 0 {
			fmt.Fprintf(s, "and %d more; --top shows them\n", n)
		}
	}
	return nil
}

// countTable has a line for each live status; with held also for those that
// nobody delivers.
func countTable(counts map[string]int, held bool) *terminal.Table {
	t := terminal.NewTable(terminal.Column{Title: "STATUS"}, terminal.Column{Title: "RECIPIENTS", Right: true},
		terminal.Column{Title: "MEANING", Min: 20, End: true})
	for _, st := range mail.Statuses() {
		if st.Live() && (held || !st.Held()) {
			t.AddCells(terminal.Cell{Text: string(st), Style: statusStyle(string(st))}, plain(strconv.Itoa(counts[string(st)])), plain(statusMeaning(string(st))))
		}
	}
	return t
}

// shapeTable has a line for each group, and a column for each age.
func shapeTable(by string, shape *api.QueueShape) *terminal.Table {
	cols := []terminal.Column{{Title: strings.ToUpper(strings.ReplaceAll(by, "_", " ")), Min: 14, Want: 24}, {Title: "TOTAL", Right: true}}
	for i, b := range shape.Bounds {
		cols = append(cols, terminal.Column{Title: "<" + distance(time.Duration(b)*time.Second), Right: true})
		if i == len(shape.Bounds)-1 {
			cols = append(cols, terminal.Column{Title: "older", Right: true})
		}
	}
	t := terminal.NewTable(cols...)
	line := func(name string, g *api.QueueGroup) {
		cells := []terminal.Cell{plain(name), plain(strconv.Itoa(g.Total))}
		for _, n := range g.Ages {
			if n == 0 {
				cells = append(cells, terminal.Cell{Text: "0", Style: terminal.Dim})
			} else {
				cells = append(cells, plain(strconv.Itoa(n)))
			}
		}
		t.AddCells(cells...)
	}
	line("all", &shape.All)
	groups := shape.By[by]
	for i := range groups {
		line(groups[i].Key, &groups[i])
	}
	return t
}

// reasonTable has a line for each reason.
func reasonTable(v view, shape *api.QueueShape) *terminal.Table {
	t := terminal.NewTable(terminal.Column{Title: "TOTAL", Right: true}, terminal.Column{Title: "OLDEST", Right: true}, terminal.Column{Title: "REASON", Min: 30, End: true})
	for _, r := range shape.By["reason"] {
		t.AddCells(plain(strconv.Itoa(r.Total)), plain(v.age(r.Oldest)), plain(r.Key))
	}
	return t
}

// summaryDimensions is for the help text.
func summaryDimensions() string { return strings.Join(reports.Dimensions(), ", ") }
