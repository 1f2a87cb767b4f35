package actions

import (
	"context"
	"fmt"

	"github.com/mailweir/weir/gateway/internal/identities"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Identities is where the verbs about senders write to (*identities.Book).
type Identities interface {
	Add(ctx context.Context, i identities.Identity) (identities.Identity, bool, error)
	Lock(ctx context.Context, i identities.Identity, l identities.Lock) (bool, error)
	LockUser(ctx context.Context, u identities.LockedUser) (bool, error)
}

func aboutSenders(v lifecycle.Verb) bool {
	return v == lifecycle.AddIdentity || v == lifecycle.LockIdentity || v == lifecycle.LockUser
}

// identityOf is the identity that a message was sent in, as it is configured
// where nobody has yet: by what the message itself shows.
func (r *run) identityOf(m *store.Message, rc *store.Recipient) identities.Identity {
	i := identities.Identity{
		Tenant: rc.Tenant, Name: r.args.Name, User: m.Client.User, Client: r.args.Conditions["client"], By: r.sc.Actor, Note: oneLine(r.args.Reason),
	}
	switch {
	case m.Sender.IsNull():
	case r.args.Domain:
		i.Sender = "@" + m.Sender.Domain()
	default:
		i.Sender = m.Sender.Key()
	}
	if i.Name == "" {
		i.Name = rc.Identity
	}
	return i
}

// addIdentity is B61.
func addIdentity(r *run, m *store.Message, rc *store.Recipient) (func(context.Context) error, string, error) {
	if r.args.Domain { // it holds for everybody of the domain
		if err := r.whole(rc.Tenant); err != nil {
			return nil, "", err
		}
	}
	i := r.identityOf(m, rc)
	return func(ctx context.Context) error {
		_, _, err := r.s.Identities.Add(ctx, i)
		return err
	}, fmt.Sprintf("identity %s is configured for tenant %s", i.Name, i.Tenant), nil
}

// lockIdentity is B62. The one that the message was sent in is locked, whatever
// was configured since.
func lockIdentity(r *run, m *store.Message, rc *store.Recipient) (func(context.Context) error, string, error) {
	i := r.identityOf(m, rc)
	i.Name = rc.Identity
	return func(ctx context.Context) error {
		_, err := r.s.Identities.Lock(ctx, i, identities.Lock{By: r.sc.Actor, Reason: oneLine(r.args.Reason), At: r.now})
		return err
	}, fmt.Sprintf("identity %s is locked for tenant %s", i.Name, i.Tenant), nil
}

// lockUser is B63: who authenticated, or the client where nobody did. It is
// about all that they send for the tenant.
func lockUser(r *run, m *store.Message, rc *store.Recipient) (func(context.Context) error, string, error) {
	user := identities.UserOf(m.Client.User, m.Client.Addr.Addr())
	switch {
	case rc.Tenant == "":
		return nil, "", fmt.Errorf("the recipient belongs to no tenant")
	case user == "" || m.Kind != "":
		return nil, "", fmt.Errorf("nobody sent it: the gateway wrote it itself")
	}
	if err := r.whole(rc.Tenant); err != nil {
		return nil, "", err
	}
	u := identities.LockedUser{Tenant: rc.Tenant, User: user, Lock: identities.Lock{By: r.sc.Actor, Reason: oneLine(r.args.Reason), At: r.now}}
	return func(ctx context.Context) error {
		_, err := r.s.Identities.LockUser(ctx, u)
		return err
	}, fmt.Sprintf("user %s is locked for tenant %s", user, rc.Tenant), nil
}

var _ Identities = (*identities.Book)(nil)
