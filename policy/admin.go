package policy

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// Admin is the admin block. Address is "" where there is none.
type Admin struct {
	Address string
	URL     string // scheme and host by which people reach it; no slash at the end
	// Local tells that, as far as the policy says, only this machine reaches it.
	Local          bool
	Plain          bool
	TLS            *ListenerTLS
	Proxies        []netip.Prefix
	SessionIdle    time.Duration
	SessionLongest time.Duration
	Links          bool // users of mailboxes sign in by a link that is mailed to them
	KeepAudit      time.Duration
	OIDC           []OIDC
	Range          hcl.Range
}

// OIDC is one provider of OpenID Connect. It holds a secret: do not print it.
type OIDC struct {
	Name, Title  string
	Issuer       string
	ClientID     string
	ClientSecret string
	Scopes       []string
	Accounts     bool   // a verified mail address signs in to the user of that name
	CA           []byte // PEM; nil: the system's
	Grants       []OIDCGrant
	Range        hcl.Range
}

// String hides the secret.
func (o OIDC) String() string { return o.Name + " (" + o.Issuer + ")" }

// OIDCGrant is what people with a claim may.
type OIDCGrant struct {
	Claim, Value string
	Level, Role  string // "admin", "domain", "mailbox"; "operator", "auditor", "helpdesk"
	Tenant       string
	Domains      []string
	Range        hcl.Range
}

// keepAudit is how long the audit log is kept where there is no admin block.
const keepAudit = 400 * 24 * time.Hour

// admin evaluates the admin block.
func (l *loader) admin() {
	l.p.admin = Admin{KeepAudit: keepAudit}
	n := l.root.one("admin")
	l.p.adminLimits = l.adminLimits(n)
	if n == nil {
		return
	}
	v := l.eval(n, adminSpec, l.ctx)
	a := Admin{
		Address: get[string](v, "address"), Plain: get[bool](v, "plain"), TLS: l.listenerTLS(n), Proxies: get[[]netip.Prefix](v, "proxies"),
		SessionIdle: get[time.Duration](v, "session_idle"), SessionLongest: get[time.Duration](v, "session_longest"),
		Links: get[bool](v, "sign_in_links") && v.set["url"], KeepAudit: get[time.Duration](v, "keep_audit"), Range: n.head,
	}
	a.URL = l.adminURL(n, v, a.TLS != nil)
	local := !v.set["address"] || isLoopback(a.Address)
	a.Local = local && !v.set["url"] || local && loopbackURL(a.URL)
	switch {
	case a.Plain && a.TLS != nil:
		l.fail("Contradicting attributes", v.at("plain"), &n.head, "plain: there is a tls block, too. Keep one of them.")
	case !local && !a.Plain && a.TLS == nil:
		l.fail("Admin listener is open to others", v.at("address"), &n.head,
			"address: whoever signs in at %s would send their password in the clear. Add tls { cert = … key = … }, or a loopback address such as \"127.0.0.1:8080\" behind a proxy or a tunnel; or plain = true where a proxy elsewhere has the certificate.", a.Address)
	case a.SessionIdle > a.SessionLongest && v.set["session_idle"]:
		l.fail("Contradicting limits", v.at("session_idle"), &n.head, "session_idle (%s) is longer than session_longest (%s). Raise session_longest.", formatDuration(a.SessionIdle), formatDuration(a.SessionLongest))
	}
	for i, p := range a.Proxies {
		if p.Bits() == 0 {
			l.fail("Everybody is a proxy", v.item("proxies", i), &n.head, "proxies: %s is everybody, and everybody could say where a request came from. Name your proxies.", p)
		}
	}
	for _, b := range n.blocks["oidc"] {
		a.OIDC = append(a.OIDC, l.oidc(b, v))
	}
	l.p.admin = a
}

// adminURL is how people reach the admin listener.
func (l *loader) adminURL(a *node, v *values, tls bool) string {
	text := get[string](v, "url")
	if text == "" {
		scheme := "http://"
		if tls {
			scheme = "https://"
		}
		return scheme + get[string](v, "address")
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		l.fail("Not the address of a site", v.at("url"), &a.head, "url: %q should be a scheme and a host, such as \"https://mail.example.net\".", text)
	}
	return text
}

func loopbackURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && isLoopback(u.Hostname()+":0")
}

func (l *loader) oidc(n *node, admin *values) OIDC {
	v := l.eval(n, n.spec, l.ctx)
	o := OIDC{
		Name: n.label, Title: get[string](v, "title"), Issuer: get[string](v, "issuer"), ClientID: get[string](v, "client_id"), ClientSecret: get[string](v, "client_secret"),
		Scopes: get[[]string](v, "scopes"), Accounts: get[bool](v, "accounts"), Range: n.head,
	}
	if o.Title == "" {
		o.Title = o.Name
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"openid", "email", "profile"}
	} else if !slices.Contains(o.Scopes, "openid") {
		l.fail("Invalid value", v.at("scopes"), &n.head, "scopes: \"openid\" is missing, without which there is no ID token. Add it.")
	}
	u, err := url.Parse(o.Issuer)
	if v.set["issuer"] && (err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && loopbackURL(o.Issuer))) {
		l.fail("Not the address of a provider", v.at("issuer"), &n.head, "issuer: %q should be such as \"https://id.example.net\".", o.Issuer)
	}
	if !admin.set["url"] {
		l.fail("Missing attribute", n.head, nil, "The provider sends people back to the listener's url, and the admin block has none. Add url = \"https://…\".")
	}
	if f := get[string](v, "ca"); f != "" {
		b, err := l.readFile(f)
		if err != nil {
			l.fail("File cannot be read", v.at("ca"), &n.head, "ca: %v. Correct the path or the file's permissions.", err)
		}
		o.CA = b
	}
	for _, b := range n.blocks["grant"] {
		o.Grants = append(o.Grants, l.oidcGrant(b))
	}
	if len(o.Grants) == 0 && !o.Accounts {
		l.fail("Missing block", n.head, nil, "Nobody could sign in by provider %q. Add a grant block, or accounts = true.", n.label)
	}
	return o
}

func (l *loader) oidcGrant(n *node) OIDCGrant {
	v := l.eval(n, n.spec, l.ctx)
	g := OIDCGrant{
		Claim: get[string](v, "claim"), Value: get[string](v, "value"), Level: get[string](v, "level"), Role: get[string](v, "role"),
		Tenant: get[string](v, "tenant"), Domains: get[[]string](v, "domains"), Range: n.head,
	}
	switch {
	case g.Level == "domain" && g.Tenant == "":
		l.fail("Missing attribute", n.head, nil, "Level domain is about a tenant's mail. Add tenant = \"…\".")
	case g.Level != "domain" && g.Tenant != "":
		l.fail("Contradicting attributes", v.at("tenant"), &n.head, "tenant: only level domain has one. Leave it out.")
	case g.Level != "domain" && len(g.Domains) > 0:
		l.fail("Contradicting attributes", v.at("domains"), &n.head, "domains: only level domain has them. Leave them out.")
	case strings.HasPrefix(g.Value, "@") && g.Claim != "email":
		l.fail("Invalid value", v.at("value"), &n.head, "value: %q is every address of a domain, which only the claim \"email\" has.", clip(g.Value))
	}
	if g.Tenant != "" {
		l.oidcTenants = append(l.oidcTenants, grantedTenant{g, v, n})
	}
	return g
}

// grantedTenant is a grant whose tenant is to be looked up.
type grantedTenant struct {
	g OIDCGrant
	v *values
	n *node
}

// grantedTenants checks what grants say of tenants, which are known by now.
func (l *loader) grantedTenants() {
	for _, x := range l.oidcTenants {
		t, ok := l.p.byName[x.g.Tenant]
		if !ok {
			l.fail("Unknown tenant", x.v.at("tenant"), &x.n.head, "tenant: there is no tenant %q. Name one of the policy's tenants.", clip(x.g.Tenant))
			continue
		}
		for i, d := range x.g.Domains {
			if !slices.Contains(t.Domains, d) {
				l.fail("Unknown domain", x.v.item("domains", i), &x.n.head, "domains: %q is not one of tenant %q. Its domains are %s.", d, t.Name, strings.Join(t.Domains, ", "))
			}
		}
	}
}
