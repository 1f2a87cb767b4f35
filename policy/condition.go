package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// expression is a checked "when", "do" or "run". It is safe for use in parallel.
type expression struct {
	what   string // "filter baseline.lists, when"
	expr   hclsyntax.Expression
	static *hcl.EvalContext // locals, variables, references, functions
	roots  []string         // facts it looks at
	header bool             // calls header()
	listed bool             // calls listed()
	needs  int              // rank of the stage at which all of that is known
}

// condition is a "when".
type condition struct{ expression }

// compile checks an expression about a message: it is evaluated with facts of
// the right types and unknown values, so that a misspelt field or a wrong
// type shows at load.
func (l *loader) compile(e hclsyntax.Expression, what string, withFinding bool, more map[string]function.Function) (*expression, cty.Value, bool) {
	x := &expression{what: what, expr: e, static: l.messageContext(l.ctx, more, false), needs: rankConnect}
	ctx := x.static.NewChild()
	ctx.Variables = unknownFacts(withFinding)
	ctx.Functions = map[string]function.Function{"header": unknownHeader, "listed": listedFunc(nil)}
	if !l.names(e, ctx) {
		return nil, cty.NilVal, false
	}
	x.inspect()
	v, diags := e.Value(ctx)
	l.add(diags)
	if diags.HasErrors() {
		return nil, cty.NilVal, false
	}
	v, _ = v.UnmarkDeep()
	return x, v, true
}

// messageContext adds the functions of messages that need no facts, and more.
func (l *loader) messageContext(parent *hcl.EvalContext, more map[string]function.Function, sham bool) *hcl.EvalContext {
	c := parent.NewChild()
	c.Functions = map[string]function.Function{"matches": matchesFunc(l.regexps, sham)}
	maps.Copy(c.Functions, more)
	return c
}

func unknownFacts(withFinding bool) map[string]cty.Value {
	m := map[string]cty.Value{}
	for n, t := range factTypes {
		if !withFinding && slices.Contains(ofFindings, n) {
			continue
		}
		m[n] = unknown(t)
	}
	return m
}

// unknown is an unknown value whose attributes are known by name.
func unknown(t cty.Type) cty.Value {
	if t.IsObjectType() {
		m := map[string]cty.Value{}
		for n, at := range t.AttributeTypes() {
			m[n] = unknown(at)
		}
		return cty.ObjectVal(m)
	}
	return cty.UnknownVal(t).RefineNotNull()
}

// inspect notes what the expression looks at.
func (x *expression) inspect() {
	for _, t := range x.expr.Variables() {
		root := t.RootName()
		if factTypes[root] == cty.NilType {
			continue
		}
		if !slices.Contains(x.roots, root) {
			x.roots = append(x.roots, root)
		}
		rank := rootRank[root]
		if root == "message" && len(t) > 1 {
			if name, _ := stepName(t[1]); name == "subject" {
				rank = rankHeaders
			}
		}
		x.needs = max(x.needs, rank)
	}
	// The walk reports nothing: its visitor returns no diagnostics.
	_ = hclsyntax.VisitAll(x.expr, func(n hclsyntax.Node) hcl.Diagnostics {
		if c, ok := n.(*hclsyntax.FunctionCallExpr); ok {
			switch c.Name {
			case "header":
				x.header, x.needs = true, max(x.needs, rankHeaders)
			case "listed":
				x.listed = true
			}
		}
		return nil
	})
}

// value evaluates with the facts of a message. ready is false where the
// stage does not know them yet.
func (x *expression) value(facts *factSet) (v cty.Value, ready bool, err error) {
	if rankOf(facts.fx.Stage) < x.needs {
		return cty.NilVal, false, nil
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("policy: evaluating %s at %s: internal error: %v", x.what, rule(x.expr.Range()), r)
		}
	}()
	ctx := x.static.NewChild()
	ctx.Variables = make(map[string]cty.Value, len(x.roots))
	for _, r := range x.roots {
		ctx.Variables[r] = facts.value(r)
	}
	if x.header || x.listed {
		ctx.Functions = map[string]function.Function{}
	}
	if x.header {
		ctx.Functions["header"] = facts.function("header")
	}
	if x.listed {
		ctx.Functions["listed"] = facts.function("listed")
	}
	v, diags := x.expr.Value(ctx)
	if diags.HasErrors() {
		d := diags[0]
		return cty.NilVal, true, fmt.Errorf("policy: evaluating %s at %s: %s: %s", x.what, rule(x.expr.Range()), d.Summary, d.Detail)
	}
	v, _ = v.UnmarkDeep()
	return v, true, nil
}

var errNoBool = errors.New("the result is neither true nor false")

func (c *condition) eval(facts *factSet) (bool, error) {
	v, ready, err := c.value(facts)
	if err != nil || !ready {
		return false, err
	}
	if v.Type() != cty.Bool || v.IsNull() || !v.IsKnown() {
		return false, fmt.Errorf("policy: evaluating %s at %s: %w", c.what, rule(c.expr.Range()), errNoBool)
	}
	return v.True(), nil
}

// condition compiles a "when".
func (l *loader) condition(e hclsyntax.Expression, what string, withFinding bool) *condition {
	x, v, ok := l.compile(e, what, withFinding, nil)
	if !ok {
		return nil
	}
	if v.IsNull() {
		l.fail("Condition is null", e.Range(), nil, `"when" must be true or false. Write a comparison, or leave "when" out.`)
		return nil
	}
	if t := v.Type(); t != cty.Bool && t != cty.DynamicPseudoType {
		l.fail("Condition is not true or false", e.Range(), nil, `"when" gives %s. Compare it with something, as in %s.`, typeName(v), example(t))
		return nil
	}
	if !l.varies(x, v, withFinding) {
		return nil
	}
	return &condition{*x}
}

func example(t cty.Type) string {
	switch t {
	case cty.Number:
		return "score >= 5"
	case cty.String:
		return `finding.main == "spam"`
	}
	return `length(recipients) > 10`
}

// varies refuses a condition that does not depend on the message though it
// reads as if it did. A literal may stand, and so may a switch made of
// variables and locals.
func (l *loader) varies(x *expression, v cty.Value, withFinding bool) bool {
	ctx := l.messageContext(l.shamContext(), nil, true)
	ctx.Variables = unknownFacts(withFinding)
	for n, f := range map[string]function.Function{"header": unknownHeader, "listed": listedFunc(nil)} {
		ctx.Functions[n] = f
	}
	if cmp := constantComparison(x.expr, ctx); cmp != nil {
		l.fail("Condition is constant", cmp.Range(), nil,
			"This comparison gives the same for every message: its sides are of different types. Strings stand in quotes, numbers and bools do not.")
		return false
	}
	if !v.IsKnown() || isLiteral(x.expr) {
		return true
	}
	w, diags := x.expr.Value(ctx)
	if diags.HasErrors() || !w.IsKnown() {
		return true // a switch: with another variable or local it would vary
	}
	l.fail("Condition is constant", x.expr.Range(), nil,
		`"when" gives the same for every message. Write true or false if that is meant, or compare facts about the message.`)
	return false
}

// shamContext is the static context with locals and variables unknown.
func (l *loader) shamContext() *hcl.EvalContext {
	c := l.ctx.NewChild()
	c.Variables = map[string]cty.Value{}
	for _, n := range []string{"local", "var"} {
		m := map[string]cty.Value{}
		for k, v := range l.ctx.Variables[n].AsValueMap() {
			m[k] = cty.UnknownVal(v.Type())
		}
		c.Variables[n] = cty.ObjectVal(m)
	}
	return c
}

func isLiteral(e hclsyntax.Expression) bool {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		return true
	case *hclsyntax.ParenthesesExpr:
		return isLiteral(e.Expression)
	}
	return false
}

// constantComparison finds a == or != that looks at the message and yet gives
// the same always: score == "3".
func constantComparison(e hclsyntax.Expression, ctx *hcl.EvalContext) hclsyntax.Expression {
	var found hclsyntax.Expression
	// The walk reports nothing: its visitor returns no diagnostics.
	_ = hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		b, ok := n.(*hclsyntax.BinaryOpExpr)
		if !ok || found != nil || b.Op != hclsyntax.OpEqual && b.Op != hclsyntax.OpNotEqual {
			return nil
		}
		for _, t := range b.Variables() {
			if factTypes[t.RootName()] == cty.NilType {
				continue
			}
			if v, diags := b.Value(ctx); !diags.HasErrors() && v.IsKnown() {
				found = b
			}
			break
		}
		return nil
	})
	return found
}
