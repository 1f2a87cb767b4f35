package daemon

import (
	"fmt"

	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

// routeTo finds the way by a route of the policy, or to a host, that an
// operator names for a recipient (B93). A route of the policy may be named
// without its "route:".
func routeTo(p *policy.Policy, r *store.Recipient, route, host string) (name, nextHop string, err error) {
	if host != "" {
		if name, err = queue.HostRoute(host); err != nil {
			return "", "", err
		}
		to, _ := queue.Resolve(p, name, r.Address)
		return name, to.NextHop(), nil
	}
	t, ok := p.Tenant(r.Tenant)
	if !ok {
		return "", "", fmt.Errorf("tenant %q is not in the policy any more; an administrator may send its mail to a host", r.Tenant)
	}
	for _, name := range []string{route, "route:" + route} {
		if to, ok := queue.Resolve(p, name, r.Address); ok && t.MayUse(name) {
			return name, to.NextHop(), nil
		}
	}
	return "", "", fmt.Errorf("there is no route %.60q in the policy that tenant %s may use; its own are tenant:%s:in and tenant:%s:out, and mx goes by the DNS", route, r.Tenant, r.Tenant, r.Tenant)
}
