package queue

import (
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

// ScheduleOf is the retry schedule of a recipient in the policy of now, and
// the lifetime that its tenant sets, 0 none: that of its destination (B89),
// else of its route, else of its tenant for the direction; where the tenant is gone,
// the one that counted last, then "standard".
func ScheduleOf(p *policy.Policy, m *store.Message, r *store.Recipient) (*policy.Schedule, time.Duration) {
	var life time.Duration
	// By its domain only where the domain's mail servers are asked, as the engine has it.
	to, _ := Resolve(p, r.Route, r.Address)
	names := []string{p.Destination(to.MX, r.LastHost, r.Route).Schedule}
	if route, ok := p.RouteByName(r.Route); ok {
		names = append(names, route.Schedule)
	}
	if t, ok := p.Tenant(r.Tenant); ok {
		set := t.Settings(string(m.Direction), Own(m, r).Key())
		life = set.Lifetime
		names = append(names, set.Schedule)
	}
	for _, n := range append(names, r.Schedule) {
		if s, ok := p.Schedule(n); ok && n != "" {
			return s, life
		}
	}
	s, _ := p.Schedule("standard") // built in, and always there
	return s, life
}

// Own is the address whose tenant's and group's settings count: the
// recipient's inbound, as the client named it, the sender's outbound (B140,
// B141).
func Own(m *store.Message, r *store.Recipient) mail.Address {
	if m.Direction == mail.Outbound {
		return m.Sender
	}
	if r.Original.Domain() != "" { // redirected; the bare postmaster has none
		return r.Original
	}
	return r.Address
}
