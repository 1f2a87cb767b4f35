package policy

import (
	"math"
	"reflect"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// disposition is the value of a "do" expression.
type disposition struct {
	action         string // mail.Action's spelling, or "tag"
	code           int
	enhanced, text string
	reason         string
	redirect       []string
	tag            string
}

var dispositionType = cty.Capsule("disposition", reflect.TypeOf(disposition{}))

// maxReplyText bounds the text of a reply, in octets (RFC 5321 §4.5.3.1.5
// allows a line of 512).
const maxReplyText = 400

// dispositionFunctions make dispositions. What is known of the arguments is
// checked, at load and again at run time.
var dispositionFunctions = map[string]function.Function{
	"accept":     dispose(nil, func(a []cty.Value) (*disposition, error) { return &disposition{action: "accept"}, nil }),
	"reject":     dispose(replyParams, func(a []cty.Value) (*disposition, error) { return replyOf("reject", 5, a) }),
	"tempfail":   dispose(replyParams, func(a []cty.Value) (*disposition, error) { return replyOf("tempfail", 4, a) }),
	"discard":    dispose(reasonParam, reasonOf("discard")),
	"stall":      dispose(reasonParam, reasonOf("stall")),
	"quarantine": dispose(reasonParam, reasonOf("quarantine")),
	"tag":        dispose([]function.Parameter{{Name: "name", Type: cty.String, AllowUnknown: true}}, tagOf),
	"redirect":   redirectFunc,
}

var (
	replyParams = []function.Parameter{
		{Name: "code", Type: cty.Number, AllowUnknown: true},
		{Name: "enhanced", Type: cty.String, AllowUnknown: true},
		{Name: "text", Type: cty.String, AllowUnknown: true},
	}
	reasonParam = []function.Parameter{{Name: "reason", Type: cty.String, AllowUnknown: true}}
)

// dispose wraps make, which gets unknown arguments too and must look.
func dispose(params []function.Parameter, make func([]cty.Value) (*disposition, error)) function.Function {
	return function.New(&function.Spec{Params: params, Type: function.StaticReturnType(dispositionType), Impl: implOf(make)})
}

var redirectFunc = function.New(&function.Spec{
	VarParam: &function.Parameter{Name: "address", Type: cty.String, AllowUnknown: true},
	Type:     function.StaticReturnType(dispositionType),
	Impl:     implOf(redirectTo),
})

func implOf(make func([]cty.Value) (*disposition, error)) func([]cty.Value, cty.Type) (cty.Value, error) {
	return func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		d, err := make(args)
		if err != nil {
			return cty.NilVal, err
		}
		for _, a := range args {
			if !a.IsKnown() {
				return cty.UnknownVal(dispositionType), nil
			}
		}
		return cty.CapsuleVal(dispositionType, d), nil
	}
}

func replyOf(action string, class int, a []cty.Value) (*disposition, error) {
	d := &disposition{action: action}
	if a[0].IsKnown() {
		f, _ := a[0].AsBigFloat().Float64()
		if f != math.Trunc(f) || int(f)/100 != class || f > 599 || f < 400 {
			return nil, function.NewArgErrorf(0, "the code of %s must be %d00 to %d99", action, class, class)
		}
		d.code = int(f)
		if d.code == 421 {
			return nil, function.NewArgErrorf(0, "421 would close the session; use 450 or 451")
		}
	}
	if a[1].IsKnown() {
		d.enhanced = a[1].AsString()
		if !validEnhanced(d.enhanced, class) {
			return nil, function.NewArgErrorf(1, "the enhanced code of %s must look like %d.7.1 (RFC 3463)", action, class)
		}
	}
	if a[2].IsKnown() {
		d.text = a[2].AsString()
		if strings.ContainsAny(d.text, "\r\n\x00") {
			return nil, function.NewArgErrorf(2, "the text must stand on one line")
		}
		d.text = replyText(d.text)
		d.reason = d.text
	}
	return d, nil
}

// validEnhanced checks RFC 3463's form and that the class fits the code.
func validEnhanced(s string, class int) bool {
	parts := strings.Split(s, ".")
	if len(parts) != 3 || parts[0] != string(rune('0'+class)) {
		return false
	}
	for _, p := range parts {
		if p == "" || len(p) > 3 || strings.Trim(p, "0123456789") != "" || len(p) > 1 && p[0] == '0' {
			return false
		}
	}
	return true
}

// replyText makes one line of printable text of bounded length.
func replyText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	if len(s) > maxReplyText {
		s = strings.ToValidUTF8(s[:maxReplyText], "")
	}
	return strings.TrimSpace(s)
}

func reasonOf(action string) func([]cty.Value) (*disposition, error) {
	return func(a []cty.Value) (*disposition, error) {
		d := &disposition{action: action}
		if a[0].IsKnown() {
			d.reason = replyText(a[0].AsString())
		}
		return d, nil
	}
}

func tagOf(a []cty.Value) (*disposition, error) {
	d := &disposition{action: "tag"}
	if a[0].IsKnown() {
		d.tag = replyText(a[0].AsString())
		if d.tag == "" || len(d.tag) > 64 {
			return nil, function.NewArgErrorf(0, "a tag must have 1 to 64 characters")
		}
	}
	return d, nil
}

func redirectTo(a []cty.Value) (*disposition, error) {
	d := &disposition{action: "redirect"}
	if len(a) == 0 || len(a) > 50 {
		return nil, function.NewArgErrorf(0, "redirect needs 1 to 50 addresses")
	}
	for i, v := range a {
		if !v.IsKnown() {
			continue
		}
		addr, err := parseAddress(v.AsString())
		if err != nil {
			return nil, function.NewArgErrorf(i, "%q is not an address: %v", clip(v.AsString()), err)
		}
		d.redirect = append(d.redirect, addr)
	}
	return d, nil
}
