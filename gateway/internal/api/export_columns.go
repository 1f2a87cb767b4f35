package api

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/store"
)

// DefaultColumns are those of an export that names none.
var DefaultColumns = []string{"id", "received", "direction", "status", "sender", "recipient", "subject", "size", "client", "class", "reason"}

// Columns say what an export has of each row.
type Columns struct {
	Names []string       // none: DefaultColumns
	Zone  *time.Location // of times; nil: UTC
	// Offered lists the verbs of a row, for the column "verbs"; nil: it stays empty.
	Offered func(store.Row) []string
}

// Cells are a row's columns as text.
func (c Columns) Cells(r store.Row) []string {
	names := c.Names
	if len(names) == 0 {
		names = DefaultColumns
	}
	row := c.row(r, names)
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = c.Cell(&row, name)
	}
	return out
}

// Cell is one column of a row that a list gave, as text; "" for a name that is
// none.
func (c Columns) Cell(r *Row, name string) string {
	_, at, ok := columnAt(name)
	if !ok {
		return ""
	}
	return c.text(reflect.ValueOf(r).Elem().Field(at).Interface())
}

// Object is a row as one JSON value: all that lists show of it, and what ran; or
// its ID and the columns, under the names that were asked for.
func (c Columns) Object(r store.Row) any {
	row := c.row(r, c.Names)
	if len(c.Names) == 0 {
		return struct {
			Row
			Filters []FilterRun `json:"filters,omitempty"`
		}{row, filtersOf(r.Recipient)}
	}
	out := map[string]any{"id": row.ID}
	v := reflect.ValueOf(row)
	for _, name := range c.Names {
		if _, at, ok := columnAt(name); ok && !v.Field(at).IsZero() {
			out[name] = v.Field(at).Interface()
		}
	}
	return out
}

func (c Columns) row(r store.Row, names []string) Row {
	row := rowWith(r, names)
	if c.Offered != nil && slices.Contains(names, "verbs") {
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
