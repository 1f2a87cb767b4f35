package daemon

import (
	"fmt"

	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/store"
)

// routeHeld gives a recipient that was held before it had a route one.
func (d *Daemon) routeHeld(m *store.Message, r *store.Recipient) error {
	p := d.snaps.policy()
	t, ok := p.Tenant(r.Tenant)
	if !ok {
		return fmt.Errorf("tenant %q is not in the policy any more", r.Tenant)
	}
	queue.AssignOf(p, m, r)
	if r.Schedule == "" {
		r.Schedule = t.Settings(string(m.Direction), queue.Own(m, r).Key()).Schedule
	}
	return nil
}

// routeTo is the way that an operator names for a recipient.
func (d *Daemon) routeTo(r *store.Recipient, route, host string) (name, nextHop string, err error) {
	return routeTo(d.snaps.policy(), r, route, host)
}
