package tasks

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/sdk/abi"
)

func TestOrders(t *testing.T) {
	r := newRig(t, Limits{})
	in := func() *store.Message {
		return r.put(mail.Inbound, "eve@x.test", "ann@acme.test stalled", "bob@acme.test quarantined", "cy@beta.test stalled", "dan@acme.test queued")
	}
	statuses := func(m *store.Message) string {
		var out []string
		for _, rc := range r.get(m.ID).Recipients {
			out = append(out, string(rc.Status))
		}
		return strings.Join(out, " ")
	}
	order := func(verb string, m *store.Message, n uint32) int {
		t.Helper()
		k, err := r.Order(t.Context(), verb, "hook", "acme", abi.MessageOrder{ID: m.ID.String(), Recipient: n, Reason: "looked\ninto"})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	m := in()
	if n := order("release", m, 0); n != 2 || statuses(m) != "queued queued stalled queued" {
		t.Errorf("release changed %d: %s", n, statuses(m))
	}
	rc := r.get(m.ID).Recipients[0]
	if len(rc.Waivers) != 1 || rc.Waivers[0].By != "plugin hook" || rc.Waivers[0].Reason != "looked into" || len(rc.Waivers[0].Findings) != 1 ||
		rc.Waivers[0].Findings[0] != mail.Fingerprint(rc.Findings[0]) || rc.Waivers[0].Classes[0] != "unscannable/zip" || rc.Origin != mail.StatusReleased {
		t.Errorf("the waiver is not bound to what was found: %+v", rc.Waivers)
	}
	same(t, r.events(m.ID, mail.EventRelease), []string{"Release 1 plugin hook: looked into", "Release 2 plugin hook: looked into"})
	if n := order("release", m, 0); n != 0 {
		t.Errorf("released again: %d", n)
	}
	m = in()
	if n := order("delete", m, 1); n != 1 || statuses(m) != "quarantine-removed quarantined stalled queued" {
		t.Errorf("delete changed %d: %s", n, statuses(m))
	}
	if n := order("reject", m, 0); n != 2 || statuses(m) != "quarantine-removed quarantine-removed stalled queue-removed" {
		t.Errorf("reject changed %d: %s", n, statuses(m))
	}
	if notify.Owes(r.get(m.ID)) {
		t.Error("a sender from outside is told")
	}
	for name, c := range map[string]struct {
		tenant, id string
		n          uint32
		want       error
	}{
		"anothers_recipient": {"acme", m.ID.String(), 3, filter.ErrNoMessage},
		"no_recipient":       {"acme", m.ID.String(), 9, filter.ErrNoMessage},
		"no_message":         {"acme", mail.NewID(t0).String(), 0, filter.ErrNoMessage},
		"no_tenant":          {"", m.ID.String(), 0, filter.ErrNoMessage},
		"before_a_tenant":    {filter.NoTenant, m.ID.String(), 0, filter.ErrNoMessage},
		"prefix":             {"acme", m.ID.String()[:20], 0, filter.ErrNoMessage},
		"removed_already":    {"acme", m.ID.String(), 1, filter.ErrBadRequest},
	} {
		if _, err := r.Order(t.Context(), "release", "hook", c.tenant, abi.MessageOrder{ID: c.id, Recipient: c.n}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if statuses(m) != "quarantine-removed quarantine-removed stalled queue-removed" {
		t.Errorf("another tenant's mail was changed: %s", statuses(m))
	}
	if _, err := r.Order(t.Context(), "forward", "hook", "acme", abi.MessageOrder{ID: m.ID.String()}); !errors.Is(err, filter.ErrBadRequest) {
		t.Errorf("an unknown order: %v", err)
	}
	info, err := r.Message(t.Context(), "acme", m.ID.String())
	if err != nil || len(info.Recipients) != 3 {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := r.Message(t.Context(), "gamma", m.ID.String()); !errors.Is(err, filter.ErrNoMessage) {
		t.Errorf("another tenant reads it: %v", err)
	}
}

// TestReleaseOfWhatFiltersHold: filters look again at once at mail that one of
// them holds; mail that is on its way through them is left alone, and so is the
// original beside an edited message, unless it is meant.
func TestReleaseOfWhatFiltersHold(t *testing.T) {
	r := newRig(t, Limits{})
	m := r.put(mail.Inbound, "eve@x.test", "ann@acme.test accepted", "bob@acme.test accepted", "cy@acme.test quarantined")
	if err := r.st.Update(t.Context(), m.ID, func(m *store.Message) ([]mail.Event, error) {
		m.Recipients[0].Hold, m.Recipients[0].Unjudged, m.Recipients[1].Unjudged = &store.Hold{}, true, true
		m.Recipients[2].Kept = true
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	held := func(count int) {
		t.Helper()
		if err := r.st.Update(t.Context(), m.ID, func(m *store.Message) ([]mail.Event, error) {
			m.Recipients[0].Hold = &store.Hold{Count: count}
			return nil, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	held(maxLooks)
	if n, err := r.Order(t.Context(), "release", "hook", "acme", abi.MessageOrder{ID: m.ID.String()}); n != 0 || err != nil {
		t.Errorf("after %d holds in a row the filters look again at once: %d, %v", maxLooks, n, err)
	}
	held(maxLooks - 1)
	n, err := r.Order(t.Context(), "release", "hook", "acme", abi.MessageOrder{ID: m.ID.String()})
	rs := r.get(m.ID).Recipients
	if n != 1 || err != nil || rs[0].Next.After(r.clock.Now()) || !rs[1].Next.After(r.clock.Now()) || rs[2].Status != mail.StatusQuarantined {
		t.Errorf("%d, %v: %v %v %s", n, err, rs[0].Next, rs[1].Next, rs[2].Status)
	}
	if n, err := r.Order(t.Context(), "release", "hook", "acme", abi.MessageOrder{ID: m.ID.String(), Recipient: 3}); n != 1 || err != nil {
		t.Errorf("the original by name: %d, %v", n, err)
	}
	if _, err := r.Order(t.Context(), "release", "hook", "acme", abi.MessageOrder{ID: m.ID.String(), Recipient: 2}); !errors.Is(err, filter.ErrBadRequest) {
		t.Errorf("what is being filtered: %v", err)
	}
}

// TestRejectTellsOurOwnSender: of outgoing mail the sender is known to be ours.
func TestRejectTellsOurOwnSender(t *testing.T) {
	r := newRig(t, Limits{})
	for _, status := range []string{"stalled", "quarantined", "queued"} {
		m := r.put(mail.Outbound, "ann@acme.test", "x@far.test "+status)
		if n, err := r.Order(t.Context(), "reject", "hook", "acme", abi.MessageOrder{ID: m.ID.String()}); n != 1 || err != nil {
			t.Fatalf("%s: %d, %v", status, n, err)
		}
		rows, _, err := r.st.Search(t.Context(), query.Where("parent", query.Is, m.ID.String()), "", 10)
		if err != nil || len(rows) != 1 || rows[0].Message.Kind != "dsn" || rows[0].Recipient.Address.String() != "ann@acme.test" {
			t.Errorf("%s: %d notices, %v", status, len(rows), err)
		}
		m = r.put(mail.Outbound, "ann@acme.test", "x@far.test "+status)
		if n, err := r.Order(t.Context(), "delete", "hook", "acme", abi.MessageOrder{ID: m.ID.String()}); n != 1 || err != nil {
			t.Fatalf("%s: %d, %v", status, n, err)
		}
		if rows, _, err := r.st.Search(t.Context(), query.Where("parent", query.Is, m.ID.String()), "", 10); err != nil || len(rows) != 0 {
			t.Errorf("%s: delete told somebody: %d, %v", status, len(rows), err)
		}
	}
}

func TestSubmit(t *testing.T) {
	r := newRig(t, Limits{Notices: 6})
	parent := r.put(mail.Inbound, "eve@x.test", "ann@acme.test stalled")
	ok := abi.Submission{To: []string{"boss@acme.test", "else@far.test"}, Subject: "Unlocked\r\nBcc: x@y.test", Text: "All is well.\nGrüße", Headers: []abi.Header{{Name: "X-Case", Value: "7"}}, Parent: parent.ID.String()}
	id, err := r.Submit(t.Context(), "hook", "acme", ok)
	if err != nil {
		t.Fatal(err)
	}
	mid, err := mail.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	m := r.get(mid)
	if !m.Sender.IsNull() || m.Kind != "notice" || m.Parent != parent.ID || len(m.Recipients) != 2 || m.Recipients[0].Status != mail.StatusQueued || m.Recipients[0].Route != "tenant:acme:in" {
		t.Errorf("%+v", m)
	}
	b, err := r.st.OpenBody(t.Context(), mid)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	text, _ := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
	head, _, _ := strings.Cut(string(text), "\r\n\r\n")
	for _, want := range []string{"From: Mail Delivery System <postmaster@acme.test>", "Auto-Submitted: auto-generated", "X-Case: 7", "Subject: Unlocked Bcc: x@y.test", "In-Reply-To: <1@x.test>"} {
		if !strings.Contains(head, want) {
			t.Errorf("%q is not in\n%s", want, head)
		}
	}
	if strings.Contains(head, "\nBcc:") {
		t.Error("a field came in by the subject")
	}
	if es := r.events(parent.ID, mail.EventNotice); len(es) != 1 || !strings.Contains(es[0], "plugin hook") {
		t.Errorf("%v", es)
	}
	bad := func(change func(*abi.Submission)) abi.Submission {
		s := ok
		change(&s)
		return s
	}
	for name, s := range map[string]abi.Submission{
		"nobody":          bad(func(s *abi.Submission) { s.To = nil }),
		"too_many":        bad(func(s *abi.Submission) { s.To = make([]string, maxTo+1) }),
		"no_address":      bad(func(s *abi.Submission) { s.To = []string{"x y"} }),
		"null":            bad(func(s *abi.Submission) { s.To = []string{""} }),
		"from":            bad(func(s *abi.Submission) { s.Headers = []abi.Header{{Name: "From", Value: "x"}} }),
		"received":        bad(func(s *abi.Submission) { s.Headers = []abi.Header{{Name: "Received", Value: "x"}} }),
		"broken_name":     bad(func(s *abi.Submission) { s.Headers = []abi.Header{{Name: "X-a: b\r\nTo", Value: "x"}} }),
		"line_break":      bad(func(s *abi.Submission) { s.Headers = []abi.Header{{Name: "X-a", Value: "x\r\nTo: y"}} }),
		"text_too_long":   bad(func(s *abi.Submission) { s.Text = strings.Repeat("x", maxNotice+1) }),
		"subject_too_lon": bad(func(s *abi.Submission) { s.Subject = strings.Repeat("x", maxSubject+1) }),
	} {
		if _, err := r.Submit(t.Context(), "hook", "acme", s); !errors.Is(err, filter.ErrBadRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Submit(t.Context(), "hook", "beta", ok); !errors.Is(err, filter.ErrNoMessage) {
		t.Errorf("about another tenant's mail: %v", err)
	}
	if _, err := r.Submit(t.Context(), "hook", "nobody", ok); !errors.Is(err, filter.ErrBadRequest) {
		t.Errorf("for no tenant: %v", err)
	}
	if _, err := r.Submit(t.Context(), "hook", "acme", ok); err != nil { // a third of 6 at once
		t.Fatal(err)
	}
	if _, err := r.Submit(t.Context(), "hook", "acme", ok); !errors.Is(err, filter.ErrBadRequest) || !strings.Contains(err.Error(), ErrRate.Error()) {
		t.Errorf("too many: %v", err)
	}
	r.clock.advance(10 * time.Minute)
	if _, err := r.Submit(t.Context(), "hook", "acme", ok); err != nil {
		t.Errorf("after ten minutes: %v", err)
	}
}

// TestOrdersFromWithinACall: a plugin orders while the gateway waits for it,
// about the very message of the call.
func TestOrdersFromWithinACall(t *testing.T) {
	r := newRig(t, Limits{})
	m := r.put(mail.Inbound, "eve@x.test", "ann@acme.test stalled")
	r.h.say = func(ctx context.Context, ev *abi.Event, v *abi.Verdict) error {
		n, err := r.Order(ctx, "release", "hook", ev.Tenant, abi.MessageOrder{ID: ev.ID})
		if err != nil || n != 1 {
			t.Errorf("%d, %v", n, err)
		}
		if err := r.Schedule(ctx, "hook", ev.Tenant, ev.ConfigID, abi.ScheduleRequest{AtUnixMs: 1, Name: "later", Message: ev.ID}); err != nil {
			t.Error(err)
		}
		v.Text = "released"
		return nil
	}
	out, err := r.Act(t.Context(), scope.Admin("root"), Order{Plugin: "hook", Action: "unlock", IDs: []string{m.ID.String()}, Params: map[string]any{"password": "x"}})
	if err != nil || out.Called != 1 || out.Items[0].Text != "released" || r.get(m.ID).Recipients[0].Status != mail.StatusQueued {
		t.Errorf("%+v, %v", out, err)
	}
	if len(r.List(scope.Admin("root"))) != 1 {
		t.Error("nothing was scheduled")
	}
}

// TestOrderOfWhatIsBeingDelivered: a lease is not waited for.
func TestOrderOfWhatIsBeingDelivered(t *testing.T) {
	r := newRig(t, Limits{})
	m := r.put(mail.Inbound, "eve@x.test", "ann@acme.test queued")
	now := r.clock.Now().Add(7 * time.Hour)
	got, err := r.st.Claim(t.Context(), store.ClaimRequest{Now: now, Limit: 1, For: time.Hour})
	if err != nil || len(got) != 1 {
		t.Fatalf("%d, %v", len(got), err)
	}
	if _, err := r.Order(t.Context(), "delete", "hook", "acme", abi.MessageOrder{ID: m.ID.String()}); !errors.Is(err, filter.ErrBadRequest) || !strings.Contains(err.Error(), "under way") {
		t.Errorf("%v", err)
	}
	// What an action finds meanwhile stands in the journal.
	r.h.say = func(_ context.Context, _ *abi.Event, v *abi.Verdict) error {
		v.Findings = []abi.Finding{{Main: "spam"}}
		return nil
	}
	out, err := r.Act(t.Context(), scope.Admin("root"), Order{Plugin: "hook", Action: "spam", IDs: []string{m.ID.String()}})
	if err != nil || out.Called != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	same(t, r.events(m.ID, mail.EventAction), []string{"Action 1 root: hook.spam: found spam"})
	if f := r.get(m.ID).Recipients[0].Findings; len(f) != 0 {
		t.Errorf("%+v", f)
	}
}
