package flow_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/sdk/abi"
)

// What stood before a message was judged again stands afterwards: the
// listener's word, and the edits of stages that do not come back.

// listenerOnly has the plugin asked by the listener's ruleset alone.
func listenerOnly(actions, dest string) string {
	return strings.Replace(base("rulesets = [ruleset.all]", actions, tenant("acme", dest, "")), "rulesets = [ruleset.all]\n  route", "route", 1)
}

// The action blocks of a listener's ruleset hold mail; scanned again, it is
// still held by them, and by a filter that failed then.
func TestScanAgainKeepsTheListenersWord(t *testing.T) {
	t.Parallel()
	acts := `action "hold" {
    when = finding.sub == "odd"
    do   = stall("odd client")
  }`
	for name, say := range map[string]func(*abi.Event, *abi.Verdict) error{
		"an action block": func(_ *abi.Event, v *abi.Verdict) error { finds(v, "odd", abi.ActionContinue); return nil },
		"a failure":       func(ev *abi.Event, _ *abi.Verdict) error { return failed(ev, filter.Stall) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fs := &told{stages: []abi.Stage{abi.StageMailFrom}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
				if ev.Tenant != "" {
					t.Errorf("asked for tenant %s", ev.Tenant)
				}
				return say(ev, v)
			}}
			r := newRig(t, fs, listenerOnly(acts, destination(t, "accept")), nil)
			reply, m := r.inbound("a@acme.test")
			r.want(reply, m, 250, "a@acme.test=stalled")
			o := r.rejudge(m)
			r.want(mail.Reply{}, &store.Message{Recipients: o.Recipients}, 0, "a@acme.test=stalled")
			if n := len(o.Recipients[0].Findings); n != 1 {
				t.Errorf("%d findings", n)
			}
		})
	}
}

// A listener's redirect does not end a hold of a tenant's filter: the filter
// looks again first.
func TestListenersRedirectWaitsForAHold(t *testing.T) {
	t.Parallel()
	acts := `action "away" {
    when = finding.sub == "odd"
    do   = redirect("trap@acme.test")
  }`
	clock, done := &shifted{}, atomic.Bool{}
	fs := &told{stages: []abi.Stage{abi.StageMailFrom, abi.StageMessage}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		switch {
		case ev.Stage == abi.StageMailFrom && ev.Tenant == "":
			finds(v, "odd", abi.ActionContinue)
		case ev.Stage == abi.StageMessage && !done.Load():
			v.Hold = abi.Hold{UntilUnixMs: clock.in(time.Minute), Reason: "soon"}
		}
		return nil
	}}
	hcl := base("rulesets = [ruleset.gate]", "", tenant("acme", destination(t, "accept"), "")) +
		"ruleset \"gate\" {\n  filter \"gate\" { plugin = plugin.told }\n  " + acts + "\n}\n"
	r := newRig(t, fs, hcl, clock.options)
	reply, m := r.inbound("a@acme.test")
	r.want(reply, m, 250, "a@acme.test=accepted")
	if res := r.do(lifecycle.Deliver, m.ID); res.Changed != 0 {
		t.Errorf("delivered past the redirect: %+v", res)
	}
	done.Store(true)
	o := r.rejudge(r.get(m.ID))
	r.want(mail.Reply{}, &store.Message{Recipients: o.Recipients}, 0, "trap@acme.test=queued")
}

// Header edits of stages before the message outlive a judgement from the queue.
func TestEarlyEditsOutliveAHold(t *testing.T) {
	t.Parallel()
	in, clock, done := newInbox(t, 0), &shifted{}, atomic.Bool{}
	fs := &told{stages: []abi.Stage{abi.StageRcptTo, abi.StageMessage}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		switch {
		case ev.Stage == abi.StageRcptTo:
			v.Edits = []abi.HeaderEdit{{Op: abi.HeaderOpAdd, Name: "X-Early", Value: "yes"}}
		case !done.Load():
			v.Hold = abi.Hold{UntilUnixMs: clock.in(time.Minute), Reason: "soon"}
			v.Edits = []abi.HeaderEdit{{Op: abi.HeaderOpAdd, Name: "X-Late", Value: "not yet"}}
		default:
			v.Edits = []abi.HeaderEdit{{Op: abi.HeaderOpAdd, Name: "X-Late", Value: "yes"}}
		}
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", in.addr, "")), clock.options)
	_, m := r.post(twoParts, "a@acme.test")
	done.Store(true)
	clock.forward(2 * time.Minute)
	r.runQueue(func() bool { return r.statuses(m.ID) == "auto-released" })
	in.mu.Lock()
	defer in.mu.Unlock()
	if got := in.got[0]; strings.Count(got, "X-Early: yes\r\n") != 1 || strings.Count(got, "X-Late:") != 1 {
		t.Errorf("%q", got)
	}
}

// Released, the original of what went to a hosted tenant goes there, too: it
// is not taken for what was handed over before.
func TestReleasedOriginalIsHandedOver(t *testing.T) {
	t.Parallel()
	in := newInbox(t, 0)
	fs := strips(true)
	say := fs.say
	fs.say = func(ctx context.Context, ev *abi.Event, v *abi.Verdict) error {
		if ev.Direction == abi.DirectionInbound {
			return nil
		}
		return say(ctx, ev, v)
	}
	r := newRig(t, fs, base("", "", tenant("acme", in.addr, ""), tenant("other", in.addr, "")), nil)
	reply, m := r.postAs(mail.Outbound, "me@acme.test", twoParts, "you@other.test")
	if reply.Code != 250 {
		t.Fatal(reply)
	}
	id := m.ID
	r.runQueue(func() bool { return r.statuses(id) == "delivered quarantined" && len(in.mails(t)) == 1 })
	r.do(lifecycle.Release, id)
	// In one run: a worker that is stopped keeps the leases of what it had taken,
	// which end with its process.
	r.runQueue(func() bool { return r.statuses(id) == "delivered released" && len(in.mails(t)) == 2 })
	if got := in.mails(t); strings.Contains(got[0], "x.zip") || !strings.Contains(got[1], "x.zip") {
		t.Errorf("%q", got)
	}
}
