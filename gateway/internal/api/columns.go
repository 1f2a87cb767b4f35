package api

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Columns of lists and exports are called as the fields of searches are, by one
// list for all of them: query.Fields, and what only lists have.

// listOnly are the columns that no search can ask about.
var listOnly = []query.Field{
	{Name: "original", Type: query.TypeText, Doc: "recipient before a redirect; a search for recipient finds it, too"},
	{Name: "mark", Type: query.TypeEnum, Doc: "why the row stands out; none: it is delivered, or was decided", Values: []string{"queued", "deferring", "failed", "filtering"}},
	{Name: "verbs", Type: query.TypeText, Doc: "actions offered for it"},
}

// rowFields are a row's fields by name, by their place in Row; onDemand are those
// that are there only when they are named.
var rowFields, onDemand = func() (at map[string]int, onDemand map[string]bool) {
	at, onDemand = map[string]int{}, map[string]bool{}
	t := reflect.TypeFor[Row]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		at[name], onDemand[name] = i, t.Field(i).Tag.Get("row") == "asked"
	}
	return at, onDemand
}()

// RowFields are the names of what a row's JSON may hold, sorted.
func RowFields() []string { return slices.Sorted(maps.Keys(rowFields)) }

// ColumnNames are what a list may show and an export may hold, sorted: all that
// a search can ask about, but what is search-only, and what only lists have.
func ColumnNames() []string {
	names := []string{}
	for _, f := range slices.Concat(query.Fields(), listOnly) {
		if !f.SearchOnly() {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return names
}

// ExportColumns are all names that a column is known by, sorted: ColumnNames,
// and other names of them.
func ExportColumns() []string {
	names := ColumnNames()
	for _, f := range query.Fields() {
		if !f.SearchOnly() {
			names = append(names, f.Aliases()...)
		}
	}
	slices.Sort(names)
	return names
}

// columnAt is the field of Row that a column shows.
func columnAt(name string) (field string, at int, ok bool) {
	if at, ok = rowFields[name]; ok {
		return name, at, true
	}
	field = query.Name(name)
	at, ok = rowFields[field]
	return field, at, ok
}

// CheckColumns says which column there is not, or nil.
func CheckColumns(names []string) *Problem {
	for _, name := range names {
		if _, _, ok := columnAt(name); !ok {
			return problem(http.StatusUnprocessableEntity, fmt.Sprintf("there is no column %q", name), "the columns are "+strings.Join(ColumnNames(), ", "))
		}
	}
	return nil
}

// rowWith is a row as lists show it, with the fields that have to be named and
// are.
func rowWith(r store.Row, names []string) Row {
	row := rowOf(r.Message, r.Recipient)
	for _, name := range names {
		if field, at, ok := columnAt(name); ok && onDemand[field] {
			set(reflect.ValueOf(&row).Elem().Field(at), r, field)
		}
	}
	return row
}

// set gives a field of Row what a search would find there.
func set(v reflect.Value, r store.Row, field string) {
	n, _ := r.Num(field)
	texts := r.Text(field)
	switch v.Kind() {
	case reflect.Int:
		v.SetInt(int64(n))
	case reflect.Float64:
		v.SetFloat(n)
	case reflect.Slice:
		v.Set(reflect.ValueOf(slices.Clone(texts)))
	default:
		if len(texts) > 0 {
			v.SetString(texts[0])
		}
	}
}

// pick keeps the ID and the named fields of a row; the others are left out of
// the answer because they are empty.
func (r Row) pick(names []string) Row {
	if len(names) == 0 {
		return r
	}
	out := Row{ID: r.ID}
	src, dst := reflect.ValueOf(r), reflect.ValueOf(&out).Elem()
	for _, name := range names {
		if _, i, ok := columnAt(name); ok {
			dst.Field(i).Set(src.Field(i))
		}
	}
	return out
}
