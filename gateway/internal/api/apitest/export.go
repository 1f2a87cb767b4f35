package apitest

import (
	"context"
	"io"
	"strings"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Exports give the messages in memory. What the scope sees is what Search gives.
type Exports struct{ *Gateway }

// Each implements api.Exports.
func (e Exports) Each(ctx context.Context, s scope.Scope, f query.Filter, do func(store.Row) error) error {
	rows, _, err := e.Search(ctx, s, f, "", 1<<30)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := do(r); err != nil {
			return err
		}
	}
	return nil
}

// Open implements api.Exports.
func (e Exports) Open(_ context.Context, s scope.Scope, _ lifecycle.Verb, id string) (io.ReadCloser, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.call(s); err != nil {
		return nil, err
	}
	text, _, _ := strings.Cut(id, ".")
	whole, err := mail.ParseID(text)
	body, ok := e.bodies[whole]
	if err != nil || !ok {
		return nil, store.ErrNotFound
	}
	return io.NopCloser(strings.NewReader(body)), nil
}
