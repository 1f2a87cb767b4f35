// Package query is the filter that every search uses: the API, the CLI, the
// UI and operators' actions build one, the store evaluates it or compiles it
// to its own query language.
//
// It stands below the store and knows no engine.
package query

// Filter is a node of the filter tree: exactly one of All, Any, Not or Field
// is set; the zero Filter matches everything.
type Filter struct {
	All   []Filter `json:"all,omitempty"`
	Any   []Filter `json:"any,omitempty"`
	Not   *Filter  `json:"not,omitempty"`
	Field string   `json:"field,omitempty"` // see Fields
	Op    Op       `json:"op,omitempty"`
	Value string   `json:"value,omitempty"`
}

// Op is a comparison.
type Op string

// The comparisons. Texts compare without regard to case.
const (
	Is       Op = "is"
	IsNot    Op = "is-not"
	Like     Op = "like"     // wildcards * and ?
	Contains Op = "contains" // substring
	Before   Op = "before"   // time, number
	After    Op = "after"
)
