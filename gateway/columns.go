package main

import (
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// ColumnFlags choose the columns of a list (B9, B108).
type ColumnFlags struct {
	Columns []string `short:"C" placeholder:"FIELD" help:"Columns to show in place of the usual ones, such as received,recipient,host; \"weir log fields\" lists them."`
}

// columns are those that were asked for, or the usual ones.
func (c *ColumnFlags) columns(g *Globals, usual []column) ([]column, error) {
	if len(c.Columns) == 0 {
		return usual, nil
	}
	if g.JSON {
		return nil, usageError{"--columns with --json, which has all of them", "leave one of them out"}
	}
	if p := api.CheckColumns(c.Columns); p != nil {
		return nil, usageError{p.Detail, p.Remedy}
	}
	var out []column
	for _, f := range c.Columns {
		if query.Name(f) != "id" { // it is there always
			out = append(out, fieldColumn(f))
		}
	}
	return out, nil
}

// fieldColumn shows a column by one of its names.
func fieldColumn(f string) column {
	title := strings.ToUpper(strings.ReplaceAll(f, "_", " "))
	switch name := query.Name(f); name {
	case "received", "next", "changed", "expires":
		return column{terminal.Column{Title: title}, func(v view, r *api.Row) terminal.Cell {
			return plain(v.short(map[string]time.Time{"received": r.Received, "next": r.Next, "changed": r.Changed, "expires": r.Expires}[name]))
		}, f}
	case "mark":
		c := colMark
		c.field = f
		return c
	case "status":
		c := colStatus
		c.field = f
		return c
	}
	text := func(v view, r *api.Row) terminal.Cell { return plain(fieldText(v, r, f)) }
	if field, _ := query.Lookup(query.Name(f)); field.Type == query.TypeNumber || field.Type == query.TypeSize {
		return column{terminal.Column{Title: title, Right: true}, text, f}
	}
	return column{terminal.Column{Title: title, Min: 8, Want: 18}, text, f}
}

// fieldsOf are the fields that columns of the operator's choice show; none for
// the usual ones, which every row has.
func fieldsOf(cols []column) []string {
	var out []string
	for _, c := range cols {
		if c.field == "" {
			return nil
		}
		out = append(out, c.field)
	}
	return out
}
