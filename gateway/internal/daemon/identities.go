package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/flow"
	"github.com/mailweir/weir/gateway/internal/identities"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// domainForce reports whether a tenant lets its own operators force stalled
// mail (B148), by the policy of now.
func (d *Daemon) domainForce(tenant string) bool {
	t, ok := d.snaps.policy().Tenant(tenant)
	return ok && t.DomainForce()
}

// identityService is the identities as the API sees them.
type identityService struct{ d *Daemon }

// may refuses who may not see, or change, the identities of a tenant: what is
// about all of it wants all of its domains. A tenant that the scope does not
// have is not there.
func (s identityService) may(sc scope.Scope, tenant string, change bool) error {
	if err := sc.Validate(); err != nil {
		return err
	}
	if sc.Level == lifecycle.LevelMailbox {
		return &lifecycle.Refusal{Verb: "identities", Reason: "needs an operator of the domain or an administrator"}
	}
	if change && sc.Role != lifecycle.RoleOperator {
		return &lifecycle.Refusal{Verb: "identities", Reason: "the role " + string(sc.Role) + " may not do this"}
	}
	return listService(s).manages(sc, tenant, "")
}

// List implements api.Identities.
func (s identityService) List(sc scope.Scope, tenant string) ([]identities.Identity, error) {
	if err := s.may(sc, tenant, false); err != nil {
		return nil, err
	}
	return s.d.senders.List(tenant), nil
}

// Add implements api.Identities.
func (s identityService) Add(ctx context.Context, sc scope.Scope, i identities.Identity) (identities.Identity, bool, error) {
	if err := s.may(sc, i.Tenant, true); err != nil {
		return i, false, err
	}
	if err := s.ofTenant(i); err != nil {
		return i, false, err
	}
	i.By = sc.Actor
	i, added, err := s.d.senders.Add(ctx, i)
	s.say(added, "identity configured", sc, i.Tenant, i.Name)
	return i, added, err
}

// ofTenant refuses a sender that is none of the tenant's: such an identity would
// never hold, and look as if it did.
func (s identityService) ofTenant(i identities.Identity) error {
	_, domain, ok := strings.Cut(i.Sender, "@")
	if i.Sender == "" {
		return nil
	}
	if !ok {
		domain = i.Sender
	}
	if a, err := mail.ParseAddress("x@" + domain); err == nil {
		domain = a.Domain()
	}
	t, _ := s.d.snaps.policy().Tenant(i.Tenant)
	if t == nil || !slices.ContainsFunc(t.Domains, func(d string) bool { return strings.EqualFold(d, domain) }) {
		return identities.Invalid(fmt.Sprintf("%.100q is no domain of tenant %s", domain, i.Tenant))
	}
	return nil
}

// Lock implements api.Identities.
func (s identityService) Lock(ctx context.Context, sc scope.Scope, tenant, name, reason string) (bool, error) {
	if err := s.may(sc, tenant, true); err != nil {
		return false, err
	}
	i, err := s.d.senders.Get(tenant, name)
	if err != nil {
		// Nobody has configured it: then its name says what it is.
		user, sender, as := strings.Cut(name, " as ")
		if i = (identities.Identity{Tenant: tenant, Name: name, By: sc.Actor, User: user, Sender: sender}); !as {
			i.User, i.Sender = "", name
		}
		if err := s.ofTenant(i); err != nil {
			return false, err
		}
	}
	ok, err := s.d.senders.Lock(ctx, i, identities.Lock{By: sc.Actor, Reason: reason})
	s.say(ok, "identity locked", sc, tenant, name)
	return ok, err
}

// Unlock implements api.Identities.
func (s identityService) Unlock(ctx context.Context, sc scope.Scope, tenant, name string) (bool, error) {
	if err := s.may(sc, tenant, true); err != nil {
		return false, err
	}
	ok, err := s.d.senders.Unlock(ctx, tenant, name)
	s.say(ok, "identity unlocked", sc, tenant, name)
	return ok, err
}

// Remove implements api.Identities.
func (s identityService) Remove(ctx context.Context, sc scope.Scope, tenant, name string) error {
	if err := s.may(sc, tenant, true); err != nil {
		return err
	}
	err := s.d.senders.Remove(ctx, tenant, name)
	s.say(err == nil, "identity removed", sc, tenant, name)
	return err
}

// LockedUsers implements api.Identities.
func (s identityService) LockedUsers(sc scope.Scope, tenant string) ([]identities.LockedUser, error) {
	if err := s.may(sc, tenant, false); err != nil {
		return nil, err
	}
	return s.d.senders.Users(tenant), nil
}

// LockUser implements api.Identities.
func (s identityService) LockUser(ctx context.Context, sc scope.Scope, tenant, user, reason string) (bool, error) {
	if err := s.may(sc, tenant, true); err != nil {
		return false, err
	}
	ok, err := s.d.senders.LockUser(ctx, identities.LockedUser{Tenant: tenant, User: user, Lock: identities.Lock{By: sc.Actor, Reason: reason}})
	s.say(ok, "user locked", sc, tenant, user)
	return ok, err
}

// UnlockUser implements api.Identities.
func (s identityService) UnlockUser(ctx context.Context, sc scope.Scope, tenant, user string) error {
	if err := s.may(sc, tenant, true); err != nil {
		return err
	}
	err := s.d.senders.UnlockUser(ctx, tenant, user)
	s.say(err == nil, "user unlocked", sc, tenant, user)
	return err
}

func (s identityService) say(done bool, what string, sc scope.Scope, tenant, name string) {
	if done {
		s.d.log.Info(what, "actor", sc.Actor, "tenant", tenant, "identity", name)
	}
}

// May is what the API asks about verbs that have a route of their own.
func (v verbs) May(s scope.Scope, verb string, m *store.Message, r *store.Recipient) error {
	return v.d.actions.May(s, lifecycle.Verb(verb), m, r)
}

// submit takes over an operator's reply.
func (d *Daemon) submit(ctx context.Context, s actions.Submission) mail.Reply {
	return d.flow.Submit(ctx, flow.Submission{ID: s.ID, Actor: s.Actor, From: s.From, To: []mail.Address{s.To}, Text: s.Text})
}

// hosts reports whether a domain is a tenant's, by the policy of now.
func (d *Daemon) hosts(tenant, domain string) bool {
	t, ok := d.snaps.policy().TenantOf(domain)
	return ok && t.Name == tenant
}
