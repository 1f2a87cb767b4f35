package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// labelsKey is the name under which a nested block's labels stand.
const labelsKey = "_labels"

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// ownConfig takes a plugin block's own config block. Without one, a plugin
// that has actions or schedules gets its schema's defaults, where they do.
func (l *loader) ownConfig(d *pluginDecl, n *node) {
	if d.manifest != nil {
		d.plugin.Actions = d.manifest.Actions
	}
	c := n.one("config")
	if c == nil {
		if m := d.manifest; m != nil && (m.Subscribes(abi.StageAction) || m.Subscribes(abi.StageSchedule)) && complete(&m.Config) {
			d.plugin.ConfigID = l.configure(d.plugin.Name, n)
		}
		return
	}
	d.ownConfig = true
	d.plugin.ConfigID = l.configure(d.plugin.Name, n)
}

// complete reports whether a schema is satisfied by an empty body.
func complete(b *manifest.Block) bool {
	return !slices.ContainsFunc(b.Attrs, func(a manifest.Attr) bool { return a.Required }) &&
		!slices.ContainsFunc(b.Blocks, func(t manifest.BlockType) bool { return t.Min > 0 })
}

// configure checks a filter's config block by the plugin's schema and returns
// the ID of its value. Without one, the plugin block's own counts.
func (l *loader) configure(plugin string, f *node) uint64 {
	d := l.plugins[plugin]
	if d == nil {
		return 0
	}
	c := f.one("config")
	if c == nil && d.ownConfig {
		return d.plugin.ConfigID
	}
	body, head := &hclsyntax.Body{}, f.head
	if c != nil {
		body, head = c.body, c.head
	}
	var v Value
	if d.manifest == nil {
		v = l.freeBody(body)
	} else {
		l.granted = d.plugin.Grants
		v = l.typedBody(body, &d.manifest.Config, "config of plugin "+plugin, head)
	}
	return l.intern(plugin, v, head)
}

// intern gives equal configurations of a plugin one ID.
func (l *loader) intern(plugin string, v Value, at hcl.Range) uint64 {
	id := configID(plugin, v)
	if _, ok := l.configs[id]; !ok {
		l.configs[id] = len(l.p.configs)
		l.p.configs = append(l.p.configs, FilterConfig{ID: id, Plugin: plugin, Value: v, Range: at})
	}
	return id
}

// configID hashes plugin and value; object keys are sorted already. It is
// never 0, which means "no configuration".
func configID(plugin string, v Value) uint64 {
	h := sha256.Sum256(v.Append([]byte(plugin + "\x00")))
	return max(1, binary.LittleEndian.Uint64(h[:8]))
}

// object sorts attributes by name, so that the value is canonical.
func object(m map[string]Value) Value {
	v := abi.Object()
	for _, k := range sortedKeys(m) {
		v.Set(k, m[k])
	}
	return v
}

// freeBody takes a body of unknown schema as it stands.
func (l *loader) freeBody(body *hclsyntax.Body, labels ...string) Value {
	out := map[string]Value{}
	if len(labels) > 0 {
		out[labelsKey] = abi.Strings(labels...)
	}
	for _, a := range sortedAttrs(body) {
		if v, ok := l.value(a.Expr, l.ctx); ok {
			out[a.Name] = toValue(v)
		}
	}
	for _, b := range body.Blocks {
		v := l.freeBody(b.Body, b.Labels...)
		list := out[b.Type]
		list.Kind = abi.ValueKindList
		list.Items = append(list.Items, v)
		out[b.Type] = list
	}
	return object(out)
}

// typedBody checks a body by a manifest's schema.
func (l *loader) typedBody(body *hclsyntax.Body, s *manifest.Block, what string, head hcl.Range) Value {
	out := map[string]Value{}
	var names, blocks []string
	for i := range s.Attrs {
		names = append(names, s.Attrs[i].Name)
	}
	for i := range s.Blocks {
		blocks = append(blocks, s.Blocks[i].Name)
	}
	for _, a := range sortedAttrs(body) {
		switch {
		case slices.Contains(names, a.Name):
		case slices.Contains(blocks, a.Name):
			l.fail("A block is written as an attribute", a.NameRange, &head, "%q is a block in the %s. Write %s { … } without the equals sign.", a.Name, what, a.Name)
		default:
			l.fail("Unknown attribute", a.NameRange, &head, "The %s has no attribute %q. %s", what, clip(a.Name), suggest(a.Name, names, "attributes"))
		}
	}
	for i := range s.Attrs {
		a := &s.Attrs[i]
		v, ok := l.typedAttr(body.Attributes[a.Name], a, what, head)
		if ok {
			out[a.Name] = v
		}
	}
	l.typedBlocks(body, s, what, head, names, blocks, out)
	return object(out)
}

func (l *loader) typedBlocks(body *hclsyntax.Body, s *manifest.Block, what string, head hcl.Range, attrs, blocks []string, out map[string]Value) {
	count := map[string]int{}
	for _, b := range body.Blocks {
		i := slices.Index(blocks, b.Type)
		if i < 0 {
			if slices.Contains(attrs, b.Type) {
				l.fail("An attribute is written as a block", b.TypeRange, &head, "%q is an attribute in the %s. Write %s = … with an equals sign.", b.Type, what, b.Type)
			} else {
				l.fail("Unknown block", b.TypeRange, &head, "The %s has no block %q. %s", what, clip(b.Type), suggest(b.Type, blocks, "blocks"))
			}
			continue
		}
		t := &s.Blocks[i]
		if count[t.Name]++; t.Max > 0 && count[t.Name] == t.Max+1 {
			l.fail("Repeated block", b.DefRange(), &head, "The %s takes at most %d %s. Remove the others.", what, t.Max, t.Name)
		}
		if len(b.Labels) != len(t.Labels) {
			l.fail("Wrong number of labels", b.DefRange(), &head, "A %s block takes %s. Write %s.", t.Name, labelCount(len(t.Labels)), blockForm(t))
			continue
		}
		inner := l.typedBody(b.Body, &t.Block, t.Name+" block", b.DefRange())
		if len(b.Labels) > 0 {
			m := map[string]Value{labelsKey: abi.Strings(b.Labels...)}
			for i, k := range inner.Keys {
				m[k] = inner.Items[i]
			}
			inner = object(m)
		}
		list := out[t.Name]
		list.Kind = abi.ValueKindList
		list.Items = append(list.Items, inner)
		out[t.Name] = list
	}
	for i := range s.Blocks {
		if t := &s.Blocks[i]; count[t.Name] < t.Min {
			l.fail("Missing block", head, nil, "The %s needs at least %d %s. Add %s.", what, t.Min, t.Name, blockForm(t))
		}
	}
}

func labelCount(n int) string {
	switch n {
	case 0:
		return "no label"
	case 1:
		return "one label"
	}
	return fmt.Sprintf("%d labels", n)
}

func blockForm(t *manifest.BlockType) string {
	s := t.Name
	for _, l := range t.Labels {
		s += fmt.Sprintf(" %q", l)
	}
	return s + " { … }"
}

// typedAttr checks one attribute (nil: not written) and gives its value or
// its default. false: there is neither, or it is wrong.
func (l *loader) typedAttr(at *hclsyntax.Attribute, a *manifest.Attr, what string, head hcl.Range) (Value, bool) {
	if at != nil && a.Grant != "" {
		if _, ok := l.granted[a.Grant]; !ok {
			l.fail("Missing grant", at.NameRange, &head, "%s needs the grant %q, which the plugin block does not give. Add grant { %s = true } to it.", a.Name, a.Grant, a.Grant)
		}
	}
	if at != nil {
		v, ok := l.value(at.Expr, l.ctx)
		if !ok {
			return Value{}, false
		}
		if !v.IsNull() {
			x, p := typed(v, a)
			if p != nil {
				l.fail("Invalid value", itemRange(at.Expr, p.item), &head, "%s: %s", a.Name, p.text)
				return Value{}, false
			}
			return x, l.namesLists(x, a, at.Expr, head)
		}
	}
	if a.Required {
		at := head
		l.fail("Missing attribute", at, nil, "The %s needs %s. Add %s = …, a %s: %s", what, a.Name, a.Name, a.Type, sentence(a.Doc))
		return Value{}, false
	}
	return defaultOf(a)
}

// operatorLists begin the names of lists that exist without being declared.
const operatorLists = "operator."

// namesLists checks that the lists an attribute names are there.
func (l *loader) namesLists(v Value, a *manifest.Attr, e hclsyntax.Expression, head hcl.Range) bool {
	if a.Names != "list" {
		return true
	}
	values := v.Items
	if v.Kind == abi.ValueKindString {
		values = []Value{v}
	}
	ok := true
	for i, x := range values {
		if !slices.Contains(l.named, x.String) && !strings.HasPrefix(x.String, operatorLists) {
			l.fail("Unknown list", itemRange(e, i), &head, "%s: no list is called %q. %s", a.Name, clip(x.String), suggest(x.String, l.named, "lists"))
			ok = false
		}
	}
	return ok
}

// typed converts a value to an attribute's type.
func typed(v cty.Value, a *manifest.Attr) (Value, *problem) {
	spec := &attrSpec{name: a.Name, kind: kDuration}
	switch a.Type {
	case "duration", "bytes":
		if a.Type == "bytes" {
			spec.kind = kBytes
		}
		s, p := spec.text(v)
		if p != nil {
			return Value{}, p
		}
		return scalarNumber(s, a)
	}
	ty, err := manifestType(a.Type)
	if err != nil {
		return Value{}, wrong("the plugin's manifest gives it a type that is not known, %q. Update the plugin.", clip(a.Type))
	}
	if v.Type() == cty.String && (ty.IsListType() || ty.IsSetType()) {
		return Value{}, wrong("it must be a %s. Put it in brackets: [%q].", a.Type, clip(v.AsString()))
	}
	v = refsToNames(v)
	if ty == cty.String && v.Type() != cty.String {
		return Value{}, wrong("it must be a string, not %s. Put it in quotes.", typeName(v))
	}
	c, err := convert.Convert(v, ty)
	if err != nil {
		return Value{}, wrong("it must be of type %s, not %s: %v. Change the value.", a.Type, typeName(v), err)
	}
	if p := checkOneOf(c, a); p != nil {
		return Value{}, p
	}
	return toValue(c), nil
}

// scalarNumber is a duration in milliseconds or a size in octets.
func scalarNumber(s string, a *manifest.Attr) (Value, *problem) {
	if a.Type == "bytes" {
		n, err := parseBytes(s)
		if err != nil {
			return Value{}, wrong("%q is not a size: %v. Write one such as \"50MiB\".", clip(s), err)
		}
		return abi.Number(float64(n)), nil
	}
	d, err := parseDuration(s)
	if err != nil {
		return Value{}, wrong("%q is not a duration: %v. Write one such as \"15m\".", clip(s), err)
	}
	return abi.Number(float64(d.Milliseconds())), nil
}

func manifestType(s string) (cty.Type, error) {
	e, diags := hclsyntax.ParseExpression([]byte(s), "manifest", hcl.InitialPos)
	if diags.HasErrors() {
		return cty.NilType, diags
	}
	t, diags := typeexpr.TypeConstraint(e)
	if diags.HasErrors() {
		return cty.NilType, diags
	}
	return t, nil
}

// checkOneOf checks a value, or the elements of a list.
func checkOneOf(v cty.Value, a *manifest.Attr) *problem {
	if len(a.OneOf) == 0 || v.IsNull() {
		return nil
	}
	check := func(i int, e cty.Value) *problem {
		s := toValue(e)
		word := s.String
		if s.Kind == abi.ValueKindNumber {
			word = fmt.Sprint(s.Number)
		}
		if slices.Contains(a.OneOf, word) {
			return nil
		}
		return &problem{item: i, text: fmt.Sprintf("%q is not one of its values. %s", clip(word), suggest(word, a.OneOf, "values"))}
	}
	if v.Type().IsListType() || v.Type().IsSetType() || v.Type().IsTupleType() {
		for i, e := range v.AsValueSlice() {
			if p := check(i, e); p != nil {
				return p
			}
		}
		return nil
	}
	return check(-1, v)
}

// refsToNames lets list.NAME stand where a plugin wants a name.
func refsToNames(v cty.Value) cty.Value {
	if v.IsNull() {
		return v
	}
	if v.Type() == refType {
		return cty.StringVal(v.EncapsulatedValue().(*ref).name)
	}
	if v.Type().IsTupleType() || v.Type().IsListType() {
		items := v.AsValueSlice()
		for i := range items {
			items[i] = refsToNames(items[i])
		}
		return cty.TupleVal(items)
	}
	return v
}

// toValue is a known value in the form plugins get.
func toValue(v cty.Value) Value {
	if v.IsNull() || !v.IsKnown() {
		return abi.Null()
	}
	switch t := v.Type(); {
	case t == cty.String:
		return abi.String(v.AsString())
	case t == cty.Bool:
		return abi.Bool(v.True())
	case t == cty.Number:
		f, _ := v.AsBigFloat().Float64()
		return abi.Number(f)
	case t == refType:
		return abi.String(v.EncapsulatedValue().(*ref).name)
	case t.IsObjectType(), t.IsMapType():
		m := map[string]Value{}
		for k, e := range v.AsValueMap() {
			m[k] = toValue(e)
		}
		return object(m)
	case v.CanIterateElements():
		out := abi.List()
		for _, e := range v.AsValueSlice() {
			out.Items = append(out.Items, toValue(e))
		}
		return out
	}
	return abi.Null()
}

// defaultOf is the default a manifest gives, JSON's types in the plugin's.
func defaultOf(a *manifest.Attr) (Value, bool) {
	if s, ok := a.Default.(string); ok && (a.Type == "duration" || a.Type == "bytes") {
		v, p := scalarNumber(s, a)
		return v, p == nil
	}
	if a.Default == nil {
		return Value{}, false
	}
	return fromJSON(a.Default), true
}

func fromJSON(x any) Value {
	switch x := x.(type) {
	case string:
		return abi.String(x)
	case bool:
		return abi.Bool(x)
	case float64:
		return abi.Number(x)
	case int:
		return abi.Number(float64(x))
	case []string:
		return abi.Strings(x...)
	case []any:
		v := abi.List()
		for _, e := range x {
			v.Items = append(v.Items, fromJSON(e))
		}
		return v
	case map[string]any:
		m := map[string]Value{}
		for k, e := range x {
			m[k] = fromJSON(e)
		}
		return object(m)
	}
	return abi.Null()
}

// describe is a value for reading, as weir explain shows it.
func describe(v Value) string {
	switch v.Kind {
	case abi.ValueKindString:
		return fmt.Sprintf("%q", v.String)
	case abi.ValueKindNumber:
		return fmt.Sprint(v.Number)
	case abi.ValueKindBool:
		return fmt.Sprint(v.Bool)
	case abi.ValueKindList, abi.ValueKindObject:
		var parts []string
		for i, e := range v.Items {
			s := describe(e)
			if i < len(v.Keys) {
				s = v.Keys[i] + " = " + s
			}
			parts = append(parts, s)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return "null"
}
