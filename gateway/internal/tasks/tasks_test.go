package tasks

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
)

func (r *rig) schedule(in time.Duration, name, key, payload string, m *store.Message) {
	r.t.Helper()
	req := abi.ScheduleRequest{AtUnixMs: uint64(r.clock.Now().Add(in).UnixMilli()), Name: name, Key: key, Payload: []byte(payload)}
	if m != nil {
		req.Message = m.ID.String()
	}
	if err := r.Schedule(r.t.Context(), "hook", "acme", 0, req); err != nil {
		r.t.Fatal(err)
	}
}

func TestScheduleAtItsTime(t *testing.T) {
	r := newRig(t, Limits{})
	m := r.put(mail.Inbound, "eve@x.test", "ann@acme.test stalled", "bob@beta.test stalled")
	r.schedule(time.Hour, "look", "a", "first", m)
	r.schedule(2*time.Hour, "look", "b", "other", nil)
	r.schedule(3*time.Hour, "look", "a", "second", m) // in place of the first
	if got := r.after(time.Hour + time.Minute); len(got) != 0 {
		t.Errorf("what was replaced came: %+v", got)
	}
	r.restart()
	if got := r.after(time.Hour); len(got) != 1 || string(got[0].ev.Payload) != "other" || len(got[0].ev.Message) != 0 {
		t.Errorf("%+v", got)
	}
	r.h.say = func(_ context.Context, _ *abi.Event, v *abi.Verdict) error { v.Text = "looked"; return nil }
	got := r.after(time.Hour)
	if len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	ev := got[0].ev
	if ev.Stage != abi.StageSchedule || ev.Name != "look" || string(ev.Payload) != "second" || ev.Tenant != "acme" || ev.ID != m.ID.String() ||
		got[0].header != "hello" || ev.PartCount != 1 || ev.ConfigID == 0 {
		t.Errorf("%+v", got[0])
	}
	if len(ev.Message) != 1 || len(ev.Message[0].Recipients) != 1 || ev.Message[0].Recipients[0].Address != "ann@acme.test" || !ev.Message[0].HasBody {
		t.Errorf("it sees more than its tenant's: %+v", ev.Message)
	}
	if len(ev.Notes) != 1 || ev.Notes[0].Key != "seen" {
		t.Errorf("notes %+v", ev.Notes)
	}
	same(t, r.events(m.ID, mail.EventAction), []string{"Action 1 plugin hook: hook.look: looked"})
	if r.docs() != 0 || len(r.List(scope.Admin("a"))) != 0 {
		t.Error("something is left of what was done")
	}
}

func TestScheduleDroppedAndRefused(t *testing.T) {
	r := newRig(t, Limits{})
	r.schedule(time.Hour, "look", "", "x", nil)
	if err := r.Schedule(t.Context(), "hook", "acme", 0, abi.ScheduleRequest{Name: "look"}); err != nil {
		t.Fatal(err)
	}
	if got := r.after(2 * time.Hour); len(got) != 0 || r.docs() != 0 {
		t.Errorf("%+v, %d documents", got, r.docs())
	}
	m := r.put(mail.Inbound, "eve@x.test", "bob@beta.test stalled")
	at := uint64(r.clock.Now().UnixMilli())
	for name, c := range map[string]struct {
		plugin string
		req    abi.ScheduleRequest
		want   error
	}{
		"no_name":       {"hook", abi.ScheduleRequest{AtUnixMs: at}, filter.ErrBadRequest},
		"two_lines":     {"hook", abi.ScheduleRequest{AtUnixMs: at, Name: "a\nb"}, filter.ErrBadRequest},
		"payload":       {"hook", abi.ScheduleRequest{AtUnixMs: at, Name: "a", Payload: make([]byte, maxPayload+1)}, filter.ErrBadRequest},
		"in_ten_years":  {"hook", abi.ScheduleRequest{AtUnixMs: at + 10*366*86400*1000, Name: "a"}, filter.ErrBadRequest},
		"overflow":      {"hook", abi.ScheduleRequest{AtUnixMs: 1<<64 - 1, Name: "a"}, filter.ErrBadRequest},
		"no_hook":       {"mute", abi.ScheduleRequest{AtUnixMs: at, Name: "a"}, filter.ErrBadRequest},
		"anothers_mail": {"hook", abi.ScheduleRequest{AtUnixMs: at, Name: "a", Message: m.ID.String()}, filter.ErrNoMessage},
		"no_mail":       {"hook", abi.ScheduleRequest{AtUnixMs: at, Name: "a", Message: "nonsense"}, filter.ErrNoMessage},
	} {
		if err := r.Schedule(t.Context(), c.plugin, "acme", 0, c.req); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestScheduleItselfAgain(t *testing.T) {
	r := newRig(t, Limits{})
	r.schedule(time.Minute, "tick", "", "", nil)
	r.h.say = func(ctx context.Context, ev *abi.Event, _ *abi.Verdict) error {
		return r.Schedule(ctx, "hook", "acme", ev.ConfigID, abi.ScheduleRequest{AtUnixMs: 1, Name: "tick"}) // at once, and for ever
	}
	for i := range 5 {
		if got := r.after(time.Minute); len(got) != 1 {
			t.Fatalf("round %d: %d calls; once a second is the most, and never none", i, len(got))
		}
	}
	if r.docs() != 1 {
		t.Errorf("%d documents", r.docs())
	}
}

func TestRetryThenGivenUp(t *testing.T) {
	r := newRig(t, Limits{})
	m := r.put(mail.Inbound, "eve@x.test", "ann@acme.test stalled")
	r.schedule(time.Minute, "look", "", "x", m)
	r.h.say = func(context.Context, *abi.Event, *abi.Verdict) error { return errors.New("the hook\nanswered 503") }
	begin := r.clock.Now()
	calls := 0
	for range 200 {
		calls += len(r.after(5 * time.Minute))
		if calls == 3 {
			r.restart() // tries are counted on
		}
	}
	if calls != maxTries {
		t.Errorf("%d tries", calls)
	}
	l := r.List(scope.Admin("a"))
	if len(l) != 1 || l[0].State != StateFailed || l[0].Tries != maxTries || l[0].Error != "result: the hook answered 503" {
		t.Fatalf("%+v", l)
	}
	if took := l[0].Failed.Sub(begin); took < 4*time.Hour || took > 9*time.Hour {
		t.Errorf("it was tried for %v", took)
	}
	same(t, r.events(m.ID, mail.EventActionFailed), []string{"ActionFailed 1 plugin hook: hook.look: given up after 12 tries: result: the hook answered 503"})
	if len(r.List(scope.Domain("d", "acme.test"))) != 0 {
		t.Error("a domain's operator sees tasks")
	}
	if r.after(keepFailed); r.docs() != 0 {
		t.Error("a failed task is kept for ever")
	}
}

func TestPausesAreBounded(t *testing.T) {
	var sum time.Duration
	for n := 1; ; n++ {
		d, more := pause(n)
		if !more {
			if n != maxTries {
				t.Errorf("%d tries", n)
			}
			break
		}
		if d < firstPause || d > longestWait {
			t.Errorf("pause %d is %v", n, d)
		}
		sum += d
	}
	if sum < 4*time.Hour || sum > 8*time.Hour {
		t.Errorf("tried for %v", sum)
	}
}

func TestPluginOrTenantGone(t *testing.T) {
	r := newRig(t, Limits{})
	m := r.put(mail.Inbound, "eve@x.test", "ann@acme.test stalled")
	r.schedule(time.Minute, "look", "", "x", m)
	r.h.gone["hook"] = true
	if got := r.after(time.Hour); len(got) != 0 {
		t.Fatalf("%+v", got)
	}
	l := r.List(scope.Admin("a"))
	if len(l) != 1 || l[0].State != StateMissing || l[0].Error != `plugin "hook" is not in the policy` || l[0].Tries != 0 {
		t.Errorf("%+v", l)
	}
	r.h.gone["hook"] = false // it comes back
	if got := r.after(time.Hour); len(got) != 1 {
		t.Errorf("%d calls", len(got))
	}
	r.schedule(time.Minute, "look", "", "x", m)
	r.h.gone["hook"] = true
	r.after(time.Hour)
	r.restart()
	r.after(keepMissing)
	if r.docs() != 0 {
		t.Error("it is kept for ever")
	}
	same(t, r.events(m.ID, mail.EventActionFailed), []string{`ActionFailed 1 plugin hook: hook.look: dropped: plugin "hook" is not in the policy`})
}

func TestLimits(t *testing.T) {
	r := newRig(t, Limits{PerOwner: 3, Tenant: 5, Plugin: 7, Bytes: 8 << 10})
	try := func(plugin, tenant, key string, payload int) error {
		return r.Schedule(t.Context(), plugin, tenant, 0, abi.ScheduleRequest{AtUnixMs: uint64(t0.Add(time.Hour).UnixMilli()), Name: "n", Key: key, Payload: make([]byte, payload)})
	}
	full := func(err error) bool { return errors.Is(err, ErrLimit) && errors.Is(err, filter.ErrBadRequest) }
	for _, k := range []string{"1", "2", "3"} {
		if err := try("hook", "acme", k, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := try("hook", "acme", "4", 1); !full(err) {
		t.Errorf("a fourth of one owner: %v", err)
	}
	if err := try("hook", "acme", "3", 2); err != nil {
		t.Errorf("replacing is not more: %v", err)
	}
	for _, k := range []string{"1", "2"} {
		if err := try("far", "acme", k, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := try("far", "acme", "3", 1); !full(err) {
		t.Errorf("a sixth of one tenant: %v", err)
	}
	for _, c := range []string{"beta", "beta", "beta", ""} {
		if err := try("hook", c, string(rune('a'+r.docs())), 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := try("hook", "", "z", 1); !full(err) {
		t.Errorf("an eighth of one plugin: %v", err)
	}
	if err := try("hook", "acme", "3", 9000); !full(err) {
		t.Errorf("too many octets: %v", err)
	}
	r.restart()
	if err := try("hook", "acme", "4", 1); !full(err) {
		t.Errorf("a restart forgot the limit: %v", err)
	}
}

func call(block, text string) policy.Call {
	v := abi.Object()
	v.Set("text", abi.String(text))
	return policy.Call{Plugin: "hook", Action: "post", Params: v, Block: block, Rule: "config.hcl:7"}
}

func TestHandedOverBeforeTheReply(t *testing.T) {
	r := newRig(t, Limits{})
	m := r.put(mail.Inbound, "eve@x.test", "ann@acme.test queued", "bob@acme.test queued")
	hand := func() func(bool) {
		t.Helper()
		settle, err := r.Hand(t.Context(), m, map[int][]policy.Call{1: {call("b.one", "hi"), call("b.two", "ho")}, 2: {call("b.one", "hu")}})
		if err != nil {
			t.Fatal(err)
		}
		return settle
	}
	settle := hand()
	if r.docs() != 3 {
		t.Errorf("%d tasks are durable", r.docs())
	}
	if got := r.after(time.Hour); len(got) != 0 {
		t.Errorf("called before the reply: %+v", got)
	}
	settle(false)
	if r.docs() != 0 {
		t.Errorf("%d tasks of a message that was not taken", r.docs())
	}
	settle = hand()
	hand()(true) // the same again is nothing
	settle(true)
	got := r.after(time.Second)
	if len(got) != 3 {
		t.Fatalf("%d calls", len(got))
	}
	for _, c := range got {
		var v abi.Value
		if err := v.Decode(c.ev.Payload); err != nil || !strings.HasPrefix(v.Get("text").String, "h") || c.ev.Actor != "policy config.hcl:7" || len(c.ev.Recipients) != 1 || c.header != "hello" {
			t.Errorf("%+v, %v", c, err)
		}
	}
	if n := len(r.events(m.ID, mail.EventAction)); n != 3 {
		t.Errorf("%d events", n)
	}
	// A crash between the reply and the call: at the next start it is made.
	hand()
	r.restart()
	if got := r.after(time.Second); len(got) != 3 {
		t.Errorf("%d calls after a crash", len(got))
	}
}

func TestCallAboutMailThatIsNotStored(t *testing.T) {
	r := newRig(t, Limits{})
	m := &store.Message{ID: mail.NewID(t0), Direction: mail.Inbound, Received: t0, Sender: addr(t, "eve@x.test"), HasBody: true, Summary: store.Summary{Subject: "gone"},
		Recipients: []store.Recipient{{N: 1, Address: addr(t, "ann@acme.test"), Tenant: "acme", Status: mail.StatusDelivered}}}
	settle, err := r.Hand(t.Context(), m, map[int][]policy.Call{1: {call("b.one", "hi")}, 9: {call("b.one", "nobody")}})
	if err != nil {
		t.Fatal(err)
	}
	settle(true)
	r.restart()
	got := r.after(time.Second)
	if len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	ev := got[0].ev
	if ev.ID != m.ID.String() || ev.Sender != "eve@x.test" || ev.Recipient != "ann@acme.test" || len(ev.Message) != 1 || ev.Message[0].Subject != "gone" || ev.Message[0].HasBody {
		t.Errorf("%+v", ev)
	}
}

func TestNoRoomForACall(t *testing.T) {
	r := newRig(t, Limits{PerOwner: 1})
	m := r.put(mail.Inbound, "eve@x.test", "ann@acme.test queued")
	settle, err := r.Hand(t.Context(), m, map[int][]policy.Call{1: {call("b.one", "hi"), call("b.two", "ho")}})
	if err != nil {
		t.Fatal(err) // mail is worth more than a call
	}
	settle(true)
	if got := r.after(time.Second); len(got) != 1 {
		t.Errorf("%d calls", len(got))
	}
	if es := r.events(m.ID, mail.EventActionFailed); len(es) != 1 || !strings.Contains(es[0], "not called: too much") {
		t.Errorf("%v", es)
	}
}

func TestBodyThatIsGone(t *testing.T) {
	r := newRig(t, Limits{})
	m := r.put(mail.Inbound, "eve@x.test", "ann@acme.test stalled")
	c := call("b.one", "")
	c.Action = "spam"
	settle, err := r.Hand(t.Context(), m, map[int][]policy.Call{1: {c}})
	if err != nil {
		t.Fatal(err)
	}
	settle(true)
	if _, err := r.Order(t.Context(), "delete", "hook", "acme", abi.MessageOrder{ID: m.ID.String()}); err != nil {
		t.Fatal(err)
	}
	if got := r.after(time.Second); len(got) != 0 {
		t.Errorf("called without what it needs: %+v", got)
	}
	same(t, r.events(m.ID, mail.EventActionFailed), []string{"ActionFailed 1 policy config.hcl:7: hook.spam: given up after 1 try: the message's content is no longer kept"})
}

// TestRunEnds: calls run beside one another within the limits, and a stop ends
// them without counting a try.
func TestRunEnds(t *testing.T) {
	r := newRig(t, Limits{Workers: 3, Running: 2})
	r.Service.clock = machine{}
	arrived, release := make(chan string, 10), make(chan struct{})
	r.h.say = func(ctx context.Context, ev *abi.Event, _ *abi.Verdict) error {
		arrived <- ev.Tenant
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-release:
			return nil
		}
	}
	now := uint64(time.Now().UnixMilli())
	for _, k := range []string{"1", "2", "3", "4"} {
		if err := r.Schedule(t.Context(), "hook", "acme", 0, abi.ScheduleRequest{AtUnixMs: now, Name: "n", Key: k}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Schedule(t.Context(), "hook", "beta", 0, abi.ScheduleRequest{AtUnixMs: now, Name: "n"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	by := map[string]int{}
	for range 3 {
		by[<-arrived]++
	}
	if by["acme"] != 2 || by["beta"] != 1 {
		t.Errorf("running: %v; one tenant's calls must not take all places", by)
	}
	close(release)
	<-arrived
	<-arrived
	why := errors.New("enough")
	r.h.mu.Lock()
	r.h.say = func(ctx context.Context, ev *abi.Event, _ *abi.Verdict) error {
		arrived <- ev.Tenant
		<-ctx.Done()
		return ctx.Err()
	}
	r.h.mu.Unlock()
	if err := r.Schedule(t.Context(), "hook", "acme", 0, abi.ScheduleRequest{AtUnixMs: now, Name: "last"}); err != nil {
		t.Fatal(err)
	}
	<-arrived
	cancel(why)
	if err := <-done; !errors.Is(err, why) {
		t.Errorf("ended with %v", err)
	}
	l := r.List(scope.Admin("a"))
	if len(l) != 1 || l[0].Tries != 0 || l[0].State != StateWaiting || l[0].Name != "last" {
		t.Errorf("%+v", l)
	}
}

func TestPanicOfTheHostIsNotTheEnd(t *testing.T) {
	r := newRig(t, Limits{})
	r.schedule(time.Minute, "look", "", "x", nil)
	r.h.say = func(context.Context, *abi.Event, *abi.Verdict) error { panic("boom") }
	r.after(2 * time.Minute)
	if l := r.List(scope.Admin("a")); len(l) != 1 || l[0].State != StateWaiting {
		t.Errorf("%+v", l)
	}
}
