package daemon

import (
	"context"

	"github.com/mailweir/weir/gateway/internal/identities"
	"github.com/mailweir/weir/gateway/internal/scope"
)

// noIdentities stands for the identities where no gateway runs.
type noIdentities struct{}

func (noIdentities) List(scope.Scope, string) ([]identities.Identity, error) { return nil, errOffline }

func (noIdentities) Add(_ context.Context, _ scope.Scope, i identities.Identity) (identities.Identity, bool, error) {
	return i, false, errOffline
}

func (noIdentities) Lock(context.Context, scope.Scope, string, string, string) (bool, error) {
	return false, errOffline
}

func (noIdentities) Unlock(context.Context, scope.Scope, string, string) (bool, error) {
	return false, errOffline
}

func (noIdentities) Remove(context.Context, scope.Scope, string, string) error { return errOffline }

func (noIdentities) LockedUsers(scope.Scope, string) ([]identities.LockedUser, error) {
	return nil, errOffline
}

func (noIdentities) LockUser(context.Context, scope.Scope, string, string, string) (bool, error) {
	return false, errOffline
}

func (noIdentities) UnlockUser(context.Context, scope.Scope, string, string) error { return errOffline }
