package filter

import (
	"fmt"
	"math"
	"strings"

	"github.com/mailweir/weir/gateway/internal/filter/meter"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/sdk/abi"
)

// fuelPerTick is about what a guest spends between two ticks, in cost units.
const fuelPerTick = meter.DefaultInterval

// Bounds of a verdict.
const (
	maxFindings    = 1000
	maxTags        = 64
	maxEdits       = 100
	maxRedirect    = 100
	maxNotes       = 32
	maxNotesSize   = 8 << 10
	maxWaivers     = 100
	maxText        = 450 // octets of a reply's text: a reply line has 512 (RFC 5321 §4.5.3.1.5)
	maxExplanation = 4 << 10
	maxClass       = 64
	maxName        = 255
	maxHeaderValue = 16 << 10
)

// verdict decodes and checks what the guest wrote. Whatever it accepts may be
// acted on without another look; part edits have their whole content in Text.
func (c *call) verdict(g *generation) (*abi.Verdict, error) {
	v := new(abi.Verdict)
	if c.written { // else there is nothing to say
		if err := v.Decode(c.result); err != nil {
			return nil, err
		}
	}
	_, mayAccept := g.grants["accept"]
	if err := checkVerdict(v, c.ev, mayAccept); err != nil {
		return nil, err
	}
	return v, c.changes(v)
}

func checkVerdict(v *abi.Verdict, ev *abi.Event, mayAccept bool) error {
	k := &checker{ev: ev, mayAccept: mayAccept}
	k.reply("verdict", v.Action, v.Code, v.Enhanced, v.Text)
	k.count("findings", len(v.Findings), maxFindings)
	k.count("tags", len(v.Tags), maxTags)
	k.count("header edits", len(v.Edits), maxEdits)
	k.count("recipient actions", len(v.Recipients), len(ev.Recipients)+1)
	k.count("notes", len(v.Notes), maxNotes)
	k.count("waivers", len(v.Waivers), maxWaivers)
	for i := range v.Findings {
		k.finding(i, &v.Findings[i])
	}
	for _, t := range v.Tags {
		k.line("tag", t, maxClass)
	}
	for i := range v.Edits {
		k.edit(&v.Edits[i])
	}
	for i := range v.Recipients {
		k.recipient(&v.Recipients[i])
	}
	k.redirect(v.Action, v.Redirect)
	k.line("hold reason", v.Hold.Reason, maxExplanation)
	k.line("hold key", v.Hold.Key, maxName)
	k.line("route", v.Route, maxName)
	k.notes(v.Notes)
	k.results(v.Results)
	for _, w := range v.Waivers {
		k.count("classes of a waiver", len(w.Classes), maxWaivers)
		k.that(len(w.Classes) > 0, "a waiver without classes")
		k.line("waiver reason", w.Reason, maxExplanation)
		for _, c := range w.Classes {
			k.that(c != "", "a waiver of an empty class")
			k.line("waiver class", c, 3*maxClass)
		}
	}
	return k.err
}

// checker keeps the first thing that is wrong.
type checker struct {
	ev        *abi.Event
	mayAccept bool
	err       error
}

func (k *checker) that(ok bool, f string, a ...any) {
	if !ok && k.err == nil {
		k.err = fmt.Errorf(f, a...)
	}
}

func (k *checker) count(what string, n, limit int) {
	k.that(n <= limit, "%d %s; at most %d", n, what, limit)
}

// line checks text that must stay on one line.
func (k *checker) line(what, s string, limit int) {
	k.that(len(s) <= limit, "%s has %d octets; at most %d", what, len(s), limit)
	k.that(!hasControl(s), "%s contains a line break or another control character", what)
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// replyClass is the range of codes that go with an action.
func replyClass(a abi.Action) (low, high uint32) {
	switch a {
	case abi.ActionReject:
		return 500, 599
	case abi.ActionTempfail:
		return 400, 499
	case abi.ActionDisconnect:
		return 400, 599
	}
	return 200, 299
}

func (k *checker) action(what string, a abi.Action) {
	k.that(a <= abi.ActionDisconnect, "%s: unknown action %d", what, uint32(a))
	k.that(a != abi.ActionAccept || k.mayAccept, `%s: action accept needs grant "accept"`, what)
}

func (k *checker) reply(what string, a abi.Action, code uint32, enhanced, text string) {
	k.action(what, a)
	low, high := replyClass(a)
	k.that(code == 0 || low <= code && code <= high, "%s: code %d does not go with action %s", what, code, a)
	if enhanced != "" {
		e, ok := mail.ParseEnhanced(enhanced)
		k.that(ok, "%s: %q is no enhanced status code", what, clean([]byte(enhanced), 20))
		if code != 0 {
			k.that(e[0] == int(code/100), "%s: enhanced status code %s does not go with code %d", what, e, code)
		} else {
			k.that(e[0] >= int(low/100) && e[0] <= int(high/100), "%s: enhanced status code %s does not go with action %s", what, e, a)
		}
	}
	k.line(what+": text", text, maxText)
}

func (k *checker) finding(i int, f *abi.Finding) {
	what := fmt.Sprintf("finding %d", i)
	k.that(f.Main != "", "%s has no main class", what)
	for _, c := range []string{f.Main, f.Sub, f.Extra} {
		k.line(what+": class", c, maxClass)
		k.that(!strings.Contains(c, "/"), "%s: a class with a slash", what)
	}
	k.that(f.Extra == "" || f.Sub != "", "%s: an extra class without a sub class", what)
	k.that(!math.IsNaN(f.Score) && !math.IsInf(f.Score, 0), "%s: its score is no number", what)
	k.that(f.Part <= k.ev.PartCount, "%s: there is no part %d", what, f.Part)
	k.line(what+": explanation", f.Explanation, maxExplanation)
	k.line(what+": path", f.Path, maxExplanation)
	k.reply(what, f.Action, f.Code, f.Enhanced, f.Text)
}

// fixed are header fields that no plugin may touch: the loop detection and the
// envelope's record depend on them.
var fixed = map[string]bool{"received": true, "return-path": true}

func (k *checker) edit(e *abi.HeaderEdit) {
	k.that(e.Op <= abi.HeaderOpRemove, "header edit: unknown operation %d", uint32(e.Op))
	k.that(fieldName(e.Name), "header edit: %q is no field name", clean([]byte(e.Name), 80))
	k.that(!fixed[strings.ToLower(e.Name)], "header edit: %s must not be changed", e.Name)
	k.that(e.Index >= -1, "header edit: index %d", e.Index)
	k.line("header edit: value", e.Value, maxHeaderValue)
}

// fieldName checks a header field's name (RFC 5322 §3.6.8).
func fieldName(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == ':' {
			return false
		}
	}
	return len(s) > 0 && len(s) <= 76
}

func (k *checker) recipient(r *abi.RecipientAction) {
	known := r.Recipient == k.ev.Recipient && r.Recipient != ""
	for _, x := range k.ev.Recipients {
		known = known || x == r.Recipient
	}
	k.that(known, "recipient action for %q, which is no recipient of this event", clean([]byte(r.Recipient), 80))
	k.reply("recipient action", r.Action, r.Code, r.Enhanced, r.Text)
	if r.Action == abi.ActionRedirect {
		k.address(r.Redirect)
	} else {
		k.that(r.Redirect == "", "recipient action %s with a redirect", r.Action)
	}
}

func (k *checker) redirect(a abi.Action, to []string) {
	k.count("redirect addresses", len(to), maxRedirect)
	k.that(a != abi.ActionRedirect || len(to) > 0, "action redirect without an address")
	for _, s := range to {
		k.address(s)
	}
}

func (k *checker) address(s string) {
	if _, err := mail.ParseAddress(s); err != nil {
		k.that(false, "redirect to %q: %w", clean([]byte(s), 80), err)
	}
}

func (k *checker) notes(notes []abi.Pair) {
	size := 0
	for _, n := range notes {
		size += len(n.Key) + len(n.Value)
		k.that(n.Key != "" && len(n.Key) <= maxClass && !hasControl(n.Key), "a note's key is 1 to %d printable octets", maxClass)
	}
	k.that(size <= maxNotesSize, "notes of %d octets; at most %d", size, maxNotesSize)
}
