package toolchain

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/sdk/abi"
)

// View is a verdict as scenarios and golden files show it. A failed call has
// Failed and nothing else.
type View struct {
	Step         string            `json:"step"`
	Stage        string            `json:"stage"`
	Recipient    string            `json:"recipient,omitempty"`
	Failed       string            `json:"failed,omitempty"` // "result: the plugin reported …"
	Action       string            `json:"action,omitempty"`
	Code         uint32            `json:"code,omitempty"`
	Enhanced     string            `json:"enhanced,omitempty"`
	Text         string            `json:"text,omitempty"`
	Findings     []FindingView     `json:"findings,omitempty"`
	Tags         []string          `json:"tags,omitempty"`
	Edits        []string          `json:"edits,omitempty"`      // "add X-Spam: yes", "remove Subject"
	PartEdits    []string          `json:"part_edits,omitempty"` // "remove 2", "prepend 1: text"
	Recipients   map[string]string `json:"recipients,omitempty"` // address: action
	Redirect     []string          `json:"redirect,omitempty"`
	HoldUntil    string            `json:"hold_until,omitempty"` // RFC 3339
	HoldReason   string            `json:"hold_reason,omitempty"`
	HoldKey      string            `json:"hold_key,omitempty"`
	Route        string            `json:"route,omitempty"`
	Delay        string            `json:"delay,omitempty"`
	Notes        map[string]string `json:"notes,omitempty"`
	Waivers      []string          `json:"waivers,omitempty"` // "spam list/sender"
	KeepOriginal bool              `json:"keep_original,omitempty"`
	Results      map[string]string `json:"results,omitempty"`
}

// FindingView is one finding.
type FindingView struct {
	Class       string  `json:"class"` // "main/sub/extra"
	Score       float64 `json:"score,omitempty"`
	Part        string  `json:"part,omitempty"` // number as in IMAP, "2.1"
	File        string  `json:"file,omitempty"` // the part's file name
	Path        string  `json:"path,omitempty"`
	Explanation string  `json:"explanation,omitempty"`
	Action      string  `json:"action,omitempty"`
	Code        uint32  `json:"code,omitempty"`
	Enhanced    string  `json:"enhanced,omitempty"`
	Text        string  `json:"text,omitempty"`
}

// viewOf shows what a call gave.
func viewOf(c *Called) *View {
	w := &View{Step: c.Step.title(), Stage: c.Stage.String(), Recipient: c.Recipient}
	if c.Failure != nil {
		w.Failed = string(c.Failure.Kind) + ": " + c.Failure.Err.Error()
		return w
	}
	v := c.Verdict
	w.Action, w.Code, w.Enhanced, w.Text = v.Action.String(), v.Code, v.Enhanced, v.Text
	for i := range v.Findings {
		w.Findings = append(w.Findings, findingView(&v.Findings[i], c.Parts))
	}
	w.Tags, w.Redirect, w.Route, w.KeepOriginal = v.Tags, v.Redirect, v.Route, v.KeepOriginal
	for _, e := range v.Edits {
		w.Edits = append(w.Edits, editText(e))
	}
	for _, e := range v.PartEdits {
		w.PartEdits = append(w.PartEdits, partEditText(e, c.Parts))
	}
	w.Recipients = map[string]string{}
	for _, r := range v.Recipients {
		w.Recipients[r.Recipient] = r.Action.String()
		if r.Redirect != "" {
			w.Recipients[r.Recipient] += " " + r.Redirect
		}
	}
	if v.Hold.UntilUnixMs != 0 {
		w.HoldUntil = time.UnixMilli(int64(v.Hold.UntilUnixMs)).UTC().Format(time.RFC3339)
	}
	w.HoldReason, w.HoldKey = v.Hold.Reason, v.Hold.Key
	if v.DelayMs != 0 {
		w.Delay = (time.Duration(v.DelayMs) * time.Millisecond).String()
	}
	w.Notes, w.Results = pairs(v.Notes), pairs(v.Results)
	for _, x := range v.Waivers {
		w.Waivers = append(w.Waivers, strings.Join(x.Classes, " "))
	}
	return w
}

func pairs(ps []abi.Pair) map[string]string {
	out := map[string]string{}
	for _, p := range ps {
		out[p.Key] = p.Value
	}
	return out
}

func classOf(f *abi.Finding) string {
	return strings.TrimRight(f.Main+"/"+f.Sub+"/"+f.Extra, "/")
}

func findingView(f *abi.Finding, parts []abi.Part) FindingView {
	w := FindingView{Class: classOf(f), Score: f.Score, Path: f.Path, Explanation: f.Explanation, Code: f.Code, Enhanced: f.Enhanced, Text: f.Text}
	if f.Action != abi.ActionContinue {
		w.Action = f.Action.String()
	}
	if i := int(f.Part) - 1; i >= 0 && i < len(parts) {
		w.Part, w.File = partNumber(parts[i]), parts[i].Filename
	}
	return w
}

func partNumber(p abi.Part) string {
	if p.Number == "" {
		return "0" // the message itself
	}
	return p.Number
}

func editText(e abi.HeaderEdit) string {
	s := e.Op.String() + " " + e.Name
	if e.Op != abi.HeaderOpAdd && e.Index != 0 {
		s += "[" + strconv.Itoa(int(e.Index)) + "]"
	}
	if e.Op != abi.HeaderOpRemove {
		s += ": " + e.Value
	}
	return s
}

func partEditText(e abi.PartEdit, parts []abi.Part) string {
	s := e.Op.String() + " "
	if int(e.Part) < len(parts) {
		s += partNumber(parts[e.Part])
	} else {
		s += "?"
	}
	if e.Filename != "" {
		s += " " + e.Filename
	}
	if len(e.Text) > 0 {
		s += ": " + strings.TrimSpace(string(e.Text))
	}
	return s
}

// field is one thing that an expectation may say of a verdict.
type field struct {
	name   string
	strict bool // must be empty where nothing is said of it
	get    func(*View) string
}

// fields but findings, which have blocks of their own.
var fields = []field{
	{"action", true, func(v *View) string { return v.Action }},
	{"code", false, func(v *View) string { return number(v.Code) }},
	{"enhanced", false, func(v *View) string { return v.Enhanced }},
	{"text", false, func(v *View) string { return v.Text }},
	{"tags", true, func(v *View) string { return words(v.Tags) }},
	{"edits", true, func(v *View) string { return words(v.Edits) }},
	{"part_edits", true, func(v *View) string { return words(v.PartEdits) }},
	{"recipients", true, func(v *View) string { return wordMap(v.Recipients) }},
	{"redirect", true, func(v *View) string { return words(v.Redirect) }},
	{"hold_until", false, func(v *View) string { return v.HoldUntil }},
	{"hold_reason", true, func(v *View) string { return v.HoldReason }},
	{"hold_key", false, func(v *View) string { return v.HoldKey }},
	{"route", true, func(v *View) string { return v.Route }},
	{"delay", true, func(v *View) string { return v.Delay }},
	{"notes", false, func(v *View) string { return wordMap(v.Notes) }},
	{"waivers", true, func(v *View) string { return words(v.Waivers) }},
	{"keep_original", true, func(v *View) string { return truth(v.KeepOriginal) }},
	{"results", true, func(v *View) string { return wordMap(v.Results) }},
}

// Empty values are "", so that a field that is absent equals one that was not
// written; the action is never empty.
func number(n uint32) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(n), 10)
}

func truth(b bool) string {
	if b {
		return "true"
	}
	return ""
}

func words(ws []string) string {
	if len(ws) == 0 {
		return ""
	}
	out := make([]string, len(ws))
	for i, w := range ws {
		out[i] = strconv.Quote(w)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func wordMap(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%s = %q", k, m[k]))
	}
	return "{ " + strings.Join(out, ", ") + " }"
}

// severe is how far a verdict goes, from 0 (continue); a failure goes as far
// as anything can.
func severe(c *Called) int {
	if c.Failure != nil {
		return 1 << 10
	}
	most := severity(c.Verdict.Action)
	for i := range c.Verdict.Findings {
		most = max(most, severity(c.Verdict.Findings[i].Action))
	}
	for _, r := range c.Verdict.Recipients {
		most = max(most, severity(r.Action))
	}
	return most
}

// severity orders actions (plugin-host: Verdict).
func severity(a abi.Action) int {
	return slices.Index([]abi.Action{abi.ActionAccept, abi.ActionContinue, abi.ActionRedirect, abi.ActionQuarantine, abi.ActionStall,
		abi.ActionDiscard, abi.ActionTempfail, abi.ActionReject, abi.ActionDisconnect}, a)
}

// Called is one call of the plugin in a scenario.
type Called struct {
	Step      *Step
	Stage     abi.Stage
	Recipient string // rcpt_to
	Verdict   *abi.Verdict
	Failure   *filter.Failure
	Parts     []abi.Part
}

// Views are the verdicts as they are shown.
func (r *Result) Views() []*View {
	out := make([]*View, len(r.Calls))
	for i, c := range r.Calls {
		out[i] = viewOf(c)
	}
	return out
}

// String is the verdict in one line.
func (v *View) String() string {
	s := v.Step + ", " + v.Stage
	if v.Recipient != "" {
		s += " " + v.Recipient
	}
	return s + ": " + v.summary()
}
