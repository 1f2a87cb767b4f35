package nettools

import (
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/verify"
	"github.com/mailweir/weir/policy"
)

// RecipientsQuery selects what is remembered of a tenant's recipients (B65–B72).
type RecipientsQuery struct {
	Tenant  string
	Domain  string // "" all
	Kind    string // "" all
	Prefix  string
	Address string // this one alone
	After   string
	Limit   int // 0 all
}

// KnownRecipient is one thing remembered: of an address, or of a domain.
type KnownRecipient struct {
	Tenant  string    `json:"tenant"`
	Address string    `json:"address,omitempty"`
	Domain  string    `json:"domain,omitempty" doc:"In place of an address: what holds for all of the domain"`
	Kind    string    `json:"kind" enum:"valid,invalid,catch-all,selective,unsure,refuses" doc:"Of addresses: valid, invalid. Of domains: catch-all takes anything, selective refuses strangers, unsure would not say what it does with them, refuses takes nothing"`
	Learnt  time.Time `json:"learnt"`
	Until   time.Time `json:"until" doc:"When it is believed no more"`
	Asked   time.Time `json:"asked,omitzero" doc:"When it was asked for again in vain"`
	Reply   *Said     `json:"reply,omitempty" doc:"The refusal"`
}

// query puts a query in verify's words, within the scope.
func (t *Tools) query(sc scope.Scope, v lifecycle.Verb, q RecipientsQuery) (verify.Query, error) {
	out := verify.Query{Tenant: q.Tenant, Prefix: strings.ToLower(q.Prefix), After: q.After, Limit: q.Limit}
	if err := may(sc, v); err != nil {
		return out, err
	}
	p := t.Policy()
	tn, ok := p.Tenant(q.Tenant)
	if ok && !sc.Everything() {
		out.Domains = slices.DeleteFunc(slices.Clone(tn.Domains), func(d string) bool { return !t.owns(sc, d) })
		ok = len(out.Domains) > 0
	}
	if !ok {
		return out, wrong(t.tenants(sc, p), "you have no tenant %.60q", q.Tenant)
	}
	rc := tn.Recipients()
	out.ValidFor, out.InvalidFor = rc.ValidFor, rc.InvalidFor
	if q.Domain != "" {
		d := strings.ToLower(q.Domain)
		if out.Domains != nil && !slices.Contains(out.Domains, d) {
			return out, elsewhere(v, d)
		}
		out.Domains = []string{d}
	}
	if q.Kind != "" {
		out.Kinds = []string{q.Kind}
	}
	if q.Address != "" {
		a, err := address(q.Address)
		if err != nil {
			return out, err
		}
		out.Address = a.Key()
	}
	return out, nil
}

// tenants is a remedy.
func (t *Tools) tenants(sc scope.Scope, p *policy.Policy) string {
	var names []string
	for _, tn := range p.Tenants() {
		if slices.ContainsFunc(tn.Domains, func(d string) bool { return t.owns(sc, d) }) {
			names = append(names, tn.Name)
		}
	}
	const most = 10
	if len(names) > most {
		names = append(names[:most], "…")
	}
	if len(names) == 0 {
		return ""
	}
	return "your tenants: " + strings.Join(names, ", ")
}

// Remembered lists what is remembered and still believed, in order, and the
// cursor to go on from, "" at the end.
func (t *Tools) Remembered(sc scope.Scope, q RecipientsQuery) ([]KnownRecipient, string, error) {
	vq, err := t.query(sc, lifecycle.RecipientCallout, q)
	if err != nil {
		return nil, "", err
	}
	items, more, err := t.Recipients.Known(vq)
	if err != nil {
		return nil, "", err
	}
	out := []KnownRecipient{}
	for _, it := range items {
		k := KnownRecipient{Tenant: q.Tenant, Kind: it.Kind, Learnt: it.At, Until: it.Until, Asked: it.Asked, Reply: said(it.Reply, true)}
		if d, ok := strings.CutPrefix(it.Key, "@"); ok {
			k.Domain = d
		} else {
			k.Address = it.Key
		}
		out = append(out, k)
	}
	next := ""
	if more {
		next = items[len(items)-1].Key
	}
	return out, next, nil
}

// Forget clears what a query selects, and says how much it was. What is known
// is what lets mail be queued while a destination is down, so helpdesk may not.
func (t *Tools) Forget(sc scope.Scope, q RecipientsQuery) (int, error) {
	vq, err := t.query(sc, lifecycle.RecipientCallout, q)
	if err != nil {
		return 0, err
	}
	if sc.Role != lifecycle.RoleOperator {
		return 0, &lifecycle.Refusal{Verb: "clear-recipients", Reason: "the role " + string(sc.Role) + " may not do this"}
	}
	n, err := t.Recipients.Clear(vq)
	if n > 0 {
		t.said("known recipients forgotten", sc, "tenant", q.Tenant, "domain", q.Domain, "rcpt", q.Address, "count", n)
	}
	return n, err
}
