package toolchain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"
)

// section reads one block of a scenario file. What is asked for is what there
// is: end reports everything else.
type section struct {
	body  *hclsyntax.Body
	what  string // for diagnostics: "block mail"
	head  hcl.Range
	ctx   *hcl.EvalContext
	diags *hcl.Diagnostics
	asked []string
	kinds []string
}

func (s *section) fail(at hcl.Range, f string, a ...any) {
	*s.diags = append(*s.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Wrong scenario", Detail: fmt.Sprintf(f, a...), Subject: &at})
}

// value evaluates an attribute; false: it is not there, or wrong.
func (s *section) value(name string, ty cty.Type) (cty.Value, bool) {
	s.asked = append(s.asked, name)
	a := s.body.Attributes[name]
	if a == nil {
		return cty.NilVal, false
	}
	v, diags := a.Expr.Value(s.ctx)
	*s.diags = append(*s.diags, diags...)
	if diags.HasErrors() || v.IsNull() || !v.IsWhollyKnown() {
		return cty.NilVal, false
	}
	if ty == cty.DynamicPseudoType {
		return v, true
	}
	c, err := convert.Convert(v, ty)
	if err != nil {
		s.fail(a.Expr.Range(), "%s: %v.", name, err)
		return cty.NilVal, false
	}
	return c, true
}

// at is where an attribute stands, or the block where it does not.
func (s *section) at(name string) hcl.Range {
	if a := s.body.Attributes[name]; a != nil {
		return a.NameRange
	}
	return s.head
}

func (s *section) has(name string) bool { return s.body.Attributes[name] != nil }

func (s *section) str(name, def string) string {
	if v, ok := s.value(name, cty.String); ok {
		return v.AsString()
	}
	return def
}

func (s *section) bool(name string, def bool) bool {
	if v, ok := s.value(name, cty.Bool); ok {
		return v.True()
	}
	return def
}

func (s *section) number(name string, def float64) float64 {
	if v, ok := s.value(name, cty.Number); ok {
		f, _ := v.AsBigFloat().Float64()
		return f
	}
	return def
}

func (s *section) integer(name string, def uint64) uint64 {
	v, ok := s.value(name, cty.Number)
	if !ok {
		return def
	}
	var n uint64
	if err := gocty.FromCtyValue(v, &n); err != nil {
		s.fail(s.at(name), "%s: it is a whole number from 0.", name)
		return def
	}
	return n
}

func (s *section) strs(name string) ([]string, bool) {
	v, ok := s.value(name, cty.List(cty.String))
	if !ok {
		return nil, false
	}
	out := []string{}
	for _, e := range v.AsValueSlice() {
		if e.IsNull() {
			s.fail(s.at(name), "%s: a null among its entries.", name)
			return nil, false
		}
		out = append(out, e.AsString())
	}
	return out, true
}

func (s *section) strmap(name string) (map[string]string, bool) {
	v, ok := s.value(name, cty.Map(cty.String))
	if !ok {
		return nil, false
	}
	out := map[string]string{}
	for k, e := range v.AsValueMap() {
		if e.IsNull() {
			s.fail(s.at(name), "%s: %q is null.", name, k)
			return nil, false
		}
		out[k] = e.AsString()
	}
	return out, true
}

func (s *section) duration(name string) time.Duration {
	text := s.str(name, "")
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		s.fail(s.at(name), "%s: %q is no duration; write one such as \"90s\" or \"2h\".", name, text)
	}
	return d
}

// time is RFC 3339.
func (s *section) time(name string, def time.Time) time.Time {
	text := s.str(name, "")
	if text == "" {
		return def
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		s.fail(s.at(name), "%s: %q is no time; write one such as \"2026-11-22T10:00:00Z\".", name, text)
		return def
	}
	return t
}

// oneOf is a word of a given list, "" where it is not there.
func (s *section) oneOf(name string, words ...string) string {
	w := s.str(name, "")
	if w != "" && !slices.Contains(words, w) {
		s.fail(s.at(name), "%s: %q is none of %s.", name, w, strings.Join(words, ", "))
		return ""
	}
	return w
}

// blocks gives the nested blocks of a type with that many labels.
func (s *section) blocks(kind string, labels int) []*section {
	s.kinds = append(s.kinds, kind)
	var out []*section
	for _, b := range s.body.Blocks {
		if b.Type == kind {
			if in := s.open(b, labels); in != nil {
				out = append(out, in)
			}
		}
	}
	return out
}

// one is blocks for those that may stand once; nil where there is none.
func (s *section) one(kind string) *section {
	all := s.blocks(kind, 0)
	if len(all) > 1 {
		s.fail(all[1].head, "There is a block %s already.", kind)
	}
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

func (s *section) open(b *hclsyntax.Block, labels int) *section {
	if len(b.Labels) != labels {
		s.fail(b.DefRange(), "A block %s has %s, this one %s.", b.Type, labelWord(labels), labelWord(len(b.Labels)))
		return nil
	}
	return &section{body: b.Body, what: "block " + b.Type, head: b.DefRange(), ctx: s.ctx, diags: s.diags}
}

func labelWord(n int) string {
	switch n {
	case 0:
		return "no label"
	case 1:
		return "one label"
	}
	return fmt.Sprintf("%d labels", n)
}

// end reports what nobody asked for.
func (s *section) end() {
	for name, a := range s.body.Attributes {
		if !slices.Contains(s.asked, name) {
			s.fail(a.NameRange, "The %s has no attribute %q. It has: %s.", s.what, name, list(s.asked))
		}
	}
	for _, b := range s.body.Blocks {
		if !slices.Contains(s.kinds, b.Type) {
			s.fail(b.TypeRange, "The %s has no block %q. It has: %s.", s.what, b.Type, list(s.kinds))
		}
	}
}

func list(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	w := slices.Clone(words)
	slices.Sort(w)
	return strings.Join(slices.Compact(w), ", ")
}
