package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/identities"
	"github.com/mailweir/weir/gateway/internal/scope"
)

// Identities are whose outgoing mail is whose, and who may not send (B61–B63).
// Every method refuses with store.ErrNotFound a tenant that the scope does not
// manage, with identities.ErrInvalid what cannot be, and with
// identities.ErrNotFound what is not there.
type Identities interface {
	List(s scope.Scope, tenant string) ([]identities.Identity, error)
	// Add configures one; false: it is there already.
	Add(ctx context.Context, s scope.Scope, i identities.Identity) (identities.Identity, bool, error)
	Lock(ctx context.Context, s scope.Scope, tenant, name, reason string) (bool, error)
	Unlock(ctx context.Context, s scope.Scope, tenant, name string) (bool, error)
	Remove(ctx context.Context, s scope.Scope, tenant, name string) error
	LockedUsers(s scope.Scope, tenant string) ([]identities.LockedUser, error)
	LockUser(ctx context.Context, s scope.Scope, tenant, user, reason string) (bool, error)
	UnlockUser(ctx context.Context, s scope.Scope, tenant, user string) error
}

// IdentityOrder configures an identity.
type IdentityOrder struct {
	Tenant string `json:"tenant" minLength:"1"`
	Name   string `json:"name,omitempty" maxLength:"400" doc:"Of your choice; else what it is known by"`
	User   string `json:"user,omitempty" maxLength:"400" doc:"The authenticated user"`
	Sender string `json:"sender,omitempty" maxLength:"400" doc:"Of the envelope: an address, or @domain"`
	Client string `json:"client,omitempty" maxLength:"80" doc:"IP address or network"`
	Note   string `json:"note,omitempty" maxLength:"500"`
}

// IdentityName names an identity, or a user.
type IdentityName struct {
	Tenant string `json:"tenant" minLength:"1"`
	Name   string `json:"name" minLength:"1" maxLength:"400" doc:"Of the identity; of the user; or [IP address] of a client that does not authenticate"`
	Reason string `json:"reason,omitempty" maxLength:"500"`
}

func (s *server) identityRoutes(a huma.API) {
	const tag = "identities"
	bad := []int{http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity}
	huma.Register(a, route("list-identities", http.MethodGet, "/v1/identities", tag, "Identities of outgoing mail",
		"Those that were configured or locked; every other sender is one by itself.", bad...), s.identityList)
	huma.Register(a, route("add-identity", http.MethodPost, "/v1/identities", tag, "Configure an identity", "All that is given must hold of a message.", bad...), s.identityAdd)
	huma.Register(a, route("remove-identity", http.MethodPost, "/v1/identities/remove", tag, "Remove an identity, and its lock", "", bad...), s.identityRemove)
	huma.Register(a, route("lock-identity", http.MethodPost, "/v1/identities/lock", tag, "Let an identity send no more", "Its mail is refused with 550 5.7.1 until it is unlocked.", bad...), s.identityLock)
	huma.Register(a, route("unlock-identity", http.MethodPost, "/v1/identities/unlock", tag, "Let an identity send again", "", bad...), s.identityUnlock)
	huma.Register(a, route("list-locked-users", http.MethodGet, "/v1/locked-users", tag, "Users that may not send", "", bad...), s.lockedUsers)
	huma.Register(a, route("lock-user", http.MethodPost, "/v1/locked-users", tag, "Let a user send no more for a tenant", "", bad...), s.userLock)
	huma.Register(a, route("unlock-user", http.MethodPost, "/v1/locked-users/remove", tag, "Let a user send again", "", bad...), s.userUnlock)
}

func (s *server) identityProblem(ctx context.Context, doing string, err error) error {
	switch {
	case errors.Is(err, identities.ErrInvalid):
		return problem(http.StatusUnprocessableEntity, doing+": "+err.Error(), "")
	case errors.Is(err, identities.ErrNotFound):
		return problem(http.StatusNotFound, doing+": "+err.Error(), "see: weir identity list")
	}
	return s.problemOf(ctx, doing, err)
}

// changed counts one change.
func changed(ok bool) *output[Changed] {
	out := &output[Changed]{}
	if ok {
		out.Body.Changed = 1
	}
	return out
}

func (s *server) identityList(ctx context.Context, in *TenantPage) (*output[listItems[identities.Identity]], error) {
	items, err := s.Identities.List(scopeOf(ctx), in.Tenant)
	if err != nil {
		return nil, s.identityProblem(ctx, "listing identities", err)
	}
	return paged(in.PageInput, "identities "+in.Tenant, items, func(i *identities.Identity) string { return i.Name })
}

func (s *server) identityAdd(ctx context.Context, in *struct{ Body IdentityOrder }) (*output[identities.Identity], error) {
	b := in.Body
	i, _, err := s.Identities.Add(ctx, scopeOf(ctx), identities.Identity{Tenant: b.Tenant, Name: b.Name, User: b.User, Sender: b.Sender, Client: b.Client, Note: b.Note})
	if err != nil {
		return nil, s.identityProblem(ctx, "configuring an identity", err)
	}
	return &output[identities.Identity]{i}, nil
}

func (s *server) identityRemove(ctx context.Context, in *struct{ Body IdentityName }) (*output[Changed], error) {
	if err := s.Identities.Remove(ctx, scopeOf(ctx), in.Body.Tenant, in.Body.Name); err != nil {
		return nil, s.identityProblem(ctx, "removing an identity", err)
	}
	return changed(true), nil
}

func (s *server) identityLock(ctx context.Context, in *struct{ Body IdentityName }) (*output[Changed], error) {
	ok, err := s.Identities.Lock(ctx, scopeOf(ctx), in.Body.Tenant, in.Body.Name, in.Body.Reason)
	if err != nil {
		return nil, s.identityProblem(ctx, "locking an identity", err)
	}
	return changed(ok), nil
}

func (s *server) identityUnlock(ctx context.Context, in *struct{ Body IdentityName }) (*output[Changed], error) {
	ok, err := s.Identities.Unlock(ctx, scopeOf(ctx), in.Body.Tenant, in.Body.Name)
	if err != nil {
		return nil, s.identityProblem(ctx, "unlocking an identity", err)
	}
	return changed(ok), nil
}

func (s *server) lockedUsers(ctx context.Context, in *TenantPage) (*output[listItems[identities.LockedUser]], error) {
	items, err := s.Identities.LockedUsers(scopeOf(ctx), in.Tenant)
	if err != nil {
		return nil, s.identityProblem(ctx, "listing locked users", err)
	}
	return paged(in.PageInput, "locked-users "+in.Tenant, items, func(u *identities.LockedUser) string { return u.User })
}

func (s *server) userLock(ctx context.Context, in *struct{ Body IdentityName }) (*output[Changed], error) {
	ok, err := s.Identities.LockUser(ctx, scopeOf(ctx), in.Body.Tenant, in.Body.Name, in.Body.Reason)
	if err != nil {
		return nil, s.identityProblem(ctx, "locking a user", err)
	}
	return changed(ok), nil
}

func (s *server) userUnlock(ctx context.Context, in *struct{ Body IdentityName }) (*output[Changed], error) {
	if err := s.Identities.UnlockUser(ctx, scopeOf(ctx), in.Body.Tenant, in.Body.Name); err != nil {
		return nil, s.identityProblem(ctx, "unlocking a user", err)
	}
	return changed(true), nil
}
