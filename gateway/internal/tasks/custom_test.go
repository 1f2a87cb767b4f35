package tasks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

func names(os []Offer) string {
	var out []string
	for _, o := range os {
		out = append(out, o.Plugin+"."+o.Name)
	}
	return strings.Join(out, " ")
}

func TestWhatIsOffered(t *testing.T) {
	r := newRig(t, Limits{})
	m := r.put(mail.Inbound, "eve@x.test", "ann@acme.test stalled", "bob@beta.test stalled", "cy@acme.test quarantined")
	m = r.get(m.ID)
	auditor := scope.Admin("a")
	auditor.Role = lifecycle.RoleAuditor
	far := "far.post far.unlock far.purge far.spam "
	for _, c := range []struct {
		name string
		sc   scope.Scope
		n    int
		want string
	}{
		{"admin", scope.Admin("a"), 1, far + "hook.post hook.unlock hook.purge hook.spam mute.post mute.unlock mute.purge mute.spam"},
		{"admin_other_status", scope.Admin("a"), 3, "far.post far.purge far.spam hook.post hook.purge hook.spam mute.post mute.purge mute.spam"},
		{"tenant_that_uses_none", scope.Admin("a"), 2, strings.TrimSpace(far)},
		{"domain", scope.Domain("d", "acme.test"), 1, "far.post far.unlock far.spam hook.post hook.unlock hook.spam mute.post mute.unlock mute.spam"},
		{"mailbox", scope.Mailbox("m", "ann@acme.test"), 1, "far.unlock far.spam hook.unlock hook.spam mute.unlock mute.spam"},
		{"another_mailbox", scope.Mailbox("m", "cy@acme.test"), 1, ""},
		{"auditor", auditor, 1, ""},
		{"nobody", scope.Scope{}, 1, ""},
	} {
		if got := names(r.Offered(c.sc, m, &m.Recipients[c.n-1])); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	m.HasBody = false
	if got := names(r.Offered(scope.Mailbox("m", "ann@acme.test"), m, &m.Recipients[0])); got != "" {
		t.Errorf("without a body: %s", got)
	}
}

func TestAct(t *testing.T) {
	r := newRig(t, Limits{})
	one := r.put(mail.Inbound, "eve@x.test", "ann@acme.test stalled", "bob@acme.test quarantined", "cy@beta.test stalled")
	two := r.put(mail.Inbound, "eve@x.test", "dan@acme.test stalled")
	r.h.say = func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		if ev.ID == two.ID.String() {
			return errors.New("wrong password")
		}
		v.Text, v.Results = "opened", []abi.Pair{{Key: "files", Value: "2"}}
		v.Findings = []abi.Finding{{Main: "malware", Sub: "eicar", Path: "a.zip/x", Action: abi.ActionReject}}
		return nil
	}
	out, err := r.Act(t.Context(), scope.Admin("root"), Order{Plugin: "hook", Action: "unlock", IDs: []string{one.ID.String(), two.ID.String(), "01zzz"}, Params: map[string]any{"password": "hunter2"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, it := range out.Items {
		got = append(got, fmt.Sprintf("%s %v %s%s %v %d", strings.Replace(strings.Replace(it.ID, one.ID.String(), "one", 1), two.ID.String(), "two", 1), it.Recipients, it.Text, it.Error, it.Results, len(it.Findings)))
	}
	same(t, got, []string{
		`01zzz [] message "01zzz": store: not found [] 0`, "one.1 [ann@acme.test] opened [{files 2}] 1", "two.1 [dan@acme.test] result: wrong password [] 0",
	})
	if out.Matched != 3 || out.Called != 1 {
		t.Errorf("%d of %d", out.Called, out.Matched)
	}
	calls := r.h.taken()
	slices.SortFunc(calls, func(a, b seen) int { return strings.Compare(a.ev.ID, b.ev.ID) })
	ev := calls[0].ev
	var v abi.Value
	if err := v.Decode(ev.Payload); err != nil || v.Get("password").String != "hunter2" || ev.Actor != "root" || ev.Name != "unlock" || ev.Stage != abi.StageAction || ev.Recipient != "ann@acme.test" ||
		len(ev.Message[0].Recipients) != 1 || calls[0].header != "hello" {
		t.Errorf("%+v, %v", ev, err)
	}
	same(t, r.events(one.ID, mail.EventAction), []string{"Action 1 root: hook.unlock: opened, files = 2, found malware/eicar"})
	same(t, r.events(two.ID, mail.EventActionFailed), []string{"ActionFailed 1 root: hook.unlock: result: wrong password"})
	rc := r.get(one.ID).Recipients[0]
	if f := rc.Findings; len(f) != 2 || !f[1].Observed || f[1].Stage != "action" || f[1].Class.String() != "malware/eicar" || f[1].Recommended != mail.ActionReject || rc.Status != mail.StatusStalled {
		t.Errorf("what was found: %s %+v", rc.Status, f)
	}
	// Called again, the same finding does not pile up.
	if _, err := r.Act(t.Context(), scope.Admin("root"), Order{Plugin: "hook", Action: "unlock", IDs: []string{one.ID.String()}, Params: map[string]any{"password": "x"}}); err != nil {
		t.Fatal(err)
	}
	if f := r.get(one.ID).Recipients[0].Findings; len(f) != 2 {
		t.Errorf("%d findings", len(f))
	}
	if d := r.docs(); d != 0 {
		t.Errorf("an operator's call left %d documents", d)
	}
}

func TestActBySearch(t *testing.T) {
	r := newRig(t, Limits{})
	a := r.put(mail.Inbound, "eve@x.test", "ann@acme.test stalled", "bob@acme.test stalled", "cy@acme.test quarantined")
	r.put(mail.Inbound, "eve@x.test", "dan@beta.test stalled")
	f := query.Where("sender", query.Is, "eve@x.test")
	o := Order{Plugin: "hook", Action: "unlock", Filter: &f, Params: map[string]any{"password": "x"}, DryRun: true}
	out, err := r.Act(t.Context(), scope.Admin("root"), o)
	if err != nil || out.Matched != 1 || out.Called != 0 || len(r.h.taken()) != 0 {
		t.Errorf("a rehearsal: %+v, %v", out, err)
	}
	o.DryRun = false
	if out, err = r.Act(t.Context(), scope.Domain("d", "acme.test"), o); err != nil || out.Called != 1 || len(out.Items) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	calls := r.h.taken()
	if len(calls) != 1 || len(calls[0].ev.Recipients) != 2 || calls[0].ev.Recipient != "" || calls[0].ev.ID != a.ID.String() {
		t.Errorf("one call for the message: %+v", calls)
	}
	// A plugin that only others use is, for a tenant, not there.
	var unknown *Unknown
	if out, err = r.Act(t.Context(), scope.Domain("d", "beta.test"), o); !errors.As(err, &unknown) || strings.Contains(err.Error(), "hook unlock") {
		t.Errorf("a tenant that does not use the plugin: %+v, %v", out, err)
	}
	o.Filter, o.IDs, o.Plugin = nil, []string{a.ID.String()}, "far"
	if out, err = r.Act(t.Context(), scope.Domain("d", "beta.test"), o); err != nil || out.Called != 0 || !strings.Contains(out.Items[0].Error, "not found") {
		t.Errorf("another tenant's mail: %+v, %v", out, err)
	}
	o.IDs, o.Plugin = []string{a.ID.String() + ".3"}, "hook"
	if out, err = r.Act(t.Context(), scope.Admin("root"), o); err != nil || out.Called != 0 || !strings.Contains(out.Items[0].Error, "this is for stalled") {
		t.Errorf("the wrong status: %+v, %v", out, err)
	}
}

func TestActRefuses(t *testing.T) {
	r := newRig(t, Limits{})
	m := r.put(mail.Inbound, "eve@x.test", "ann@acme.test stalled")
	var log bytes.Buffer
	r.Service.log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ids := []string{m.ID.String()}
	var unknown *Unknown
	for name, o := range map[string]Order{
		"unknown_plugin": {Plugin: "hok", Action: "post", IDs: ids}, "unknown_action": {Plugin: "hook", Action: "pst", IDs: ids}, "no_training": {Train: "ham", IDs: ids},
	} {
		if _, err := r.Act(t.Context(), scope.Admin("root"), o); !errors.As(err, &unknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Act(t.Context(), scope.Domain("d", "acme.test"), Order{Plugin: "hook", Action: "purge", IDs: ids}); !errors.As(err, &unknown) {
		t.Errorf("an administrator's action on domain level: %v", err)
	}
	if _, err := r.Act(t.Context(), scope.Scope{}, Order{Plugin: "hook", Action: "post", IDs: ids}); err == nil {
		t.Error("nobody may act")
	}
	var bad *BadParams
	_, err := r.Act(t.Context(), scope.Admin("root"), Order{Plugin: "hook", Action: "unlock", IDs: ids, Params: map[string]any{"password": []any{"hunter2"}, "pasword": "x"}})
	if !errors.As(err, &bad) || len(bad.Errs) != 2 || bad.Errs[0].Name != "password" || bad.Errs[1].Name != "pasword" || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
	r.h.say = func(_ context.Context, _ *abi.Event, v *abi.Verdict) error { v.Text = "fine"; return nil }
	if _, err := r.Act(t.Context(), scope.Admin("root"), Order{Plugin: "hook", Action: "unlock", IDs: ids, Params: map[string]any{"password": "hunter2"}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "custom action") || strings.Contains(log.String(), "hunter2") {
		t.Errorf("the log: %s", log.String())
	}
	if es := strings.Join(r.events(m.ID, mail.EventAction), ""); strings.Contains(es, "hunter2") {
		t.Errorf("the journal: %s", es)
	}
}

func TestTrain(t *testing.T) {
	r := newRig(t, Limits{})
	m := r.put(mail.Inbound, "eve@x.test", "ann@acme.test queued", "bob@beta.test queued")
	out, err := r.Act(t.Context(), scope.Mailbox("ann", "ann@acme.test"), Order{Train: "spam", IDs: []string{m.ID.String()}})
	if err != nil || out.Called != 3 {
		t.Fatalf("%+v, %v", out, err)
	}
	var who []string
	for _, c := range r.h.taken() {
		var v abi.Value
		if err := v.Decode(c.ev.Payload); err != nil || v.Get("weight").Number != 5 || c.ev.Tenant != "acme" || len(c.ev.Recipients) != 1 {
			t.Errorf("%+v, %v", c.ev, err)
		}
		who = append(who, c.plugin)
	}
	slices.Sort(who)
	if strings.Join(who, " ") != "far hook mute" {
		t.Errorf("taught %v", who)
	}
}

// TestStatusesOfManifests: what a plugin may name is what there is.
func TestStatusesOfManifests(t *testing.T) {
	var have []string
	for _, s := range mail.Statuses() {
		have = append(have, string(s))
	}
	same(t, manifest.Statuses, have)
}

// TestActEndsWithItsCaller: what is left when the time is over is not called.
func TestActEndsWithItsCaller(t *testing.T) {
	r := newRig(t, Limits{Workers: 1})
	var ids []string
	for range 3 {
		ids = append(ids, r.put(mail.Inbound, "eve@x.test", "ann@acme.test stalled").ID.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.h.say = func(context.Context, *abi.Event, *abi.Verdict) error { cancel(); return nil }
	out, err := r.Act(ctx, scope.Admin("root"), Order{Plugin: "hook", Action: "unlock", IDs: ids, Params: map[string]any{"password": "x"}})
	if err != nil || out.Called != 1 || !strings.Contains(out.Items[2].Error, "the caller left") || len(r.h.taken()) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
}

// What calls find does not outgrow the record: mail whose record is full could
// not be settled any more.
func TestFindingsHaveToFit(t *testing.T) {
	r := newRig(t, Limits{})
	m := r.put(mail.Inbound, "eve@x.test", "ann@acme.test stalled")
	turn := 0
	r.h.say = func(_ context.Context, _ *abi.Event, v *abi.Verdict) error {
		for i := range 20 {
			v.Findings = append(v.Findings, abi.Finding{Main: "test", Sub: fmt.Sprint(turn, i), Explanation: strings.Repeat("<", 4<<10)})
		}
		turn++
		return nil
	}
	for range 3 {
		out, err := r.Act(t.Context(), scope.Admin("root"), Order{Plugin: "hook", Action: "unlock", IDs: []string{m.ID.String()}, Params: map[string]any{"password": "x"}})
		if err != nil || out.Called != 1 {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	if f := r.get(m.ID).Recipients[0].Findings; len(f) != 21 {
		t.Errorf("%d findings are kept", len(f))
	}
	if n := len(r.events(m.ID, mail.EventAction)); n != 3 {
		t.Errorf("%d events", n)
	}
}
