// Package scope is tenancy as an argument: whose mail an operator sees, and
// so may act on (B2–B5). Searches and verbs take a Scope, so that forgetting
// it does not compile; the zero Scope sees nothing.
//
// It does not say who may have a scope (package accounts will), nor which
// verb applies (package lifecycle does).
package scope

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Scope is an operator's view.
type Scope struct {
	Level   lifecycle.Level
	Role    lifecycle.Role
	Domains []string // of LevelDomain
	Mailbox string   // of LevelMailbox
	Actor   string   // who it is, for events: "admin", "anna@acme.test", "cli:root"
	tenant  string   // "": not narrowed
}

// Admin sees everything.
func Admin(actor string) Scope { return Scope{Level: lifecycle.LevelAdmin, Actor: actor} }

// Tenant sees the mail of one tenant, with an administrator's rights: it is
// what a plugin acts in, that an administrator granted the queue. Without a
// tenant it is the zero Scope.
func Tenant(actor, tenant string) Scope {
	if tenant == "" {
		return Scope{}
	}
	return Scope{Level: lifecycle.LevelAdmin, Actor: actor, tenant: tenant}
}

// Domain sees the mail of some domains.
func Domain(actor string, domains ...string) Scope {
	return Scope{Level: lifecycle.LevelDomain, Domains: domains, Actor: actor}
}

// Mailbox sees the mail of one address.
func Mailbox(actor, address string) Scope {
	return Scope{Level: lifecycle.LevelMailbox, Mailbox: address, Actor: actor}
}

// Within narrows a scope further, to mail of one tenant.
func (s Scope) Within(tenant string) Scope {
	s.tenant = tenant
	return s
}

// TenantName is the tenant that the scope is narrowed to; "" where it is not.
func (s Scope) TenantName() string { return s.tenant }

// Everything reports a scope that nothing narrows: an administrator's who sees
// all tenants.
func (s Scope) Everything() bool { return s.Level == lifecycle.LevelAdmin && s.tenant == "" }

// Validate reports a scope that is not whole.
func (s Scope) Validate() error {
	switch {
	case s.Actor == "":
		return errors.New("scope without an actor: events have to name who acts")
	case s.Level == lifecycle.LevelAdmin:
		return nil
	case s.Level == lifecycle.LevelDomain && len(s.Domains) > 0:
		return nil
	case s.Level == lifecycle.LevelMailbox && s.Mailbox != "":
		return nil
	}
	return fmt.Errorf("scope of level %q names no domain or mailbox", s.Level)
}

// Sees reports whether a recipient's row is within the scope.
func (s Scope) Sees(m *store.Message, r *store.Recipient) bool {
	if s.tenant != "" && r.Tenant != s.tenant {
		return false
	}
	o := store.Row{Message: m, Recipient: r}.Owner()
	switch s.Level {
	case lifecycle.LevelAdmin:
		return true
	case lifecycle.LevelDomain:
		for _, d := range s.Domains {
			if d != "" && strings.EqualFold(o.Domain(), d) {
				return true
			}
		}
	case lifecycle.LevelMailbox:
		return !o.IsNull() && strings.EqualFold(o.Key(), s.Mailbox)
	}
	return false
}

// Restrict narrows a filter to what the scope sees. Names compare without
// regard to case here: apply Sees to what is found, too.
func (s Scope) Restrict(f query.Filter) query.Filter {
	if s.tenant != "" {
		f = query.And(query.Where("tenant", query.Is, s.tenant), f)
	}
	switch s.Level {
	case lifecycle.LevelAdmin:
		return f
	case lifecycle.LevelDomain:
		some := slices.DeleteFunc(slices.Clone(s.Domains), func(d string) bool { return d == "" }) // the null sender is nobody's
		return query.And(query.OneOf("owner_domain", some...), f)
	case lifecycle.LevelMailbox:
		return query.And(query.Where("owner", query.Is, s.Mailbox), f)
	}
	return query.Not(query.Filter{})
}

// Query is what to ask package lifecycle about a recipient. domainForce
// tells whether the tenant lets its own operators force stalled mail.
// Which columns are shown is the caller's to add.
func (s Scope) Query(m *store.Message, r *store.Recipient, domainForce bool) lifecycle.Query {
	return lifecycle.Query{
		Direction: m.Direction, Status: r.Status, Level: s.Level, Role: s.Role,
		Conditions: lifecycle.Conditions{
			Sender:      !m.Sender.IsNull(),
			Body:        m.HasBody,
			Attempts:    r.Attempts > 0,
			Hold:        r.Hold != nil,
			Original:    r.Kept,
			Archived:    r.Archived,
			Identity:    r.Identity != "",
			DomainForce: domainForce,
			Sealed:      m.Sealed,
		},
	}
}
