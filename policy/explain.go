package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// Envelope is what is known of mail that has not come: who sends to whom, and
// perhaps more. What is nil is not known.
type Envelope struct {
	Listener  string // name, "" none in particular
	Direction string // "" the listener's, else inbound where the recipient is hosted
	Sender    string // addr-spec, "" the null path
	Recipient string // addr-spec
	ClientIP, ClientName,
	Helo, TLS, User *string
	Finding *Finding // as a filter would give it; its score is the message's
}

// Explanation is what of a policy would apply to an envelope. Lists are those
// of the HCL: what operators add is not part of a policy.
type Explanation struct {
	Direction string
	Tenant    *Tenant // nil: nobody's here
	Listener  []Clause
	Clauses   []Clause // filters, actions and secure blocks of the tenant, in their order
	Settings  Settings
	Allowed   bool // allow_encrypted covers the other party
	Local     bool // the recipient is on the tenant's list of local ones (B70)
	Route     Route
	Routed    bool   // false: unrouted (B97)
	Schedule  string // name of the retry schedule: the tenant's, over it the route's, over both the destination's
	Lifetime  time.Duration
}

// Verdicts of a Clause.
const (
	Applies      = "yes"
	AppliesNot   = "no"
	MightApply   = "depends"
	CannotDecide = "error"
)

// Clause is a block that may apply, and whether it does.
type Clause struct {
	Kind    string // "filter", "action", "secure"
	Name    string // "baseline.spam"
	Plugin  string // of a filter
	Mode    string // of a filter: "enforce" or "observe"
	Does    string // of an action: its do and run; of a secure block: its demand
	When    string // source text, "" always
	Verdict string
	Depends []string // facts that would decide it
	Wrong   string   // why it cannot be decided
	Rule    string   // HCL file:line
}

// Explain tells what would apply to an envelope. It is pure. An error says what
// is wrong with the envelope.
func (p *Policy) Explain(e Envelope) (*Explanation, error) {
	x := &Explanation{Direction: e.Direction}
	i := slices.IndexFunc(p.listeners, func(l Listener) bool { return l.Name == e.Listener })
	switch {
	case e.Listener != "" && i < 0:
		return nil, fmt.Errorf("there is no listener %q", e.Listener)
	case e.Listener != "" && e.Direction != "" && e.Direction != p.listeners[i].Direction:
		return nil, fmt.Errorf("listener %q is %s", e.Listener, p.listeners[i].Direction)
	case e.Listener != "":
		x.Direction = p.listeners[i].Direction
	}
	owner, hosted := p.TenantOf(domainOf(strings.ToLower(e.Recipient)))
	if x.Direction == "" {
		x.Direction = Outbound
		if hosted {
			x.Direction = Inbound
		}
	}
	x.Tenant = owner
	if x.Direction == Outbound {
		x.Tenant, _ = p.TenantOf(domainOf(strings.ToLower(e.Sender)))
	}
	k := newKnown(p, &e, x)
	if e.Listener != "" {
		x.Listener = k.clauses(p.chains[e.Listener], nil)
	}
	if x.Tenant != nil {
		x.tenant(k, &e)
	}
	x.way(p, &e)
	return x, nil
}

// tenant adds what a tenant's blocks say.
func (x *Explanation) tenant(k *known, e *Envelope) {
	t, own, other := x.Tenant, e.Recipient, e.Sender
	if x.Direction == Outbound {
		own, other = other, own
	}
	x.Clauses = k.clauses(t.chain(x.Direction), t.secure[side(x.Direction)])
	x.Settings = t.Settings(x.Direction, own)
	x.Allowed = isAnyParty(x.Settings.AllowEncrypted, other)
	x.Local = x.Direction == Inbound && t.recipients.IsLocal(e.Recipient)
}

// way adds where it would go, and how long it would be tried.
func (x *Explanation) way(p *Policy, e *Envelope) {
	x.Route, x.Routed = p.RouteFor(x.Tenant, x.Direction, e.Sender, e.Recipient)
	if x.Direction == Inbound && x.Tenant == nil {
		x.Routed = false
	}
	if !x.Routed || x.Route.Reject != "" {
		return
	}
	host, domain := "", ""
	if len(x.Route.Hosts) > 0 {
		host = x.Route.Hosts[0]
	} else {
		domain = domainOf(strings.ToLower(e.Recipient))
	}
	for _, name := range []string{"standard", x.Settings.Schedule, x.Route.Schedule, p.Destination(domain, host, x.Route.Name).Schedule} {
		if name != "" {
			x.Schedule = name
		}
	}
	if s, ok := p.Schedule(x.Schedule); ok {
		x.Lifetime = s.End(x.Settings.Lifetime)
	}
}

// known evaluates expressions with what an envelope has; the rest is unknown.
type known struct {
	policy *Policy
	vals   map[string]cty.Value
	funcs  map[string]function.Function
}

func newKnown(p *Policy, e *Envelope, x *Explanation) *known {
	k := &known{policy: p, vals: unknownFacts(true)}
	tenant := ""
	if x.Tenant != nil {
		tenant = x.Tenant.Name
	}
	or := func(s *string) cty.Value {
		if s == nil {
			return unknown(cty.String)
		}
		return text(*s)
	}
	k.vals["tenant"], k.vals["direction"] = text(tenant), text(x.Direction)
	k.vals["sender"], k.vals["recipient"] = addressValue(e.Sender), addressValue(e.Recipient)
	k.vals["client"] = cty.ObjectVal(map[string]cty.Value{"ip": or(e.ClientIP), "name": or(e.ClientName)})
	k.vals["helo"], k.vals["tls"] = or(e.Helo), or(e.TLS)
	k.vals["auth"] = cty.ObjectVal(map[string]cty.Value{"user": or(e.User)})
	if e.Finding != nil {
		k.vals["finding"], k.vals["score"] = findingValue(e.Finding), number(e.Finding.Score)
	}
	k.funcs = map[string]function.Function{"header": unknownHeader,
		"listed": listedFunc(func(list, key string) bool { return p.Listed(tenant, list, key) })}
	return k
}

// clauses are the blocks of a chain, and secure blocks.
func (k *known) clauses(c *chain, demands []*secure) []Clause {
	var out []Clause
	if c == nil {
		c = &chain{}
	}
	for _, f := range c.filters {
		one := Clause{Kind: "filter", Name: f.Name, Plugin: f.Plugin, Mode: f.Mode, Rule: f.Rule(), Verdict: Applies}
		k.decide(&one, f.when)
		out = append(out, one)
	}
	for _, a := range c.actions {
		one := Clause{Kind: "action", Name: a.name, Rule: rule(a.head)}
		for _, do := range []*expression{a.do, a.run} {
			if do != nil {
				one.Does = strings.TrimPrefix(one.Does+", "+k.source(do.expr), ", ")
			}
		}
		k.decide(&one, a.when)
		out = append(out, one)
	}
	for _, s := range demands {
		one := Clause{Kind: "secure", Name: s.name, Does: "tls " + s.demand.TLS + ", otherwise " + s.demand.Otherwise, Rule: s.demand.Rule}
		k.decide(&one, s.when)
		out = append(out, one)
	}
	return out
}

// decide evaluates a "when"; nil is always.
func (k *known) decide(c *Clause, when *condition) {
	if c.Verdict = Applies; when == nil {
		return
	}
	c.When = k.source(when.expr)
	ctx := when.static.NewChild()
	ctx.Variables, ctx.Functions = k.vals, k.funcs
	v, diags := when.expr.Value(ctx)
	if diags.HasErrors() {
		c.Verdict, c.Wrong = CannotDecide, diags[0].Summary+": "+diags[0].Detail
		return
	}
	switch v, _ = v.UnmarkDeep(); {
	case !v.IsKnown():
		c.Verdict, c.Depends = MightApply, k.open(&when.expression)
	case v.IsNull() || v.Type() != cty.Bool:
		c.Verdict, c.Wrong = CannotDecide, errNoBool.Error()
	case v.False():
		c.Verdict = AppliesNot
	}
}

// open are the facts of an expression that are not known, as it writes them.
func (k *known) open(x *expression) []string {
	var out []string
	for _, t := range x.expr.Variables() {
		v, root := k.vals[t.RootName()], t.RootName()
		if v == cty.NilVal {
			continue
		}
		if len(t) > 1 {
			if name, _ := stepName(t[1]); name != "" && v.Type().IsObjectType() && v.Type().HasAttribute(name) {
				v, root = v.GetAttr(name), root+"."+name
			}
		}
		if !v.IsWhollyKnown() && !slices.Contains(out, root) {
			out = append(out, root)
		}
	}
	if x.header {
		out = append(out, "header()")
	}
	return out
}

// source is what stands in the file, in one line.
func (k *known) source(e hclsyntax.Expression) string {
	r := e.Range()
	f := k.policy.files[r.Filename]
	if f == nil || !r.CanSliceBytes(f.Bytes) {
		return ""
	}
	return strings.Join(strings.Fields(string(r.SliceBytes(f.Bytes))), " ")
}
