package policy

import (
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// Policy is one checked configuration. It never changes and is safe for use
// in parallel; a reload makes a new one. What the methods return is shared:
// callers must not change it.
type Policy struct {
	digest    string
	files     map[string]*hcl.File
	gateway   Gateway
	admin     Admin
	listeners []Listener
	plugins   []Plugin
	schedules map[string]*Schedule
	tenants   []*Tenant
	byName    map[string]*Tenant
	byDomain  map[string]*Tenant
	configs   []FilterConfig
	lists     []List
	reports   []Report
	lookup    listIndex
	rulesets  []*ruleset
	chains    map[string]*chain // of listeners, by name

	routes       []Route
	routeIndex   map[string]int // name → index in routes
	vias         *viaTable
	destinations *destinationTable
	events       []EventSink
	adminLimits  AdminLimits
}

// Digest is a hash of everything that was read: HCL, files named by file(),
// certificates and the values of variables. 16 hexadecimal digits.
func (p *Policy) Digest() string { return p.digest }

// Files are the sources, by name as ranges spell it, without what was parsed: that
// would be a thousand small things for each tenant, for the collector to go through
// as long as the policy lives.
func (p *Policy) Files() map[string]*hcl.File { return p.files }

// Gateway is the gateway block.
func (p *Policy) Gateway() Gateway { return p.gateway }

// Admin is the admin block.
func (p *Policy) Admin() Admin { return p.admin }

// Listeners are the listeners in order of declaration.
func (p *Policy) Listeners() []Listener { return p.listeners }

// Plugins are the plugins in order of declaration.
func (p *Policy) Plugins() []Plugin { return p.plugins }

// Tenants are the tenants in order of declaration.
func (p *Policy) Tenants() []*Tenant { return p.tenants }

// Configs are the distinct plugin configurations, in order of first use.
func (p *Policy) Configs() []FilterConfig { return p.configs }

// Lists are the named lists of the HCL.
func (p *Policy) Lists() []List { return p.lists }

// Retries are the retry schedules by name; "standard" is always among them.
func (p *Policy) Retries() []*Schedule {
	out := make([]*Schedule, 0, len(p.schedules))
	for _, s := range p.schedules {
		out = append(out, s)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Schedule is a retry schedule by name.
func (p *Policy) Schedule(name string) (*Schedule, bool) {
	s, ok := p.schedules[name]
	return s, ok
}

// TenantOf is the tenant that hosts exactly this domain (B83), in any case of
// letters; A-labels are expected.
func (p *Policy) TenantOf(domain string) (*Tenant, bool) {
	t, ok := p.byDomain[strings.ToLower(domain)]
	return t, ok
}

// Tenant is a tenant by name.
func (p *Policy) Tenant(name string) (*Tenant, bool) {
	t, ok := p.byName[name]
	return t, ok
}

// Listed looks a key up in the lists as HCL declares them, the tenant's own
// and those of the top level. An address is also found by its domain, an IP
// address by a network that contains it.
func (p *Policy) Listed(tenant, list, key string) bool { return p.lookup.has(tenant, list, key) }

// OutboundRoute is the route for a recipient's domain that is not hosted
// here, whatever the routing table says: the tenant's smarthost, or the
// domain's MX. t may be nil.
func (p *Policy) OutboundRoute(t *Tenant, rcptDomain string) Route {
	if t != nil && !t.outbound.IsZero() {
		return t.outbound.to(rcptDomain)
	}
	return mxRoute().to(rcptDomain)
}

// Tenant is one tenant. It never changes.
type Tenant struct {
	Name    string
	Domains []string // lower-case A-labels
	Range   hcl.Range

	policy     *Policy
	in, out    *chain
	route      Route // zero: none
	outbound   Route // zero: by MX
	recipients Recipients
	retain     Retain
	notify     Notify

	domainForce bool
	digest      *Digest      // nil: none
	settings    [2]settings  // inbound, outbound
	vias        [2]*viaTable // inbound, outbound
	secure      [2][]*secure // inbound, outbound
	mayUse      map[string]bool
	groups      []group
}

// Chain is the tenant's filters for a direction, in HCL order over its
// rulesets.
func (t *Tenant) Chain(dir string) []*Filter { return t.chain(dir).filters }

func (t *Tenant) chain(dir string) *chain {
	if dir == Outbound {
		return t.out
	}
	return t.in
}

// Uses reports whether the tenant's rulesets use a plugin: in a filter, or in
// an action's run.
func (t *Tenant) Uses(plugin string) bool {
	for _, c := range []*chain{t.in, t.out} {
		for _, f := range c.filters {
			if f.Plugin == plugin {
				return true
			}
		}
		for _, a := range c.actions {
			if slices.Contains(a.uses, plugin) {
				return true
			}
		}
	}
	return false
}

// Settings are what applies to one of the tenant's own addresses: the
// recipient inbound, the sender outbound. The first group that has the
// address as a member overrides the tenant's (B140).
func (t *Tenant) Settings(dir, addr string) Settings { return t.settingsOf(dir, addr).Settings }

// DomainForce reports whether operators of the tenant's domains may force
// stalled mail on, beside administrators (B148).
func (t *Tenant) DomainForce() bool { return t.domainForce }

// Route is the route of the tenant's inbound mail; zero where it has none.
func (t *Tenant) Route() Route { return t.route }

// Recipients say how the tenant's recipients are verified.
func (t *Tenant) Recipients() Recipients { return t.recipients }

// Retain says how long the tenant's mail and log are kept.
func (t *Tenant) Retain() Retain { return t.retain }

// Notify says who is told of what.
func (t *Tenant) Notify() Notify { return t.notify }

// Filter is one filter block. It never changes.
type Filter struct {
	Name     string // "ruleset.filter"
	Plugin   string
	ConfigID uint64
	Mode     string // "enforce" or "observe"
	Range    hcl.Range

	when  *condition // nil: always
	owner *Policy
}

// Applies evaluates the filter's `when`. A `when` that needs what the stage
// does not know yet (message.* before the header has come) is false there. An
// error is a run-time failure: hold or defer, visibly.
func (f *Filter) Applies(fx *Facts) (bool, error) {
	if f.when == nil {
		return true, nil
	}
	return f.when.eval(newFactSet(f.owner, fx))
}

// Rule is the filter's place in the HCL, "file:line".
func (f *Filter) Rule() string { return rule(f.Range) }

// IsLocal reports whether addr is on the explicit Local Recipients list (B70).
func (r Recipients) IsLocal(addr string) bool {
	addr = strings.ToLower(addr)
	for _, p := range r.Local {
		if wildcard(p, addr) {
			return true
		}
	}
	return false
}

// standardSchedule is B74–B78.
func standardSchedule() *Schedule {
	return &Schedule{
		Name: "standard",
		Phases: []Phase{
			{Until: 2 * time.Hour, Every: 15 * time.Minute, Factor: 1},
			{Until: 16 * time.Hour, Every: 15 * time.Minute, Factor: 1.5},
			{Until: 96 * time.Hour, Every: 6 * time.Hour, Factor: 1},
		},
		DelayNotice: 4 * time.Hour,
	}
}
