package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// severity orders recommendations; what is unknown is a temporary failure, so
// that a mistake never lets mail pass.
func severity(action string) int {
	switch action {
	case "disconnect":
		return 8
	case "reject":
		return 7
	case "tempfail":
		return 6
	case "discard":
		return 5
	case "stall":
		return 4
	case "quarantine":
		return 3
	case "redirect":
		return 2
	case "accept":
		return 1
	case "continue", "":
		return 0
	}
	return 6
}

// neverByStar are main classes a waiver must name.
var neverByStar = []string{"malware", "unscannable"}

// covers reports whether a waiver's class lets a finding pass.
func covers(class string, f *Finding) bool {
	class = strings.ToLower(class)
	if class == "*" {
		return !slices.Contains(neverByStar, strings.ToLower(f.Main))
	}
	main, rest, deep := strings.Cut(class, "/")
	if main == "" || !strings.EqualFold(main, f.Main) {
		return false
	}
	if !deep {
		return true
	}
	sub, extra, deeper := strings.Cut(rest, "/")
	return strings.EqualFold(sub, f.Sub) && (!deeper || strings.EqualFold(extra, f.Extra))
}

func waivedBy(f *Finding, waivers []Waiver) string {
	for _, w := range waivers {
		for _, c := range w.Classes {
			if covers(c, f) {
				if w.By == "" {
					return "waiver"
				}
				return w.By
			}
		}
	}
	return ""
}

// Decide says what becomes of a message for the tenant's recipients that fx
// names. It is pure. Settings of groups follow fx.Recipient inbound (without
// it, Recipients where all are in one group, else the tenant's settings) and
// fx.Sender outbound. An error is a run-time failure of an expression: hold
// or defer, visibly; never pass.
func (t *Tenant) Decide(dir string, fx *Facts, findings []Finding, waivers []Waiver) (Decision, error) {
	own, others := recipientsOf(fx), []string{fx.Sender}
	if dir == Outbound {
		own, others = others, own
	}
	j := judge{policy: t.policy, chain: t.chain(dir), settings: t.settingsOfAll(dir, own), secure: t.secure[side(dir)], others: others, direction: dir}
	return j.decide(fx, findings, waivers)
}

// DecideListener is Decide for the rulesets of a listener, before a tenant is
// known. An unknown listener has no rulesets.
func (p *Policy) DecideListener(listener string, fx *Facts, findings []Finding, waivers []Waiver) (Decision, error) {
	c := p.chains[listener]
	if c == nil {
		c = &chain{}
	}
	j := judge{policy: p, chain: c}
	return j.decide(fx, findings, waivers)
}

func recipientsOf(fx *Facts) []string {
	if fx.Recipient == "" {
		return fx.Recipients
	}
	return []string{fx.Recipient}
}

// judge decides once.
type judge struct {
	policy   *Policy
	chain    *chain
	settings *settings // nil: before a tenant is known
	secure   []*secure

	others    []string // the other party's addresses, for allow_encrypted
	direction string
}

func (j *judge) decide(fx *Facts, findings []Finding, waivers []Waiver) (Decision, error) {
	d := Decision{Action: "continue", Finding: -1, Findings: slices.Clone(findings)}
	live := j.prepare(&d, waivers)
	known := *fx
	known.Score = d.Score
	if known.Direction == "" {
		known.Direction = j.direction
	}
	facts := newFactSet(j.policy, &known)
	if err := j.act(facts, &d, live); err != nil {
		return Decision{}, err
	}
	var err error
	if d.Secure, err = j.secured(facts, &d, live); err != nil {
		return Decision{}, err
	}
	return d, nil
}

// act asks the action blocks about each finding that counts, or once with none
// where there is none, and settles what becomes of the message.
func (j *judge) act(facts *factSet, d *Decision, live []int) error {
	if len(live) == 0 {
		disp, rule, err := j.ask(facts, d)
		if disp != nil {
			d.take(disp, -1, rule)
		}
		return err
	}
	reasons := make([]*disposition, len(d.Findings))
	for _, i := range live {
		facts.about(&d.Findings[i])
		disp, rule, err := j.ask(facts, d)
		if err != nil {
			return err
		}
		if o, by := override(facts.fx, &d.Findings[i]); o != nil {
			disp, rule = o, by
		}
		if disp != nil {
			d.Findings[i].replace(disp, rule)
			reasons[i] = disp
		}
	}
	worst := live[0]
	for _, i := range live[1:] {
		if severity(d.Findings[i].Action) > severity(d.Findings[worst].Action) {
			worst = i
		}
	}
	d.settle(worst, reasons[worst])
	return nil
}

// prepare notes recommendations, drops what is waived, applies the tenant's
// treatment of what cannot be scanned, and returns the findings that count.
func (j *judge) prepare(d *Decision, waivers []Waiver) []int {
	var live []int
	for i := range d.Findings {
		f := &d.Findings[i]
		if f.Action == "" {
			f.Action = "continue"
		}
		f.Score = finite(f.Score)
		f.Recommended, f.Rule = f.Action, ""
		if own := j.chain.byName[f.Filter]; own != nil {
			f.Rule = own.Rule()
			f.Observed = f.Observed || own.Mode == "observe"
		}
		switch {
		case f.Observed:
			f.Action, f.Waived = "continue", ""
			continue
		case f.Waived == "":
			f.Waived = waivedBy(f, waivers)
		}
		if f.Waived == "" {
			j.unscannable(f)
		}
		if f.Waived != "" {
			f.Action = "continue"
			continue
		}
		d.Score += f.Score
		live = append(live, i)
	}
	return live
}

// unscannable applies "encrypted" and "allow_encrypted" (B140–B143). The
// other party is the envelope's address: until authentication results exist,
// an inbound sender is believed, so allow_encrypted is only as strong as that.
func (j *judge) unscannable(f *Finding) {
	s := j.settings
	if s == nil || !strings.EqualFold(f.Main, "unscannable") {
		return
	}
	if j.allowed(s.AllowEncrypted) {
		f.Waived = "allow_encrypted"
		return
	}
	if !s.encryptedSet {
		if severity(f.Action) < severity(s.Encrypted) {
			f.Action = s.Encrypted
		}
		return
	}
	if s.Encrypted == "allow" {
		f.Waived = "encrypted = allow"
		return
	}
	if f.Action = s.Encrypted; f.Action == "reject" && f.Code/100 != 5 {
		f.Code, f.Enhanced, f.Text = 550, "5.7.1", "Content that cannot be inspected is not accepted here"
	}
}

// allowed reports whether every other party is on the list.
func (j *judge) allowed(list []string) bool {
	for _, o := range j.others {
		if !isAnyParty(list, o) {
			return false
		}
	}
	return len(j.others) > 0
}

// ask asks the action blocks about the finding at hand. Tags and calls are
// taken on the way; the first other disposition ends it. nil: none matched.
func (j *judge) ask(facts *factSet, d *Decision) (*disposition, string, error) {
	for _, a := range j.chain.actions {
		ok, err := a.when.eval(facts)
		if err != nil {
			return nil, "", err
		}
		if !ok {
			continue
		}
		var v cty.Value
		ready := false
		if a.do != nil {
			if v, ready, err = a.do.value(facts); err != nil {
				return nil, "", err
			}
			if !ready {
				continue
			}
		}
		if err := a.call(facts, d); err != nil {
			return nil, "", err
		}
		if !ready {
			continue
		}
		if v.Type() != dispositionType || v.IsNull() || !v.IsKnown() {
			return nil, "", fmt.Errorf("policy: evaluating %s at %s: the result is no disposition but %s", a.do.what, rule(a.head), kindOf(v))
		}
		disp := v.EncapsulatedValue().(*disposition)
		if disp.action != "tag" {
			return disp, rule(a.head), nil
		}
		if !slices.Contains(d.Tags, disp.tag) {
			d.Tags = append(d.Tags, disp.tag)
			facts.tagged(d.Tags)
		}
	}
	return nil, "", nil
}

// override is what an operator chose for the class of a finding (B37).
func override(fx *Facts, f *Finding) (*disposition, string) {
	if fx.Override == nil {
		return nil, ""
	}
	o, ok := fx.Override(f.Main, f.Sub, f.Extra)
	if !ok {
		return nil, ""
	}
	return &disposition{action: o.Action}, "override by " + o.By
}

func kindOf(v cty.Value) string {
	if v.IsNull() {
		return "null"
	}
	return v.Type().FriendlyName()
}

// replace puts an action block's disposition in place of a recommendation.
func (f *Finding) replace(d *disposition, rule string) {
	f.Action, f.Code, f.Enhanced, f.Text, f.Redirect, f.Rule = d.action, d.code, d.enhanced, d.text, d.redirect, rule
}

// take lets a disposition decide without a finding.
func (d *Decision) take(disp *disposition, finding int, rule string) {
	d.Action, d.Code, d.Enhanced, d.Text = disp.action, disp.code, disp.enhanced, disp.text
	d.Redirect, d.Finding, d.Rule, d.Reason = disp.redirect, finding, rule, disp.reason
}

// settle makes the most severe finding the decision. A recommendation to let
// pass decides nothing.
func (d *Decision) settle(i int, disp *disposition) {
	f := &d.Findings[i]
	if severity(f.Action) == 0 {
		return
	}
	d.Action, d.Code, d.Enhanced, d.Text = f.Action, f.Code, f.Enhanced, replyText(f.Text)
	d.Redirect, d.Finding, d.Rule = f.Redirect, i, f.Rule
	d.Reason = replyText(f.Explanation)
	if disp != nil && disp.reason != "" {
		d.Reason = disp.reason
	}
	if d.Reason == "" {
		d.Reason = strings.TrimSuffix(f.Main+"/"+f.Sub, "/")
	}
	d.soundReply()
}

// soundReply makes code and enhanced code fit the action, whatever a plugin
// proposed, and turns what is unknown into a temporary failure.
func (d *Decision) soundReply() {
	if d.Action == "redirect" && len(d.Redirect) == 0 || severity(d.Action) == severity("tempfail") {
		d.Action = "tempfail" // what is unknown, and a redirect to nowhere: a plugin's mistake
	}
	class, code, enhanced, words := 5, 550, "5.7.1", "Message refused by policy"
	switch d.Action {
	case "reject":
	case "disconnect":
		if code, words = 554, "Refused by policy"; d.Code/100 == 4 {
			class, code, enhanced = 4, 421, "4.7.1"
		}
	case "tempfail":
		class, code, enhanced, words = 4, 451, "4.7.1", "Try again later"
	default:
		d.Code, d.Enhanced, d.Text = 0, "", ""
		return
	}
	if d.Code/100 != class || d.Code > 599 {
		d.Code = code
	}
	if !validEnhanced(d.Enhanced, class) {
		d.Enhanced = enhanced
	}
	if d.Text == "" {
		d.Text = words
	}
}
