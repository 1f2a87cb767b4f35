package api

import (
	"encoding/json"
	"fmt"
	"net/http"
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
