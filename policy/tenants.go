package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// settings are a tenant's, or a group's over them.
type settings struct {
	Settings
	encryptedSet bool // written out: replaces a filter's recommendation; else it only raises it
}

// group is one group block with its settings worked out.
type group struct {
	name    string
	members []string
	dir     [2]settings
}

func side(dir string) int {
	if dir == Outbound {
		return 1
	}
	return 0
}

func (t *Tenant) settingsOf(dir, addr string) *settings {
	if addr != "" {
		for i := range t.groups {
			if isAnyParty(t.groups[i].members, addr) {
				return &t.groups[i].dir[side(dir)]
			}
		}
	}
	return &t.settings[side(dir)]
}

// settingsOfAll is settingsOf several addresses: one's where they agree.
func (t *Tenant) settingsOfAll(dir string, addrs []string) *settings {
	if len(addrs) == 0 {
		return t.settingsOf(dir, "")
	}
	s := t.settingsOf(dir, addrs[0])
	for _, a := range addrs[1:] {
		if t.settingsOf(dir, a) != s {
			return t.settingsOf(dir, "")
		}
	}
	return s
}

// tenants evaluates tenant and tenants blocks.
func (l *loader) tenants() {
	for _, n := range l.root.blocks["tenant"] {
		l.tenant(n, n.label, l.ctx)
	}
	for _, n := range l.root.blocks["tenants"] {
		l.forEach(n)
	}
	l.each = ""
	for _, t := range l.p.tenants {
		t.permit(l.own[t])
	}
}

// forEach makes a tenant for each element of for_each.
func (l *loader) forEach(n *node) {
	at := n.attrs["for_each"]
	if at == nil {
		return
	}
	v, ok := l.value(at.Expr, l.ctx)
	if !ok {
		return
	}
	if v.IsNull() || !v.CanIterateElements() {
		l.fail("Invalid value", at.Expr.Range(), &n.head, "for_each must be a list, a map or an object, not %s. Use csvdecode(file(\"…\")) or jsondecode(file(\"…\")).", typeName(v))
		return
	}
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		if v.Type().IsSetType() {
			k = e
		}
		ctx := l.ctx.NewChild()
		ctx.Variables = map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": k, "value": e})}
		l.each = describe(toValue(k))
		if name, ok := l.tenantName(n, ctx); ok {
			l.tenant(n, name, ctx)
		}
	}
	l.each = ""
}

func (l *loader) tenantName(n *node, ctx *hcl.EvalContext) (string, bool) {
	at := n.attrs["name"]
	if at == nil {
		return "", false
	}
	x, ok := l.attribute(n.spec.attr("name"), at, n, ctx)
	name, isString := x.(string)
	if !ok || !isString {
		return "", false
	}
	if !validName(name) {
		l.fail("Invalid name", at.Expr.Range(), &n.head, "%q cannot name a tenant. %s", clip(name), nameRemedy)
		return "", false
	}
	return name, true
}

// tenant evaluates one tenant. for_each and name were evaluated before.
func (l *loader) tenant(n *node, name string, ctx *hcl.EvalContext) {
	v := l.eval(n, tenantSpec, ctx)
	t := &Tenant{Name: name, Domains: get[[]string](v, "domains"), Range: n.head, policy: l.p, domainForce: get[string](v, "force") == "domain"}
	at := n.head
	if n.attrs["name"] != nil {
		at = v.at("name")
	}
	if o := l.p.byName[name]; o != nil {
		l.fail("Repeated name", at, nil, "There is a tenant %q already at %s. Give one of them another name.", name, rule(o.Range))
		return
	}
	l.p.byName[name] = t
	l.p.tenants = append(l.p.tenants, t)
	l.domains(t, v)

	t.route = l.route(n.one("route"), "tenant:"+name+":in", ctx)
	out := n.one(Outbound)
	t.outbound = l.route(out.one("route"), "tenant:"+name+":out", ctx)
	t.recipients = l.recipients(t, n.one("recipients"), ctx)
	t.retain = l.retain(n.one("retain"), ctx)
	l.tenantEvents(t, n, ctx)
	t.notify = l.notify(t, n.one("notify"), ctx)
	l.digestBlock(t, n.one("digest"), ctx)
	for _, rn := range n.blocks["report"] {
		l.reportBlock(rn, name, ctx)
	}

	sets := get[[]string](v, "rulesets")
	t.in, t.out = l.chain(sets), l.chain(sets)
	for i, dir := range []string{Inbound, Outbound} {
		base := settings{Settings: Settings{Encrypted: "stall", AllowEncrypted: []string{}, Schedule: "standard", Hold: 7 * 24 * time.Hour,
			KeepRejected: t.retain.Quarantine > 0, Archive: t.retain.Archive > 0}}
		if dir == Outbound {
			base.Hold = 24 * time.Hour
		}
		dn := n.one(dir)
		s, dv := l.settings(dn, directionSpecs[i], base, ctx)
		l.archiveKeeps(t, dn, dv)
		t.settings[i] = s
		t.secure[i] = l.secureBlocks(dn, ctx)
		t.vias[i] = l.tenantVias(t, dn, dir, ctx)
		if dv.set["rulesets"] {
			c := l.chain(get[[]string](dv, "rulesets"))
			if dir == Inbound {
				t.in = c
			} else {
				t.out = c
			}
		}
	}
	l.own[t] = get[[]string](v, "routes")
	l.groups(t, n, ctx)
	for _, ln := range n.blocks["list"] {
		l.listBlock(ln, name, ctx)
	}
}

var directionSpecs = [2]*blockSpec{directionSpec(Inbound, false), directionSpec(Outbound, false)}

// domains enters a tenant's domains; one belongs to one tenant only.
func (l *loader) domains(t *Tenant, v *values) {
	if v.set["domains"] && len(t.Domains) == 0 {
		l.fail("Invalid value", v.at("domains"), &t.Range, "domains: tenant %q has none. Name at least one domain.", t.Name)
	}
	for i, d := range t.Domains {
		o := l.p.byDomain[d]
		switch {
		case o == t:
			l.fail("Repeated domain", v.item("domains", i), &t.Range, "domains: %s stands twice. Remove one.", d)
		case o != nil:
			l.fail("Repeated domain", v.item("domains", i), &t.Range, "domains: %s belongs to tenant %q at %s already. Take it out of one of them (here: tenant %q).", d, o.Name, rule(o.Range), t.Name)
		default:
			l.p.byDomain[d] = t
		}
	}
}

func (l *loader) recipients(t *Tenant, n *node, ctx *hcl.EvalContext) Recipients {
	v := l.eval(n, recipientsSpec, ctx)
	r := Recipients{Verify: get[string](v, "verify"), Local: get[[]string](v, "local"),
		ValidFor: get[time.Duration](v, "valid_for"), InvalidFor: get[time.Duration](v, "invalid_for")}
	l.refresh(n, v, &r)
	for i, p := range r.Local {
		if !ofTenant(t, p) {
			l.fail("Address of another domain", v.item("local", i), &n.head, "local: %s is in none of the domains of tenant %q. Correct the address, or add its domain to domains.", p, t.Name)
		}
	}
	if r.Verify == "local" && len(r.Local) == 0 && !v.bad["local"] {
		l.fail("Nobody could receive mail", v.at("verify"), &n.head, `verify: "local" takes only what local names, and that is empty. Add local = ["…"], or use "callout".`)
	}
	return r
}

// defaultRefresh is how long before its end a good answer is asked for again.
const defaultRefresh = 6 * time.Hour

func (l *loader) refresh(n *node, v *values, r *Recipients) {
	if !v.set["refresh"] {
		r.Refresh = min(defaultRefresh, r.ValidFor/4)
		return
	}
	if r.Refresh = get[time.Duration](v, "refresh"); r.Refresh >= r.ValidFor {
		l.fail("Contradicting attributes", v.at("refresh"), &n.head, "refresh: %s is not before the end of a good answer, which valid_for makes %s. Shorten it.", formatDuration(r.Refresh), formatDuration(r.ValidFor))
	}
}

var recipientsSpec, retainSpec = tenantSpec.block("recipients"), tenantSpec.block("retain")

// ofTenant reports whether a party can be in a tenant's domains.
func ofTenant(t *Tenant, party string) bool {
	d := party[strings.LastIndexByte(party, '@')+1:]
	if len(t.Domains) == 0 || strings.ContainsAny(d, "*?") {
		return true
	}
	return slices.Contains(t.Domains, d)
}

func (l *loader) retain(n *node, ctx *hcl.EvalContext) Retain {
	v := l.eval(n, retainSpec, ctx)
	return Retain{Log: get[time.Duration](v, "log"), Quarantine: get[time.Duration](v, "quarantine"), Failed: get[time.Duration](v, "failed"), Archive: get[time.Duration](v, "archive")}
}

// settings lays a direction block over what it inherits.
func (l *loader) settings(n *node, spec *blockSpec, base settings, ctx *hcl.EvalContext) (settings, *values) {
	v := l.eval(n, spec, ctx)
	s := base
	if v.set["encrypted"] {
		s.Encrypted, s.encryptedSet = get[string](v, "encrypted"), true
	}
	if v.set["allow_encrypted"] {
		s.AllowEncrypted = get[[]string](v, "allow_encrypted")
	}
	if v.set["retry"] {
		s.Schedule = get[string](v, "retry")
	}
	if v.set["lifetime"] {
		s.Lifetime = get[time.Duration](v, "lifetime")
	}
	if v.set["hold"] {
		s.Hold = get[time.Duration](v, "hold")
	}
	if v.set["keep_rejected"] {
		s.KeepRejected = get[bool](v, "keep_rejected")
	}
	if v.set["archive"] {
		s.Archive = get[bool](v, "archive")
	}
	if sc := l.p.schedules[s.Schedule]; sc != nil && v.set["lifetime"] && len(sc.Phases) > 0 && s.Lifetime > sc.End(0) {
		l.fail("Lifetime is longer than the schedule", v.at("lifetime"), &n.head, "lifetime: retry.%s ends after %s, and a lifetime only shortens. Shorten it, or use a retry with a longer last phase.", s.Schedule, formatDuration(sc.End(0)))
	}
	return s, v
}

func (l *loader) groups(t *Tenant, n *node, ctx *hcl.EvalContext) {
	for _, gn := range n.blocks["group"] {
		v := l.eval(gn, gn.spec, ctx)
		g := group{name: gn.label, members: get[[]string](v, "members")}
		for i, m := range g.members {
			if !ofTenant(t, m) {
				l.fail("Address of another domain", v.item("members", i), &gn.head, "members: %s is in none of the domains of tenant %q. Correct it, or add its domain to domains.", m, t.Name)
			}
		}
		if v.set["members"] && len(g.members) == 0 {
			l.fail("Invalid value", v.at("members"), &gn.head, "members: group %q has none. Name addresses or domains.", g.name)
		}
		for i, dir := range []string{Inbound, Outbound} {
			var gv *values
			g.dir[i], gv = l.settings(gn.one(dir), gn.spec.block(dir), t.settings[i], ctx)
			l.archiveKeeps(t, gn.one(dir), gv)
			g.dir[i].Group = g.name
		}
		t.groups = append(t.groups, g)
	}
}
