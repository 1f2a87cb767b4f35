package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/store"
)

// IndexInfo is the state of the search index.
type IndexInfo struct {
	Whole      bool      `json:"whole" doc:"Searches use it; else they read the record itself, which takes longer"`
	Behind     uint64    `json:"behind" doc:"Commits that it does not have yet; a search waits for those it needs"`
	Rows       int       `json:"rows"`
	Size       int64     `json:"size" doc:"Octets on disk"`
	Rebuilding bool      `json:"rebuilding,omitempty" doc:"It is being made anew, oldest mail first"`
	Since      time.Time `json:"since,omitzero" doc:"When that began"`
	Reached    time.Time `json:"reached,omitzero" doc:"Mail up to then is in it again"`
	Error      string    `json:"error,omitempty" doc:"Why it is not up to date"`
}

func (s *server) indexRoutes(a huma.API) {
	const tag = "gateway"
	huma.Register(a, route("get-index", http.MethodGet, "/v1/index", tag, "State of the search index", "", http.StatusForbidden, http.StatusNotFound), s.indexState)
	huma.Register(a, route("rebuild-index", http.MethodPost, "/v1/index/rebuild", tag, "Make the search index anew",
		"Answers at once; searches read the record itself meanwhile.", http.StatusForbidden, http.StatusNotFound), s.rebuildIndex)
}

func (s *server) index(ctx context.Context) (store.Indexed, error) {
	if err := adminOnly(ctx); err != nil {
		return nil, err
	}
	if s.Index == nil {
		return nil, problem(http.StatusNotFound, "this store has no search index of its own", "")
	}
	return s.Index, nil
}

func (s *server) indexState(ctx context.Context, _ *struct{}) (*output[IndexInfo], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	x, err := s.index(ctx)
	if err != nil {
		return nil, err
	}
	st, err := x.IndexStatus(ctx)
	if err != nil {
		return nil, s.problemOf(ctx, "looking at the search index", err)
	}
	return &output[IndexInfo]{IndexInfo(st)}, nil
}

func (s *server) rebuildIndex(ctx context.Context, _ *struct{}) (*output[IndexInfo], error) {
	x, err := s.index(ctx)
	if err != nil {
		return nil, err
	}
	if err := x.RebuildIndex(ctx); err != nil {
		return nil, s.problemOf(ctx, "making the search index anew", err)
	}
	return s.indexState(ctx, nil)
}
