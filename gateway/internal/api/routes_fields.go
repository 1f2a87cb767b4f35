package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
)

// FieldInfo is a field of the log: what a filter may ask about, and what lists
// show and exports hold, under one name.
type FieldInfo struct {
	Name     string   `json:"name" example:"recipient"`
	Kind     string   `json:"kind" enum:"id,status,enum,text,words,class,ip,number,size,time,bool" doc:"How values compare, and which there are: text compares whole, words by any part, class covers those below it, ip takes networks, size octets with 10k or 10MiB, time is as in after:-2h"`
	Doc      string   `json:"doc" doc:"What it means"`
	Ops      []string `json:"ops" doc:"Comparisons that a rule may have, the usual one first; empty: it cannot be searched for"`
	Values   []string `json:"values,omitempty" doc:"All there are, of status and enum"`
	Aliases  []string `json:"aliases,omitempty" doc:"Other names that are taken for it"`
	Sortable bool     `json:"sortable" doc:"sort takes it"`
	Facets   bool     `json:"facetable" doc:"What a search finds can be summed up by it"`
	Column   bool     `json:"column" doc:"Lists may show it and exports hold it; of source deliveries: lists of the delivery log"`
	Source   string   `json:"source" enum:"messages,deliveries" doc:"deliveries: of attempts, in GET /v1/deliveries alone, which knows all others, too"`
}

// VerbInfo is an action as the caller's level and role are offered it: for mail
// of one of the directions, in the status of one of the cells, where all of needs
// hold and none of except.
type VerbInfo struct {
	Verb       string     `json:"verb" example:"release"`
	Doc        string     `json:"doc" doc:"What it does"`
	Directions []string   `json:"directions" enum:"inbound,outbound"`
	Cells      []VerbCell `json:"cells" doc:"Statuses it is for"`
	Needs      []string   `json:"needs,omitempty" doc:"Conditions that all have to hold: domain-force, the tenant lets its own operators force stalled mail"`
	Except     []string   `json:"except,omitempty" doc:"Conditions of which none may hold: original, it is the original of what was delivered without something that a filter took out; sealed, the gateway made it for its recipient alone"`
	Becomes    string     `json:"becomes,omitempty" doc:"Status it leads to; absent: it stays as it is"`
	Changes    bool       `json:"changes" doc:"false: it only reads, or asks a destination"`
}

// VerbCell is a status that an action is for.
type VerbCell struct {
	Status string   `json:"status"`
	AnyOf  []string `json:"any_of,omitempty" doc:"One of these conditions has to hold: archived, an archived copy that the caller may read; sender, a sender that is not <>; body, the content is still kept; classes, the class columns, which rows have; attempts, an attempt was made; identity, an identity was resolved; hold, a filter wants to look again. Absent: always"`
}

// fieldRoutes tell what a screen for the log is made of.
func (s *server) fieldRoutes(a huma.API) {
	const tag = "messages"
	huma.Register(a, route("list-fields", http.MethodGet, "/v1/fields", tag, "Fields of the log",
		"What filters may ask about, lists show, and exports hold: one name for each, in all of them.", http.StatusUnprocessableEntity), s.listFields)
	huma.Register(a, route("list-verbs", http.MethodGet, "/v1/verbs", tag, "Actions for the caller",
		"The table by which rows have their verbs: which action there is for which direction and status, and on which condition. What the caller's level and role are never offered is not in it.", http.StatusUnprocessableEntity), s.listVerbs)
}

// Fields are all fields: those of searches, those of lists alone, and those of
// attempts.
func Fields() []FieldInfo {
	out := []FieldInfo{}
	for _, f := range query.Fields() {
		out = append(out, FieldInfo{
			Name: f.Name, Kind: string(f.Type), Doc: f.Doc, Ops: spelt(f.Type.Ops()), Values: valuesOf(&f), Aliases: f.Aliases(),
			Sortable: f.Sortable(), Facets: f.Facetable(), Column: !f.SearchOnly(), Source: "messages",
		})
	}
	for _, f := range listOnly {
		out = append(out, FieldInfo{Name: f.Name, Kind: string(f.Type), Doc: f.Doc, Ops: []string{}, Values: f.Values, Column: true, Source: "messages"})
	}
	for _, f := range query.AttemptFields() {
		out = append(out, FieldInfo{Name: f.Name, Kind: string(f.Type), Doc: f.Doc, Ops: spelt(f.Type.Ops()), Values: f.Values, Column: true, Source: "deliveries"})
	}
	return out
}

func valuesOf(f *query.Field) []string {
	if f.Type == query.TypeStatus {
		return spelt(mail.Statuses())
	}
	return f.Values
}

// spelt are words as the API has them.
func spelt[T ~string](xs []T) []string {
	out := make([]string, len(xs))
	for i, x := range xs {
		out[i] = string(x)
	}
	return out
}

// Verbs are the actions that a level and role are offered, in the order of the
// table.
func Verbs(l lifecycle.Level, role lifecycle.Role) []VerbInfo {
	out := []VerbInfo{}
	for _, e := range lifecycle.Entries(l, role) {
		v := VerbInfo{
			Verb: string(e.Verb), Doc: e.Doc, Directions: spelt(e.Directions), Cells: make([]VerbCell, len(e.Cells)),
			Needs: spelt(e.Needs), Except: spelt(e.Except), Becomes: string(e.Becomes), Changes: e.Changes,
		}
		for i, c := range e.Cells {
			v.Cells[i] = VerbCell{string(c.Status), spelt(c.AnyOf)}
		}
		out = append(out, v)
	}
	return out
}

func (s *server) listFields(_ context.Context, in *PageInput) (*output[listItems[FieldInfo]], error) {
	all := Fields()
	return paged(*in, "fields", all, inOrder(all, func(f *FieldInfo) string { return f.Name }))
}

func (s *server) listVerbs(ctx context.Context, in *PageInput) (*output[listItems[VerbInfo]], error) {
	sc := scopeOf(ctx)
	all := Verbs(sc.Level, sc.Role)
	return paged(*in, "verbs", all, inOrder(all, func(v *VerbInfo) string { return v.Verb }))
}

// inOrder keeps a list that is always the same in its own order.
func inOrder[T any](all []T, name func(*T) string) func(*T) string {
	at := make([]string, len(all))
	for i := range all {
		at[i] = name(&all[i])
	}
	return func(x *T) string { return numbered(uint64(slices.Index(at, name(x)))) } //nolint:gosec // not negative
}
