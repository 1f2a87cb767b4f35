package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/lists"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// listService is the lists as the API sees them.
type listService struct{ d *Daemon }

// manages reports whether a scope may see and change the lists of a tenant, as
// a whole (mailbox "") or of one mailbox. What it may not is not there.
func (s listService) manages(sc scope.Scope, tenant, mailbox string) error {
	notThere := fmt.Errorf("tenant %.60q: %w", tenant, store.ErrNotFound)
	p := s.d.snaps.policy()
	t, ok := p.Tenant(tenant)
	if !ok {
		return &noTenant{tenant, sc.Level == lifecycle.LevelAdmin, notThere}
	}
	in := func(d string) bool {
		return slices.ContainsFunc(sc.Domains, func(own string) bool { return strings.EqualFold(own, d) })
	}
	var box mail.Address
	if mailbox != "" {
		var err error
		if box, err = mail.ParseAddress(mailbox); err != nil || !slices.ContainsFunc(t.Domains, func(d string) bool { return strings.EqualFold(d, box.Domain()) }) {
			return &noTenant{tenant, false, notThere}
		}
	}
	switch sc.Level {
	case lifecycle.LevelAdmin:
		return nil
	case lifecycle.LevelDomain:
		if mailbox != "" && in(box.Domain()) || mailbox == "" && !slices.ContainsFunc(t.Domains, func(d string) bool { return !in(d) }) {
			return nil
		}
	case lifecycle.LevelMailbox:
		if mailbox != "" && strings.EqualFold(box.Key(), sc.Mailbox) {
			return nil
		}
	}
	return &noTenant{tenant, false, notThere}
}

// noTenant gives the administrator the names there are.
type noTenant struct {
	name  string
	admin bool
	err   error
}

func (n *noTenant) Error() string { return n.err.Error() }
func (n *noTenant) Unwrap() error { return n.err }

// Remedy implements api.Remedied.
func (n *noTenant) Remedy() string {
	return "name a tenant of the policy that you manage, and a mailbox of its domains"
}

// declared is how many entries a list has in the policy; false: there is none.
func (s listService) declared(tenant, list string) (int, bool) {
	n, ok := 0, lists.Known(list) && list != lists.RulesList
	for _, l := range s.d.snaps.policy().Lists() {
		if l.Name == list && (l.Tenant == "" || l.Tenant == tenant) {
			n, ok = n+len(l.Entries), true
		}
	}
	return n, ok
}

// Names implements api.Lists.
func (s listService) Names(sc scope.Scope, tenant string) ([]api.ListInfo, error) {
	if err := s.manages(sc, tenant, sc.Mailbox); err != nil {
		return nil, err
	}
	names := slices.Clone(lists.Own)
	for _, l := range s.d.snaps.policy().Lists() {
		if (l.Tenant == "" || l.Tenant == tenant) && !slices.Contains(names, l.Name) {
			names = append(names, l.Name)
		}
	}
	slices.Sort(names)
	var whose *string // a mailbox's user learns of no other's entries
	if sc.Level == lifecycle.LevelMailbox {
		whose = &sc.Mailbox
	}
	var out []api.ListInfo
	for _, name := range names {
		info := api.ListInfo{Name: name, Added: s.d.lists.Count(tenant, name, whose)}
		info.Declared, _ = s.declared(tenant, name)
		out = append(out, info)
	}
	return out, nil
}

// Entries implements api.Lists.
func (s listService) Entries(sc scope.Scope, q lists.Query) ([]lists.Entry, string, error) {
	if sc.Level == lifecycle.LevelMailbox {
		q.Mailbox = &sc.Mailbox
	}
	mailbox := ""
	if q.Mailbox != nil {
		mailbox = *q.Mailbox
	}
	if err := s.manages(sc, q.Tenant, mailbox); err != nil {
		return nil, "", err
	}
	if _, ok := s.declared(q.Tenant, q.List); !ok {
		return nil, "", s.noList(q.List)
	}
	items, next := s.d.lists.Entries(q)
	return items, next, nil
}

func (s listService) noList(name string) error {
	return fmt.Errorf("%w: no list is called %.60q; declare it in the policy: list %q { entries = [] }", lists.ErrInvalid, name, name)
}

func (s listService) mayChange(sc scope.Scope, entries []lists.Entry) error {
	if err := sc.Validate(); err != nil {
		return err
	}
	for i := range entries {
		e := &entries[i]
		if sc.Level == lifecycle.LevelMailbox && e.Mailbox == "" {
			e.Mailbox = sc.Mailbox
		}
		if err := s.manages(sc, e.Tenant, e.Mailbox); err != nil {
			return err
		}
		if _, ok := s.declared(e.Tenant, e.List); !ok {
			return s.noList(e.List)
		}
	}
	return nil
}

// Add implements api.Lists.
func (s listService) Add(ctx context.Context, sc scope.Scope, entries []lists.Entry) (int, error) {
	if err := s.mayChange(sc, entries); err != nil {
		return 0, err
	}
	n, err := s.d.lists.Add(ctx, entries...)
	s.say("entries added to a list", sc, entries, n)
	return n, err
}

// Remove implements api.Lists.
func (s listService) Remove(ctx context.Context, sc scope.Scope, entries []lists.Entry) (int, error) {
	if err := s.mayChange(sc, entries); err != nil {
		return 0, err
	}
	n, err := s.d.lists.Remove(ctx, entries...)
	s.say("entries removed from a list", sc, entries, n)
	return n, err
}

func (s listService) say(what string, sc scope.Scope, entries []lists.Entry, n int) {
	if n > 0 {
		s.d.log.Info(what, "actor", sc.Actor, "tenant", entries[0].Tenant, "list", entries[0].List, "count", n)
	}
}

// Rules implements api.Lists.
func (s listService) Rules(sc scope.Scope, tenant string) ([]lists.Rule, error) {
	if err := s.manages(sc, tenant, sc.Mailbox); err != nil {
		return nil, err
	}
	rules := s.d.lists.Rules(tenant)
	if sc.Level == lifecycle.LevelMailbox {
		rules = slices.DeleteFunc(rules, func(r lists.Rule) bool { return !strings.EqualFold(r.Mailbox, sc.Mailbox) })
	}
	return rules, nil
}

// AddRule implements api.Lists.
func (s listService) AddRule(ctx context.Context, sc scope.Scope, r lists.Rule) (lists.Rule, error) {
	if sc.Level == lifecycle.LevelMailbox {
		r.Mailbox = sc.Mailbox
	}
	if err := s.manages(sc, r.Tenant, r.Mailbox); err != nil {
		return lists.Rule{}, err
	}
	r, err := s.d.lists.AddRule(ctx, r)
	if err == nil {
		s.d.log.Info("rule added", "actor", sc.Actor, "tenant", r.Tenant, "rule", r.ID)
	}
	return r, err
}

// RemoveRule implements api.Lists.
func (s listService) RemoveRule(ctx context.Context, sc scope.Scope, tenant, id string) (bool, error) {
	r, ok := s.d.lists.Rule(tenant, id)
	if err := s.manages(sc, tenant, r.Mailbox); err != nil || !ok {
		return false, err
	}
	there, err := s.d.lists.RemoveRule(ctx, tenant, id)
	if there {
		s.d.log.Info("rule removed", "actor", sc.Actor, "tenant", tenant, "rule", id)
	}
	return there, err
}

// ClassActions implements api.Lists.
func (s listService) ClassActions(sc scope.Scope, tenant string) ([]lists.Override, error) {
	if err := s.manages(sc, tenant, ""); err != nil {
		return nil, err
	}
	return s.d.lists.Actions(tenant), nil
}

// SetClassAction implements api.Lists.
func (s listService) SetClassAction(ctx context.Context, sc scope.Scope, o lists.Override) error {
	if err := s.manages(sc, o.Tenant, ""); err != nil {
		return err
	}
	o.Admin = sc.Level == lifecycle.LevelAdmin
	err := s.d.lists.SetAction(ctx, o)
	if err == nil {
		s.d.log.Info("class action chosen", "actor", sc.Actor, "tenant", o.Tenant, "class", o.Class, "action", o.Action)
	}
	return err
}

// ClearClassAction implements api.Lists.
func (s listService) ClearClassAction(ctx context.Context, sc scope.Scope, tenant, class string) (bool, error) {
	if err := s.manages(sc, tenant, ""); err != nil {
		return false, err
	}
	there, err := s.d.lists.ClearAction(ctx, tenant, class)
	if there {
		s.d.log.Info("class action cleared", "actor", sc.Actor, "tenant", tenant, "class", class)
	}
	return there, err
}
