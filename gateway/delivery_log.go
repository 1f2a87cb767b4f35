package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// deliveryLog lists the delivery log, latest attempt first (B138).
type deliveryLog struct {
	flags   ListFlags
	columns []string // none: the usual ones
	order   string   // that was asked for: there is but one
	lines   bool     // as a mail log
}

func (l deliveryLog) list(ctx context.Context, g *Globals, cl *client.Client, base query.Filter) error {
	if l.order != "" && l.order != "-attempt_time" {
		return usageError{"the delivery log is in the order of its attempts, latest first", "leave out --sort"}
	}
	if p := api.CheckDeliveryColumns(l.columns); p != nil {
		return usageError{p.Detail, p.Remedy}
	}
	f, err := l.flags.deliveries(base)
	if err != nil {
		return err
	}
	var fields []string // of the recipients' rows
	for _, c := range l.columns {
		if _, ok := query.OfAttempt(c); !ok {
			fields = append(fields, c)
		}
	}
	var back time.Time
	told := func(p *api.DeliveryPage) { back = later(back, p.SearchedBackTo) }
	n := 0
	var all []api.Delivery
	for d, err := range cl.AllDeliveries(ctx, client.Search{Filter: f, Fields: fields}, l.flags.Limit, told) {
		if err != nil {
			return err
		}
		n++
		switch {
		case g.JSON:
			if err := printJSON(d); err != nil {
				return err
			}
		case l.lines:
			for _, o := range d.Outcome {
				fmt.Fprintln(g.screen(), terminal.Clean(deliveryLine(&d.Attempt, &o)))
			}
		default:
			all = append(all, d)
		}
	}
	if !back.IsZero() {
		fmt.Fprintf(os.Stderr, "weir: attempts before %s may be missing; narrow the search, with attempt_time for instance\n", g.view().short(back))
	}
	switch {
	case n == 0 && !g.JSON:
		fmt.Fprintln(os.Stderr, "weir: no delivery attempt matches")
		return quiet(exitNoMatch)
	case n == 0:
		return quiet(exitNoMatch)
	case g.JSON || l.lines:
		return nil
	case len(l.columns) > 0:
		return deliveryTable(g.view(), all, l.columns, g.Wide).Write(g.screen())
	}
	return attemptTable(g.view(), attemptsOf(all), g.Wide).Write(g.screen())
}

// later is the later of two times: what was not looked at of one page is not made
// up for by the next.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func attemptsOf(all []api.Delivery) []api.Attempt {
	as := make([]api.Attempt, len(all))
	for i := range all {
		as[i] = all[i].Attempt
	}
	return as
}

// deliveryTable has a line for each attempt and recipient, and the columns of the
// operator's choice.
func deliveryTable(v view, all []api.Delivery, columns []string, wholeIDs bool) *terminal.Table {
	columns = slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return query.Name(c) == "id" }) // it is there always
	heads := []terminal.Column{{Title: "ID"}}
	for _, c := range columns {
		heads = append(heads, deliveryColumn(c).Column)
	}
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = all[i].Message
		if len(all[i].Outcome) > 0 {
			ids[i] += fmt.Sprintf(".%d", all[i].Outcome[0].N)
		}
	}
	if !wholeIDs {
		ids = shortIDs(ids)
	}
	t := terminal.NewTable(heads...)
	for i := range all {
		cells := []terminal.Cell{plain(ids[i])}
		for _, c := range columns {
			cells = append(cells, deliveryCell(v, &all[i], c))
		}
		t.AddCells(cells...)
	}
	return t
}

// deliveryColumn is the head of a column.
func deliveryColumn(name string) column {
	f, ok := query.OfAttempt(name)
	if !ok {
		return fieldColumn(name)
	}
	title := strings.ToUpper(strings.ReplaceAll(name, "_", " "))
	switch f.Type {
	case query.TypeTime, query.TypeEnum:
		return column{Column: terminal.Column{Title: title}}
	case query.TypeNumber:
		return column{Column: terminal.Column{Title: title, Right: true}}
	}
	return column{Column: terminal.Column{Title: title, Min: 8, Want: 18, End: name == "attempt_reply"}}
}

func deliveryCell(v view, d *api.Delivery, name string) terminal.Cell {
	if _, ok := query.OfAttempt(name); !ok {
		if d.Row == nil {
			return plain("")
		}
		return fieldColumn(name).cell(v, d.Row)
	}
	switch name {
	case "attempt_time":
		return plain(v.short(d.Start))
	case "attempt_result":
		if len(d.Outcome) > 0 {
			return terminal.Cell{Text: d.Outcome[0].Result, Style: resultStyles[d.Outcome[0].Result]}
		}
	}
	return plain(api.Columns{Zone: v.loc}.DeliveryCell(d, name))
}
