package flow

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
)

// opinion is what one filter said at one stage.
type opinion struct {
	stage    abi.Stage
	filter   string
	plugin   string
	findings []mail.Finding
	rcpts    map[string][]mail.Finding // what concerns single recipients, by address
	waivers  []mail.Waiver
	allowed  map[string][]mail.Waiver // for single recipients
	edits    []mail.HeaderEdit
	parts    []mail.PartEdit
	keep     bool // the message as it came, beside what is sent with parts
	tags     []string
	notes    []abi.Pair
	route    string
	hold     time.Time
	holdWhy  string
	holdKey  string
	failure  *mail.Finding // the filter failed; Action is its on_error
}

// hearing collects the opinions of a chain about a session or a message.
type hearing struct {
	tenant   string
	session  *hearing // of the listener's own chain, for its notes; nil none
	opinions []opinion
	runs     []call
}

func newHearing(tenant string) *hearing { return &hearing{tenant: tenant} }

// fork is a copy that can go on by itself.
func (h *hearing) fork() *hearing {
	return &hearing{tenant: h.tenant, session: h.session, opinions: slices.Clip(h.opinions), runs: slices.Clip(h.runs)}
}

// forget drops what was said after a stage: a new transaction begins.
func (h *hearing) forget(after abi.Stage) {
	h.opinions = slices.DeleteFunc(h.opinions, func(o opinion) bool { return o.stage > after })
	h.runs = slices.DeleteFunc(h.runs, func(c call) bool { return c.stage > after })
}

// notes are what a plugin asked to be reminded of, the last value of each key.
// What it noted for the listener, before a tenant was known, it is told too.
func (h *hearing) notes(plugin string) []abi.Pair {
	var out []abi.Pair
	if h.session != nil {
		out = h.session.notes(plugin)
	}
	for _, o := range h.opinions {
		if o.plugin != plugin {
			continue
		}
		for _, n := range o.notes {
			if i := slices.IndexFunc(out, func(p abi.Pair) bool { return p.Key == n.Key }); i >= 0 {
				out[i] = n
			} else {
				out = append(out, n)
			}
		}
	}
	return out
}

func (h *hearing) score() float64 {
	var sum float64
	for _, f := range h.findings("") {
		if !f.Observed {
			sum += f.Score
		}
	}
	return sum
}

// findings are all findings for one recipient ("" those for everyone). A
// filter that finds the same at a later stage replaces what it said before.
func (h *hearing) findings(rcpt string) []mail.Finding {
	var out []mail.Finding
	add := func(f mail.Finding) {
		i := slices.IndexFunc(out, func(o mail.Finding) bool {
			return o.Filter == f.Filter && o.Class == f.Class && o.Part == f.Part && o.Path == f.Path && o.Stage != f.Stage
		})
		if i >= 0 {
			out[i] = f
			return
		}
		out = append(out, f)
	}
	for _, o := range h.opinions {
		for _, f := range o.findings {
			add(f)
		}
		for _, f := range o.rcpts[rcpt] {
			add(f)
		}
	}
	return out
}

// substance leaves out opinions that say nothing.
func substance(os []opinion) []opinion {
	var out []opinion
	for _, o := range os {
		if len(o.findings)+len(o.rcpts)+len(o.waivers)+len(o.allowed)+len(o.edits)+len(o.parts)+len(o.tags)+len(o.notes) > 0 ||
			o.route != "" || !o.hold.IsZero() || o.failure != nil {
			out = append(out, o)
		}
	}
	return out
}

// waivers are those for everyone, and those for one recipient.
func (h *hearing) waivers(rcpt string) []mail.Waiver {
	var out []mail.Waiver
	for _, o := range h.opinions {
		for _, w := range slices.Concat(o.waivers, o.allowed[rcpt]) {
			same := func(e mail.Waiver) bool { return e.By == w.By && slices.Equal(e.Classes, w.Classes) }
			if !slices.ContainsFunc(out, same) { // said at an earlier stage
				out = append(out, w)
			}
		}
	}
	return out
}

// beyond are the opinions that h has and base, which it was forked from, has
// not.
func (h *hearing) beyond(base *hearing) []opinion {
	return h.opinions[min(len(base.opinions), len(h.opinions)):]
}

// ruling is what becomes of one recipient.
type ruling struct {
	action   mail.Action
	reply    *mail.Reply // for reject, tempfail, disconnect
	reason   string
	rule     string
	findings []mail.Finding
	waivers  []mail.Waiver
	score    float64
	class    mail.Class
	redirect []string
	tags     []string
	edits    []mail.HeaderEdit
	parts    []mail.PartEdit
	keep     []string // filters that want the original kept
	notes    map[string]string
	route    string
	hold     time.Time
	holdBy   opinion       // that asked for it
	held     *store.Hold   // what the record has of it
	calls    []policy.Call // of action blocks' run
	secure   *mail.Secure  // the channel that policy demands (B30)
	unsure   bool          // policy could not decide: what it demands is not known
}

// decide asks policy about everything heard that concerns everyone.
func (h *hearing) decide(ask func([]policy.Finding, []policy.Waiver) (policy.Decision, error)) ruling {
	return h.decideFor("", nil, ask)
}

// decideFor asks policy for one recipient. An error of policy, or a filter
// that failed, never lets mail pass: the more severe of what they call for and
// what policy says wins. Waivers do not cover failures.
func (h *hearing) decideFor(rcpt string, granted []mail.Waiver, ask func([]policy.Finding, []policy.Waiver) (policy.Decision, error)) ruling {
	fs := h.findings(rcpt)
	r := ruling{action: mail.ActionContinue, waivers: append(h.waivers(rcpt), granted...)}
	for i := range fs {
		if by := waivedByFinding(fs[i], granted); by != "" {
			fs[i].Waived = by
		}
	}
	d, err := ask(toPolicy(fs), policyWaivers(r.waivers))
	if err != nil {
		r.action, r.unsure = mail.ActionTempfail, true
		r.reply = mail.NewReply(451, "4.3.0", "the policy could not decide, try again later")
		r.reason = "policy failed: " + err.Error()
	} else {
		r.take(d, fs)
	}
	r.findings, r.edits, r.parts, r.notes = fs, h.edits(), h.parts(), h.allNotes()
	for _, o := range h.opinions {
		r.tags = append(r.tags, o.tags...)
		if o.keep {
			r.keep = append(r.keep, o.filter)
		}
		if o.route != "" {
			r.route = o.route
		}
		if o.hold.After(r.hold) && (r.action.Severity() == 0 || r.action == mail.ActionRedirect) {
			r.hold, r.holdBy, r.reason = o.hold, o, o.holdWhy
		}
	}
	h.addFailures(&r)
	return r
}

// take copies policy's decision.
func (r *ruling) take(d policy.Decision, fs []mail.Finding) {
	r.action, r.reason, r.rule, r.score = mail.Action(d.Action), d.Reason, d.Rule, d.Score
	if r.action == "" {
		r.action = mail.ActionContinue
	}
	r.redirect, r.tags, r.calls = d.Redirect, d.Tags, d.Calls
	r.secure = queue.Demand(d.Secure)
	for i := range d.Findings {
		if i < len(fs) {
			fs[i].Action, fs[i].Rule = mail.Action(d.Findings[i].Action), d.Findings[i].Rule
			if fs[i].Waived == "" {
				fs[i].Waived = d.Findings[i].Waived
			}
		}
	}
	if d.Finding >= 0 && d.Finding < len(fs) {
		r.class = fs[d.Finding].Class
		if r.reason == "" {
			r.reason = fs[d.Finding].Explanation
		}
	}
	if d.Code != 0 {
		e, _ := mail.ParseEnhanced(d.Enhanced)
		r.reply = &mail.Reply{Code: d.Code, Enhanced: e, Text: d.Text}
	}
	r.complete()
}

// complete gives an action that answers the client a reply.
func (r *ruling) complete() {
	if r.reply != nil {
		return
	}
	switch r.action {
	case mail.ActionReject:
		r.reply = mail.NewReply(550, "5.7.1", "refused by policy")
	case mail.ActionTempfail:
		r.reply = mail.NewReply(451, "4.7.1", "try again later")
	case mail.ActionDisconnect:
		r.reply = mail.NewReply(421, "4.7.0", "go away")
	}
}

// addFailures lets filters' failures outrank what policy decided.
func (h *hearing) addFailures(r *ruling) {
	for _, o := range h.opinions {
		if o.failure == nil {
			continue
		}
		f := *o.failure
		r.findings = append(r.findings, f)
		if f.Observed || f.Action.Severity() <= r.action.Severity() {
			continue
		}
		r.action, r.class, r.reason, r.reply = f.Action, f.Class, f.Explanation, f.Reply
		r.redirect, r.rule, r.hold = nil, f.Rule, time.Time{}
		r.complete()
	}
}

func (h *hearing) edits() []mail.HeaderEdit {
	var out []mail.HeaderEdit
	for _, o := range h.opinions {
		out = append(out, o.edits...)
	}
	return out
}

func (h *hearing) parts() []mail.PartEdit {
	var out []mail.PartEdit
	for _, o := range h.opinions {
		out = append(out, o.parts...)
	}
	return out
}

func (h *hearing) allNotes() map[string]string {
	var out map[string]string
	for _, o := range h.opinions {
		for _, n := range o.notes {
			if out == nil {
				out = map[string]string{}
			}
			out[o.plugin+"."+n.Key] = n.Value
		}
	}
	return out
}

// recall turns stored notes back into an opinion, for a later judgement.
func recall(notes map[string]string) []opinion {
	var out []opinion
	for _, k := range slices.Sorted(maps.Keys(notes)) {
		plugin, key, ok := strings.Cut(k, ".")
		if ok {
			out = append(out, opinion{plugin: plugin, notes: []abi.Pair{{Key: key, Value: notes[k]}}})
		}
	}
	return out
}

func toPolicy(fs []mail.Finding) []policy.Finding {
	out := make([]policy.Finding, len(fs))
	for i, f := range fs {
		p := policy.Finding{
			Filter: f.Filter, Plugin: f.Plugin, Main: f.Class.Main, Sub: f.Class.Sub, Extra: f.Class.Extra,
			Explanation: f.Explanation, Part: f.Part, Score: f.Score, Action: string(f.Recommended), Observed: f.Observed,
			Redirect: f.Redirect,
		}
		if f.Reply != nil {
			p.Code, p.Enhanced, p.Text = f.Reply.Code, f.Reply.Enhanced.String(), f.Reply.Text
		}
		p.Waived = f.Waived // bound to this very finding
		out[i] = p
	}
	return out
}

func policyWaivers(ws []mail.Waiver) []policy.Waiver {
	var out []policy.Waiver
	for _, w := range ws {
		if len(w.Findings) == 0 { // a bound waiver speaks of single findings
			out = append(out, policy.Waiver{Classes: w.Classes, By: w.By})
		}
	}
	return out
}

// waivedByFinding tells who let this very finding pass.
func waivedByFinding(f mail.Finding, ws []mail.Waiver) string {
	for _, w := range ws {
		if slices.Contains(w.Findings, mail.Fingerprint(f)) {
			return w.By
		}
	}
	return ""
}

// refusal is the reply that a ruling means at a stage before the message is
// there; nil lets the session go on, and what was found waits for the message.
func refusal(r ruling, stage abi.Stage) *mail.Reply {
	switch r.action {
	case mail.ActionDisconnect:
		return &mail.Reply{Code: 421, Enhanced: mail.Enhanced{4, 7, 0}, Text: text(r.reply, "closing the connection")}
	case mail.ActionReject, mail.ActionTempfail:
		reply := *r.reply
		if stage == abi.StageConnect && reply.Temporary() {
			reply.Code = 421 // the only temporary greeting, RFC 5321 §3.1
		}
		return &reply
	}
	return nil
}

func text(r *mail.Reply, or string) string {
	if r == nil || r.Text == "" {
		return or
	}
	return r.Text
}

// raise lets what the listener's rulesets ruled before a tenant was known
// stand for a recipient: the more severe ruling wins, edits and tags add up.
func (r *ruling) raise(l *ruling) {
	r.findings = append(slices.Clip(r.findings), l.findings...)
	r.edits = append(slices.Clip(l.edits), r.edits...)
	r.tags = append(slices.Clip(r.tags), l.tags...)
	r.score += l.score
	if l.action.Severity() > r.action.Severity() {
		r.action, r.reply, r.reason, r.rule, r.class, r.redirect = l.action, l.reply, l.reason, l.rule, l.class, l.redirect
		if l.action != mail.ActionRedirect { // what is sent elsewhere waits all the same
			r.hold = time.Time{}
		}
	}
	if r.route == "" {
		r.route = l.route
	}
	if l.hold.After(r.hold) && (r.action.Severity() == 0 || r.action == mail.ActionRedirect) {
		r.hold, r.holdBy, r.reason = l.hold, l.holdBy, l.reason
	}
}

// sameOpinions reports whether two recipients come to the message with the
// same opinions: then one look at it serves both.
func sameOpinions(a, b []opinion) bool {
	return len(a) == len(b) && (len(a) == 0 || reflect.DeepEqual(timeless(a), timeless(b)))
}

// timeless is opinions without the moments at which they were given.
func timeless(os []opinion) []opinion {
	out := slices.Clone(os)
	for i := range out {
		out[i].waivers = slices.Clone(out[i].waivers)
		for j := range out[i].waivers {
			out[i].waivers[j].At = time.Time{}
		}
		out[i].allowed = maps.Clone(out[i].allowed)
		for k, ws := range out[i].allowed {
			ws = slices.Clone(ws)
			for j := range ws {
				ws[j].At = time.Time{}
			}
			out[i].allowed[k] = ws
		}
	}
	return out
}

// partName is how a log shows a part: its number and name.
func partName(parts *abi.PartList, i uint32) string {
	if parts == nil || i == 0 || int(i) > len(parts.Parts) {
		return ""
	}
	p := parts.Parts[i-1]
	n := p.Number
	if n == "" {
		n = strconv.Itoa(int(p.Index))
	}
	if p.Filename != "" {
		n += " " + p.Filename
	}
	return n
}
