package accounts

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
)

var (
	// ErrInvalid wraps what is wrong with what was asked for; its text is for
	// the caller.
	ErrInvalid = errors.New("accounts")
	// ErrNotFound: there is no such user, token or session, or it is not the
	// caller's to see.
	ErrNotFound = errors.New("there is none of that name")
	// ErrForbidden: the caller's level or role does not let them.
	ErrForbidden = errors.New("your level or role does not let you do this")
)

type faulty struct{ text string }

func (f *faulty) Error() string { return f.text }
func (f *faulty) Unwrap() error { return ErrInvalid }

func invalid(format string, a ...any) error { return &faulty{fmt.Sprintf(format, a...)} }

// Grant is what an account may: its level, its role on it, and whose mail it
// is about.
type Grant struct {
	Level   lifecycle.Level `json:"level"`
	Role    lifecycle.Role  `json:"role,omitempty"`    // "": operator
	Tenant  string          `json:"tenant,omitempty"`  // of the domain and mailbox levels
	Domains []string        `json:"domains,omitempty"` // of the domain level; none: all of the tenant's
	Mailbox string          `json:"mailbox,omitempty"` // of the mailbox level
}

// Tenants are the tenants of the policy of now.
type Tenants interface {
	// Domains are those of a tenant; false: there is no such tenant.
	Domains(tenant string) ([]string, bool)
	// TenantOf is whose a domain is; false: nobody's here.
	TenantOf(domain string) (string, bool)
}

// tidy puts a grant in its one form, or says what is wrong with it.
func (g *Grant) tidy(t Tenants) error {
	switch g.Role {
	case lifecycle.RoleOperator, lifecycle.RoleAuditor, lifecycle.RoleHelpdesk:
	case "operator":
		g.Role = lifecycle.RoleOperator
	default:
		return invalid("role %.40q: the roles are operator, auditor and helpdesk", g.Role)
	}
	switch g.Level {
	case lifecycle.LevelAdmin:
		if g.Tenant != "" || len(g.Domains) > 0 || g.Mailbox != "" {
			return invalid("level admin is about every tenant: leave out tenant, domains and mailbox, or take level domain")
		}
	case lifecycle.LevelDomain:
		if g.Mailbox != "" {
			return invalid("level domain has no mailbox: leave it out, or take level mailbox")
		}
		has, ok := t.Domains(g.Tenant)
		if !ok {
			return invalid("tenant %.60q: the policy has none of that name", g.Tenant)
		}
		for i, d := range g.Domains {
			d = strings.ToLower(strings.TrimSpace(d))
			if !contains(has, d) {
				return invalid("domain %.60q is not one of tenant %s, which has %s", d, g.Tenant, strings.Join(has, ", "))
			}
			g.Domains[i] = d
		}
		slices.Sort(g.Domains)
		g.Domains = slices.Compact(g.Domains)
	case lifecycle.LevelMailbox:
		if len(g.Domains) > 0 {
			return invalid("level mailbox has no domains: leave them out, or take level domain")
		}
		a, err := mail.ParseAddress(g.Mailbox)
		if err != nil || a.Domain() == "" {
			return invalid("mailbox %.100q is no mail address", g.Mailbox)
		}
		tenant, ok := t.TenantOf(a.Domain())
		if !ok || g.Tenant != "" && g.Tenant != tenant {
			return invalid("mailbox %s is in no domain of the tenant", a)
		}
		g.Mailbox, g.Tenant = a.Key(), tenant
	default:
		return invalid("level %.40q: the levels are admin, domain and mailbox", g.Level)
	}
	return nil
}

// scope is what the grant comes to under the policy of now.
func (g Grant) scope(actor string, t Tenants) (scope.Scope, error) {
	var s scope.Scope
	switch g.Level {
	case lifecycle.LevelAdmin:
		s = scope.Admin(actor)
	case lifecycle.LevelDomain:
		has, ok := t.Domains(g.Tenant)
		if !ok {
			return s, fmt.Errorf("tenant %q is not in the policy", g.Tenant)
		}
		domains := has
		if len(g.Domains) > 0 {
			domains = slices.DeleteFunc(slices.Clone(g.Domains), func(d string) bool { return !contains(has, d) })
		}
		if len(domains) == 0 {
			return s, fmt.Errorf("no domain of tenant %q is left to it", g.Tenant)
		}
		s = scope.Domain(actor, slices.Clone(domains)...).Within(g.Tenant)
	case lifecycle.LevelMailbox:
		a, err := mail.ParseAddress(g.Mailbox)
		if err != nil {
			return s, err
		}
		if tenant, ok := t.TenantOf(a.Domain()); !ok || tenant != g.Tenant {
			return s, fmt.Errorf("mailbox %s is not tenant %q's", g.Mailbox, g.Tenant)
		}
		s = scope.Mailbox(actor, g.Mailbox).Within(g.Tenant)
	default:
		return s, fmt.Errorf("level %q", g.Level)
	}
	s.Role = g.Role
	return s, s.Validate()
}

func contains(domains []string, d string) bool {
	return slices.ContainsFunc(domains, func(x string) bool { return strings.EqualFold(x, d) })
}

// mayManage reports whether a scope may see and change accounts with a grant:
// administrators all, operators of domains those below them whose mail is
// theirs.
func mayManage(s scope.Scope, g Grant, t Tenants) bool {
	if s.Role != lifecycle.RoleOperator {
		return false
	}
	return mayHold(s, g, t)
}

// mayHold reports whether a grant gives nothing that the scope does not have.
func mayHold(s scope.Scope, g Grant, t Tenants) bool {
	switch s.Level {
	case lifecycle.LevelAdmin:
		return s.Everything()
	case lifecycle.LevelDomain:
		switch g.Level {
		case lifecycle.LevelDomain:
			domains := g.Domains
			if len(domains) == 0 {
				var ok bool
				if domains, ok = t.Domains(g.Tenant); !ok {
					return false
				}
			}
			return g.Tenant == s.TenantName() && !slices.ContainsFunc(domains, func(d string) bool { return !contains(s.Domains, d) })
		case lifecycle.LevelMailbox:
			a, err := mail.ParseAddress(g.Mailbox)
			return err == nil && g.Tenant == s.TenantName() && contains(s.Domains, a.Domain())
		}
	case lifecycle.LevelMailbox:
		return g.Level == lifecycle.LevelMailbox && strings.EqualFold(g.Mailbox, s.Mailbox)
	}
	return false
}

// WholeTenant reports whether a scope is about all domains of its tenant.
func (s *Service) WholeTenant(who scope.Scope) bool {
	return who.Level == lifecycle.LevelDomain && who.TenantName() != "" &&
		mayHold(who, Grant{Level: lifecycle.LevelDomain, Tenant: who.TenantName()}, s.o.Tenants)
}

func mayAudit(s scope.Scope) bool {
	return s.Role == lifecycle.RoleOperator || s.Role == lifecycle.RoleAuditor
}
