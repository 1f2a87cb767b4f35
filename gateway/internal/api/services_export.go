package api

import (
	"context"
	"io"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Exports give what an export consists of, however much that is. All methods
// are safe for use in parallel.
type Exports interface {
	// Each calls do for every row that matches and that the scope sees, newest
	// message first, each once. It has no limit of time but ctx's. An error of do
	// ends it and comes back.
	Each(ctx context.Context, s scope.Scope, f query.Filter, do func(store.Row) error) error
	// Open opens a message for a verb that shows it, by its recipient's ID.n:
	// as it was received, with our trace lines in front. *lifecycle.Refusal,
	// store.ErrNotFound.
	Open(ctx context.Context, s scope.Scope, verb lifecycle.Verb, id string) (io.ReadCloser, error)
}
