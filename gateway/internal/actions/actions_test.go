package actions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
)

var t0 = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// house is a store with a Service over it.
type house struct {
	*Service
	t     *testing.T
	st    store.Store
	now   time.Time
	wakes int
}

func newHouse(t *testing.T) *house {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	h := &house{t: t, now: t0}
	clock := func() time.Time { return h.now }
	st, err := badgerstore.Open(badgerstore.Options{Dir: t.TempDir(), Clock: clock, Logger: quiet, FreeWatermark: 1, BallastSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	h.st = st
	h.Service = New(Options{
		Store: st, Clock: clock, Logger: quiet, Wake: func() { h.wakes++ },
		Payer:       &notify.Payer{Store: st, Hostname: func() string { return "mx.weir.test" }, Clock: clock},
		DomainForce: func(tenant string) bool { return tenant == "trusting" },
		Route: func(_ *store.Message, r *store.Recipient) error {
			r.Route, r.NextHop = "mx", "192.0.2.9:25"
			return nil
		},
	})
	return h
}

func addr(t *testing.T, s string) mail.Address {
	t.Helper()
	if s == "" {
		return mail.Address{}
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// put stores a message from sender to recipients "address status".
func (h *house) put(dir mail.Direction, sender string, rcpts ...string) *store.Message {
	h.t.Helper()
	ctx := h.t.Context()
	h.now = h.now.Add(time.Second)
	m := &store.Message{ID: mail.NewID(h.now), Direction: dir, Received: h.now, Sender: addr(h.t, sender), HasBody: true}
	live := false
	for i, r := range rcpts {
		a, st, _ := strings.Cut(r, " ")
		rc := store.Recipient{N: i + 1, Address: addr(h.t, a), Tenant: "acme", Status: mail.Status(st), Route: "tenant:acme:in", NextHop: "127.0.0.1:2526", Changed: h.now}
		if rc.Status.Due() {
			rc.Next = h.now.Add(6 * time.Hour)
		}
		if rc.Status.Held() {
			rc.Expires = h.now.Add(14 * 24 * time.Hour)
			rc.Findings = []mail.Finding{{Filter: "base.stall", Plugin: "stall", Class: mail.Class{Main: "unscannable", Sub: "encrypted-archive", Extra: "zip"}, Recommended: mail.ActionStall, Action: mail.ActionStall}}
		}
		live = live || rc.Status.Live()
		m.Recipients = append(m.Recipients, rc)
	}
	if !live {
		h.t.Fatal("put is for live mail")
	}
	d, err := h.st.NewDraft(ctx, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := io.WriteString(d, "Subject: hello\r\n\r\nbody\r\n"); err != nil {
		h.t.Fatal(err)
	}
	m.Size = d.Size()
	if _, err := h.st.Enqueue(ctx, &store.Admission{Message: m, Draft: d}); err != nil {
		h.t.Fatal(err)
	}
	return m
}

func (h *house) do(sc Scope, v lifecycle.Verb, ids ...string) Result {
	h.t.Helper()
	r, err := h.Do(h.t.Context(), sc, v, Selection{IDs: ids}, Args{Reason: "because", Confirmed: true})
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func (h *house) rcpt(id mail.ID, n int) store.Recipient {
	h.t.Helper()
	m, err := h.st.Get(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return m.Recipients[n-1]
}

func (h *house) events(id mail.ID) []mail.Event {
	h.t.Helper()
	es, err := h.st.Events(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return es
}

var admin = scope.Admin("root")

func rid(m *store.Message, n int) string { return fmt.Sprintf("%s.%d", m.ID, n) }

func TestEachVerb(t *testing.T) {
	h := newHouse(t)
	soon := func(r store.Recipient) bool { return r.Next.Equal(h.now) }
	cases := []struct {
		verb  lifecycle.Verb
		from  mail.Status
		event mail.EventType
		want  mail.Status
		body  bool
		check func(store.Recipient) bool
	}{
		{lifecycle.Retry, "queued", mail.EventRetry, "queued", true, func(r store.Recipient) bool { return soon(r) && r.Manual }},
		{lifecycle.Retry, "queue-frozen", mail.EventThaw, "queued", true, func(r store.Recipient) bool { return soon(r) && r.Manual }},
		{lifecycle.Thaw, "queue-frozen", mail.EventThaw, "queued", true, func(r store.Recipient) bool { return soon(r) && !r.Manual }},
		{lifecycle.Flush, "queued", mail.EventRetry, "queued", true, func(r store.Recipient) bool { return soon(r) && r.Manual }},
		{lifecycle.Freeze, "queued", mail.EventFreeze, "queue-frozen", true, func(r store.Recipient) bool {
			return r.Next.IsZero() && r.Reason == "frozen by root: because"
		}},
		{lifecycle.Remove, "queued", mail.EventRemove, "queue-removed", false, nil},
		{lifecycle.Remove, "accepted", mail.EventRemove, "queue-removed", false, nil},
		{lifecycle.Bounce, "queue-frozen", mail.EventAdminBounce, "queue-bounced", false, func(r store.Recipient) bool { return len(r.Notes) == 0 }},
		{lifecycle.Release, "quarantined", mail.EventRelease, "queued", true, func(r store.Recipient) bool {
			return soon(r) && r.Origin == mail.StatusReleased && !r.Unjudged && r.Expires.IsZero() && len(r.Waivers) == 1
		}},
		{lifecycle.Force, "stalled", mail.EventRelease, "queued", true, func(r store.Recipient) bool {
			w := r.Waivers[0]
			return r.Origin == mail.StatusReleased && w.By == "root" && w.Reason == "because" && w.At.Equal(h.now) &&
				slices.Equal(w.Classes, []string{"unscannable/encrypted-archive"}) && w.Covers(r.Findings[0])
		}},
		{lifecycle.RetryStalled, "stalled", mail.EventRetry, "accepted", true, func(r store.Recipient) bool { return soon(r) && r.Unjudged && r.Origin == "" }},
		{lifecycle.RemoveQuarantined, "quarantined", mail.EventRemove, "quarantine-removed", false, nil},
		{lifecycle.DeleteStalled, "stalled", mail.EventRemove, "quarantine-removed", false, nil},
	}
	for _, c := range cases {
		t.Run(string(c.verb)+"_"+string(c.from), func(t *testing.T) {
			h.t = t
			m := h.put(mail.Inbound, "x@far.test", "a@acme.test "+string(c.from))
			wakes := h.wakes
			res := h.do(admin, c.verb, m.ID.String())
			if res.Matched != 1 || res.Changed != 1 || len(res.Items) != 1 || res.Items[0].Status != c.want || res.Items[0].ID != rid(m, 1) || res.Items[0].Error != "" {
				t.Fatalf("%+v", res)
			}
			r := h.rcpt(m.ID, 1)
			if r.Status != c.want || c.check != nil && !c.check(r) {
				t.Errorf("%+v", r)
			}
			e := h.events(m.ID)[0]
			if e.Type != c.event || e.Actor != "root" || e.N != 1 || e.Status != c.want || e.Tenant != "acme" || !e.At.Equal(h.now) || e.Text == "" {
				t.Errorf("event %+v", e)
			}
			got, err := h.st.Get(t.Context(), m.ID)
			if err != nil || got.HasBody != c.body {
				t.Errorf("body kept: %v (%v)", got.HasBody, err)
			}
			if woken := h.wakes > wakes; woken != (c.want.Due() || c.verb == lifecycle.Bounce) {
				t.Errorf("woken: %v", woken)
			}
		})
	}
	if got := len(Verbs()); got != len(appliers)+len(shown) {
		t.Errorf("%d verbs", got)
	}
}

func TestBounceTellsTheSenderOnce(t *testing.T) {
	h := newHouse(t)
	m := h.put(mail.Inbound, "x@far.test", "a@acme.test queued", "b@acme.test queued", "c@acme.test queued")
	if res := h.do(admin, lifecycle.Bounce, rid(m, 1), rid(m, 2)); res.Changed != 2 {
		t.Fatalf("%+v", res)
	}
	rows, _, err := h.st.Search(t.Context(), query.Where("kind", query.Is, "dsn"), "", 10)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d DSNs, %v", len(rows), err)
	}
	dsn := rows[0].Message
	if dsn.Parent != m.ID || dsn.Recipients[0].Address != m.Sender || dsn.Recipients[0].Status != mail.StatusQueued || !dsn.Sender.IsNull() {
		t.Errorf("%+v", dsn)
	}
	b, err := h.st.OpenBody(t.Context(), dsn.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	text, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a@acme.test", "b@acme.test", "Status: 5.7.0", "Subject: hello"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "c@acme.test") {
		t.Error("a recipient that goes on is reported")
	}
	if got, _ := h.st.Get(t.Context(), m.ID); !got.HasBody || notify.Owes(got) {
		t.Errorf("body %v, still owed %v", got.HasBody, notify.Owes(got))
	}
	if err := h.Payer.Pay(t.Context(), m.ID); err != nil {
		t.Fatal(err)
	}
	notices := 0
	for _, e := range h.events(m.ID) {
		if e.Type == mail.EventNotice && e.Actor == "root" {
			notices++
		}
	}
	if notices != 2 {
		t.Errorf("%d notices in the journal", notices)
	}
}

// TestDebtOutlivesACrash: the process ends between the bounce and its DSN.
func TestDebtOutlivesACrash(t *testing.T) {
	h := newHouse(t)
	m := h.put(mail.Inbound, "x@far.test", "a@acme.test queued")
	broken := *h.Payer
	broken.Route = func(*store.Message, *store.Recipient) error { return errors.New("power cut") }
	good := h.Payer
	h.Payer = &broken
	if res := h.do(admin, lifecycle.Bounce, m.ID.String()); res.Changed != 1 {
		t.Fatalf("%+v", res)
	}
	got, err := h.st.Get(t.Context(), m.ID)
	if err != nil || !got.HasBody || !notify.Owes(got) {
		t.Fatalf("the debt is lost: %+v %v", got, err)
	}
	for range 2 { // paid once, however often it is tried
		if err := good.Pay(t.Context(), m.ID); err != nil {
			t.Fatal(err)
		}
	}
	rows, _, err := h.st.Search(t.Context(), query.Where("kind", query.Is, "dsn"), "", 10)
	if err != nil || len(rows) != 1 {
		t.Errorf("%d DSNs, %v", len(rows), err)
	}
	if got, _ := h.st.Get(t.Context(), m.ID); got.HasBody || notify.Owes(got) {
		t.Errorf("%+v", got)
	}
}

func TestNullSenderIsNotBounced(t *testing.T) {
	h := newHouse(t)
	m := h.put(mail.Outbound, "", "x@far.test queued")
	res := h.do(admin, lifecycle.Bounce, m.ID.String())
	if res.Changed != 0 || res.Items[0].Code != CodeRefused || !strings.Contains(res.Items[0].Error, "sender is <>") {
		t.Errorf("%+v", res)
	}
	if h.rcpt(m.ID, 1).Status != mail.StatusQueued || len(h.events(m.ID)) != 0 {
		t.Error("changed all the same")
	}
}

func TestMessageMeansThoseItIsFor(t *testing.T) {
	h := newHouse(t)
	m := h.put(mail.Inbound, "x@far.test", "a@acme.test queued", "b@acme.test delivered", "c@acme.test stalled")
	res := h.do(admin, lifecycle.Retry, m.ID.String())
	if res.Matched != 1 || res.Changed != 1 || res.Items[0].Recipient != "a@acme.test" {
		t.Errorf("whole message: %+v", res)
	}
	res = h.do(admin, lifecycle.Retry, rid(m, 2), rid(m, 1))
	if res.Matched != 2 || res.Changed != 1 || res.Items[0].Code != CodeRefused || !strings.Contains(res.Items[0].Error, "is delivered") {
		t.Errorf("named: %+v", res)
	}
	res = h.do(admin, lifecycle.Release, m.ID.String())
	if res.Changed != 0 || res.Matched != 3 || !strings.Contains(fmt.Sprint(res.Items), "forced or deleted") {
		t.Errorf("for none: %+v", res)
	}
	res = h.do(admin, lifecycle.Remove, m.ID.String()[:14], "01zz", rid(m, 7), "nonsense!")
	if res.Changed != 1 || len(res.Items) != 4 || res.Items[0].Code != CodeNotFound || res.Items[1].Code != CodeNotFound || res.Items[2].Code != CodeNotFound {
		t.Errorf("prefix and strangers: %+v", res)
	}
	if got, _ := h.st.Get(t.Context(), m.ID); !got.HasBody {
		t.Error("the body is gone while one recipient is stalled")
	}
}

func TestScopeHides(t *testing.T) {
	h := newHouse(t)
	m := h.put(mail.Inbound, "x@far.test", "a@acme.test queued", "b@beta.test queued")
	beta := scope.Domain("bea", "beta.test")
	res := h.do(beta, lifecycle.Remove, m.ID.String())
	if res.Matched != 1 || res.Changed != 1 || res.Items[0].Recipient != "b@beta.test" {
		t.Errorf("%+v", res)
	}
	if h.rcpt(m.ID, 1).Status != mail.StatusQueued {
		t.Error("another tenant's recipient was removed")
	}
	res = h.do(beta, lifecycle.Remove, rid(m, 1))
	if res.Changed != 0 || res.Items[0].Code != CodeNotFound || strings.Contains(res.Items[0].Error, "acme") {
		t.Errorf("%+v", res)
	}
	other := scope.Mailbox("eve", "eve@acme.test")
	for _, id := range []string{m.ID.String(), m.ID.String()[:10]} {
		if res := h.do(other, lifecycle.Retry, id); len(res.Items) != 1 || res.Items[0].Code != CodeNotFound {
			t.Errorf("%+v", res)
		}
	}
	r, err := h.Do(t.Context(), beta, lifecycle.Retry, Selection{All: true}, Args{})
	if err != nil || r.Matched != 0 {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := h.Do(t.Context(), Scope{}, lifecycle.Retry, Selection{All: true}, Args{}); err == nil {
		t.Error("the zero scope acts")
	}
}

func TestForceByLevel(t *testing.T) {
	h := newHouse(t)
	m := h.put(mail.Inbound, "x@far.test", "a@acme.test stalled")
	dom := scope.Domain("bea", "acme.test")
	if res := h.do(dom, lifecycle.Force, m.ID.String()); res.Changed != 0 || !strings.Contains(res.Items[0].Error, "needs an administrator") {
		t.Errorf("%+v", res)
	}
	if err := h.st.Update(t.Context(), m.ID, func(m *store.Message) ([]mail.Event, error) {
		m.Recipients[0].Tenant = "trusting"
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Do(t.Context(), dom, lifecycle.Force, Selection{IDs: []string{m.ID.String()}}, Args{}); !errors.Is(err, ErrConfirm) {
		t.Errorf("unconfirmed: %v", err)
	}
	if res := h.do(dom, lifecycle.Force, m.ID.String()); res.Changed != 1 {
		t.Errorf("%+v", res)
	}
}

func TestB131_filter_and_flush(t *testing.T) {
	h := newHouse(t)
	var ids []mail.ID
	for i := range 30 {
		m := h.put(mail.Inbound, "x@far.test", fmt.Sprintf("u%d@acme.test queued", i), fmt.Sprintf("v%d@acme.test queue-frozen", i))
		ids = append(ids, m.ID)
	}
	f, err := query.Parse("recipient:u1*@acme.test")
	if err != nil {
		t.Fatal(err)
	}
	r, err := h.Do(t.Context(), admin, lifecycle.Freeze, Selection{Filter: f}, Args{})
	if err != nil || r.Matched != 11 || r.Changed != 11 {
		t.Fatalf("%+v %v", r, err)
	}
	r, err = h.Do(t.Context(), admin, lifecycle.Flush, Selection{All: true}, Args{DryRun: true})
	if err != nil || r.Matched != 19 || h.wakes != 0 || h.rcpt(ids[0], 1).Next.Before(h.now.Add(time.Hour)) {
		t.Fatalf("dry run: %+v %v", r, err)
	}
	r, err = h.Do(t.Context(), admin, lifecycle.Flush, Selection{All: true}, Args{})
	if err != nil || r.Matched != 19 || r.Changed != 19 || h.wakes != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	seen := map[time.Time]bool{}
	for _, id := range ids {
		rc := h.rcpt(id, 1)
		if rc.Status != mail.StatusQueued {
			continue
		}
		if rc.Next.Before(h.now) || rc.Next.After(h.now.Add(15*time.Minute)) || seen[rc.Next] {
			t.Errorf("due %v", rc.Next.Sub(h.now))
		}
		seen[rc.Next] = true
	}
	if h.rcpt(ids[0], 2).Status != mail.StatusQueueFrozen {
		t.Error("flush thaws")
	}
	r, err = h.Do(t.Context(), admin, lifecycle.Flush, Selection{All: true}, Args{})
	if err != nil || r.Matched != 19 || r.Changed != 0 { // what is due soon stays as it is
		t.Errorf("%+v %v", r, err)
	}
}

// TestB131_flush_takes_what_is_due: our own back-off leaves mail due, and only an
// operator's retry gets past it. What is due sooner keeps its time.
func TestB131_flush_takes_what_is_due(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		name    string
		due     time.Duration // from now; 0 it has no time
		manual  bool
		want    time.Duration
		changed int
	}{
		{"long_due", -20 * time.Minute, false, -20 * time.Minute, 1},
		{"asked_for_already", -20 * time.Minute, true, -20 * time.Minute, 0},
		{"later", time.Hour, false, 0, 1},
		{"an_operators_later", time.Hour, true, 0, 1},
		{"without_a_time", 0, false, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.t = t
			m := h.put(mail.Outbound, "me@acme.test", "u@far.test queued")
			h.alter(m, func(m *store.Message) {
				r := &m.Recipients[0]
				r.Route, r.Manual, r.Next = "", c.manual, h.now.Add(c.due)
				if c.due == 0 {
					r.Next = time.Time{}
				}
			})
			res := h.do(admin, lifecycle.Flush, m.ID.String())
			r := h.rcpt(m.ID, 1)
			if res.Changed != c.changed || !r.Manual || !r.Next.Equal(h.now.Add(c.want)) {
				t.Errorf("%+v, due %v", res, r.Next.Sub(h.now))
			}
			if es := h.events(m.ID); len(es) != c.changed || c.changed > 0 && (es[0].Type != mail.EventRetry || !es[0].Next.Equal(r.Next) || r.Route != "mx") {
				t.Errorf("by %q, %+v", r.Route, es)
			}
		})
	}
	h.t = t
	// What is being tried is no failure of the flush.
	m := h.put(mail.Outbound, "me@acme.test", "u@far.test queued", "v@far.test queued")
	h.alter(m, func(m *store.Message) { m.Recipients[0].Next = h.now })
	claims, err := h.st.Claim(t.Context(), store.ClaimRequest{Now: h.now, Limit: 10, For: time.Minute})
	if err != nil || len(claims) == 0 {
		t.Fatalf("%+v %v", claims, err)
	}
	res := h.do(admin, lifecycle.Flush, m.ID.String())
	if res.Matched != 2 || res.Changed != 1 || res.Items[0].Code != "" || res.Items[0].Changed || !strings.Contains(res.Items[0].Note, "under way") || h.rcpt(m.ID, 1).Manual || !h.rcpt(m.ID, 2).Manual {
		t.Errorf("%+v", res)
	}
}

// TestB46_frozen_time_is_not_of_the_lifetime: what was frozen goes on where it
// stood, and is not returned at its next failure.
func TestB46_frozen_time_is_not_of_the_lifetime(t *testing.T) {
	h := newHouse(t)
	const days = 5 * 24 * time.Hour
	for _, verb := range []lifecycle.Verb{lifecycle.Thaw, lifecycle.Retry} {
		for _, c := range []struct {
			name        string
			fails       bool
			since, want time.Duration // its first failure, from when it is frozen, and from when it is thawed
		}{
			{"failed_before", true, -3 * time.Hour, -3 * time.Hour},
			{"by_a_clock_ahead", true, time.Hour, 0},
			{"never_failed", false, 0, 0},
		} {
			t.Run(string(verb)+"_"+c.name, func(t *testing.T) {
				h.t = t
				m := h.put(mail.Outbound, "me@acme.test", "u@far.test queued")
				if c.fails {
					h.alter(m, func(m *store.Message) { m.Recipients[0].FirstFailure = h.now.Add(c.since) })
				}
				h.do(admin, lifecycle.Freeze, m.ID.String())
				h.now = h.now.Add(days)
				h.do(admin, verb, m.ID.String())
				want := time.Time{}
				if c.fails {
					want = h.now.Add(c.want)
				}
				if r := h.rcpt(m.ID, 1); r.Status != mail.StatusQueued || !r.FirstFailure.Equal(want) {
					t.Errorf("%s since %v, want %v", r.Status, r.FirstFailure, want)
				}
			})
		}
	}
	h.t = t
	// Mail that was not frozen stays as old as it is.
	m := h.put(mail.Outbound, "me@acme.test", "u@far.test queued")
	h.alter(m, func(m *store.Message) { m.Recipients[0].FirstFailure = h.now })
	first := h.now
	h.now = h.now.Add(days)
	h.do(admin, lifecycle.Retry, m.ID.String())
	if r := h.rcpt(m.ID, 1); !r.FirstFailure.Equal(first) {
		t.Errorf("a retry made it younger: %v", r.FirstFailure)
	}
}

func TestLeasedIsLeftAlone(t *testing.T) {
	h := newHouse(t)
	m := h.put(mail.Inbound, "x@far.test", "a@acme.test queued", "b@acme.test queued", "c@acme.test queued")
	if err := h.st.Update(t.Context(), m.ID, func(m *store.Message) ([]mail.Event, error) {
		m.Recipients[0].Next = h.now
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	cl, err := h.st.Claim(t.Context(), store.ClaimRequest{Now: h.now, Limit: 10, For: time.Minute})
	if err != nil || len(cl) != 1 || len(cl[0].Lease.Recipients) != 1 {
		t.Fatalf("%+v %v", cl, err)
	}
	res := h.do(admin, lifecycle.Remove, m.ID.String())
	if res.Matched != 3 || res.Changed != 2 || res.Items[0].Code != CodeLeased || !strings.Contains(res.Items[0].Error, "attempt is under way") || res.Items[0].Recipient != "a@acme.test" {
		t.Errorf("%+v", res)
	}
	if h.rcpt(m.ID, 1).Status != mail.StatusQueued || h.rcpt(m.ID, 2).Status != mail.StatusQueueRemoved {
		t.Error("wrong recipients changed")
	}
}

func TestFailedMailIsQueuedAgain(t *testing.T) {
	h := newHouse(t)
	m := h.put(mail.Inbound, "x@far.test", "a@acme.test queued")
	if err := h.st.Update(t.Context(), m.ID, func(m *store.Message) ([]mail.Event, error) {
		r := &m.Recipients[0]
		r.Status, r.Failures, r.FirstFailure, r.DelayNoticed, r.Next = mail.StatusDeliveryFailed, 7, t0, true, time.Time{}
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	if res := h.do(admin, lifecycle.Retry, m.ID.String()); res.Changed != 1 {
		t.Fatalf("%+v", res)
	}
	r := h.rcpt(m.ID, 1)
	if r.Status != mail.StatusQueued || r.Failures != 0 || !r.FirstFailure.IsZero() || r.DelayNoticed || !r.Next.Equal(h.now) {
		t.Errorf("%+v", r)
	}
	claimed, err := h.st.Claim(t.Context(), store.ClaimRequest{Now: h.now, Limit: 1, For: time.Minute})
	if err != nil || len(claimed) != 1 {
		t.Errorf("the queue does not see it: %+v %v", claimed, err)
	}
}

func TestReleaseOfMailWithoutRoute(t *testing.T) {
	h := newHouse(t)
	m := h.put(mail.Inbound, "x@far.test", "a@acme.test quarantined")
	if err := h.st.Update(t.Context(), m.ID, func(m *store.Message) ([]mail.Event, error) {
		m.Recipients[0].Route, m.Recipients[0].NextHop, m.Recipients[0].Findings = "", "", nil
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	good := h.Route
	h.Route = func(*store.Message, *store.Recipient) error { return errors.New("tenant is gone") }
	if res := h.do(admin, lifecycle.Release, m.ID.String()); res.Changed != 0 || !strings.Contains(res.Items[0].Error, "tenant is gone") || h.rcpt(m.ID, 1).Status != mail.StatusQuarantined {
		t.Errorf("%+v", res)
	}
	h.Route = good
	if res := h.do(admin, lifecycle.Release, m.ID.String()); res.Changed != 1 {
		t.Fatalf("%+v", res)
	}
	if r := h.rcpt(m.ID, 1); r.Route != "mx" || !slices.Equal(r.Waivers[0].Classes, []string{"*"}) {
		t.Errorf("%+v", r)
	}
}

func TestSelectionHasToBeMeant(t *testing.T) {
	h := newHouse(t)
	m := h.put(mail.Inbound, "x@far.test", "a@acme.test queued")
	f := query.Where("tenant", query.Is, "acme")
	for name, sel := range map[string]Selection{"nothing": {}, "both": {IDs: []string{m.ID.String()}, Filter: f}, "both_all": {IDs: []string{m.ID.String()}, All: true}} {
		if _, err := h.Do(t.Context(), admin, lifecycle.Remove, sel, Args{}); !errors.Is(err, ErrSelection) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := h.Do(t.Context(), admin, lifecycle.Remove, Selection{Filter: query.Where("nope", query.Is, "x")}, Args{}); !errors.Is(err, query.ErrInvalid) {
		t.Error(err)
	}
	if _, err := h.Do(t.Context(), admin, lifecycle.LockUser, Selection{All: true}, Args{}); !errors.Is(err, lifecycle.ErrRefused) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Do(ctx, admin, lifecycle.Remove, Selection{All: true}, Args{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if h.rcpt(m.ID, 1).Status != mail.StatusQueued {
		t.Error("removed")
	}
}

func TestOpen(t *testing.T) {
	h := newHouse(t)
	m := h.put(mail.Inbound, "x@far.test", "a@acme.test quarantined", "b@beta.test quarantined")
	sc := scope.Mailbox("bea", "b@beta.test")
	got, b, err := h.Open(t.Context(), sc, lifecycle.DownloadHeld, m.ID.String())
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	if len(got.Recipients) != 1 || b.Size() != m.Size {
		t.Errorf("%+v", got)
	}
	if _, _, err := h.Open(t.Context(), sc, lifecycle.DownloadQueued, m.ID.String()); !errors.Is(err, lifecycle.ErrRefused) {
		t.Error(err)
	}
	if _, _, err := h.Open(t.Context(), sc, lifecycle.DownloadHeld, rid(m, 1)); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	sc.Role = lifecycle.RoleAuditor
	if _, _, err := h.Open(t.Context(), sc, lifecycle.View, m.ID.String()); !errors.Is(err, lifecycle.ErrRefused) {
		t.Error(err)
	}
}

func TestArgsFrom(t *testing.T) {
	a, err := ArgsFrom(map[string]string{"reason": "r", "confirmed": "yes"})
	if err != nil || a.Reason != "r" || !a.Confirmed {
		t.Error(a, err)
	}
	for _, bad := range []map[string]string{{"confirmed": "maybe"}, {"resaon": "x"}} {
		if _, err := ArgsFrom(bad); err == nil {
			t.Errorf("%v passes", bad)
		}
	}
}
