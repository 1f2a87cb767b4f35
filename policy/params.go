package policy

import (
	"math/big"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/mailweir/weir/sdk/abi/manifest"
)

// ParamError is what is wrong with one parameter of an action.
type ParamError struct {
	Name string // "" all of them together
	Text string // one or two sentences, without the value of a secret
}

// Params checks the parameters of an action as JSON gives them, by its
// manifest, and completes them with its defaults. Numbers and bools may be
// written as strings.
func Params(schema []manifest.Attr, given map[string]any) (Value, []ParamError) {
	m := map[string]cty.Value{}
	for k, x := range given {
		m[k] = fromAny(x)
	}
	return paramsBy(schema, m)
}

func paramsBy(schema []manifest.Attr, given map[string]cty.Value) (Value, []ParamError) {
	var errs []ParamError
	var names []string
	out := map[string]Value{}
	for i := range schema {
		a := &schema[i]
		names = append(names, a.Name)
		v, ok := given[a.Name]
		switch {
		case ok && !v.IsNull():
			x, p := typed(v, a)
			if p != nil && a.Secret {
				errs = append(errs, ParamError{a.Name, "it must be a " + a.Type + " as the plugin describes it. Change the value."})
			} else if p != nil {
				errs = append(errs, ParamError{a.Name, p.text})
			} else {
				out[a.Name] = x
			}
		case a.Required:
			errs = append(errs, ParamError{a.Name, "it is needed, a " + a.Type + ": " + sentence(a.Doc)})
		default:
			if x, ok := defaultOf(a); ok {
				out[a.Name] = x
			}
		}
	}
	for _, k := range sortedKeys(given) {
		if !slices.Contains(names, k) {
			errs = append(errs, ParamError{k, "there is no such parameter. " + suggest(k, names, "parameters")})
		}
	}
	v := object(out)
	if n := len(v.Append(nil)); n > maxParams {
		errs = append(errs, ParamError{"", "the parameters are longer than 16 KiB together. Shorten them."})
	}
	return v, errs
}

// fromAny is a JSON value.
func fromAny(x any) cty.Value {
	switch x := x.(type) {
	case string:
		return cty.StringVal(strings.ToValidUTF8(x, "\uFFFD"))
	case bool:
		return cty.BoolVal(x)
	case float64:
		if x != x {
			return cty.NullVal(cty.Number)
		}
		return cty.NumberVal(big.NewFloat(x))
	case int:
		return cty.NumberIntVal(int64(x))
	case []any:
		var vs []cty.Value
		for _, e := range x {
			vs = append(vs, fromAny(e))
		}
		return cty.TupleVal(vs)
	case []string:
		var vs []cty.Value
		for _, e := range x {
			vs = append(vs, fromAny(e))
		}
		return cty.TupleVal(vs)
	case map[string]any:
		m := map[string]cty.Value{}
		for k, e := range x {
			m[k] = fromAny(e)
		}
		return cty.ObjectVal(m)
	}
	return cty.NullVal(cty.DynamicPseudoType)
}
