package policy

import (
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/mailweir/weir/sdk/abi/grant"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// values are the evaluated attributes of one block. An attribute that is
// wrong has been reported and counts as left out.
type values struct {
	spec *blockSpec
	node *node // nil: the block is not there
	got  map[string]any
	set  map[string]bool // written out and right
	bad  map[string]bool // written out and wrong
}

// get is an attribute's value, its default, or the zero value.
func get[T any](v *values, name string) T {
	x, _ := v.got[name].(T)
	return x
}

// at is where an attribute's value stands, else the head of the block.
func (v *values) at(name string) hcl.Range {
	if v.node == nil {
		return hcl.Range{}
	}
	if a := v.node.attrs[name]; a != nil {
		return a.Expr.Range()
	}
	return v.node.head
}

// item is where one element of a list stands, where the list is written out.
func (v *values) item(name string, i int) hcl.Range {
	if v.node != nil {
		if a := v.node.attrs[name]; a != nil {
			return itemRange(a.Expr, i)
		}
	}
	return v.at(name)
}

func itemRange(e hclsyntax.Expression, i int) hcl.Range {
	if t, ok := e.(*hclsyntax.TupleConsExpr); ok && i >= 0 && i < len(t.Exprs) {
		return t.Exprs[i].Range()
	}
	return e.Range()
}

// eval evaluates a block's attributes; n may be nil where the block is not
// there, then all are defaults.
func (l *loader) eval(n *node, spec *blockSpec, ctx *hcl.EvalContext) *values {
	v := &values{spec: spec, node: n, got: map[string]any{}, set: map[string]bool{}, bad: map[string]bool{}}
	for i := range spec.attrs {
		a := &spec.attrs[i]
		if n != nil && n.attrs[a.name] != nil {
			x, ok := l.attribute(a, n.attrs[a.name], n, ctx)
			switch {
			case !ok:
				v.bad[a.name] = true
			case x != nil:
				v.got[a.name], v.set[a.name] = x, true
				continue
			}
		}
		if a.def != "" {
			x, p := l.decode(a, defaultValue(a))
			if p != nil {
				panic(fmt.Sprintf("policy: default of %s.%s: %s", spec.name, a.name, p.text))
			}
			v.got[a.name] = x
		}
	}
	return v
}

func defaultValue(a *attrSpec) cty.Value {
	switch a.kind {
	case kInt, kNumber:
		f, err := strconv.ParseFloat(a.def, 64)
		if err != nil {
			panic("policy: default of " + a.name + " is not a number")
		}
		return cty.NumberFloatVal(f)
	case kBool:
		return cty.BoolVal(a.def == "true")
	}
	return cty.StringVal(a.def)
}

// attribute evaluates and checks one attribute. nil with true: it is null,
// which is the same as left out.
func (l *loader) attribute(a *attrSpec, at *hclsyntax.Attribute, n *node, ctx *hcl.EvalContext) (any, bool) {
	switch a.kind {
	case kCondition, kDisposition, kCalls, kType:
		return at.Expr, true
	}
	val, ok := l.value(at.Expr, ctx)
	if !ok {
		return nil, false
	}
	if val.IsNull() {
		if a.required {
			l.fail("Missing value", at.Expr.Range(), &n.head, "%s is null but needed. Give it %s.", a.name, a.what())
			return nil, false
		}
		return nil, true
	}
	if a.kind == kAny {
		return val, true
	}
	x, p := l.decode(a, val)
	if p != nil {
		summary := p.summary
		if summary == "" {
			summary = "Invalid value"
		}
		l.fail(summary, itemRange(at.Expr, p.item), &n.head, "%s: %s", a.name, p.text)
		return nil, false
	}
	return x, true
}

// problem is what is wrong with a value: its element, -1 for the whole, and
// sentences of which the last is a remedy.
type problem struct {
	item          int
	summary, text string
}

func wrong(format string, args ...any) *problem {
	return &problem{item: -1, text: fmt.Sprintf(format, args...)}
}

// decode turns a known, non-null value into the attribute's Go value.
func (l *loader) decode(a *attrSpec, v cty.Value) (any, *problem) {
	switch a.kind {
	case kBool:
		b, err := convert.Convert(v, cty.Bool)
		if err != nil {
			return nil, wrong("it must be true or false, not %s. Write true or false without quotes.", typeName(v))
		}
		return b.True(), nil
	case kInt, kNumber:
		return a.number(v)
	case kStageStrings, kStageTimes:
		return l.stages(a, v)
	case kGrant:
		return l.grant(a, v)
	case kRef:
		return l.ref(a, v)
	case kRefs:
		return l.refs(a, v)
	case kDomains:
		return l.list(a, v, parseDomain)
	case kAddresses:
		return l.list(a, v, parseAddress)
	case kParties:
		return l.list(a, v, parseParty)
	case kHostPorts:
		return l.list(a, v, parseHost)
	case kRouteHosts:
		return l.list(a, v, parseRouteHost)
	case kDomainPatterns:
		return l.list(a, v, parseDomainPattern)
	case kSenders:
		return l.list(a, v, parseSender)
	case kStrings:
		return l.list(a, v, func(s string) (string, error) { return s, nil })
	case kPrefixes:
		return listOf(a, v, parsePrefix)
	}
	s, p := a.text(v)
	if p != nil {
		return nil, p
	}
	return l.scalar(a, s)
}

// scalar decodes what is written as one string.
func (l *loader) scalar(a *attrSpec, s string) (any, *problem) {
	var parse func(string) (string, error)
	switch a.kind {
	case kString:
		if a.oneOf != nil && !slices.Contains(a.oneOf, s) {
			return nil, wrong("%q is not one of its values. %s", clip(s), suggest(s, a.oneOf, "values"))
		}
		if a.required && s == "" {
			return nil, wrong("it is empty. Give it %s.", a.what())
		}
		return s, nil
	case kDuration:
		return a.duration(s)
	case kBytes:
		n, err := parseBytes(s)
		if err != nil {
			return nil, wrong("%q is not a size: %v. Write %s.", clip(s), err, a.what())
		}
		if p := a.bounds(float64(n), func(f float64) string { return formatBytes(int64(f)) }); p != nil {
			return nil, p
		}
		return n, nil
	case kPath:
		if s == "" {
			return nil, wrong("it is empty. Give it %s.", a.what())
		}
		return l.resolve(s), nil
	case kFile:
		p := l.resolve(s)
		if st, e := os.Stat(p); e != nil || !st.Mode().IsRegular() {
			return nil, &problem{-1, "File not found", fmt.Sprintf("there is no file %s. Paths are relative to the folder of the configuration; correct the path or create the file.", clip(p))}
		}
		return p, nil
	case kDomain:
		parse = parseDomain
	case kMX:
		parse = parseMX
	case kAddress:
		parse = parseAddress
	case kListen:
		parse = parseListen
	case kIP4, kIP6:
		return a.ip(s)
	case kRate:
		return parseRate(s)
	case kPassword:
		l.secret(strings.TrimSpace(s))
		return password(s)
	}
	if parse == nil {
		return s, nil
	}
	out, err := parse(s)
	if err != nil {
		return nil, wrong("%q is not usable: %v. Write %s.", clip(s), err, a.what())
	}
	return out, nil
}

// ip decodes an IP address of one family.
func (a *attrSpec) ip(s string) (any, *problem) {
	p, e := parsePrefix(s)
	switch {
	case e != nil || !p.IsSingleIP():
		return nil, wrong("%q is not an IP address. Write one such as \"192.0.2.1\".", clip(s))
	case a.kind == kIP4 && !p.Addr().Is4():
		return nil, wrong("%q is an IPv6 address. Write it as source6, and an IPv4 address here.", clip(s))
	case a.kind == kIP6 && !p.Addr().Is6():
		return nil, wrong("%q is an IPv4 address. Write it as source, and an IPv6 address here.", clip(s))
	}
	return p.Addr().String(), nil
}

// password takes what SASL PLAIN can carry (RFC 4616 §2). It quotes nothing.
func password(s string) (any, *problem) {
	switch {
	case s == "":
		return nil, wrong("it is empty. Give the password, best as var.NAME.")
	case strings.HasSuffix(s, "\n"):
		return nil, wrong("it ends with a line break. Take that off with chomp(), as in chomp(file(\"…\")).")
	case strings.ContainsAny(s, "\x00\r\n"):
		return nil, wrong("it has a line break or a NUL in it, which no server takes. Give a password on one line.")
	case len(s) > 1000:
		return nil, wrong("it is longer than 1000 octets, which no server takes. Give the password alone.")
	}
	return s, nil
}

func (a *attrSpec) duration(s string) (any, *problem) {
	d, err := parseDuration(s)
	if err != nil {
		return nil, wrong("%q is not a duration: %v. Write %s.", clip(s), err, a.what())
	}
	if p := a.bounds(d.Seconds(), func(f float64) string { return formatDuration(time.Duration(f * float64(time.Second))) }); p != nil {
		return nil, p
	}
	return d, nil
}

// bounds checks min and max.
func (a *attrSpec) bounds(f float64, show func(float64) string) *problem {
	switch {
	case f < a.min:
		return wrong("it is too small. The least is %s.", show(a.min))
	case a.max > 0 && f > a.max:
		return wrong("it is too large. The most is %s.", show(a.max))
	}
	return nil
}

func (a *attrSpec) number(v cty.Value) (any, *problem) {
	c, err := convert.Convert(v, cty.Number)
	if err != nil {
		return nil, wrong("it must be %s, not %s. Write digits without quotes.", a.what(), typeName(v))
	}
	f, _ := c.AsBigFloat().Float64()
	if p := a.bounds(f, func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }); p != nil {
		return nil, p
	}
	if a.kind == kNumber {
		return f, nil
	}
	n, acc := c.AsBigFloat().Int64()
	if acc != big.Exact {
		return nil, wrong("it must be a whole number. Leave out the fraction.")
	}
	return int(n), nil
}

// text is a value that must be a string.
func (a *attrSpec) text(v cty.Value) (string, *problem) {
	if v.Type() == cty.String {
		return v.AsString(), nil
	}
	if v.Type() == cty.Number && (a.kind == kDuration || a.kind == kBytes) {
		return "", wrong("it has no unit. Write %s.", a.what())
	}
	return "", wrong("it must be %s, not %s. Put it in quotes.", a.what(), typeName(v))
}

func (l *loader) list(a *attrSpec, v cty.Value, parse func(string) (string, error)) (any, *problem) {
	return listOf(a, v, parse)
}

// listOf decodes a list of strings, each with parse.
func listOf[T any](a *attrSpec, v cty.Value, parse func(string) (T, error)) (any, *problem) {
	if v.Type() == cty.String {
		return nil, wrong("it must be a list. Put it in brackets: [%q].", clip(v.AsString()))
	}
	if !v.CanIterateElements() || v.Type().IsObjectType() || v.Type().IsMapType() {
		return nil, wrong("it must be %s, not %s. Write it in brackets.", a.what(), typeName(v))
	}
	out := []T{}
	for i, e := range v.AsValueSlice() {
		if e.IsNull() || e.Type() != cty.String {
			return nil, &problem{item: i, text: fmt.Sprintf("element %d must be a string, not %s. Put it in quotes.", i+1, typeName(e))}
		}
		x, err := parse(e.AsString())
		if err != nil {
			return nil, &problem{item: i, text: fmt.Sprintf("%q is not usable: %v. Write %s.", clip(e.AsString()), err, a.what())}
		}
		out = append(out, x)
	}
	return out, nil
}

// grant decodes what of a kind is granted: nil is nothing, an empty list all.
func (l *loader) grant(a *attrSpec, v cty.Value) (any, *problem) {
	if v.Type() == cty.Bool && v.False() {
		return nil, nil
	}
	if v.Type() == cty.Bool && !grant.NeedsList(a.name) {
		return []string{}, nil
	}
	if v.Type() != cty.Bool {
		out, p := l.list(a, v, func(s string) (string, error) { return s, grant.Check(a.name, s) })
		if list, ok := out.([]string); p != nil || ok && len(list) > 0 {
			return out, p
		}
		if !grant.NeedsList(a.name) { // to the plugin host an empty list is the grant without a restriction
			return nil, wrong("an empty list grants nothing. Write %s = true for all of it, or leave %s out.", a.name, a.name)
		}
	}
	return nil, wrong("a grant of %s without a list grants nothing. Name what the plugin may reach: %s.", a.name, grant.Example(a.name))
}

// stages decodes one value for all stages, or an object by stage.
func (l *loader) stages(a *attrSpec, v cty.Value) (any, *problem) {
	one := attrSpec{name: a.name, kind: kString, oneOf: a.oneOf, min: a.min, max: a.max}
	if a.kind == kStageTimes {
		one.kind = kDuration
	}
	texts, times := map[string]string{}, map[string]time.Duration{}
	put := func(stage string, v cty.Value) *problem {
		if v.IsNull() {
			return wrong("the value of %s is null. Leave the stage out.", stage)
		}
		x, p := l.decode(&one, v)
		if p != nil {
			return p
		}
		switch x := x.(type) {
		case string:
			texts[stage] = x
		case time.Duration:
			times[stage] = x
		}
		return nil
	}
	if v.Type().IsObjectType() || v.Type().IsMapType() {
		m := v.AsValueMap()
		for _, k := range sortedKeys(m) {
			if !slices.Contains(stageNames, k) {
				return nil, wrong("%q is not a stage. %s", clip(k), suggest(k, stageNames, "stages"))
			}
			if p := put(k, m[k]); p != nil {
				return nil, p
			}
		}
	} else if p := put("", v); p != nil {
		return nil, p
	}
	if a.kind == kStageTimes {
		return times, nil
	}
	return texts, nil
}

// typeName names a value's type in a sentence.
func typeName(v cty.Value) string {
	switch t := v.Type(); {
	case v.IsNull():
		return "null"
	case t == refType:
		r := v.EncapsulatedValue().(*ref)
		return "a reference to " + r.kind + "." + r.name
	case t.IsObjectType(), t.IsMapType():
		return "an object"
	case t.IsTupleType(), t.IsListType(), t.IsSetType():
		return "a list"
	default:
		return "a " + t.FriendlyName()
	}
}

// resolve makes a path relative to the configuration's folder.
func (l *loader) resolve(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(l.dir, strings.TrimSpace(p))
}
