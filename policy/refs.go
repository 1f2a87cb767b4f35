package policy

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// ref is the value of plugin.rules, ruleset.baseline, retry.standard, list.x, route.y.
type ref struct{ kind, name string }

var refType = cty.Capsule("reference", reflect.TypeOf(ref{}))

// namespaces are the roots whose members are declared blocks.
var namespaces = []string{"plugin", "ruleset", "retry", "list", "route"}

// namespace is an object with a reference for each name.
func namespace(kind string, names []string) cty.Value {
	m := map[string]cty.Value{}
	for _, n := range names {
		m[n] = cty.CapsuleVal(refType, &ref{kind, n})
	}
	return cty.ObjectVal(m)
}

func (l *loader) ref(a *attrSpec, v cty.Value) (any, *problem) {
	if v.Type() == cty.String {
		return nil, wrong("it must be a reference, not a string. Write %s.%s without quotes.", a.ref, clip(v.AsString()))
	}
	if v.Type() != refType {
		return nil, wrong("it must be %s, not %s. Name a declared %s block.", a.what(), typeName(v), a.ref)
	}
	r := v.EncapsulatedValue().(*ref)
	if r.kind != a.ref {
		return nil, wrong("%s.%s is a %s, not a %s. Write %s.NAME.", r.kind, r.name, r.kind, a.ref, a.ref)
	}
	return r.name, nil
}

func (l *loader) refs(a *attrSpec, v cty.Value) (any, *problem) {
	if v.Type() == refType {
		r := v.EncapsulatedValue().(*ref)
		return nil, wrong("it must be a list. Put it in brackets: [%s.%s].", r.kind, r.name)
	}
	if !v.CanIterateElements() || v.Type().IsObjectType() || v.Type().IsMapType() {
		return nil, wrong("it must be %s, not %s. Write the references in brackets.", a.what(), typeName(v))
	}
	var out []string
	for i, e := range v.AsValueSlice() {
		if e.IsNull() {
			continue
		}
		x, p := l.ref(a, e)
		if p != nil {
			p.item = i
			return nil, p
		}
		name := x.(string)
		if slices.Contains(out, name) {
			return nil, &problem{item: i, text: fmt.Sprintf("%s.%s stands twice. Remove one.", a.ref, name)}
		}
		out = append(out, name)
	}
	return out, nil
}

// value evaluates an expression that must be known at load. Names and
// functions are checked first, for better words than the evaluation has.
func (l *loader) value(e hclsyntax.Expression, ctx *hcl.EvalContext) (cty.Value, bool) {
	if !l.names(e, ctx) {
		return cty.NilVal, false
	}
	v, diags := e.Value(ctx)
	l.add(diags)
	if diags.HasErrors() || !v.IsWhollyKnown() {
		return cty.NilVal, false // unknown: it rests on a local that is wrong and was reported
	}
	v, _ = v.UnmarkDeep()
	return v, true
}

// names checks what an expression refers to: variables with their
// attributes, members of namespaces, functions.
func (l *loader) names(e hclsyntax.Expression, ctx *hcl.EvalContext) bool {
	known := true
	var tried []hcl.Range
	// The walk reports nothing: its visitor returns no diagnostics.
	_ = hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.FunctionCallExpr:
			known = l.function(n, ctx) && known
			if n.Name == "try" || n.Name == "can" {
				tried = append(tried, n.Range())
			}
		case *hclsyntax.IndexExpr:
			if !within(n.Range(), tried) {
				known = l.index(n, ctx) && known
			}
		}
		return nil
	})
	for _, t := range e.Variables() {
		if within(t.SourceRange(), tried) && factTypes[t.RootName()] == cty.NilType {
			continue // try() and can() are for what may be missing
		}
		known = l.traversal(t, ctx) && known
	}
	return known
}

func within(r hcl.Range, ranges []hcl.Range) bool {
	return slices.ContainsFunc(ranges, func(o hcl.Range) bool {
		return r.Start.Byte >= o.Start.Byte && r.End.Byte <= o.End.Byte
	})
}

// scope collects the roots that can be seen.
func scope(ctx *hcl.EvalContext) (map[string]cty.Value, []string) {
	seen := map[string]cty.Value{}
	var names []string
	for c := ctx; c != nil; c = c.Parent() {
		for n, v := range c.Variables {
			if _, ok := seen[n]; !ok {
				seen[n] = v
				names = append(names, n)
			}
		}
	}
	return seen, names
}

func (l *loader) traversal(t hcl.Traversal, ctx *hcl.EvalContext) bool {
	seen, names := scope(ctx)
	root := t.RootName()
	v, ok := seen[root]
	if !ok {
		l.unknownRoot(t, root, names)
		return false
	}
	at, ty := root, v.Type()
	for _, step := range t[1:] {
		name, ok := stepName(step)
		if !ok || !ty.IsObjectType() {
			return true
		}
		if !ty.HasAttribute(name) {
			l.unknownMember(step.SourceRange(), t.SourceRange(), at, name, attrNames(ty))
			return false
		}
		ty, at = ty.AttributeType(name), at+"."+name
	}
	return true
}

func stepName(s hcl.Traverser) (string, bool) {
	switch s := s.(type) {
	case hcl.TraverseAttr:
		return s.Name, true
	case hcl.TraverseIndex:
		if s.Key.IsKnown() && !s.Key.IsNull() && s.Key.Type() == cty.String {
			return s.Key.AsString(), true
		}
	}
	return "", false
}

func attrNames(ty cty.Type) []string {
	var out []string
	for n := range ty.AttributeTypes() {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func (l *loader) unknownRoot(t hcl.Traversal, root string, names []string) {
	r := t[0].SourceRange()
	switch {
	case slices.Contains(ofFindings, root):
		l.fail("Unknown name", r, nil, `%s is only there in action and secure blocks. Move the condition to an action, or use other facts.`, root)
	case factTypes[root] != cty.NilType:
		l.fail("Unknown name", r, nil, `%s is a fact about a message, known only in "when" and "do". Use a value that is known at load.`, root)
	case root == "each":
		l.fail("Unknown name", r, nil, `each is only there in a tenants block with for_each. Use a tenants block, or write the value.`)
	default:
		slices.Sort(names)
		remedy := suggest(root, names, "names")
		if len(t) == 1 {
			remedy = "If it is text, put it in quotes. " + remedy
		}
		l.fail("Unknown name", r, nil, "There is nothing called %q here. %s", clip(root), remedy)
	}
}

func (l *loader) unknownMember(at, whole hcl.Range, root, name string, names []string) {
	if slices.Contains(namespaces, root) {
		l.fail("Unknown "+root, whole, nil, "No %s %q is declared. %s", root, clip(name), suggest(name, names, root+" blocks"))
		return
	}
	switch root {
	case "local":
		l.fail("Unknown local", whole, nil, "No local %q is declared. %s", clip(name), suggest(name, names, "locals"))
	case "var":
		l.fail("Unknown variable", whole, nil, "No variable %q is declared. %s", clip(name), suggest(name, names, "variables"))
	default:
		l.fail("Unknown field", whole, nil, "%s has no field %q. %s", root, clip(name), suggest(name, names, "fields"))
	}
}

// index checks ruleset[each.value.plan].
func (l *loader) index(n *hclsyntax.IndexExpr, ctx *hcl.EvalContext) bool {
	st, ok := n.Collection.(*hclsyntax.ScopeTraversalExpr)
	if !ok || len(st.Traversal) != 1 || !slices.Contains(append([]string{"var", "local"}, namespaces...), st.Traversal.RootName()) {
		return true
	}
	seen, _ := scope(ctx)
	obj, ok := seen[st.Traversal.RootName()]
	if !ok || !obj.Type().IsObjectType() {
		return true
	}
	k, diags := n.Key.Value(ctx)
	if diags.HasErrors() || !k.IsKnown() || k.IsNull() || k.Type() != cty.String {
		return true // evaluation says what is wrong
	}
	if !obj.Type().HasAttribute(k.AsString()) {
		l.unknownMember(n.Key.Range(), n.Range(), st.Traversal.RootName(), k.AsString(), attrNames(obj.Type()))
		return false
	}
	return true
}

// function checks that a function is there.
func (l *loader) function(n *hclsyntax.FunctionCallExpr, ctx *hcl.EvalContext) bool {
	var names []string
	for c := ctx; c != nil; c = c.Parent() {
		if _, ok := c.Functions[n.Name]; ok {
			return true
		}
		for f := range c.Functions {
			names = append(names, f)
		}
	}
	slices.Sort(names)
	if f, ok := messageFunctions[n.Name]; ok {
		l.fail("Unknown function", n.NameRange, nil, "%s() is only there in %s. Use a value that is known at load.", n.Name, f.where)
		return false
	}
	l.fail("Unknown function", n.NameRange, nil, "There is no function %q. %s", clip(n.Name), suggest(n.Name, names, "functions"))
	return false
}
