package journal

import (
	"context"
	"fmt"

	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Each calls do for every row that matches and that the scope sees, newest
// message first, each once and as it is when it is read, however much mail flows
// meanwhile. Memory does not grow with what matches. Relative times in f count
// from now. An error of do ends it and comes back.
func (l *Log) Each(ctx context.Context, sc scope.Scope, f query.Filter, do func(store.Row) error) error {
	if err := sc.Validate(); err != nil {
		return err
	}
	if err := f.Validate(); err != nil {
		return err
	}
	var failed error
	err := l.o.Store.Each(ctx, query.Resolve(sc.Restrict(f), l.o.Clock()), func(r store.Row) error {
		if !sc.Sees(r.Message, r.Recipient) {
			return nil
		}
		failed = do(visible(sc, r))
		return failed
	})
	if err != nil && failed == nil {
		return fmt.Errorf("search the log: %w", err)
	}
	return err
}
