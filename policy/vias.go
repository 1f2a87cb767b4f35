package policy

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// via is one line of a static routing table.
type via struct {
	name      string
	recipient *partySet // nil: any
	sender    *partySet // nil: any
	named     string    // route's name, or ""
	route     Route     // what it gives
	head      hcl.Range
}

// matches reports whether the line is for a recipient and a sender, both in
// lower case; "" is the null path.
func (v *via) matches(sender, recipient string) bool {
	return (v.recipient == nil || v.recipient.has(recipient)) && (v.sender == nil || v.sender.has(sender))
}

// viaTable is a static routing table. Lines that name recipients without
// wildcards are found by look-up, so that a table may have many thousands.
type viaTable struct {
	vias  []via
	exact map[string][]int // recipient or its domain → lines, ascending
	loose []int            // lines for any recipient, or with wildcards
}

func (t *viaTable) add(v via) {
	i := len(t.vias)
	t.vias = append(t.vias, v)
	if v.recipient == nil || len(v.recipient.patterns) > 0 {
		t.loose = append(t.loose, i)
		return
	}
	if t.exact == nil {
		t.exact = map[string][]int{}
	}
	for k := range v.recipient.exact {
		t.exact[k] = append(t.exact[k], i)
	}
}

// first is the first line that matches and that use accepts (nil: every), or
// nil. Both addresses are in lower case.
func (t *viaTable) first(sender, recipient string, use func(*via) bool) *via {
	if t == nil || len(t.vias) == 0 {
		return nil
	}
	lines := [3][]int{t.exact[recipient], t.exact[domainOf(recipient)], t.loose}
	for {
		next := -1
		for i, l := range lines {
			if len(l) > 0 && (next < 0 || l[0] < lines[next][0]) {
				next = i
			}
		}
		if next < 0 {
			return nil
		}
		v := &t.vias[lines[next][0]]
		lines[next] = lines[next][1:]
		if v.matches(sender, recipient) && (use == nil || use(v)) {
			return v
		}
	}
}

// RouteFor is the way of one recipient's mail by the policy's tables (B82,
// B90): the tenant's own via blocks, its route or smarthost, the top level's via
// blocks, and outbound the recipient domain's MX. dir is Inbound for mail into
// the tenant; t may be nil outbound. Sender and recipient are addr-specs, ""
// the null path. Inbound, a via of the top level counts only where it names
// recipients: a sender is whatever a stranger writes. The Route's Rule says
// what chose it. false: there is none, the mail is unrouted (B97). A Route of
// Name "reject" has only its text: 550 5.1.2 with Reject.
func (p *Policy) RouteFor(t *Tenant, dir, sender, recipient string) (Route, bool) {
	sender, recipient = strings.ToLower(sender), strings.ToLower(recipient)
	domain := domainOf(recipient)
	if t != nil {
		if v := t.vias[side(dir)].first(sender, recipient, nil); v != nil {
			return v.route.to(domain), true
		}
		if r := t.ownRoute(dir); !r.IsZero() {
			return r.to(domain), true
		}
	}
	var use func(*via) bool
	if dir == Inbound {
		use = func(v *via) bool { return v.recipient != nil }
	}
	if v := p.vias.first(sender, recipient, use); v != nil {
		return v.route.to(domain), true
	}
	if dir == Inbound {
		return Route{}, false
	}
	return mxRoute().to(domain), true
}

func domainOf(addr string) string { return addr[strings.LastIndexByte(addr, '@')+1:] }

// ownRoute is the tenant's route, or outbound its smarthost.
func (t *Tenant) ownRoute(dir string) Route {
	if dir == Outbound {
		return t.outbound
	}
	return t.route
}

// MayUse reports whether the tenant's mail may go by the stored route of that
// name: its own routes, "mx", and the named routes that its via blocks, its
// routes attribute or the top level's via blocks give its mail. Another
// tenant's lead past the filters in front of that tenant's servers, or bear
// its password.
func (t *Tenant) MayUse(routeName string) bool {
	switch routeName {
	case mxRouteName:
		return true
	case t.route.Name, t.outbound.Name:
		return routeName != ""
	}
	named, ok := strings.CutPrefix(routeName, routePrefix)
	return ok && t.mayUse[named]
}

// permit works out the named routes for MayUse, once all tenants are known.
func (t *Tenant) permit(own []string) {
	t.mayUse = map[string]bool{}
	for _, name := range own {
		t.mayUse[name] = true
	}
	for _, table := range t.vias {
		for i := range table.vias {
			t.mayUse[table.vias[i].named] = true
		}
	}
	for i := range t.policy.vias.vias {
		v := &t.policy.vias.vias[i]
		out := v.sender.meets(t.Domains) && !t.policy.allHosted(v.recipient)
		in := t.route.IsZero() && v.recipient != nil && v.recipient.meets(t.Domains)
		t.mayUse[v.named] = t.mayUse[v.named] || in || out
	}
	delete(t.mayUse, "")
}

// allHosted reports whether every one of the parties is in a hosted domain:
// then outbound mail never goes there by a route.
func (p *Policy) allHosted(s *partySet) bool {
	if s == nil || len(s.patterns) > 0 {
		return false
	}
	for party := range s.exact {
		if p.byDomain[domainOf(party)] == nil {
			return false
		}
	}
	return true
}

// viaBlocks evaluates the top level's via blocks.
func (l *loader) viaBlocks() {
	l.p.vias = l.viaTable(l.root.blocks["via"], l.ctx, nil, "")
}

// tenantVias evaluates the via blocks of a direction block, which may not be
// there.
func (l *loader) tenantVias(t *Tenant, n *node, dir string, ctx *hcl.EvalContext) *viaTable {
	if n == nil {
		return &viaTable{}
	}
	return l.viaTable(n.blocks["via"], ctx, t, dir)
}

// viaTable evaluates the via blocks of the top level, or of a tenant in one
// direction.
func (l *loader) viaTable(nodes []*node, ctx *hcl.EvalContext, t *Tenant, dir string) *viaTable {
	out := &viaTable{}
	taken := map[string]*node{} // by lines without sender: all mail for a recipient or a domain, "" for anybody
	for _, n := range nodes {
		v := l.via(n, ctx, t, dir)
		l.reached(n, &v, taken)
		out.add(v)
	}
	return out
}

// reached refuses a line that lines before it leave nothing of.
func (l *loader) reached(n *node, v *via, taken map[string]*node) {
	if o := taken[""]; o != nil {
		l.fail("Via is never reached", n.head, nil, "%s comes after via %q at %s, which takes all mail. Put it before that.", place(n.spec, n.label), o.label, rule(o.head))
		return
	}
	if v.recipient == nil {
		if v.sender == nil {
			taken[""] = n
		}
		return
	}
	for _, p := range sortedKeys(v.recipient.exact) {
		o := taken[p]
		if o == nil {
			o = taken[domainOf(p)]
		}
		if o != nil && o != n {
			l.fail("Via is never reached", n.head, nil, "%s names %s, and via %q at %s takes all mail there before it. Take it out of one of them, or put this one first.", place(n.spec, n.label), p, o.label, rule(o.head))
			return
		}
	}
	if v.sender == nil {
		for p := range v.recipient.exact {
			taken[p] = n
		}
	}
}

func (l *loader) via(n *node, ctx *hcl.EvalContext, t *Tenant, dir string) via {
	v := l.eval(n, n.spec, ctx)
	out := via{name: n.label, head: n.head, recipient: l.parties(n, v, "recipient"), sender: l.parties(n, v, "sender"), named: get[string](v, "route")}
	ours := map[string]string{Inbound: "recipient", Outbound: "sender"}[dir]
	if t != nil {
		for i, p := range get[[]string](v, ours) {
			if p != nullSender && !ofTenant(t, p) {
				l.fail("Address of another domain", v.item(ours, i), &n.head, "%s: %s is in none of the domains of tenant %q. Correct it, or add its domain to domains.", ours, p, t.Name)
			}
		}
	}
	l.goes(n, v, &out)
	out.route.Rule = rule(n.head)
	return out
}

// goes works out where a via leads: one of route, mx and reject.
func (l *loader) goes(n *node, v *values, out *via) {
	var given []string
	for _, a := range []string{"route", "mx", "reject"} {
		if v.bad[a] {
			return
		}
		if v.set[a] && (a != "mx" || get[bool](v, a)) {
			given = append(given, a)
		}
	}
	switch {
	case len(given) > 1:
		l.fail("Contradicting attributes", v.at(given[1]), &n.head, "%s: %s is there too, and mail goes one way. Keep one of them.", given[1], given[0])
	case len(given) == 0 && l.broken[n.head.Filename]:
	case len(given) == 0:
		l.fail("Via goes nowhere", n.head, nil, `%s needs one of route, mx and reject. Add route = route.NAME, mx = true, or reject = "text".`, place(n.spec, n.label))
	case given[0] == "route":
		if i, ok := l.p.routeIndex[out.named]; ok {
			out.route = l.p.routes[i]
		}
	case given[0] == "mx":
		out.route = mxRoute()
	default:
		s := get[string](v, "reject")
		if strings.ContainsAny(s, "\r\n\x00") {
			l.fail("Invalid value", v.at("reject"), &n.head, "reject: the text must stand on one line. Write one sentence.")
			return
		}
		if s = replyText(s); s == "" {
			l.fail("Invalid value", v.at("reject"), &n.head, "reject: it is empty. Write what the sender is to read, such as \"No mail to this domain\".")
		}
		out.route = Route{Name: rejectRouteName, Reject: s}
	}
}
