package policy

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/mailweir/weir/sdk/abi/manifest"
)

// Call is one call of a plugin's action that an action block's "run" asks for.
type Call struct {
	Plugin, Action string
	Params         Value  // an object, checked by the manifest, with its defaults
	Block          string // the action block, "baseline.spam"
	N              int    // which call of the block, from 0
	Rule           string // HCL file:line of the block
}

// maxCalls bounds the calls of one action block, and maxParams one call's
// parameters, in octets of their encoding.
const (
	maxCalls  = 16
	maxParams = 16 << 10
)

// callValue is the value of call(…).
type callValue struct {
	plugin, action string
	params         Value
}

var callType = cty.Capsule("call", reflect.TypeOf(callValue{}))

// call evaluates the block's run and notes its calls in the decision. A block
// that matched before, about another finding, is not asked again.
func (a *action) call(facts *factSet, d *Decision) error {
	if a.run == nil || slices.ContainsFunc(d.Calls, func(c Call) bool { return c.Block == a.name }) {
		return nil
	}
	v, ready, err := a.run.value(facts)
	if err != nil || !ready {
		return err
	}
	bad := func(what string) error {
		return fmt.Errorf("policy: evaluating %s at %s: the result is no list of calls but %s", a.run.what, rule(a.head), what)
	}
	if v.IsNull() || !v.IsKnown() || !v.CanIterateElements() {
		return bad(kindOf(v))
	}
	items := v.AsValueSlice()
	if len(items) > maxCalls {
		return fmt.Errorf("policy: evaluating %s at %s: %d calls; at most %d", a.run.what, rule(a.head), len(items), maxCalls)
	}
	for i, e := range items {
		if e.Type() != callType || e.IsNull() || !e.IsKnown() {
			return bad("a list with " + kindOf(e))
		}
		c := e.EncapsulatedValue().(*callValue)
		d.Calls = append(d.Calls, Call{Plugin: c.plugin, Action: c.action, Params: c.params, Block: a.name, N: i, Rule: rule(a.head)})
	}
	return nil
}

// calls compiles a "run". It returns the plugins that it names.
func (l *loader) calls(e hclsyntax.Expression, what string) (*expression, []string) {
	functions := map[string]function.Function{"call": l.callFunc()}
	ctx := l.messageContext(l.ctx, functions, false).NewChild()
	ctx.Variables = unknownFacts(true)
	ctx.Functions = map[string]function.Function{"header": unknownHeader, "listed": listedFunc(nil)}
	if !l.names(e, ctx) {
		return nil, nil
	}
	ok, n := true, 0
	var uses []string
	// The walk reports nothing: its visitor returns no diagnostics.
	_ = hclsyntax.VisitAll(e, func(node hclsyntax.Node) hcl.Diagnostics {
		if f, is := node.(*hclsyntax.FunctionCallExpr); is && f.Name == "call" {
			n++
			plugin, fine := l.checkCall(f, ctx)
			ok = ok && fine
			if fine && !slices.Contains(uses, plugin) {
				uses = append(uses, plugin)
			}
		}
		return nil
	})
	if !ok {
		return nil, nil
	}
	x, v, ok := l.compile(e, what, true, functions)
	if !ok {
		return nil, nil
	}
	if t := v.Type(); n == 0 || v.IsNull() || t != cty.DynamicPseudoType && !t.IsTupleType() && !t.IsListType() && !t.IsSetType() || !allCalls(t) {
		l.fail("Not a list of calls", e.Range(), nil, `"run" gives %s. Write [call(plugin.NAME, "action", { name = value })].`, typeName(v))
		return nil, nil
	}
	return x, uses
}

// allCalls reports whether the elements of a list are calls, as far as that is
// known.
func allCalls(t cty.Type) bool {
	is := func(t cty.Type) bool { return t == callType || t == cty.DynamicPseudoType }
	switch {
	case t.IsTupleType():
		return !slices.ContainsFunc(t.TupleElementTypes(), func(e cty.Type) bool { return !is(e) })
	case t.IsListType(), t.IsSetType():
		return is(t.ElementType())
	}
	return true
}

// checkCall checks one call(…) where it stands: what it calls is known at
// load, its parameters by name and type.
func (l *loader) checkCall(f *hclsyntax.FunctionCallExpr, ctx *hcl.EvalContext) (plugin string, ok bool) {
	if len(f.Args) < 2 || len(f.Args) > 3 || f.ExpandFinal {
		l.fail("Wrong number of arguments", f.Range(), nil, `call takes a plugin, the name of an action and, where the action has any, an object of parameters. Write call(plugin.NAME, "action", { name = value }).`)
		return "", false
	}
	p, diags := f.Args[0].Value(ctx)
	if diags.HasErrors() || p.IsNull() || !p.IsKnown() || p.Type() != refType || p.EncapsulatedValue().(*ref).kind != "plugin" {
		l.fail("Not a plugin", f.Args[0].Range(), nil, "The first argument of call must be a plugin that is known at load. Write plugin.NAME.")
		return "", false
	}
	plugin = p.EncapsulatedValue().(*ref).name
	a, diags := f.Args[1].Value(ctx)
	if diags.HasErrors() || a.IsNull() || !a.IsKnown() || a.Type() != cty.String {
		l.fail("Not an action", f.Args[1].Range(), nil, "The second argument of call must be the name of an action that is known at load. Put it in quotes.")
		return "", false
	}
	d := l.plugins[plugin]
	if d == nil || d.manifest == nil {
		return plugin, true // its schema is not known here
	}
	action, names := actionOf(d.manifest, a.AsString())
	if action == nil {
		l.fail("Unknown action", f.Args[1].Range(), nil, "Plugin %q has no action %q. %s", plugin, clip(a.AsString()), suggest(a.AsString(), names, "actions"))
		return "", false
	}
	return plugin, l.checkParams(f, action, plugin, ctx)
}

func actionOf(m *manifest.Manifest, name string) (found *manifest.Action, names []string) {
	for i := range m.Actions {
		names = append(names, m.Actions[i].Name)
		if m.Actions[i].Name == name {
			found = &m.Actions[i]
		}
	}
	return found, names
}

// param is one parameter as it is written.
type param struct {
	name  string
	value cty.Value // may be unknown
	at    hcl.Range
	nameR hcl.Range
}

// checkParams checks the parameters of a call by the action's schema.
func (l *loader) checkParams(f *hclsyntax.FunctionCallExpr, a *manifest.Action, plugin string, ctx *hcl.EvalContext) bool {
	given, ok := l.paramsOf(f, ctx)
	if !ok {
		return false
	}
	what := fmt.Sprintf("action %q of plugin %q", a.Name, plugin)
	fine := true
	fail := func(summary string, at hcl.Range, format string, args ...any) {
		fine = false
		l.fail(summary, at, nil, format, args...)
	}
	var names []string
	for i := range a.Params {
		names = append(names, a.Params[i].Name)
	}
	for _, g := range given {
		i := slices.Index(names, g.name)
		switch {
		case i < 0:
			fail("Unknown parameter", g.nameR, "The %s has no parameter %q. %s", what, clip(g.name), suggest(g.name, names, "parameters"))
		case a.Params[i].Secret:
			fail("Secret parameter", g.nameR, "%s is a secret, and a call from policy is stored until it is made. Give it to the plugin in its config block instead.", g.name)
		default:
			if p := fits(g.value, &a.Params[i]); p != nil {
				fail("Invalid value", g.at, "%s: %s", g.name, p.text)
			}
		}
	}
	for i := range a.Params {
		s := &a.Params[i]
		if s.Required && !slices.ContainsFunc(given, func(g param) bool { return g.name == s.Name }) {
			fail("Missing parameter", f.Range(), "The %s needs %s. Add %s = …, a %s: %s", what, s.Name, s.Name, s.Type, sentence(s.Doc))
		}
	}
	return fine
}

// paramsOf reads the third argument of a call.
func (l *loader) paramsOf(f *hclsyntax.FunctionCallExpr, ctx *hcl.EvalContext) (out []param, ok bool) {
	if len(f.Args) < 3 {
		return nil, true
	}
	e := f.Args[2]
	if o, is := e.(*hclsyntax.ObjectConsExpr); is {
		for _, it := range o.Items {
			k, diags := it.KeyExpr.Value(ctx)
			if diags.HasErrors() || k.IsNull() || !k.IsKnown() || k.Type() != cty.String {
				l.fail("Not a parameter", it.KeyExpr.Range(), nil, "The name of a parameter must be known at load. Write it as it stands in the plugin's manifest.")
				return nil, false
			}
			v, diags := it.ValueExpr.Value(ctx)
			l.add(diags)
			if diags.HasErrors() {
				return nil, false
			}
			v, _ = v.UnmarkDeep()
			out = append(out, param{k.AsString(), v, it.ValueExpr.Range(), it.KeyExpr.Range()})
		}
		return out, true
	}
	v, diags := e.Value(ctx)
	l.add(diags)
	if diags.HasErrors() {
		return nil, false
	}
	v, _ = v.UnmarkDeep()
	if v.IsNull() || !v.Type().IsObjectType() || !v.IsKnown() {
		l.fail("Not an object", e.Range(), nil, "The third argument of call must be an object of parameters, not %s. Write { name = value }.", typeName(v))
		return nil, false
	}
	m := v.AsValueMap()
	for _, k := range sortedKeys(m) {
		out = append(out, param{k, m[k], e.Range(), e.Range()})
	}
	return out, true
}

// fits checks a value whose content may not be known yet.
func fits(v cty.Value, a *manifest.Attr) *problem {
	if v.IsWhollyKnown() {
		if v.IsNull() {
			if a.Required {
				return wrong("it is null but needed. Give it a %s.", a.Type)
			}
			return nil
		}
		_, p := typed(v, a)
		return p
	}
	t := v.Type()
	if t == cty.DynamicPseudoType {
		return nil
	}
	switch a.Type {
	case "string", "duration", "bytes":
		if t != cty.String {
			return wrong("it must be a string, not %s. Put it in quotes, as in \"${…}\".", typeName(v))
		}
		return nil
	}
	ty, err := manifestType(a.Type)
	if err != nil {
		return wrong("the plugin's manifest gives it a type that is not known, %q. Update the plugin.", clip(a.Type))
	}
	if !t.Equals(ty) && convert.GetConversionUnsafe(t, ty) == nil {
		return wrong("it must be of type %s, not %s. Change the value.", a.Type, typeName(v))
	}
	return nil
}

// callFunc is call(). What it calls was checked where it stands; what depends
// on the message is checked when it is made.
func (l *loader) callFunc() function.Function {
	plugins := l.plugins
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "plugin", Type: refType}, {Name: "action", Type: cty.String}},
		VarParam: &function.Parameter{Name: "params", Type: cty.DynamicPseudoType, AllowUnknown: true, AllowDynamicType: true,
			AllowNull: true},
		Type: function.StaticReturnType(callType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			c := &callValue{plugin: args[0].EncapsulatedValue().(*ref).name, action: args[1].AsString()}
			given := map[string]cty.Value{}
			if len(args) > 2 {
				if !args[2].IsWhollyKnown() {
					return cty.UnknownVal(callType), nil
				}
				if args[2].IsNull() || !args[2].Type().IsObjectType() && !args[2].Type().IsMapType() {
					return cty.NilVal, function.NewArgErrorf(2, "an object of parameters is needed")
				}
				given = args[2].AsValueMap()
			}
			d := plugins[c.plugin]
			if d == nil || d.manifest == nil {
				m := map[string]Value{}
				for k, v := range given {
					m[k] = toValue(v)
				}
				c.params = object(m)
				return cty.CapsuleVal(callType, c), nil
			}
			a, _ := actionOf(d.manifest, c.action)
			if a == nil {
				return cty.NilVal, function.NewArgErrorf(1, "plugin %q has no action %q", c.plugin, clip(c.action))
			}
			v, errs := paramsBy(a.Params, given)
			if len(errs) > 0 {
				return cty.NilVal, function.NewArgErrorf(2, "%s: %s", errs[0].Name, errs[0].Text)
			}
			c.params = v
			return cty.CapsuleVal(callType, c), nil
		},
	})
}
