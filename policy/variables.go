package policy

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// envPrefix is in front of a variable's name in the environment.
const envPrefix = "WEIR_VAR_"

// variables evaluates the variable blocks into var.NAME.
func (l *loader) variables() {
	vals := map[string]cty.Value{}
	for _, n := range l.root.blocks["variable"] {
		vals[n.label] = l.variable(n)
	}
	l.ctx.Variables["var"] = cty.ObjectVal(vals)
	for _, name := range slices.Sorted(maps.Keys(l.opts.Vars)) {
		if _, ok := vals[name]; !ok {
			l.report(&hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Unknown variable",
				Detail: "A value is given for " + clip(name) + " by --var, but no such variable is declared. " + suggest(name, slices.Sorted(maps.Keys(vals)), "variables")})
		}
	}
}

func (l *loader) variable(n *node) cty.Value {
	ty := cty.String
	v := l.eval(n, n.spec, l.ctx)
	if e := get[hclsyntax.Expression](v, "type"); e != nil {
		t, diags := typeexpr.TypeConstraint(e)
		l.add(diags)
		if diags.HasErrors() {
			return cty.DynamicVal
		}
		ty = t
	}
	if s, where, ok := l.outside(n.label); ok {
		l.given = append(l.given, n.label+"="+s)
		if secretName.MatchString(n.label) {
			l.secret(s)
		}
		return l.givenValue(n, s, where, ty)
	}
	def, ok := v.got["default"].(cty.Value)
	if !ok {
		if !v.bad["default"] && n.attrs["default"] == nil {
			l.fail("Missing value", n.head, nil, "Variable %q has no value. Give --var %s=…, set %s%s, or add a default.", n.label, n.label, envPrefix, n.label)
		}
		if n.attrs["default"] != nil && !v.bad["default"] {
			return cty.NullVal(ty) // default = null
		}
		return cty.DynamicVal
	}
	if secretName.MatchString(n.label) && def.Type() == cty.String && def.IsKnown() && !def.IsNull() {
		l.secret(def.AsString())
	}
	c, err := convert.Convert(def, ty)
	if err != nil {
		l.fail("Invalid default", v.at("default"), &n.head, "The default of variable %q is not of its type: %v. Make them agree.", n.label, err)
		return cty.DynamicVal
	}
	return c
}

// outside is a variable's value from outside.
func (l *loader) outside(name string) (value, where string, ok bool) {
	if s, ok := l.opts.Vars[name]; ok {
		return s, "--var", true
	}
	if s, ok := l.opts.Environ(envPrefix + name); ok {
		return s, "the environment's " + envPrefix + name, true
	}
	return "", "", false
}

func (l *loader) givenValue(n *node, s, where string, ty cty.Type) cty.Value {
	val := cty.StringVal(strings.ToValidUTF8(s, "\uFFFD"))
	if ty != cty.String && !ty.IsPrimitiveType() {
		e, diags := hclsyntax.ParseExpression([]byte(s), where, hcl.InitialPos)
		if !diags.HasErrors() {
			val, diags = e.Value(&hcl.EvalContext{})
		}
		if diags.HasErrors() {
			l.fail("Invalid value", n.head, nil, "The value of variable %q from %s is not HCL. Write it as an expression, such as [\"a\", \"b\"].", n.label, where)
			return cty.DynamicVal
		}
	}
	c, err := convert.Convert(val, ty)
	if err != nil {
		l.fail("Invalid value", n.head, nil, "The value of variable %q from %s is not of its type: %v. Give a value of the type declared.", n.label, where, err)
		return cty.DynamicVal
	}
	return c
}

// locals evaluates all locals blocks, each local after those it uses.
func (l *loader) locals() {
	r := &localResolver{l: l, exprs: map[string]*hclsyntax.Attribute{}, vals: map[string]cty.Value{}}
	for _, n := range l.root.blocks["locals"] {
		for _, a := range sortedAttrs(n.body) {
			if o := r.exprs[a.Name]; o != nil {
				l.fail("Repeated name", a.NameRange, nil, "There is a local %q already at %s. Give one of them another name.", a.Name, rule(o.NameRange))
				continue
			}
			r.exprs[a.Name] = a
			r.order = append(r.order, a.Name)
		}
	}
	for _, name := range r.order {
		r.vals[name] = cty.DynamicVal // declared: a reference to it is not unknown
	}
	l.ctx.Variables["local"] = cty.ObjectVal(r.vals)
	for _, name := range r.order {
		r.resolve(name, nil)
	}
	l.ctx.Variables["local"] = cty.ObjectVal(r.vals)
}

type localResolver struct {
	l     *loader
	exprs map[string]*hclsyntax.Attribute
	order []string
	vals  map[string]cty.Value
	done  map[string]bool
}

// resolve evaluates a local after what it uses; path are those under way.
func (r *localResolver) resolve(name string, path []string) {
	if r.done == nil {
		r.done = map[string]bool{}
	}
	if r.done[name] {
		return
	}
	a := r.exprs[name]
	if i := slices.Index(path, name); i >= 0 {
		at := r.exprs[path[i]]
		r.l.fail("Cyclic locals", at.NameRange, nil, "%s rest on each other. Write one of them without the others.",
			"local."+strings.Join(append(slices.Clone(path[i:]), name), " → local."))
		for _, p := range path[i:] {
			r.done[p] = true
		}
		return
	}
	for _, t := range a.Expr.Variables() {
		if t.RootName() != "local" || len(t) < 2 {
			continue
		}
		if dep, ok := stepName(t[1]); ok && r.exprs[dep] != nil {
			r.resolve(dep, append(slices.Clone(path), name))
		}
	}
	if r.done[name] {
		return // part of a cycle
	}
	r.done[name] = true
	r.l.ctx.Variables["local"] = cty.ObjectVal(r.vals)
	if v, ok := r.l.value(a.Expr, r.l.ctx); ok {
		r.vals[name] = v
	}
}
