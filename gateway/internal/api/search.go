package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// SearchInput are the parameters of a search. It is exported because huma
// leaves out what it cannot set.
type SearchInput struct {
	Q      string `query:"q" maxLength:"4096" doc:"Filter in its text form, such as: status:queued sender:*@partner.test"`
	Filter string `query:"filter" maxLength:"16384" doc:"Filter as JSON; narrows q"`
	Cursor string `query:"cursor" maxLength:"512" doc:"Where to go on; from the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Rows at most"`
}

// SortInput is the order of a search.
type SortInput struct {
	Sort string `query:"sort" maxLength:"40" example:"-changed" doc:"Field to sort by, with - in front highest first; newest message first when absent. Other orders than -received sort the newest 100,000 rows that the search looks at; searched_back_to tells how far back that is"`
}

// order reads a SortInput.
func (in SortInput) order() (store.Order, *Problem) {
	if in.Sort == "" {
		return store.Order{}, nil
	}
	field, down := strings.CutPrefix(in.Sort, "-")
	if !slices.Contains(query.Sortable(), field) {
		return store.Order{}, problem(http.StatusUnprocessableEntity, fmt.Sprintf("a search cannot be sorted by %q", field),
			"the fields to sort by are "+strings.Join(query.Sortable(), ", "))
	}
	return store.Order{Field: field, Ascending: !down}, nil
}

// filterOf reads both forms of a filter and joins them.
func filterOf(text, tree string) (query.Filter, *Problem) {
	var f, g query.Filter
	if text != "" {
		var err error
		if f, err = query.Parse(text); err != nil {
			return f, badFilter("q", err)
		}
	}
	if tree != "" {
		dec := json.NewDecoder(strings.NewReader(tree))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&g); err != nil {
			return f, badFilter("filter", err)
		}
	}
	return checked(query.And(f, g))
}

func checked(f query.Filter) (query.Filter, *Problem) {
	if err := f.Validate(); err != nil {
		return f, badFilter("filter", err)
	}
	return f, nil
}

func badFilter(where string, err error) *Problem {
	p := problem(http.StatusUnprocessableEntity, "the filter does not read: "+err.Error(), "see: weir help search")
	p.Errors = []string{fmt.Sprintf("query.%s: %v", where, err)}
	return p
}

// rowFields are the names that "fields" may ask for, by their place in Row.
var rowFields = func() map[string]int {
	m := map[string]int{}
	t := reflect.TypeFor[Row]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		m[name] = i
	}
	return m
}()

// RowFields are the names of a row's fields, sorted.
func RowFields() []string {
	names := make([]string, 0, len(rowFields))
	for name := range rowFields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// pick keeps the ID and the named fields of a row; the others are left out of
// the answer because they are empty.
func (r Row) pick(fields []string) Row {
	if len(fields) == 0 {
		return r
	}
	out := Row{ID: r.ID}
	src, dst := reflect.ValueOf(r), reflect.ValueOf(&out).Elem()
	for _, name := range fields {
		i := rowFields[name]
		dst.Field(i).Set(src.Field(i))
	}
	return out
}

func checkFields(fields []string) *Problem {
	for _, name := range fields {
		if _, ok := rowFields[name]; !ok {
			return problem(http.StatusUnprocessableEntity, fmt.Sprintf("there is no field %q", name),
				"the fields are "+strings.Join(RowFields(), ", "))
		}
	}
	return nil
}
