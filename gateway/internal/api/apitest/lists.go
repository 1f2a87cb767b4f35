package apitest

import (
	"context"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/lists"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// noLists is a gateway whose tenants keep no lists: nothing is there.
type noLists struct{}

var _ api.Lists = noLists{}

func (noLists) Names(scope.Scope, string) ([]api.ListInfo, error) { return nil, store.ErrNotFound }

func (noLists) Entries(scope.Scope, lists.Query) ([]lists.Entry, string, error) {
	return nil, "", store.ErrNotFound
}

func (noLists) Add(context.Context, scope.Scope, []lists.Entry) (int, error) {
	return 0, store.ErrNotFound
}

func (noLists) Remove(context.Context, scope.Scope, []lists.Entry) (int, error) {
	return 0, store.ErrNotFound
}

func (noLists) Rules(scope.Scope, string) ([]lists.Rule, error) { return nil, store.ErrNotFound }

func (noLists) AddRule(context.Context, scope.Scope, lists.Rule) (lists.Rule, error) {
	return lists.Rule{}, store.ErrNotFound
}

func (noLists) RemoveRule(context.Context, scope.Scope, string, string) (bool, error) {
	return false, store.ErrNotFound
}

func (noLists) ClassActions(scope.Scope, string) ([]lists.Override, error) {
	return nil, store.ErrNotFound
}

func (noLists) SetClassAction(context.Context, scope.Scope, lists.Override) error {
	return store.ErrNotFound
}

func (noLists) ClearClassAction(context.Context, scope.Scope, string, string) (bool, error) {
	return false, store.ErrNotFound
}
