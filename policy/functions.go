package policy

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// maxFile is the largest file that file() and lists read, in octets.
const maxFile = 64 << 20

// loadFunctions are those every expression may call.
func (l *loader) loadFunctions() map[string]function.Function {
	return map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "can": tryfunc.CanFunc, "ceil": stdlib.CeilFunc, "chomp": stdlib.ChompFunc,
		"chunklist": stdlib.ChunklistFunc, "cidrmatch": cidrFunc, "coalesce": stdlib.CoalesceFunc, "coalescelist": stdlib.CoalesceListFunc,
		"compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc, "csvdecode": stdlib.CSVDecodeFunc,
		"distinct": stdlib.DistinctFunc, "element": stdlib.ElementFunc, "file": l.fileFunc(), "flatten": stdlib.FlattenFunc,
		"floor": stdlib.FloorFunc, "format": stdlib.FormatFunc, "formatlist": stdlib.FormatListFunc, "indent": stdlib.IndentFunc,
		"join": stdlib.JoinFunc, "jsondecode": stdlib.JSONDecodeFunc, "jsonencode": stdlib.JSONEncodeFunc, "keys": stdlib.KeysFunc,
		"length": lengthFunc, "log": stdlib.LogFunc, "lookup": stdlib.LookupFunc, "lower": stdlib.LowerFunc, "max": stdlib.MaxFunc,
		"merge": stdlib.MergeFunc, "min": stdlib.MinFunc, "parseint": stdlib.ParseIntFunc, "pow": stdlib.PowFunc, "range": stdlib.RangeFunc,
		"regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc, "regexreplace": stdlib.RegexReplaceFunc, "replace": stdlib.ReplaceFunc,
		"reverse": stdlib.ReverseListFunc, "setintersection": stdlib.SetIntersectionFunc, "setproduct": stdlib.SetProductFunc,
		"setsubtract": stdlib.SetSubtractFunc, "setunion": stdlib.SetUnionFunc, "signum": stdlib.SignumFunc, "slice": stdlib.SliceFunc,
		"sort": stdlib.SortFunc, "split": stdlib.SplitFunc, "strlen": stdlib.StrlenFunc, "strrev": stdlib.ReverseFunc,
		"substr": stdlib.SubstrFunc, "title": stdlib.TitleFunc, "tobool": stdlib.MakeToFunc(cty.Bool),
		"tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)), "tomap": stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
		"tonumber": stdlib.MakeToFunc(cty.Number), "toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
		"tostring": stdlib.MakeToFunc(cty.String), "trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc,
		"trimspace": stdlib.TrimSpaceFunc, "trimsuffix": stdlib.TrimSuffixFunc, "try": tryfunc.TryFunc, "upper": stdlib.UpperFunc,
		"values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,
	}
}

// ownFunctions document those of loadFunctions that are ours.
var ownFunctions = []funcDoc{
	{"cidrmatch", "cidrmatch(ip, network...)", "true where the address is in one of the networks; false where it is no address."},
	{"file", "file(path)", "The content of a text file, relative to the folder of the configuration."},
	{"length", "length(value)", "Elements of a list, map or object; characters of a string."},
}

type funcDoc struct{ name, call, doc string }

// lengthFunc counts characters of strings too.
var lengthFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if args[0].Type() == cty.String {
			return stdlib.Strlen(args[0])
		}
		if args[0].Type().IsObjectType() {
			return cty.NumberIntVal(int64(len(args[0].Type().AttributeTypes()))), nil
		}
		return stdlib.Length(args[0])
	},
})

// fileFunc reads a regular text file. Its content counts for the digest.
func (l *loader) fileFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			b, err := l.readFile(l.resolve(args[0].AsString()))
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			if strings.ToValidUTF8(string(b), "") != string(b) {
				return cty.NilVal, function.NewArgErrorf(0, "the file is not UTF-8 text")
			}
			return cty.StringVal(string(b)), nil
		},
	})
}

// readFile reads a file once per load and notes it for the digest.
func (l *loader) readFile(path string) ([]byte, error) {
	if b, ok := l.read[path]; ok {
		return b, nil
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("there is no file %s", clip(path))
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", clip(path))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the file %s cannot be read", clip(path))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", clip(path), err)
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("%s is larger than 64 MiB", clip(path))
	}
	l.read[path] = b
	return b, nil
}

// cidrFunc is total in the address; a network that is none is an error.
var cidrFunc = function.New(&function.Spec{
	Params:   []function.Parameter{{Name: "ip", Type: cty.String, AllowUnknown: true}},
	VarParam: &function.Parameter{Name: "network", Type: cty.String, AllowUnknown: true},
	Type:     function.StaticReturnType(cty.Bool),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		known := args[0].IsKnown()
		var ip netip.Addr
		if known {
			ip, _ = netip.ParseAddr(args[0].AsString())
			ip = ip.Unmap().WithZone("")
		}
		hit := false
		for i, a := range args[1:] {
			if !a.IsKnown() {
				known = false
				continue
			}
			p, err := parsePrefix(a.AsString())
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(i+1, "%q: %v", clip(a.AsString()), err)
			}
			hit = hit || p.Contains(ip)
		}
		if !known {
			return cty.UnknownVal(cty.Bool), nil
		}
		return cty.BoolVal(hit), nil
	},
})

// messageFunctions are those of "when" and "do".
var messageFunctions = map[string]struct{ call, where, doc string }{
	"header":     {"header(name)", `"when", "do" and "run"`, "The first value of that header field, decoded; `\"\"` where there is none."},
	"matches":    {"matches(re, text)", `"when", "do" and "run"`, "true where the regular expression (RE2) matches part of the text. The expression must be known at load."},
	"listed":     {"listed(list.NAME, key)", `"when", "do" and "run"`, "true where the key, or the domain of an address, is in the list."},
	"accept":     {"accept()", `"do"`, "Let it pass."},
	"reject":     {"reject(code, enhanced, text)", `"do"`, "Refuse with this 5yz reply."},
	"tempfail":   {"tempfail(code, enhanced, text)", `"do"`, "Refuse for now with this 4yz reply."},
	"discard":    {"discard(reason)", `"do"`, "Accept and drop."},
	"stall":      {"stall(reason)", `"do"`, "Hold until somebody decides."},
	"quarantine": {"quarantine(reason)", `"do"`, "Put into quarantine."},
	"redirect":   {"redirect(address...)", `"do"`, "Send to other addresses instead."},
	"call":       {"call(plugin.NAME, action, params)", `"run"`, "A call of that action of the plugin, with an object of its parameters; the last argument may be left out."},
	"tag":        {"tag(name)", `"do"`, "Tag the message; the finding's recommendation stays and the next action is asked."},
}

// regexps keeps compiled expressions; they are as many as the configuration
// writes out.
type regexps struct{ m sync.Map }

func (r *regexps) get(s string) (*regexp.Regexp, error) {
	if re, ok := r.m.Load(s); ok {
		return re.(*regexp.Regexp), nil
	}
	re, err := regexp.Compile(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not a regular expression: %s", clip(s), strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	r.m.Store(s, re)
	return re, nil
}

// matchesFunc is total in its text. The expression is known, or sham is set:
// then everything that names come from is unknown on purpose.
func matchesFunc(re *regexps, sham bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "re", Type: cty.String, AllowUnknown: true},
			{Name: "text", Type: cty.String, AllowUnknown: true},
		},
		Type: function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !args[0].IsKnown() {
				if sham {
					return cty.UnknownVal(cty.Bool), nil
				}
				return cty.NilVal, function.NewArgErrorf(0, "the expression depends on the message")
			}
			x, err := re.get(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			if !args[1].IsKnown() {
				return cty.UnknownVal(cty.Bool), nil
			}
			return cty.BoolVal(x.MatchString(args[1].AsString())), nil
		},
	})
}

func headerFunc(get func(string) []string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "name", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if get != nil {
				if v := get(args[0].AsString()); len(v) > 0 {
					return text(v[0]), nil
				}
			}
			return cty.StringVal(""), nil
		},
	})
}

// listedFunc looks a key up; a nil has knows nothing yet.
func listedFunc(has func(list, key string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: refType, AllowUnknown: true}, {Name: "key", Type: cty.String, AllowUnknown: true}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !args[0].IsKnown() {
				return cty.UnknownVal(cty.Bool), nil
			}
			r := args[0].EncapsulatedValue().(*ref)
			if r.kind != "list" {
				return cty.NilVal, function.NewArgErrorf(0, "%s.%s is a %s; a list.NAME is needed", r.kind, r.name, r.kind)
			}
			if has == nil || !args[1].IsKnown() {
				return cty.UnknownVal(cty.Bool), nil
			}
			return cty.BoolVal(has(r.name, args[1].AsString())), nil
		},
	})
}

// unknownHeader stands for header() at load.
var unknownHeader = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "name", Type: cty.String}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func([]cty.Value, cty.Type) (cty.Value, error) {
		return cty.UnknownVal(cty.String).RefineNotNull(), nil
	},
})

// text is a string for expressions: valid UTF-8 whatever the message has.
func text(s string) cty.Value { return cty.StringVal(strings.ToValidUTF8(s, "\uFFFD")) }
