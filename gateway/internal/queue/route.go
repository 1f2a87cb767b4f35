package queue

import (
	"strings"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

// localRoute is the prefix of the route of mail from one hosted tenant to
// another: it enters the receiver's inbound chain in process.
const localRoute = "local:"

// LocalRoute names the in-process route into a tenant.
func LocalRoute(tenant string) string { return localRoute + tenant }

// LocalTenant is the tenant a local route leads to.
func LocalTenant(route string) (string, bool) { return strings.CutPrefix(route, localRoute) }

// Resolve finds, in the policy of now, the route that a recipient's stored
// name means. false: no such route any more, the recipient is unrouted (B97).
func Resolve(p *policy.Policy, name string, rcpt mail.Address) (deliver.Route, bool) {
	r, ok := p.RouteByName(name)
	if !ok || r.IsZero() {
		return deliver.Route{}, false
	}
	return ToDeliver(r, rcpt), true
}

// ToDeliver is a policy's route as the delivery engine wants it, for one
// recipient: a route by MX without a domain follows the recipient's.
func ToDeliver(r policy.Route, rcpt mail.Address) deliver.Route {
	d := deliver.Route{
		Name: r.Name, Hosts: r.Hosts, MX: r.MX, TLS: r.TLS, Helo: r.Helo, Source: r.Source,
		LMTP: r.Protocol == "lmtp", MaxConns: r.Connections, PerConn: r.PerConnection, Port: r.Port,
	}
	if len(d.Hosts) == 0 && d.MX == "" {
		d.MX = rcpt.Domain()
	}
	return d
}

// AssignOf is Assign for a recipient of m: one that was redirected out of its
// tenant goes outward.
func AssignOf(p *policy.Policy, m *store.Message, r *store.Recipient) bool {
	dir := m.Direction
	if dir == mail.Inbound {
		if t, hosted := p.TenantOf(r.Address.Domain()); !hosted || t.Name != r.Tenant {
			dir = mail.Outbound
		}
	}
	return Assign(p, dir, r)
}

// reroute gives a recipient a route by the policy of now where the one it has
// leads nowhere by itself: it was unrouted when it came (B97), or its domain
// was hosted then and is no more.
func reroute(p *policy.Policy, m *store.Message, r *store.Recipient) {
	_, local := LocalTenant(r.Route)
	_, hosted := p.TenantOf(r.Address.Domain())
	if r.Route == "" || local && !hosted {
		before := *r
		if !AssignOf(p, m, r) {
			*r = before
		}
	}
}

// Usable reports whether a tenant's mail may take the route of that name: its
// own routes and that of the MX records. Another tenant's lead past the
// filters in front of that tenant's servers.
func Usable(name, tenant string) bool {
	return name == "mx" || strings.HasPrefix(name, "tenant:"+tenant+":")
}

// Assign gives a recipient its route by the policy of now: into its own
// tenant's mail server inbound, outward or in process outbound. It reports
// whether there is one; without, the recipient is unrouted.
func Assign(p *policy.Policy, dir mail.Direction, r *store.Recipient) bool {
	t, ok := p.Tenant(r.Tenant)
	if !ok {
		r.Route, r.NextHop = "", ""
		return false
	}
	var pr policy.Route
	if dir == mail.Inbound {
		pr = t.Route()
	} else if to, hosted := p.TenantOf(r.Address.Domain()); hosted {
		r.Route = LocalRoute(to.Name)
		r.NextHop = r.Route
		return true
	} else {
		pr = p.OutboundRoute(t, r.Address.Domain())
	}
	if pr.IsZero() {
		r.Route, r.NextHop = "", ""
		return false
	}
	r.Route = pr.Name
	r.NextHop = ToDeliver(pr, r.Address).NextHop()
	return true
}
