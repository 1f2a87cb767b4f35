package queue

import (
	"strings"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpc"
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
	if r, ok := toHost(name); ok {
		return r, true
	}
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
		Name: r.Name, Hosts: r.Hosts, MX: r.MX, TLS: r.TLS, Helo: r.Helo, Source: r.Source, Source6: r.Source6, IP: r.IP,
		LMTP: r.Protocol == "lmtp", MaxConns: r.Connections, PerConn: r.PerConnection, Port: r.Port,
	}
	for _, w := range r.Weights {
		d.Weights = append(d.Weights, deliver.Weight(w))
	}
	if r.Auth != nil {
		d.Auth = &smtpc.Credentials{User: r.Auth.User, Password: r.Auth.Password}
	}
	if len(d.Hosts) == 0 && d.MX == "" {
		d.MX = rcpt.Domain()
	}
	return d
}

// AssignOf is AssignFrom for a recipient of m: one that was redirected out of
// its tenant goes outward.
func AssignOf(p *policy.Policy, m *store.Message, r *store.Recipient) bool {
	dir := m.Direction
	if dir == mail.Inbound {
		if t, hosted := p.TenantOf(r.Address.Domain()); !hosted || t.Name != r.Tenant {
			dir = mail.Outbound
		}
	}
	return AssignFrom(p, dir, m.Sender, r)
}

// reroute gives a recipient a route by the policy of now where the one it has
// leads nowhere by itself: it was unrouted when it came (B97), its domain was
// hosted then and is no more, or the policy refused it.
func reroute(p *policy.Policy, m *store.Message, r *store.Recipient) {
	_, local := LocalTenant(r.Route)
	_, hosted := p.TenantOf(r.Address.Domain())
	if r.Route == "" || r.Route == rejectRoute || local && !hosted {
		before := *r
		if !AssignOf(p, m, r) {
			*r = before
		}
	}
}

// hopOfNow notes where a batch goes, in the policy of now, for the next turn.
func hopOfNow(m *store.Message, b Batch) {
	if b.Local != "" || b.Unrouted != nil {
		return
	}
	for _, to := range b.To {
		find(m, to.N).NextHop = b.Route.NextHop()
	}
}

// rejectRoute is the route of recipients that a via block refuses.
const rejectRoute = "reject"

// Refused is the answer of a via block that refuses a recipient's mail (B90):
// 550 5.1.2, to the client at RCPT and, for mail that is queued already, for
// good. nil: none does.
func Refused(p *policy.Policy, dir mail.Direction, tenant string, sender, rcpt mail.Address) *mail.Reply {
	t, ok := p.Tenant(tenant)
	if !ok {
		return nil
	}
	if dir == mail.Outbound {
		if _, hosted := p.TenantOf(rcpt.Domain()); hosted {
			return nil // it enters the receiver's own chain
		}
	}
	r, ok := p.RouteFor(t, string(dir), sender.Key(), rcpt.Key())
	if !ok || r.Name != rejectRoute {
		return nil
	}
	text := r.Reject
	if text == "" {
		text = "mail for this recipient is not routed"
	}
	return mail.NewReply(550, "5.1.2", text)
}

// refused is Refused for a recipient of m that has that route.
func refused(p *policy.Policy, m *store.Message, r *store.Recipient) *mail.Reply {
	dir := m.Direction
	if t, hosted := p.TenantOf(r.Address.Domain()); dir == mail.Inbound && (!hosted || t.Name != r.Tenant) {
		dir = mail.Outbound
	}
	if reply := Refused(p, dir, r.Tenant, m.Sender, r.Address); reply != nil {
		return reply
	}
	return unrouted("")
}

// Assign is AssignFrom for mail of ours, whose reverse-path is null.
func Assign(p *policy.Policy, dir mail.Direction, r *store.Recipient) bool {
	return AssignFrom(p, dir, mail.Address{}, r)
}

// AssignFrom gives a recipient its route by the policy of now (B82, B90): by
// its tenant's and the gateway's tables into its own tenant's mail server
// inbound, outward or in process outbound. It reports whether there is one;
// without, the recipient is unrouted.
func AssignFrom(p *policy.Policy, dir mail.Direction, sender mail.Address, r *store.Recipient) bool {
	t, ok := p.Tenant(r.Tenant)
	if !ok {
		r.Route, r.NextHop = "", ""
		return false
	}
	if dir == mail.Outbound {
		if to, hosted := p.TenantOf(r.Address.Domain()); hosted {
			r.Route = LocalRoute(to.Name)
			r.NextHop = r.Route
			return true
		}
	}
	route, ok := p.RouteFor(t, string(dir), sender.Key(), r.Address.Key())
	if !ok || route.IsZero() && route.Name != rejectRoute {
		r.Route, r.NextHop = "", ""
		return false
	}
	r.Route, r.NextHop = route.Name, ""
	if route.Name != rejectRoute {
		r.NextHop = ToDeliver(route, r.Address).NextHop()
	}
	return true
}
