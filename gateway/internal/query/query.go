// Package query is the filter that every search uses: the API, the CLI, the
// UI and operators' actions build one, the store evaluates it or compiles it
// to its own query language.
//
// It stands below the store and knows no engine. It is not for deciding who
// may see what: package scope restricts a filter before it reaches the store.
package query

import "strings"

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

// The comparisons. Texts compare without regard to case. Of several values
// of one field (attachments, say) one has to match, and for IsNot none may.
const (
	Is       Op = "is"
	IsNot    Op = "is-not"
	Like     Op = "like"     // the whole value, with wildcards * and ?; \ takes the next character literally
	Contains Op = "contains" // substring
	Before   Op = "before"   // earlier than a time; less than a number
	After    Op = "after"    // at a time or later; more than a number
	AtLeast  Op = "at-least" // number
	AtMost   Op = "at-most"  // number
)

// Where is a comparison as a filter.
func Where(field string, op Op, value string) Filter {
	return Filter{Field: field, Op: op, Value: value}
}

// And matches what all of fs match; without any, everything.
func And(fs ...Filter) Filter {
	kept := make([]Filter, 0, len(fs))
	for _, f := range fs {
		if !f.IsZero() {
			kept = append(kept, f)
		}
	}
	switch len(kept) {
	case 0:
		return Filter{}
	case 1:
		return kept[0]
	}
	return Filter{All: kept}
}

// Or matches what at least one of fs matches. Without any it matches nothing.
func Or(fs ...Filter) Filter {
	switch len(fs) {
	case 0:
		return Not(Filter{})
	case 1:
		return fs[0]
	}
	return Filter{Any: fs}
}

// Not matches what f does not.
func Not(f Filter) Filter { return Filter{Not: &f} }

// OneOf matches when the field is one of values; nothing for no values.
func OneOf(field string, values ...string) Filter {
	fs := make([]Filter, len(values))
	for i, v := range values {
		fs[i] = Where(field, Is, v)
	}
	return Or(fs...)
}

// IsZero reports the filter that matches everything.
func (f Filter) IsZero() bool {
	return len(f.All) == 0 && len(f.Any) == 0 && f.Not == nil && f.Field == ""
}

// Canonical is the same filter in the one form that String and Parse share:
// groups of one are dissolved, groups of the same kind joined, double
// negation dropped, and a Like without wildcards is an Is.
func (f Filter) Canonical() Filter {
	switch {
	case len(f.All) > 0:
		return canonicalAll(f.All)
	case len(f.Any) > 0:
		return canonicalAny(f.Any)
	case f.Not != nil:
		in := f.Not.Canonical()
		if in.Not != nil {
			return *in.Not
		}
		return Filter{Not: &in}
	case f.Field != "":
		if f.Op == Like && !liveWildcard(f.Value) {
			f.Op, f.Value = Is, unescape(f.Value)
		}
		return Filter{Field: f.Field, Op: f.Op, Value: f.Value}
	}
	return Filter{}
}

func canonicalAll(fs []Filter) Filter {
	var out []Filter
	for _, c := range fs {
		c = c.Canonical()
		switch {
		case c.IsZero(): // everything: does not narrow
		case len(c.All) > 0:
			out = append(out, c.All...)
		default:
			out = append(out, c)
		}
	}
	return And(out...)
}

func canonicalAny(fs []Filter) Filter {
	var out []Filter
	for _, c := range fs {
		c = c.Canonical()
		if len(c.Any) > 0 {
			out = append(out, c.Any...)
		} else {
			out = append(out, c)
		}
	}
	return Or(out...)
}

// hasWildcard reports whether the text form takes a value for a pattern.
func hasWildcard(s string) bool { return strings.ContainsAny(s, "*?") }

// liveWildcard reports whether a pattern has a wildcard that is not escaped.
func liveWildcard(p string) bool {
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '*', '?':
			return true
		}
	}
	return false
}

// unescape is what a pattern without live wildcards matches.
func unescape(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] == '\\' && i+1 < len(p) {
			i++
		}
		b.WriteByte(p[i])
	}
	return b.String()
}
