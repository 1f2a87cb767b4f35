package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// ColumnFlags choose the columns of a list (B9, B108).
type ColumnFlags struct {
	Columns []string `short:"C" placeholder:"FIELD" help:"Columns to show in place of the usual ones, such as received,recipient,last_host; the fields are those of \"weir log export --fields\"."`
}

// columns are those that were asked for, or the usual ones.
func (c *ColumnFlags) columns(g *Globals, usual []column) ([]column, error) {
	if len(c.Columns) == 0 {
		return usual, nil
	}
	if g.JSON {
		return nil, usageError{"--columns with --json, which has all of them", "leave one of them out"}
	}
	known := api.RowFields()
	var out []column
	for _, f := range c.Columns {
		if !slices.Contains(known, f) {
			return nil, usageError{fmt.Sprintf("there is no field %q", f), "the fields are " + strings.Join(known, ", ")}
		}
		if f != "id" { // it is there always
			out = append(out, fieldColumn(f))
		}
	}
	return out, nil
}

// fieldColumn shows a field of the API's rows.
func fieldColumn(f string) column {
	title := strings.ToUpper(strings.ReplaceAll(f, "_", " "))
	switch f {
	case "received", "next", "changed", "expires":
		return column{terminal.Column{Title: title}, func(v view, r *api.Row) terminal.Cell {
			return plain(v.short(map[string]time.Time{"received": r.Received, "next": r.Next, "changed": r.Changed, "expires": r.Expires}[f]))
		}}
	case "mark":
		return colMark
	case "status":
		return colStatus
	case "size", "score", "failures", "attempts":
		return column{terminal.Column{Title: title, Right: true}, func(v view, r *api.Row) terminal.Cell { return plain(fieldText(v, r, f)) }}
	}
	return column{terminal.Column{Title: title, Min: 8, Want: 18}, func(v view, r *api.Row) terminal.Cell { return plain(fieldText(v, r, f)) }}
}
