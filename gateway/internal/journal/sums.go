package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// sumBudget is how long a sum may take; then it is of what was looked at.
const sumBudget = 400 * time.Millisecond

// Count is how many rows match and the scope sees; where it is not exact, at
// least so many, for the time was over.
func (l *Log) Count(ctx context.Context, sc scope.Scope, f query.Filter) (n int, exact bool, err error) {
	err = l.sum(ctx, sc, f, func(ctx context.Context, f query.Filter) (err error) {
		n, exact, err = l.o.Store.Count(ctx, f)
		return err
	})
	return n, exact, err
}

// Facets are the most frequent values of each of some fields.
func (l *Log) Facets(ctx context.Context, sc scope.Scope, f query.Filter, fields []string, limit int) (map[string]store.Facets, error) {
	out := make(map[string]store.Facets, len(fields))
	for _, field := range fields {
		err := l.sum(ctx, sc, f, func(ctx context.Context, f query.Filter) (err error) {
			out[field], err = l.o.Store.Facets(ctx, f, field, limit)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Histogram sums up by time of reception.
func (l *Log) Histogram(ctx context.Context, sc scope.Scope, f query.Filter, step time.Duration) (bars []store.Bar, exact bool, err error) {
	err = l.sum(ctx, sc, f, func(ctx context.Context, f query.Filter) (err error) {
		bars, exact, err = l.o.Store.Histogram(ctx, f, step)
		return err
	})
	return bars, exact, err
}

func (l *Log) sum(ctx context.Context, sc scope.Scope, f query.Filter, do func(context.Context, query.Filter) error) error {
	f, err := restricted(sc, f)
	if err != nil {
		return err
	}
	f = query.Resolve(f, l.o.Clock())
	ctx, cancel := context.WithTimeout(ctx, sumBudget)
	defer cancel()
	if err := do(ctx, f); err != nil {
		return fmt.Errorf("sum up the log: %w", err)
	}
	return nil
}
