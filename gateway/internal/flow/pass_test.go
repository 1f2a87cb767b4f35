package flow_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/flow"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/sdk/abi"
)

var silent = &told{}

// A redirect to several addresses is a copy for each.
func TestRedirectToSeveral(t *testing.T) {
	t.Parallel()
	acts := `action "r" {
    when = direction == "inbound" && recipient.local == "team"
    do   = redirect("a@acme.test", "b@acme.test", "a@acme.test", "c@acme.test")
  }`
	r := newRig(t, silent, base("", acts, tenant("acme", destination(t, "accept"), "")), nil)
	reply, m := r.inbound("team@acme.test", "x@acme.test")
	r.want(reply, m, 250, "a@acme.test=delivered", "x@acme.test=delivered", "b@acme.test=delivered", "c@acme.test=delivered")
	for _, i := range []int{0, 2, 3} {
		if o := m.Recipients[i].Original.String(); o != "team@acme.test" {
			t.Errorf("%s was named as %q", m.Recipients[i].Address, o)
		}
	}
}

func TestPluginRedirects(t *testing.T) {
	t.Parallel()
	for name, say := range map[string]func(*abi.Event, *abi.Verdict){
		"verdict": func(_ *abi.Event, v *abi.Verdict) {
			v.Action, v.Redirect = abi.ActionRedirect, []string{"a@acme.test", "b@acme.test"}
		},
		"finding": func(_ *abi.Event, v *abi.Verdict) {
			finds(v, "x", abi.ActionRedirect)
			v.Redirect = []string{"a@acme.test", "b@acme.test"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error { say(ev, v); return nil }}
			r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), nil)
			reply, m := r.inbound("team@acme.test")
			r.want(reply, m, 250, "a@acme.test=delivered", "b@acme.test=delivered")
		})
	}
}

// Mail that a failure holds keeps the way to its own recipient, whatever
// redirect the policy had in mind.
func TestHeldMailIsNotRoutedByARedirect(t *testing.T) {
	t.Parallel()
	acts := `action "r" {
    when = finding.sub == "away"
    do   = redirect("a@other.test")
  }`
	fs := &told{stages: []abi.Stage{abi.StageHeaders, abi.StageMessage}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		if ev.Stage == abi.StageMessage {
			return failed(ev, filter.Stall)
		}
		finds(v, "away", abi.ActionContinue)
		return nil
	}}
	dest := destination(t, "accept")
	r := newRig(t, fs, base("", acts, tenant("acme", dest, ""), tenant("other", dest, "")), nil)
	reply, m := r.inbound("x@acme.test")
	r.want(reply, m, 250, "x@acme.test=stalled")
	if got := m.Recipients[0].Route; got != "tenant:acme:in" {
		t.Errorf("held with the route %q", got)
	}
}

// An edit that cannot be written would fail at each attempt, until the mail
// bounces: it is held at once instead, and can be forced.
func TestEditThatCannotBeApplied(t *testing.T) {
	t.Parallel()
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, _ *abi.Event, v *abi.Verdict) error {
		v.Edits = []abi.HeaderEdit{{Op: abi.HeaderOpAdd, Name: "X-Long", Value: strings.Repeat("x", 2000)}}
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), nil)
	reply, m := r.inbound("x@acme.test")
	r.want(reply, m, 250, "x@acme.test=stalled")
	if len(m.Recipients[0].Edits) > 0 || !strings.Contains(m.Recipients[0].Reason, "998") {
		t.Errorf("edits %v, reason %q", m.Recipients[0].Edits, m.Recipients[0].Reason)
	}
}

// A filter may not send mail past another tenant's filters, nor by a named
// route, which may bear a password, that is not given to the tenant.
func TestRouteOfAnotherTenantIsNotTaken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		route, more string
		code        int
		want        string
	}{
		{"tenant:other:in", "", 250, "x@acme.test=delivered"},
		{"route:named", "", 250, "x@acme.test=delivered"},
		{"route:named", "routes = [route.named]", 550, "x@acme.test=rejected"}, // by who is there
	} {
		fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, _ *abi.Event, v *abi.Verdict) error {
			v.Route = c.route
			return nil
		}}
		there := destination(t, "refuse")
		named := fmt.Sprintf("route \"named\" {\n  hosts = [%q]\n}\n", there)
		r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), c.more), tenant("other", there, ""))+named, nil)
		reply, m := r.inbound("x@acme.test")
		r.want(reply, m, c.code, c.want)
	}
}

// turncoat takes the message, is slow to answer the dot and then says no: the
// next host must still be sent the whole body, after the client has its 250.
func turncoat(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewScanner(c)
				io.WriteString(c, "220 hello\r\n")
				data := false
				for in.Scan() {
					switch line := in.Text(); {
					case data && line == ".":
						time.Sleep(900 * time.Millisecond)
						io.WriteString(c, "451 4.3.0 not after all\r\n")
						data = false
					case data:
					case line == "DATA":
						data = true
						io.WriteString(c, "354 go\r\n")
					default:
						io.WriteString(c, "250 ok\r\n")
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

func TestLateAttemptStillHasTheBody(t *testing.T) {
	t.Parallel()
	hcl := base("", "", tenant("acme", destination(t, "accept"), ""))
	i := strings.Index(hcl, "hosts = [")
	hcl = hcl[:i] + "hosts = [\"" + turncoat(t) + "\", " + hcl[i+len("hosts = ["):]
	r := newRig(t, silent, hcl, nil)
	reply, m := r.inbound("x@acme.test")
	if reply.Code != 250 {
		t.Fatal(reply)
	}
	for range 300 {
		if m = r.get(m.ID); m.Recipients[0].Status != mail.StatusQueued || m.Recipients[0].Failures > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.want(reply, m, 250, "x@acme.test=delivered")
}

// stingy is a store that has no room for notices for a while.
type stingy struct {
	store.Store
	full atomic.Bool
}

func (s *stingy) NewDraft(ctx context.Context, size int64) (store.Draft, error) {
	if s.full.Load() {
		return nil, store.ErrFull
	}
	return s.Store.NewDraft(ctx, size)
}

// A DSN that cannot be made now is owed: it is on disk, and made later.
func TestDSNThatDoesNotFitIsOwed(t *testing.T) {
	t.Parallel()
	var s *stingy
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(context.Context, *abi.Event, *abi.Verdict) error {
		s.full.Store(true) // the message itself is in
		return nil
	}}
	out := func(dest string) string {
		return "outbound {\n route {\n hosts = [\"" + dest + "\"]\n tls = \"none\"\n }\n }"
	}
	dest := destination(t, "half")
	r := newRig(t, fs, base("", "", tenant("acme", dest, out(dest))), func(o *flow.Options) {
		s = &stingy{Store: o.Store}
		o.Store = s
		o.Notices = &queue.Composer{Store: s, Policy: o.Policy, Now: o.Now, Logger: o.Logger}
	})
	reply, id := r.send(r.open(mail.Outbound), t.Context(), "me@acme.test", "good@elsewhere.test", "bad@elsewhere.test")
	m := r.get(id)
	r.want(reply, m, 250, "good@elsewhere.test=delivered", "bad@elsewhere.test=bounced")
	if !notify.Owes(m) || !m.HasBody {
		t.Fatalf("nothing is owed, or without the body: %+v", m)
	}
	s.full.Store(false)
	payer := &notify.Payer{Store: s, Hostname: func() string { return "mx.test" }}
	if err := payer.Pay(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	n, err := r.st.Counts(t.Context())
	if err != nil || n[mail.StatusQueued] != 1 || notify.Owes(r.get(id)) {
		t.Errorf("%v queued (%v), still owed: %v", n, err, notify.Owes(r.get(id)))
	}
}

// take enqueues a message whose filters still have to run.
func (r *rig) take(rs ...store.Recipient) *store.Message {
	r.t.Helper()
	now := time.Now()
	m := &store.Message{ID: mail.NewID(now), Direction: mail.Inbound, Received: now, Sender: addr(r.t, "s@client.test")}
	for i := range rs {
		rs[i].N, rs[i].Tenant, rs[i].Status, rs[i].Unjudged, rs[i].Next, rs[i].Changed = i+1, "acme", mail.StatusAccepted, true, now, now
	}
	m.Recipients = rs
	d, err := r.st.NewDraft(r.t.Context(), 0)
	if err != nil {
		r.t.Fatal(err)
	}
	defer d.Discard()
	if _, err := io.WriteString(d, plainMail); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.st.Enqueue(r.t.Context(), &store.Admission{Message: m, Draft: d}); err != nil {
		r.t.Fatal(err)
	}
	return m
}

func (r *rig) rejudge(m *store.Message) store.Outcome {
	r.t.Helper()
	body, err := r.st.OpenBody(r.t.Context(), m.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	defer body.Close()
	var ns []int
	for _, x := range m.Recipients {
		ns = append(ns, x.N)
	}
	o, err := r.f.Rejudge(r.t.Context(), m, ns, body)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { queue.Discard(o.Spawn) })
	return o
}

// Filtering again from the queue does not hold one recipient's findings and
// notes against another's.
func TestRejudgeKeepsRecipientsApart(t *testing.T) {
	t.Parallel()
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, ev *abi.Event, _ *abi.Verdict) error {
		for _, n := range ev.Notes {
			if n.Key != ev.Recipients[0] || len(ev.Recipients) != 1 {
				t.Errorf("%v was shown the note %q", ev.Recipients, n.Key)
			}
		}
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), nil)
	m := r.take(
		store.Recipient{Address: addr(t, "a@acme.test"), Notes: map[string]string{"told.a@acme.test": "1"},
			Findings: []mail.Finding{{Filter: "all.told", Plugin: "told", Stage: "rcpt_to", Class: mail.Class{Main: "test"}, Recommended: mail.ActionStall}}},
		store.Recipient{Address: addr(t, "b@acme.test")}, store.Recipient{Address: addr(t, "c@acme.test")})
	o := r.rejudge(m)
	r.want(mail.Reply{}, &store.Message{Recipients: o.Recipients}, 0, "a@acme.test=stalled", "b@acme.test=queued", "c@acme.test=queued")
}

// What a filter let pass at the message it has to let pass anew; an operator's
// word stands.
func TestOldWaiverOfAFilterIsOver(t *testing.T) {
	t.Parallel()
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, _ *abi.Event, v *abi.Verdict) error {
		finds(v, "x", abi.ActionQuarantine)
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), nil)
	m := r.take(
		store.Recipient{Address: addr(t, "a@acme.test"), Waivers: []mail.Waiver{{Classes: []string{"*"}, By: "all.told", Stage: "message"}}},
		store.Recipient{Address: addr(t, "b@acme.test"), Waivers: []mail.Waiver{{Classes: []string{"*"}, By: "an operator"}}},
		store.Recipient{Address: addr(t, "c@acme.test"), Waivers: []mail.Waiver{{Classes: []string{"*"}, By: "all.told", Stage: "mail_from"}}},
		store.Recipient{Address: addr(t, "d@acme.test"), Waivers: []mail.Waiver{{Classes: []string{"*"}, By: "all.gone", Stage: "mail_from"}}})
	o := r.rejudge(m)
	r.want(mail.Reply{}, &store.Message{Recipients: o.Recipients}, 0,
		"a@acme.test=quarantined", "b@acme.test=queued", "c@acme.test=queued", "d@acme.test=quarantined")
}

// A filter that failed before DATA is asked again: an operator's "scan again"
// does not mean "without it".
func TestScanAgainAsksWhatFailedEarly(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	broken.Store(true)
	fs := &told{stages: []abi.Stage{abi.StageRcptTo}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		if broken.Load() {
			return failed(ev, filter.Stall)
		}
		finds(v, "x", abi.ActionQuarantine)
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), nil)
	reply, m := r.inbound("a@acme.test")
	r.want(reply, m, 250, "a@acme.test=stalled")
	broken.Store(false)
	o := r.rejudge(m)
	r.want(mail.Reply{}, &store.Message{Recipients: o.Recipients}, 0, "a@acme.test=quarantined")
}

// Filtering that we stop is no verdict.
func TestRejudgeThatIsStoppedDecidesNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, ev *abi.Event, _ *abi.Verdict) error {
		cancel()
		return failed(ev, filter.Pass)
	}}
	r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), nil)
	m := r.take(store.Recipient{Address: addr(t, "a@acme.test")})
	body, err := r.st.OpenBody(t.Context(), m.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if o, err := r.f.Rejudge(ctx, m, []int{1}, body); !errors.Is(err, context.Canceled) {
		t.Errorf("decided %+v, %v", o, err)
	}
}

// A redirect that is decided from the queue makes a copy for each further
// address, once.
func TestRedirectFromTheQueue(t *testing.T) {
	t.Parallel()
	acts := `action "r" {
    when = direction == "inbound"
    do   = redirect("a@acme.test", "b@acme.test")
  }`
	r := newRig(t, silent, base("", acts, tenant("acme", destination(t, "accept"), "")), nil)
	m := r.take(store.Recipient{Address: addr(t, "team@acme.test")})
	o, again := r.rejudge(m), r.rejudge(m)
	r.want(mail.Reply{}, &store.Message{Recipients: o.Recipients}, 0, "a@acme.test=queued")
	if len(o.Spawn) != 1 || len(again.Spawn) != 1 || o.Spawn[0].Message.ID != again.Spawn[0].Message.ID {
		t.Fatalf("copies: %+v, then %+v", o.Spawn, again.Spawn)
	}
	r.want(mail.Reply{}, o.Spawn[0].Message, 0, "b@acme.test=queued")
	if _, err := r.st.Enqueue(t.Context(), o.Spawn[0]); err != nil {
		t.Error(err)
	}
}

// Stalled mail that passes on another scan is auto-released (B14).
func TestScanAgainThatPassesIsAutoReleased(t *testing.T) {
	t.Parallel()
	r := newRig(t, silent, base("", "", tenant("acme", destination(t, "accept"), "")), nil)
	m := r.take(store.Recipient{Address: addr(t, "a@acme.test"), Manual: true}, store.Recipient{Address: addr(t, "b@acme.test")})
	o := r.rejudge(m)
	if a, b := o.Recipients[0].Origin, o.Recipients[1].Origin; a != mail.StatusAutoReleased || b != "" || o.Recipients[0].Manual {
		t.Errorf("origins %q and %q, manual %v", a, b, o.Recipients[0].Manual)
	}
}

// A filter that only observes does not hold mail up, also when its condition
// fails.
func TestObserverWhoseConditionFails(t *testing.T) {
	t.Parallel()
	for mode, code := range map[string]int{"observe": 250, "enforce": 451} {
		hcl := strings.Replace(base("", "", tenant("acme", destination(t, "accept"), "")),
			"filter \"told\" { plugin = plugin.told }",
			"filter \"told\" {\n    plugin = plugin.told\n    mode   = \""+mode+"\"\n    when   = tonumber(message.subject) > 1\n  }", 1)
		fs := &told{stages: []abi.Stage{abi.StageMessage}}
		r := newRig(t, fs, hcl, nil)
		if reply, m := r.inbound("x@acme.test"); reply.Code != code || len(m.Recipients[0].Findings) != 1 {
			t.Errorf("%s: answered %v, findings %+v", mode, reply, m.Recipients[0].Findings)
		}
	}
}

// At shutdown an attempt of an answered message does not begin with a next
// host that may take for ever.
func TestWaitEndsLateAttempts(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0") // never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	hcl := base("", "", tenant("acme", ln.Addr().String(), ""))
	i := strings.Index(hcl, "hosts = [")
	hcl = hcl[:i] + "hosts = [\"" + turncoat(t) + "\", " + hcl[i+len("hosts = ["):]
	r := newRig(t, silent, hcl, nil)
	reply, m := r.inbound("x@acme.test")
	if reply.Code != 250 {
		t.Fatal(reply)
	}
	begin := time.Now()
	r.f.Wait()
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("stopping took %v", d)
	}
	m = r.get(m.ID)
	r.want(reply, m, 250, "x@acme.test=queued")
	if m.Recipients[0].LastAddr == ln.Addr().String() && m.Recipients[0].Failures > 0 && !m.Recipients[0].LastRemote {
		t.Errorf("our stopping was counted against a host: %+v", m.Recipients[0])
	}
}

// A condition that fails for one recipient holds up that one only.
func TestConditionThatFailsForOneRecipient(t *testing.T) {
	t.Parallel()
	hcl := strings.Replace(base("", "", tenant("acme", destination(t, "accept"), "")),
		"filter \"told\" { plugin = plugin.told }",
		"filter \"told\" {\n    plugin = plugin.told\n    when   = tonumber(recipient.local) > 5\n  }", 1)
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, _ *abi.Event, v *abi.Verdict) error {
		finds(v, "x", abi.ActionStall)
		return nil
	}}
	r := newRig(t, fs, hcl, nil)
	reply, m := r.inbound("7@acme.test", "1@acme.test", "x@acme.test")
	r.want(reply, m, 250, "7@acme.test=stalled", "1@acme.test=delivered", "x@acme.test=accepted")
}
