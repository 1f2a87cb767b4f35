package policy

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// ruleset is one ruleset block.
type ruleset struct {
	name    string
	filters []*Filter
	actions []*action
}

// action is one action block.
type action struct {
	name string // "baseline.spam"
	when *condition
	do   *expression // nil: only run
	run  *expression // nil: none
	uses []string    // plugins that run names
	head hcl.Range
}

// chain is some rulesets after one another. Equal chains are one.
type chain struct {
	filters []*Filter
	actions []*action
	byName  map[string]*Filter
}

// rulesets evaluates the ruleset blocks.
func (l *loader) rulesets() {
	for _, n := range l.root.blocks["ruleset"] {
		r := &ruleset{name: n.label}
		for _, f := range n.blocks["filter"] {
			r.filters = append(r.filters, l.filter(n.label, f))
		}
		for _, a := range n.blocks["action"] {
			if x := l.action(n.label, a); x != nil {
				r.actions = append(r.actions, x)
			}
		}
		l.sets[n.label] = r
		l.p.rulesets = append(l.p.rulesets, r)
	}
}

func (l *loader) filter(set string, n *node) *Filter {
	v := l.eval(n, n.spec, l.ctx)
	f := &Filter{Name: set + "." + n.label, Plugin: get[string](v, "plugin"), Mode: get[string](v, "mode"), Range: n.head, owner: l.p}
	if d := l.plugins[f.Plugin]; d != nil && f.Mode == "" {
		f.Mode = d.plugin.Mode
	}
	f.ConfigID = l.configure(f.Plugin, n)
	if e := get[hclsyntax.Expression](v, "when"); e != nil {
		f.when = l.condition(e, "filter "+f.Name+", when", false)
	}
	return f
}

func (l *loader) action(set string, n *node) *action {
	v := l.eval(n, n.spec, l.ctx)
	a := &action{name: set + "." + n.label, head: n.head}
	when, do, run := get[hclsyntax.Expression](v, "when"), get[hclsyntax.Expression](v, "do"), get[hclsyntax.Expression](v, "run")
	if when != nil {
		a.when = l.condition(when, "action "+a.name+", when", true)
	}
	if do != nil {
		a.do = l.disposition(do, "action "+a.name+", do")
	}
	if run != nil {
		a.run, a.uses = l.calls(run, "action "+a.name+", run")
	}
	if do == nil && run == nil && !l.broken[n.head.Filename] {
		l.fail("Missing attribute", n.head, nil, "%s needs do, run or both. Add do = …, a disposition such as quarantine(\"reason\").", place(n.spec, n.label))
	}
	if a.when == nil || a.do == nil && a.run == nil {
		return nil
	}
	return a
}

// disposition compiles a "do".
func (l *loader) disposition(e hclsyntax.Expression, what string) *expression {
	x, v, ok := l.compile(e, what, true, dispositionFunctions)
	if !ok {
		return nil
	}
	if t := v.Type(); v.IsNull() || t != dispositionType && t != cty.DynamicPseudoType {
		l.fail("Not a disposition", e.Range(), nil, `"do" gives %s. Write accept(), reject(…), tempfail(…), discard(…), stall(…), quarantine(…), redirect(…) or tag(…).`, typeName(v))
		return nil
	}
	return x
}

// chain is the named rulesets after one another; each name was checked.
func (l *loader) chain(names []string) *chain {
	key := strings.Join(names, "\x00")
	if c, ok := l.chains[key]; ok {
		return c
	}
	c := &chain{byName: map[string]*Filter{}}
	for _, n := range names {
		if r := l.sets[n]; r != nil {
			c.filters = append(c.filters, r.filters...)
			c.actions = append(c.actions, r.actions...)
		}
	}
	for _, f := range c.filters {
		c.byName[f.Name] = f
	}
	l.chains[key] = c
	return c
}
