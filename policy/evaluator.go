package policy

import (
	"maps"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailweir/weir/sdk/abi/manifest"
)

// Evaluator reads pieces of HCL that stand in no configuration, with the
// functions of the language: the scenarios of a plugin's author.
type Evaluator struct {
	dir  string
	vars map[string]cty.Value
}

// NewEvaluator makes one. Paths in file() are relative to dir.
func NewEvaluator(dir string, vars map[string]cty.Value) *Evaluator {
	return &Evaluator{dir: dir, vars: vars}
}

func (e *Evaluator) loader() *loader {
	l := &loader{dir: e.dir, said: map[string]bool{}, read: map[string][]byte{}, regexps: &regexps{}}
	l.ctx = &hcl.EvalContext{Variables: maps.Clone(e.vars), Functions: l.loadFunctions()}
	if l.ctx.Variables == nil {
		l.ctx.Variables = map[string]cty.Value{}
	}
	return l
}

// Context is for evaluating other expressions of the same file.
func (e *Evaluator) Context() *hcl.EvalContext { return e.loader().ctx }

// Typed checks a body by a manifest's schema as the configuration of a filter
// would be, with grants as the plugin block gives them, and returns what the
// plugin would be given. what names the body in diagnostics, head is where it
// begins.
func (e *Evaluator) Typed(body *hclsyntax.Body, s *manifest.Block, what string, head hcl.Range, grants map[string][]string) (Value, hcl.Diagnostics) {
	l := e.loader()
	l.granted = grants
	v := l.typedBody(body, s, what, head)
	return v, l.diags
}
