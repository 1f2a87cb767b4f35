package actions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/store"
)

// maxTo bounds the addresses that a message may be sent to anew.
const maxTo = 100

// maxFormer bounds the former addresses that a recipient has: the last ones.
const maxFormer = 20

// surgery is what Reroute and Copy are told, read.
type surgery struct {
	from *mail.Address // new return path; nil: as it is
	to   []mail.Address
}

// readSurgery checks Args of the verbs that change an envelope.
func (r *run) readSurgery() error {
	switch r.verb {
	case lifecycle.Reroute, lifecycle.Copy:
	default:
		return nil
	}
	var err error
	if r.surgery.to, err = addresses(r.args.To); err != nil {
		return fmt.Errorf("%w: to: %w", ErrSelection, err)
	}
	if t := r.args.ReturnPath; t != "" {
		a := mail.Address{}
		if t != "<>" {
			if a, err = mail.ParseAddress(strings.Trim(t, "<>")); err != nil {
				return fmt.Errorf("%w: return_path: %w", ErrSelection, err)
			}
		}
		if err := r.mayReturnTo(a); err != nil {
			return err
		}
		r.surgery.from = &a
	}
	switch {
	case r.verb == lifecycle.Copy && len(r.surgery.to) == 0:
		return fmt.Errorf("%w: to names the address that the copy goes to", ErrSelection)
	case r.verb == lifecycle.Copy && (r.args.Route != "" || r.args.Host != ""):
		return fmt.Errorf("%w: a copy goes the way that the policy has for its address", ErrSelection)
	case r.verb == lifecycle.Reroute && len(r.surgery.to) == 0 && r.surgery.from == nil && r.args.Route == "" && r.args.Host == "":
		return fmt.Errorf("%w: say what changes: to, return_path, route or host", ErrSelection)
	case r.args.Route != "" && r.args.Host != "":
		return fmt.Errorf("%w: give a route or a host, not both", ErrSelection)
	case (r.args.Route != "" || r.args.Host != "") && r.s.RouteTo == nil:
		return &lifecycle.Refusal{Verb: r.verb, Reason: "there is no policy to take the route from"}
	case r.args.Host != "" && !r.sc.Everything():
		return &lifecycle.Refusal{Verb: r.verb, Reason: "only an administrator chooses a host that no route of the policy leads to"}
	}
	return nil
}

// mayReturnTo keeps operators below the administrator to return paths of their
// own domains: a notice goes there, and an outgoing message belongs to it.
func (r *run) mayReturnTo(a mail.Address) error {
	if r.sc.Everything() || r.sc.Level == lifecycle.LevelDomain && !a.IsNull() &&
		slices.ContainsFunc(r.sc.Domains, func(d string) bool { return strings.EqualFold(d, a.Domain()) }) {
		return nil
	}
	return &lifecycle.Refusal{Verb: r.verb, Reason: "the return path has to be an address of your domains"}
}

// addresses reads addresses that commas or spaces stand between.
func addresses(s string) ([]mail.Address, error) {
	var out []mail.Address
	quoted := false
	words := strings.FieldsFunc(s, func(c rune) bool {
		if c == '"' {
			quoted = !quoted
		}
		return !quoted && (c == ',' || c == ' ' || c == '\n' || c == '\t')
	})
	for _, w := range words {
		a, err := mail.ParseAddress(strings.Trim(w, "<>"))
		if err != nil {
			return nil, err
		}
		if a.IsNull() || a.Domain() == "" {
			return nil, fmt.Errorf("%.80q has no domain", w)
		}
		if !slices.ContainsFunc(out, func(b mail.Address) bool { return a.Key() == b.Key() }) {
			out = append(out, a)
		}
	}
	if len(out) > maxTo {
		return nil, fmt.Errorf("%d addresses are more than %d", len(out), maxTo)
	}
	return out, nil
}

// errWhole: a return path is the message's, and not all of it is to change.
var errWhole = errors.New("the return path belongs to the whole message, and not every recipient of it can be changed now; copy it with another return path, and remove it, instead")

// prepare changes what belongs to the message and not to one recipient, before
// its recipients are. Its error refuses all of them.
func (r *turn) prepare(m *store.Message, p pick) error {
	if r.verb != lifecycle.Reroute || r.surgery.from == nil {
		return nil
	}
	if m.Kind != "" {
		return &lifecycle.Refusal{Verb: r.verb, Reason: "a notification keeps the return path <> (RFC 3461 §6.1), for nobody may be told of it"}
	}
	for i := range m.Recipients {
		rc := &m.Recipients[i]
		if !r.sc.Sees(m, rc) || !p.whole && !slices.Contains(p.ns, rc.N) || !slices.Contains(r.verb.Statuses(), rc.Status) {
			return &lifecycle.Refusal{Verb: r.verb, Reason: errWhole.Error()}
		}
	}
	return r.returnTo(m)
}

// returnTo gives a message its new return path.
func (r *turn) returnTo(m *store.Message) error {
	if a := *r.surgery.from; !a.IsASCII() && !m.Params.SMTPUTF8 {
		return &lifecycle.Refusal{Verb: r.verb, Reason: fmt.Sprintf("the message came without SMTPUTF8, which %s needs (RFC 6531)", a)}
	}
	m.Sender = *r.surgery.from
	return nil
}

// reroute gives a recipient another envelope or way, and a fresh start (B93).
// What is not named stays (B94), but that the way follows the new address.
// Further addresses become recipients of the same message, beside this one:
// then the sender who wants to hear of success hears that it was sent on, and
// nothing further of it (RFC 3461 §5.2.7.3).
func reroute(r *turn, m *store.Message, rc *store.Recipient, e *mail.Event) (bool, error) {
	e.Type = mail.EventRebind
	was := *rc
	noticed := rc.DelayNoticed
	fresh(rc)
	rc.DelayNoticed = noticed // B104: once
	rc.Status, rc.Next, rc.Manual, rc.Reason = mail.StatusQueued, r.now, false, ""
	rc.Last, rc.LastRemote, rc.LastHost, rc.LastAddr = nil, false, "", ""
	to := r.surgery.to
	if len(to) == 0 {
		to = []mail.Address{rc.Address}
	}
	if len(to) > 1 {
		rc.DSN.Notify = rc.DSN.Notify.WithoutSuccess()
	}
	var added []store.Recipient
	for i, a := range to {
		next := *rc
		if err := r.readdress(m, &next, a); err != nil {
			return false, err
		}
		if i == 0 {
			*rc = next
			continue
		}
		next.Attempts, next.Archived, next.Former = 0, false, nil
		added = append(added, next)
	}
	r.added = append(r.added, added...)
	if was.Attempts > 0 && rc.Address.Key() != was.Address.Key() {
		rc.Former = former(&was, e.At)
	}
	if len(to) > 1 && queue.TellsSuccess(m, &was) {
		notify.OweKind(rc, notify.KindExpanded, "", e.At)
	}
	e.Text = strings.TrimSpace(r.changed(&was, rc) + " " + e.Text)
	return true, nil
}

// former are the addresses that a recipient has had, with the one that it has
// until now. What it had is not written to: copies of the message share it.
func former(rc *store.Recipient, until time.Time) []store.Former {
	all := append(slices.Clip(rc.Former), store.Former{Address: rc.Address, Until: until})
	return all[max(0, len(all)-maxFormer):]
}

// readdress gives a recipient an address and the way there.
func (r *turn) readdress(m *store.Message, rc *store.Recipient, a mail.Address) error {
	if !a.IsASCII() && !m.Params.SMTPUTF8 {
		return &lifecycle.Refusal{Verb: r.verb, Reason: fmt.Sprintf("the message came without SMTPUTF8, which %s needs (RFC 6531)", a)}
	}
	if a.Key() != rc.Address.Key() {
		if rc.Original.IsNull() {
			rc.Original = rc.Address
		}
		if rc.DSN.ORcpt == "" { // what the sender knows it by (RFC 3461 §5.2.1)
			rc.DSN.ORcpt = mail.ORcptOf(rc.Original)
		}
		rc.Address = a
	}
	switch {
	case r.args.Route != "" || r.args.Host != "":
		name, hop, err := r.s.RouteTo(rc, r.args.Route, r.args.Host)
		if err != nil {
			return &lifecycle.Refusal{Verb: r.verb, Reason: err.Error()}
		}
		rc.Route, rc.NextHop = name, hop
	default:
		rc.Route, rc.NextHop = "", ""
		if err := r.route(m, rc); err != nil {
			return err
		}
	}
	if rc.Route == "" {
		return &lifecycle.Refusal{Verb: r.verb, Reason: fmt.Sprintf("the policy has no route for %s", rc.Address)}
	}
	return nil
}

// changed says what Reroute did, for the journal. The return path is the
// message's, and named for each recipient.
func (r *turn) changed(was, now *store.Recipient) string {
	var out []string
	if len(r.surgery.to) > 0 {
		var to []string
		for _, a := range r.surgery.to {
			to = append(to, a.Path())
		}
		out = append(out, "from "+was.Address.Path()+" to "+strings.Join(to, ", "))
	}
	if r.surgery.from != nil {
		out = append(out, "return path "+r.surgery.from.Path())
	}
	if was.Route != now.Route || was.NextHop != now.NextHop {
		out = append(out, "route "+now.Route)
	}
	if r.args.Reason != "" && len(out) > 0 {
		return strings.Join(out, ", ") + ":"
	}
	return strings.Join(out, ", ")
}

// clearRoutes drops a recipient's route, asks the policy of now for one, and
// has it tried again (B91). Of many, the tries are spread as those of a flush
// are. One that the policy has no route for waits as unrouted (B97).
func clearRoutes(r *turn, m *store.Message, rc *store.Recipient, e *mail.Event) (bool, error) {
	if r.s.Route == nil {
		return false, &lifecycle.Refusal{Verb: r.verb, Reason: "there is no policy to take routes from"}
	}
	e.Type = mail.EventRebind
	was := rc.Route
	rc.Route, rc.NextHop = "", ""
	if err := r.route(m, rc); err != nil {
		return false, err
	}
	rc.Next, rc.Manual = r.now.Add(time.Duration(r.slot)*flushStep%flushWithin), true
	r.slot++
	if e.Text == "" {
		e.Text = "routes cleared: " + or(was, "none") + " before, now " + or(rc.Route, "none")
	}
	return true, nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
