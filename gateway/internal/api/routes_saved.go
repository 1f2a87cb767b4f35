package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/saved"
	"github.com/mailweir/weir/gateway/internal/store"
)

// SavedSearch is a search under a name, with columns and order. Run it with its
// q, fields and sort, as any other: it shows what its user may see.
type SavedSearch struct {
	Name    string    `json:"name"`
	Owner   string    `json:"owner,omitempty" doc:"Who saved it; absent: a view that everybody has"`
	Mine    bool      `json:"mine,omitempty" doc:"The caller's own"`
	BuiltIn bool      `json:"built_in,omitempty" doc:"A view that everybody has"`
	Title   string    `json:"title,omitempty"`
	Help    string    `json:"help,omitempty"`
	Q       string    `json:"q" doc:"Filter in its text form; empty: everything"`
	Columns []string  `json:"columns,omitempty" doc:"Fields of a row, in order"`
	Sort    string    `json:"sort,omitempty" doc:"A field, with - in front for the largest first; absent: newest first"`
	Source  string    `json:"source" enum:"messages,deliveries" doc:"Rows of GET /v1/messages or of GET /v1/deliveries"`
	Share   string    `json:"share,omitempty" doc:"Tenant whose operators see it, too; * for everybody"`
	Changed time.Time `json:"changed,omitzero"`
}

// SavedSearchRequest is what is saved.
type SavedSearchRequest struct {
	Title   string   `json:"title,omitempty" maxLength:"128"`
	Help    string   `json:"help,omitempty" maxLength:"500"`
	Q       string   `json:"q,omitempty" maxLength:"4096" doc:"Filter in its text form; empty: everything"`
	Columns []string `json:"columns,omitempty" maxItems:"60" doc:"Fields of a row, in order"`
	Sort    string   `json:"sort,omitempty" maxLength:"64" doc:"A field, with - in front for the largest first"`
	Source  string   `json:"source,omitempty" enum:"messages,deliveries" doc:"messages when absent"`
	Share   string   `json:"share,omitempty" maxLength:"64" doc:"Tenant whose operators are to see it, too"`
}

// Preferences are what a user's screens remember.
type Preferences struct {
	Columns map[string][]string `json:"columns" doc:"Fields of a row by view or saved search; in a request, a view without fields forgets those it had"`
}

// Done is the answer to what has nothing to say.
type Done struct {
	Done bool `json:"done"`
}

// SearchName names a saved search. It is exported because huma leaves out what
// it cannot set.
type SearchName struct {
	Name string `path:"name" maxLength:"200" doc:"Name; OWNER/NAME (with %2F) where several share one of that name"`
}

func (s *server) savedRoutes(a huma.API) {
	const tag = "searches"
	bad := []int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity}
	huma.Register(a, route("list-searches", http.MethodGet, "/v1/searches", tag, "Saved searches and views", "The caller's own, those that others share, and the views that everybody has: Mail In, Pending, Delivery, Queue and others."), s.searches)
	huma.Register(a, route("get-search", http.MethodGet, "/v1/searches/{name}", tag, "One saved search or view", "", bad...), s.getSearch)
	huma.Register(a, own(route("save-search", http.MethodPut, "/v1/searches/{name}", tag, "Save a search", "In place of the caller's own of that name.", bad...)), s.saveSearch)
	huma.Register(a, own(route("delete-search", http.MethodDelete, "/v1/searches/{name}", tag, "Remove a saved search", "The caller's own; an administrator with the operator's role also another's, as OWNER/NAME. Where several levels or tenants have an owner of that name, the answer says how to write them.", bad...)), s.deleteSearch)
	huma.Register(a, route("get-preferences", http.MethodGet, "/v1/preferences", tag, "What the caller's screens remember", ""), s.preferences)
	huma.Register(a, recordedAs(own(route("set-preferences", http.MethodPut, "/v1/preferences", tag, "Remember columns", "What is not named stays as it was.", http.StatusUnprocessableEntity)), ""), s.setPreferences)
}

// savedProblem is problemOf with the words of saved searches.
func (s *server) savedProblem(ctx context.Context, doing string, err error) error {
	switch {
	case errors.Is(err, saved.ErrInvalid):
		return problem(http.StatusUnprocessableEntity, doing+": "+err.Error(), "")
	case errors.Is(err, store.ErrNotFound):
		return problem(http.StatusNotFound, doing+": there is no such search", "see: weir search list")
	case errors.Is(err, store.ErrAmbiguous):
		return problem(http.StatusConflict, doing+": "+err.Error(), "")
	}
	return s.problemOf(ctx, doing, err)
}

func savedOf(x saved.Search) SavedSearch {
	return SavedSearch{
		Name: x.Name, Owner: x.Owner, Mine: x.Mine, BuiltIn: x.BuiltIn, Title: x.Title, Help: x.Help, Q: x.Query,
		Columns: x.Columns, Sort: x.Sort, Source: x.Source, Share: x.Share, Changed: x.Changed,
	}
}

func (s *server) searches(ctx context.Context, in *PageInput) (*output[listItems[SavedSearch]], error) {
	all, err := s.Saved.List(ctx, scopeOf(ctx))
	if err != nil {
		return nil, s.savedProblem(ctx, "listing saved searches", err)
	}
	items := make([]SavedSearch, len(all))
	for i := range all {
		items[i] = savedOf(all[i])
	}
	return paged(*in, "searches", items, placeOfSearch())
}

// placeOfSearch is a key: one's own searches, others', then the views in their
// own order.
func placeOfSearch() func(*SavedSearch) string {
	views := map[string]int{}
	for i, v := range saved.Views() {
		views[v.Name] = i
	}
	return func(x *SavedSearch) string {
		switch {
		case x.BuiltIn:
			return byName("3", numbered(uint64(views[x.Name])))
		case x.Mine:
			return byName("1", strings.ToLower(x.Name), x.Name)
		}
		return byName("2", strings.ToLower(x.Name), x.Name, x.Owner, x.Share)
	}
}

func (s *server) getSearch(ctx context.Context, in *SearchName) (*output[SavedSearch], error) {
	x, err := s.Saved.Get(ctx, scopeOf(ctx), in.Name)
	if err != nil {
		return nil, s.savedProblem(ctx, "looking for search "+in.Name, err)
	}
	return &output[SavedSearch]{savedOf(x)}, nil
}

func (s *server) saveSearch(ctx context.Context, in *struct {
	SearchName
	Body SavedSearchRequest
}) (*output[SavedSearch], error) {
	if p := columnProblem(in.Body.Source, in.Body.Columns); p != nil {
		return nil, p
	}
	b := &in.Body
	x, err := s.Saved.Put(ctx, scopeOf(ctx), saved.Search{
		Name: in.Name, Title: b.Title, Help: b.Help, Query: b.Q, Columns: b.Columns, Sort: b.Sort, Source: b.Source, Share: b.Share,
	})
	if err != nil {
		return nil, s.savedProblem(ctx, "saving search "+in.Name, err)
	}
	return &output[SavedSearch]{savedOf(x)}, nil
}

func (s *server) deleteSearch(ctx context.Context, in *SearchName) (*output[Done], error) {
	if err := s.Saved.Delete(ctx, scopeOf(ctx), in.Name); err != nil {
		return nil, s.savedProblem(ctx, "removing search "+in.Name, err)
	}
	return &output[Done]{Done{true}}, nil
}

func (s *server) preferences(ctx context.Context, _ *struct{}) (*output[Preferences], error) {
	p, err := s.Saved.Preferences(ctx, scopeOf(ctx))
	if err != nil {
		return nil, s.savedProblem(ctx, "reading preferences", err)
	}
	return &output[Preferences]{preferencesOf(p)}, nil
}

func (s *server) setPreferences(ctx context.Context, in *struct{ Body Preferences }) (*output[Preferences], error) {
	for name, cols := range in.Body.Columns {
		x, err := s.Saved.Get(ctx, scopeOf(ctx), name)
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrAmbiguous) {
			return nil, s.savedProblem(ctx, "looking for search "+name, err)
		}
		if p := columnProblem(x.Source, cols); p != nil {
			return nil, p
		}
	}
	p, err := s.Saved.SetPreferences(ctx, scopeOf(ctx), saved.Preferences{Columns: in.Body.Columns})
	if err != nil {
		return nil, s.savedProblem(ctx, "keeping preferences", err)
	}
	return &output[Preferences]{preferencesOf(p)}, nil
}

func preferencesOf(p saved.Preferences) Preferences {
	if p.Columns == nil {
		p.Columns = map[string][]string{}
	}
	return Preferences{p.Columns}
}
