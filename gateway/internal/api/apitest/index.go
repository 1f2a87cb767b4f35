package apitest

import (
	"context"

	"github.com/mailweir/weir/gateway/internal/store"
)

// index is a search index that is always whole.
type index struct{}

func (index) RebuildIndex(context.Context) error { return nil }

func (index) IndexStatus(context.Context) (store.IndexStatus, error) {
	return store.IndexStatus{Whole: true, Rows: 3, Size: 4096}, nil
}
