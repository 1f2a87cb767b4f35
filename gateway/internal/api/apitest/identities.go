package apitest

import (
	"context"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/identities"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// May asks the real table.
func (g *Gateway) May(s scope.Scope, verb string, m *store.Message, r *store.Recipient) error {
	q := s.Query(m, r, true)
	q.Classes = true
	return lifecycle.Check(lifecycle.Verb(verb), q)
}

// noIdentities is a gateway where nobody configured an identity, or is locked.
type noIdentities struct{}

func (noIdentities) List(scope.Scope, string) ([]identities.Identity, error) { return nil, nil }

func (noIdentities) Add(_ context.Context, s scope.Scope, i identities.Identity) (identities.Identity, bool, error) {
	i.By, i.At = s.Actor, Now
	return i, true, nil
}

func (noIdentities) Lock(context.Context, scope.Scope, string, string, string) (bool, error) {
	return true, nil
}

func (noIdentities) Unlock(context.Context, scope.Scope, string, string) (bool, error) {
	return false, identities.ErrNotFound
}

func (noIdentities) Remove(context.Context, scope.Scope, string, string) error {
	return identities.ErrNotFound
}

func (noIdentities) LockedUsers(scope.Scope, string) ([]identities.LockedUser, error) {
	return nil, nil
}

func (noIdentities) LockUser(context.Context, scope.Scope, string, string, string) (bool, error) {
	return true, nil
}

func (noIdentities) UnlockUser(context.Context, scope.Scope, string, string) error {
	return identities.ErrNotFound
}

// ComposeReply prepares the same reply to all.
func (g *Gateway) ComposeReply(context.Context, scope.Scope, string) (*actions.Reply, error) {
	return &actions.Reply{From: []mail.Address{Address("postmaster@acme.test")}, To: []mail.Address{Address("eve@far.test")}, Subject: "Re: hello", Text: "> hello\n"}, nil
}

// SendReply sends nothing.
func (g *Gateway) SendReply(context.Context, scope.Scope, string, actions.ReplyOrder) (mail.ID, error) {
	return ID(0, 77), nil
}
