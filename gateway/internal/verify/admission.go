package verify

import "context"

// admission is every bound between a question and a callout. A dictionary of
// addresses tried against a tenant must not become a flood at its server: what
// is bounded by strangers and clients are callouts that found nobody, so that
// known and new recipients of a busy domain are asked for freely.
type admission struct {
	hops      *limiter // callouts by next hop, and its pauses
	tenants   *limiter // callouts by tenant
	strangers *limiter // callouts that found nobody, by tenant and domain
	clients   *limiter // callouts that found nobody, by client
	hopSlots  *slots
	slots     *slots // by tenant
}

// The reasons for which a callout is left out, as Stats.Limited has them.
const (
	limitedDown      = "down"        // the destination gave no answer a moment ago
	limitedStrangers = "strangers"   // too many unknown addresses of the domain were asked for
	limitedClient    = "client"      // too many of them by one client
	limitedTenant    = "tenant"      // too many callouts for the tenant
	limitedHop       = "destination" // too many callouts to the destination
	limitedBusy      = "busy"        // too many questions are waiting
	limitedHeld      = "held"        // deliveries hold the destination back: its limits, a back-off, a suspension (B89)
)

func newAdmission(o *Options) *admission {
	return &admission{
		hops:      newLimiter(o.Rate, o.Burst, o.DownFor, o.Now),
		tenants:   newLimiter(o.TenantRate, o.TenantBurst, 0, o.Now),
		strangers: newLimiter(o.StrangerRate, o.StrangerBurst, 0, o.Now),
		clients:   newLimiter(o.ClientRate, o.ClientBurst, 0, o.Now),
		hopSlots:  newSlots(o.HopConcurrency),
		slots:     newSlots(o.TenantConcurrency),
	}
}

// admitted is a callout that may run.
type admitted struct {
	a                     *admission
	hop, tenant, stranger string
	client                string
}

// admit waits for a callout's turn, or says why it is left out. A callout that
// nobody waits for (a refresh) gets what is left over.
func (c *Checker) admit(ctx context.Context, r *Request, background bool) (*admitted, string) {
	a, patience := c.adm, c.opt.Timeout/2
	x := &admitted{a: a, hop: r.Route.NextHop(), tenant: r.Tenant, stranger: r.Tenant + "\x00" + r.Address.Domain(), client: r.Client}
	if background {
		patience = 0
		if !a.hops.ample(x.hop) || !a.tenants.ample(x.tenant) {
			return nil, limitedHop
		}
	}
	switch {
	case a.hops.isDown(x.hop):
		return nil, limitedDown
	case x.client != "" && !a.clients.take(ctx, x.client, 0):
		return nil, limitedClient
	case !a.strangers.take(ctx, x.stranger, 0):
		x.returnClient()
		return nil, limitedStrangers
	case !a.tenants.take(ctx, x.tenant, patience):
		x.returnStranger()
		return nil, limitedTenant
	case !a.hops.take(ctx, x.hop, patience):
		x.returnStranger()
		return nil, limitedHop
	case !a.hopSlots.acquire(ctx, x.hop, patience):
		x.returnStranger()
		return nil, limitedHop
	case !a.slots.acquire(ctx, x.tenant, patience):
		a.hopSlots.release(x.hop)
		x.returnStranger()
		return nil, limitedTenant
	case a.hops.isDown(x.hop): // it broke down while we waited
		x.done(false)
		return nil, limitedDown
	}
	return x, ""
}

// done gives back what the callout does not keep.
func (x *admitted) done(stranger bool) {
	x.a.slots.release(x.tenant)
	x.a.hopSlots.release(x.hop)
	if !stranger {
		x.returnStranger()
	}
}

func (x *admitted) returnStranger() {
	x.a.strangers.giveBack(x.stranger)
	x.returnClient()
}

func (x *admitted) returnClient() {
	if x.client != "" {
		x.a.clients.giveBack(x.client)
	}
}
