package actions

import (
	"fmt"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/store"
)

// An applier changes one recipient that lifecycle has passed, and completes
// the event. false: it is as asked already.
type applier func(r *turn, m *store.Message, rc *store.Recipient, e *mail.Event) (bool, error)

// appliers are the verbs done here.
var appliers = map[lifecycle.Verb]applier{
	lifecycle.Retry:             retry,
	lifecycle.Thaw:              thaw,
	lifecycle.Flush:             flush,
	lifecycle.Freeze:            freeze,
	lifecycle.Reroute:           reroute,
	lifecycle.ClearRoutes:       clearRoutes,
	lifecycle.Copy:              apart,
	lifecycle.Remove:            remove,
	lifecycle.Bounce:            bounce,
	lifecycle.Deliver:           release,
	lifecycle.Release:           release,
	lifecycle.Force:             release,
	lifecycle.RemoveQuarantined: removeHeld,
	lifecycle.DeleteStalled:     removeHeld,
	lifecycle.RetryStalled:      scanAgain,
	lifecycle.AllowSender:       taught,
	lifecycle.BlockSender:       taught,
	lifecycle.BlockRecipient:    taught,
	lifecycle.BlockAndRemove:    blockAndRemove,
	lifecycle.AddAllowRule:      taught,
	lifecycle.AddBlockRule:      taught,
	lifecycle.ChangeAction:      taught,
	lifecycle.AddIdentity:       taught,
	lifecycle.LockIdentity:      taught,
	lifecycle.LockUser:          taught,
	lifecycle.ReleaseTrain:      release,
	lifecycle.RemoveTrain:       remove,
	lifecycle.TrainSpam:         apart,
}

// Verbs lists the verbs that Do takes: it carries them out, or says where what
// they show is to be had.
func Verbs() []lifecycle.Verb {
	var out []lifecycle.Verb
	for _, v := range lifecycle.Verbs() {
		if known(v) {
			out = append(out, v)
		}
	}
	return out
}

func known(v lifecycle.Verb) bool { return appliers[v] != nil || shown[v] != "" }

// retry makes a recipient due now, thawing what is frozen (B47) and queueing
// again what failed while its body is kept (B132). An attempt asked for by
// hand leaves the schedule's index alone.
func retry(r *turn, m *store.Message, rc *store.Recipient, e *mail.Event) (bool, error) {
	switch rc.Status {
	case mail.StatusQueued:
		e.Type = mail.EventRetry
	case mail.StatusQueueFrozen:
		e.Type = mail.EventThaw
		rc.Reason = ""
		r.unfrozen(rc)
	default:
		if !m.HasBody {
			return false, &lifecycle.Refusal{Verb: r.verb, Reason: "the body is no longer kept"}
		}
		e.Type = mail.EventRetry
		fresh(rc)
	}
	rc.Status, rc.Next, rc.Manual = mail.StatusQueued, r.now, true
	return true, r.route(m, rc)
}

// thaw puts a frozen recipient back on its schedule, due now.
func thaw(r *turn, m *store.Message, rc *store.Recipient, e *mail.Event) (bool, error) {
	e.Type = mail.EventThaw
	r.unfrozen(rc)
	rc.Status, rc.Next, rc.Manual, rc.Reason = mail.StatusQueued, r.now, false, ""
	return true, r.route(m, rc)
}

// unfrozen keeps the time that a recipient was frozen out of its lifetime: what
// is thawed after days is not returned at its next failure.
func (r *turn) unfrozen(rc *store.Recipient) {
	frozen := r.at.Sub(rc.Changed)
	if rc.FirstFailure.IsZero() || frozen <= 0 {
		return
	}
	if rc.FirstFailure = rc.FirstFailure.Add(frozen); rc.FirstFailure.After(r.at) {
		rc.FirstFailure = r.at
	}
}

// Flushed mail is spread over flushWithin, flushStep apart, so that a large
// queue does not fall on its destinations at once (B131: within 15 minutes).
const (
	flushWithin = 14 * time.Minute
	flushStep   = 50 * time.Millisecond
)

// flush makes a queued recipient due soon. One that is due sooner keeps its
// time, but is an operator's retry too: what our own back-off holds is left due,
// and nothing else gets it past that.
func flush(r *turn, m *store.Message, rc *store.Recipient, e *mail.Event) (bool, error) {
	at := r.now.Add(time.Duration(r.slot) * flushStep % flushWithin)
	r.slot++
	sooner := !rc.Next.IsZero() && !rc.Next.After(at)
	if sooner && rc.Manual {
		return false, nil
	}
	e.Type = mail.EventRetry
	if e.Text == "" {
		e.Text = "queue flushed"
	}
	if !sooner {
		rc.Next = at
	}
	rc.Manual = true
	return true, r.route(m, rc)
}

func freeze(r *turn, _ *store.Message, rc *store.Recipient, e *mail.Event) (bool, error) {
	e.Type = mail.EventFreeze
	rc.Status, rc.Next, rc.Manual = mail.StatusQueueFrozen, time.Time{}, false
	rc.Reason = "frozen by " + r.sc.Actor
	if r.args.Reason != "" {
		rc.Reason += ": " + r.args.Reason
	}
	return true, nil
}

func remove(r *turn, m *store.Message, rc *store.Recipient, e *mail.Event) (bool, error) {
	e.Type = mail.EventRemove
	end(rc, mail.StatusQueueRemoved)
	r.tell(m, rc)
	return true, nil
}

// tell owes the sender a DSN where Args.Tell asks for it.
func (r *turn) tell(m *store.Message, rc *store.Recipient) {
	if r.args.Tell && m.Direction == mail.Outbound && !m.Sender.IsNull() && m.Kind == "" && rc.DSN.Notify.Failure() {
		notify.Owe(rc, notify.CauseRemoved, r.sc.Actor)
	}
}

// bounce removes and owes the sender a DSN, which Do makes right after. Who
// asked not to be told (RFC 3461 §4.1) is not.
func bounce(r *turn, _ *store.Message, rc *store.Recipient, e *mail.Event) (bool, error) {
	if !rc.DSN.Notify.Failure() {
		return false, &lifecycle.Refusal{Verb: r.verb, Reason: "the sender asked not to be told of failure (NOTIFY=" + rc.DSN.Notify.String() + "); remove it instead"}
	}
	e.Type = mail.EventAdminBounce
	end(rc, mail.StatusQueueBounced)
	notify.Owe(rc, notify.CauseRemoved, r.sc.Actor)
	return true, nil
}

// release sends held mail on without judging it again (B52, B148). The
// waiver binds that to what was found, under the approver's name; the origin
// makes it end as released.
func release(r *turn, m *store.Message, rc *store.Recipient, e *mail.Event) (bool, error) {
	if !m.HasBody {
		return false, &lifecycle.Refusal{Verb: r.verb, Reason: "the body is no longer kept"}
	}
	if rc.Hold != nil && rc.Hold.Redirected {
		return false, &lifecycle.Refusal{Verb: r.verb, Reason: "the policy sends this message to another address; scan it again instead"}
	}
	e.Type = mail.EventRelease
	rc.Waivers = append(rc.Waivers[:len(rc.Waivers):len(rc.Waivers)], waiver(rc, r.sc.Actor, r.args.Reason, r.now))
	fresh(rc)
	rc.Status, rc.Origin, rc.Unjudged, rc.Manual = mail.StatusQueued, mail.StatusReleased, false, false
	rc.Next, rc.Expires = r.now, time.Time{}
	return true, r.route(m, rc)
}

func removeHeld(r *turn, m *store.Message, rc *store.Recipient, e *mail.Event) (bool, error) {
	e.Type = mail.EventRemove
	end(rc, mail.StatusQuarantineRemoved)
	r.tell(m, rc)
	return true, nil
}

// scanAgain hands stalled mail back to the filters, under the policy of now
// (B147), and mail that a filter holds before its time (B113): that row of
// holds goes on.
func scanAgain(r *turn, _ *store.Message, rc *store.Recipient, e *mail.Event) (bool, error) {
	e.Type = mail.EventRetry
	if e.Text == "" {
		e.Text = "to be scanned again"
	}
	held := rc.Hold
	fresh(rc)
	rc.Hold = held
	rc.Status, rc.Unjudged, rc.Manual, rc.Breaks = mail.StatusAccepted, true, true, 0
	rc.Next, rc.Expires = r.now, time.Time{}
	return true, nil
}

// fresh begins a recipient's delivery anew.
func fresh(rc *store.Recipient) {
	rc.FirstFailure, rc.Failures, rc.DelayNoticed, rc.Expires, rc.Hold = time.Time{}, 0, false, time.Time{}, nil
	notify.Forgive(rc) // nobody is told of a failure that is tried again
}

func end(rc *store.Recipient, s mail.Status) {
	rc.Status, rc.Next, rc.Manual, rc.Unjudged, rc.Hold = s, time.Time{}, false, false, nil
}

// waiver lets pass what an operator has seen: the classes by name, so that
// malware and unscannable content are covered, and the findings themselves,
// so that nothing else is.
func waiver(rc *store.Recipient, actor, reason string, now time.Time) mail.Waiver {
	w := mail.Waiver{By: actor, Reason: reason, At: now}
	seen := map[string]bool{}
	add := func(list *[]string, s string) {
		if s != "" && !seen[s] {
			seen[s] = true
			*list = append(*list, s)
		}
	}
	for _, f := range rc.Findings {
		if f.Observed || f.Waived != "" {
			continue
		}
		c := f.Class
		c.Extra = ""
		add(&w.Classes, c.String())
		add(&w.Findings, mail.Fingerprint(f))
	}
	if len(w.Findings) == 0 { // held by policy alone
		w.Classes = []string{"*"}
	}
	return w
}

// route names where a recipient goes that was held before it had a route.
func (r *turn) route(m *store.Message, rc *store.Recipient) error {
	if rc.Route != "" || r.s.Route == nil {
		return nil
	}
	if err := r.s.Route(m, rc); err != nil {
		return fmt.Errorf("no route for %s: %w", rc.Address, err)
	}
	return nil
}
