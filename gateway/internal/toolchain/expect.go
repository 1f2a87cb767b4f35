package toolchain

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailweir/weir/sdk/abi"
)

// expectation says what one call shall answer. What it does not mention must
// not be there: a finding, a tag or an edit that nobody expected is a failure.
type expectation struct {
	stage     abi.Stage
	recipient string // rcpt_to; "" each
	rng       hcl.Range
	fields    map[string]wanted
	findings  []findingWanted
	fails     *wanted
	met       bool
}

// wanted is a text, or with /…/ a regular expression that it matches.
type wanted struct {
	text string
	re   *regexp.Regexp
	at   hcl.Range
}

func (w wanted) is(s string) bool {
	if w.re != nil {
		return w.re.MatchString(s)
	}
	return w.text == s
}

type findingWanted struct {
	class  string
	at     hcl.Range
	fields map[string]wanted
}

// findingFields are what a finding block may say.
var findingFields = map[string]func(*FindingView) string{
	"score":       func(f *FindingView) string { return trimFloat(f.Score) },
	"part":        func(f *FindingView) string { return f.Part },
	"file":        func(f *FindingView) string { return f.File },
	"path":        func(f *FindingView) string { return f.Path },
	"explanation": func(f *FindingView) string { return f.Explanation },
	"action":      func(f *FindingView) string { return f.Action },
	"code":        func(f *FindingView) string { return number(f.Code) },
	"enhanced":    func(f *FindingView) string { return f.Enhanced },
	"text":        func(f *FindingView) string { return f.Text },
}

func trimFloat(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// effects are what a step leaves behind, as far as it says.
type effects struct {
	rng       hcl.Range
	kv        map[string]string // key: value; "" absent
	counters  map[string]string
	log       []wanted
	scheduled []string // "NAME KEY in 1h0m0s"
	submitted []string // "TO: SUBJECT"
	orders    []string // "release ID"
	requests  []string // "POST URL"
	at        map[string]hcl.Range
	has       map[string]bool
}

// expectations reads the expect and effects blocks of a step. stage is the one
// it is about, 0 for several.
func (r *scenarioReader) expectations(s *section, st *Step, stage abi.Stage) {
	n := 1
	if stage != 0 {
		n = 0
	}
	for _, b := range s.blocks("expect", n) {
		e := &expectation{stage: stage, rng: b.head, fields: map[string]wanted{}}
		if stage == 0 {
			name := labels(b, s.body.Blocks)[0]
			var ok bool
			if e.stage, ok = abi.ParseStage(name); !ok {
				b.fail(b.head, "%q is no stage.", name)
			} else if !r.m.Subscribes(e.stage) {
				b.fail(b.head, "The plugin has no hook for stage %s.", name)
			}
			e.recipient = b.str("recipient", "")
		}
		if b.has("fails") {
			w := r.wanted(b, "fails")
			e.fails = &w
		}
		for _, f := range fields {
			r.field(b, f, e)
		}
		r.findings(b, e)
		b.end()
		if slices.ContainsFunc(st.Expect, func(o *expectation) bool { return o.stage == e.stage && o.recipient == e.recipient }) {
			b.fail(b.head, "There is an expect block for this already.")
		}
		st.Expect = append(st.Expect, e)
	}
	if b := s.one("effects"); b != nil {
		st.Effects = r.effects(b)
		b.end()
	}
}

func (r *scenarioReader) field(b *section, f field, e *expectation) {
	b.asked = append(b.asked, f.name)
	if !b.has(f.name) {
		return
	}
	at := b.at(f.name)
	switch f.name {
	case "tags", "edits", "part_edits", "redirect", "waivers":
		ws, _ := b.strs(f.name)
		e.fields[f.name] = wanted{text: words(ws), at: at}
	case "recipients", "notes", "results":
		m, _ := b.strmap(f.name)
		e.fields[f.name] = wanted{text: wordMap(m), at: at}
	case "keep_original":
		e.fields[f.name] = wanted{text: truth(b.bool(f.name, false)), at: at}
	case "action":
		w := b.str(f.name, "continue")
		if _, ok := abi.ParseAction(w); !ok {
			b.fail(at, "%q is no action.", w)
		}
		e.fields[f.name] = wanted{text: w, at: at}
	case "delay":
		e.fields[f.name] = wanted{text: b.duration(f.name).String(), at: at}
	default:
		e.fields[f.name] = r.wanted(b, f.name)
	}
}

// wanted reads a text or a /regular expression/.
func (r *scenarioReader) wanted(b *section, name string) wanted {
	w := wanted{text: b.str(name, ""), at: b.at(name)}
	if t := w.text; len(t) > 2 && t[0] == '/' && t[len(t)-1] == '/' {
		re, err := regexp.Compile(t[1 : len(t)-1])
		if err != nil {
			b.fail(w.at, "%s: %v.", name, err)
		}
		w.re = re
	}
	return w
}

// findings reads findings = [classes] and finding "class" { … }.
func (r *scenarioReader) findings(b *section, e *expectation) {
	classes, _ := b.strs("findings")
	for _, c := range classes {
		e.findings = append(e.findings, findingWanted{class: c, at: b.at("findings")})
	}
	for _, f := range b.blocks("finding", 1) {
		w := findingWanted{class: labels(f, b.body.Blocks)[0], at: f.head, fields: map[string]wanted{}}
		for _, name := range slices.Sorted(maps.Keys(findingFields)) {
			f.asked = append(f.asked, name)
			if f.has(name) {
				w.fields[name] = r.wanted(f, name)
			}
		}
		f.end()
		e.findings = append(e.findings, w)
	}
}

func (r *scenarioReader) effects(b *section) *effects {
	x := &effects{rng: b.head, at: map[string]hcl.Range{}, has: map[string]bool{}}
	for _, name := range []string{"kv", "counters", "log", "scheduled", "submitted", "orders", "requests"} {
		x.at[name], x.has[name] = b.at(name), b.has(name)
	}
	x.kv, _ = b.strmapNull("kv")
	x.counters, _ = b.strmap("counters")
	logs, _ := b.strs("log")
	for _, l := range logs {
		re, err := regexp.Compile(l)
		if err != nil {
			b.fail(b.at("log"), "log: %v.", err)
			continue
		}
		x.log = append(x.log, wanted{text: l, re: re})
	}
	x.scheduled, _ = b.strs("scheduled")
	x.submitted, _ = b.strs("submitted")
	x.orders, _ = b.strs("orders")
	x.requests, _ = b.strs("requests")
	return x
}

// strmapNull is strmap in which null stands for "" (what must be absent).
func (s *section) strmapNull(name string) (map[string]string, bool) {
	v, ok := s.value(name, cty.Map(cty.String))
	if !ok {
		return nil, false
	}
	out := map[string]string{}
	for k, e := range v.AsValueMap() {
		if e.IsNull() {
			out[k] = ""
		} else {
			out[k] = e.AsString()
		}
	}
	return out, true
}

// Mismatch is one way in which a scenario did not go as it says.
type Mismatch struct {
	Range hcl.Range
	Where string // step, stage
	What  string // field
	Want  string
	Have  string
}

func (m Mismatch) String() string {
	s := fmt.Sprintf("%s:%d: %s: %s", m.Range.Filename, m.Range.Start.Line, m.Where, m.What)
	if m.Want == "" && m.Have == "" {
		return s
	}
	return s + "\n    want  " + orNone(m.Want) + "\n    have  " + orNone(m.Have)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// clean is what is expected of a call that no block is about.
func cleanExpectation(at hcl.Range) *expectation {
	return &expectation{rng: at, fields: map[string]wanted{}}
}

// compare says how a call differs from what was expected.
func (e *expectation) compare(where string, v *View) []Mismatch {
	e.met = true
	var out []Mismatch
	miss := func(at hcl.Range, what, want, have string) {
		if at == (hcl.Range{}) {
			at = e.rng
		}
		out = append(out, Mismatch{at, where, what, want, have})
	}
	switch {
	case e.fails != nil && v.Failed == "":
		miss(e.fails.at, "the call shall fail", e.fails.text, "a verdict: "+v.summary())
		return out
	case e.fails != nil:
		if !e.fails.is(v.Failed) {
			miss(e.fails.at, "the call failed otherwise", e.fails.text, v.Failed)
		}
		return out
	case v.Failed != "":
		miss(e.rng, "the call failed", "a verdict", v.Failed)
		return out
	}
	for _, f := range fields {
		have := f.get(v)
		w, said := e.fields[f.name]
		if !said {
			if !f.strict {
				continue
			}
			if f.name == "action" {
				w.text = "continue"
			}
		}
		if !w.is(have) {
			miss(w.at, f.name, w.text, have)
		}
	}
	return append(out, e.compareFindings(where, v)...)
}

// compareFindings pairs what was expected with what was found, the most
// exacting first.
func (e *expectation) compareFindings(where string, v *View) []Mismatch {
	var out []Mismatch
	left := slices.Clone(v.Findings)
	order := slices.Clone(e.findings)
	slices.SortStableFunc(order, func(a, b findingWanted) int { return len(b.fields) - len(a.fields) })
	for _, w := range order {
		best, least := -1, 1<<30
		var why []Mismatch
		for i := range left {
			if left[i].Class != w.class {
				continue
			}
			var bad []Mismatch
			for _, name := range slices.Sorted(maps.Keys(w.fields)) {
				if x := w.fields[name]; !x.is(findingFields[name](&left[i])) {
					bad = append(bad, Mismatch{x.at, where, fmt.Sprintf("finding %q: %s", w.class, name), x.text, findingFields[name](&left[i])})
				}
			}
			if len(bad) < least {
				best, least, why = i, len(bad), bad
			}
		}
		if best < 0 {
			out = append(out, Mismatch{w.at, where, "finding", strconv.Quote(w.class), classes(v.Findings)})
			continue
		}
		left = slices.Delete(left, best, best+1)
		out = append(out, why...)
	}
	for i := range left {
		out = append(out, Mismatch{e.rng, where, "a finding that was not expected", "", fmt.Sprintf("%q: %s", left[i].Class, left[i].Explanation)})
	}
	return out
}

func classes(fs []FindingView) string {
	var out []string
	for i := range fs {
		out = append(out, strconv.Quote(fs[i].Class))
	}
	return strings.Join(out, ", ")
}

// summary is a verdict in one line.
func (v *View) summary() string {
	if v.Failed != "" {
		return "failed: " + v.Failed
	}
	out := []string{v.Action}
	if len(v.Findings) > 0 {
		out = append(out, classes(v.Findings))
	}
	for _, f := range fields[1:] {
		if s := f.get(v); s != "" {
			out = append(out, f.name+" "+s)
		}
	}
	return strings.Join(out, ", ")
}
