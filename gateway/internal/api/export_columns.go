package api

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// DefaultColumns are those of an export that names none.
var DefaultColumns = []string{"id", "received", "direction", "status", "sender", "recipient", "subject", "size", "client", "class", "reason"}

// ExportColumns are what an export may list, sorted: the fields of a row, and
// all that a search can ask about.
func ExportColumns() []string {
	names := map[string]bool{}
	for name := range rowFields {
		names[name] = true
	}
	for _, f := range query.Fields() {
		if f.Name != "text" { // several fields under one name
			names[f.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Columns say what an export has of each row.
type Columns struct {
	Names []string       // none: DefaultColumns
	Zone  *time.Location // of times; nil: UTC
	// Offered lists the verbs of a row, for the column "verbs"; nil: it stays empty.
	Offered func(store.Row) []string
}

// CheckColumns says which column there is not, or nil.
func CheckColumns(names []string) *Problem {
	known := ExportColumns()
	for _, name := range names {
		if !slices.Contains(known, name) {
			return problem(http.StatusUnprocessableEntity, fmt.Sprintf("there is no column %q", name), "the columns are "+strings.Join(known, ", "))
		}
	}
	return nil
}

// Cells are a row's columns as text.
func (c Columns) Cells(r store.Row) []string {
	names := c.Names
	if len(names) == 0 {
		names = DefaultColumns
	}
	row := c.row(r)
	v := reflect.ValueOf(row)
	out := make([]string, len(names))
	for i, name := range names {
		if f, ok := rowFields[name]; ok {
			out[i] = c.text(v.Field(f).Interface())
		} else {
			out[i] = c.field(r, name)
		}
	}
	return out
}

// Cell is one field of a row that a list gave, as text; "" for a name that is
// none of its fields.
func (c Columns) Cell(r *Row, name string) string {
	f, ok := rowFields[name]
	if !ok {
		return ""
	}
	return c.text(reflect.ValueOf(r).Elem().Field(f).Interface())
}

// Object is a row as one JSON value: all that lists show of it, or its ID and
// the columns.
func (c Columns) Object(r store.Row) any {
	row := c.row(r)
	if len(c.Names) == 0 {
		return row
	}
	out := map[string]any{"id": row.ID}
	v := reflect.ValueOf(row)
	for _, name := range c.Names {
		if f, ok := rowFields[name]; ok {
			if !v.Field(f).IsZero() {
				out[name] = v.Field(f).Interface()
			}
		} else if x := value(r, name); x != nil {
			out[name] = x
		}
	}
	return out
}

func (c Columns) row(r store.Row) Row {
	row := rowOf(r.Message, r.Recipient)
	if c.Offered != nil && slices.Contains(c.Names, "verbs") {
		row.Verbs = c.Offered(r)
	}
	return row
}

// text is one value for a cell.
func (c Columns) text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case time.Time:
		return c.time(v)
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case []string:
		return strings.Join(v, " ")
	case *Reply:
		if v == nil {
			return ""
		}
		parts := []string{}
		if v.Code != 0 {
			parts = append(parts, strconv.Itoa(v.Code))
		}
		for _, s := range []string{v.Enhanced, v.Text} {
			if s != "" {
				parts = append(parts, s)
			}
		}
		return strings.Join(parts, " ")
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

func (c Columns) time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	zone := c.Zone
	if zone == nil {
		zone = time.UTC
	}
	return t.In(zone).Format(time.RFC3339)
}

// field is what a search would ask a row about, as text.
func (c Columns) field(r store.Row, name string) string { return c.text(value(r, name)) }

// value is a field of a search as JSON has it; nil where the row has none.
func value(r store.Row, name string) any {
	if t, ok := r.Time(name); ok {
		return t
	}
	if n, ok := r.Num(name); ok {
		return n
	}
	switch t := r.Text(name); len(t) {
	case 0:
		return nil
	case 1:
		return t[0]
	default:
		return t
	}
}
