package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/verify"
	"github.com/mailweir/weir/policy"
)

// post mails links to sign in with; it is accounts.Post.
type post struct{ d *Daemon }

// Known implements accounts.Post: the mailbox is there if mail for it would be
// taken, by the tenant's own way of knowing (B65–B72). What a destination that
// takes anything says does not count (B67).
func (p post) Known(ctx context.Context, tenant string, mailbox mail.Address, source string) bool {
	pol := p.d.snaps.policy()
	t, ok := pol.Tenant(tenant)
	if !ok {
		return false
	}
	rc := t.Recipients()
	route, routed := pol.RouteFor(t, policy.Inbound, "", mailbox.Key())
	mode := rc.Verify
	if !routed && mode == verify.ModeCallout {
		mode = verify.ModeNone // there is nobody to ask (B97)
	}
	a, _ := p.d.checker.Check(ctx, verify.Request{
		Tenant: t.Name, Address: mailbox, Route: queue.ToDeliver(route, mailbox), Mode: mode, IsLocal: rc.IsLocal,
		ValidFor: rc.ValidFor, InvalidFor: rc.InvalidFor, Refresh: rc.Refresh, Client: source,
	})
	return a == verify.Known || a == verify.Local || mode == verify.ModeNone && a != verify.Invalid
}

// linkLetter is what the mail says, by language: subject and text, which has
// the hostname, the link and the end of its time in it.
var linkLetter = map[string][2]string{
	"en": {"Sign in to your mail's filter", "Somebody, most likely you, asked to sign in at %s to see the mail that is held or queued for this address.\n\nTo sign in, open this link and confirm:\n\n%s\n\nIt holds once, until %s. If it was not you, do nothing: without the link nobody gets in.\n"},
	"de": {"Anmelden beim Filter Ihrer E-Mail", "Jemand, vermutlich Sie, möchte sich bei %s anmelden, um zurückgehaltene und wartende E-Mail an diese Adresse zu sehen.\n\nÖffnen Sie dazu diesen Link und bestätigen Sie:\n\n%s\n\nEr gilt einmal, bis %s. Waren Sie es nicht, tun Sie nichts: Ohne den Link kommt niemand hinein.\n"},
	"fr": {"Connexion au filtre de votre messagerie", "Quelqu'un, sans doute vous, souhaite se connecter à %s pour voir le courrier retenu ou en attente pour cette adresse.\n\nPour vous connecter, ouvrez ce lien et confirmez :\n\n%s\n\nIl est valable une fois, jusqu'au %s. Si ce n'était pas vous, ne faites rien : sans ce lien, personne n'entre.\n"},
	"es": {"Acceso al filtro de su correo", "Alguien, probablemente usted, quiere entrar en %s para ver el correo retenido o en cola para esta dirección.\n\nPara entrar, abra este enlace y confirme:\n\n%s\n\nVale una sola vez, hasta %s. Si no fue usted, no haga nada: sin el enlace nadie entra.\n"},
}

// SendLink implements accounts.Post: an ordinary notice in the queue.
func (p post) SendLink(ctx context.Context, tenant string, mailbox mail.Address, link string, until time.Time) error {
	d := p.d
	pol := d.snaps.policy()
	style := notify.Style{}
	if t, ok := pol.Tenant(tenant); ok {
		n := t.Notify()
		style.Language = n.Language
		if a, err := mail.ParseAddress(n.From); err == nil {
			style.From = a
		}
	}
	words, ok := linkLetter[style.Language]
	if !ok {
		words = linkLetter["en"]
	}
	now := d.o.Now()
	l := notify.Letter{
		To: []mail.Address{mailbox}, Tenant: tenant, Subject: words[0], Sealed: true,
		Text: fmt.Sprintf(words[1], pol.Gateway().Hostname, link, until.UTC().Format("2006-01-02 15:04 MST")),
	}
	m, body, err := notify.Compose(l, nil, notify.Options{Hostname: pol.Gateway().Hostname, Now: now, Style: style})
	if err != nil {
		return err
	}
	queue.Address(pol, m, tenant)
	e := queue.Event(m, nil, mail.EventNotice, now)
	e.Tenant = tenant
	a, err := notify.Admission(ctx, d.store, m, body, []mail.Event{e})
	if err != nil {
		return err
	}
	defer a.Draft.Discard()
	_, err = d.store.Enqueue(ctx, a)
	return err
}

// providersOf are the OpenID Connect providers of a policy.
func providersOf(a policy.Admin) []accounts.Provider {
	var out []accounts.Provider
	for _, o := range a.OIDC {
		p := accounts.Provider{
			Name: o.Name, Title: o.Title, Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: o.ClientSecret,
			Scopes: o.Scopes, Accounts: o.Accounts, CA: o.CA,
		}
		for _, g := range o.Grants {
			role := lifecycle.Role(g.Role)
			if g.Role == "operator" {
				role = lifecycle.RoleOperator
			}
			p.Grants = append(p.Grants, accounts.ProviderGrant{Claim: g.Claim, Value: g.Value, Grant: accounts.Grant{
				Level: lifecycle.Level(g.Level), Role: role, Tenant: g.Tenant, Domains: g.Domains,
			}})
		}
		out = append(out, p)
	}
	return out
}
