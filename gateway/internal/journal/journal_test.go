package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
)

var t0 = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

var admin = scope.Admin("root")

func open(t *testing.T) store.Store {
	t.Helper()
	st, err := badgerstore.Open(badgerstore.Options{
		Dir: t.TempDir(), Clock: func() time.Time { return t0 }, Logger: slog.New(slog.DiscardHandler), FreeWatermark: 1, BallastSize: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

func newLog(st store.Store) *Log {
	return New(Options{Store: st, Clock: func() time.Time { return t0 }, Phases: func(s string) []Phase {
		if s != "standard" {
			return nil
		}
		return []Phase{{2 * time.Hour, 15 * time.Minute, 1}, {16 * time.Hour, 15 * time.Minute, 1.5}, {96 * time.Hour, 6 * time.Hour, 1}}
	}})
}

func addr(t testing.TB, s string) mail.Address {
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

func put(t *testing.T, st store.Store, at time.Time, dir mail.Direction, sender string, rcpts ...string) *store.Message {
	t.Helper()
	m := &store.Message{ID: mail.NewID(at), Direction: dir, Received: at, Sender: addr(t, sender), HasBody: true,
		Client: mail.Client{Addr: netip.MustParseAddrPort("192.0.2.7:1")}, Summary: store.Summary{Subject: "hello"}}
	live := false
	for i, r := range rcpts {
		a, s, _ := strings.Cut(r, " ")
		rc := store.Recipient{N: i + 1, Address: addr(t, a), Tenant: strings.Split(strings.Split(a, "@")[1], ".")[0], Status: mail.Status(s), Changed: at}
		if rc.Status.Due() {
			rc.Next = at
		}
		live = live || rc.Status.Live()
		m.Recipients = append(m.Recipients, rc)
	}
	var events []mail.Event
	for _, r := range m.Recipients {
		events = append(events, mail.Event{At: at, Type: mail.EventReception, Message: m.ID, N: r.N, Recipient: r.Address.String(), Status: r.Status})
	}
	if !live {
		m.HasBody = false
		st.Record(m, nil, events...)
		if err := st.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		return m
	}
	d, err := st.NewDraft(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(d, "Subject: hello\r\n\r\nbody\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Enqueue(t.Context(), &store.Admission{Message: m, Draft: d, Events: events}); err != nil {
		t.Fatal(err)
	}
	return m
}

func addresses(rows []store.Row) string {
	var out []string
	for _, r := range rows {
		out = append(out, r.Recipient.Address.Local())
	}
	return strings.Join(out, " ")
}

func TestSearchPagesWithinScope(t *testing.T) {
	st := open(t)
	l := newLog(st)
	for i := range 7 {
		put(t, st, t0.Add(time.Duration(i-7)*time.Minute), mail.Inbound, "x@far.test", fmt.Sprintf("a%d@acme.test queued", i), fmt.Sprintf("b%d@beta.test delivered", i))
	}
	put(t, st, t0.Add(-time.Hour), mail.Outbound, "b9@beta.test", "y@far.test delivered")
	beta := scope.Domain("bea", "beta.test")
	f, err := query.Parse("after:-2h")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	cursor, pages := "", 0
	for {
		p, err := l.Page(t.Context(), beta, f, cursor, 3)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, r := range p.Rows {
			got = append(got, r.Recipient.Address.Local())
			if len(r.Message.Recipients) != 1 || &r.Message.Recipients[0] != r.Recipient {
				t.Errorf("the row shows %d recipients", len(r.Message.Recipients))
			}
		}
		if !p.SearchedBackTo.IsZero() {
			t.Error("cut short without need")
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if want := "b6 b5 b4 b3 b2 b1 b0 y"; strings.Join(got, " ") != want || pages < 3 {
		t.Errorf("%v in %d pages, want %s", got, pages, want)
	}
	p, err := l.Page(t.Context(), admin, query.Where("status", query.Is, "queued"), "", 0)
	if err != nil || addresses(p.Rows) != "a6 a5 a4 a3 a2 a1 a0" || len(p.Rows[0].Message.Recipients) != 2 {
		t.Errorf("%s %v", addresses(p.Rows), err)
	}
	for _, bad := range []string{"x", "~", "zz", "zz~nonsense", "1~"} {
		if _, err := l.Page(t.Context(), admin, query.Filter{}, bad, 1); err == nil {
			t.Errorf("cursor %q passes", bad)
		}
	}
	if _, err := l.Page(t.Context(), scope.Scope{}, query.Filter{}, "", 1); err == nil {
		t.Error("the zero scope searches")
	}
	if _, err := l.Page(t.Context(), admin, query.Where("nope", query.Is, ""), "", 1); !errors.Is(err, query.ErrInvalid) {
		t.Error(err)
	}
}

// slowStore cuts every search short after one row, as a deadline does.
type slowStore struct {
	store.Store
}

func (s slowStore) Find(ctx context.Context, q store.Query) (store.Found, error) {
	q.Limit = 1
	found, err := s.Store.Find(ctx, q)
	<-ctx.Done()
	return found, err
}

func TestTimeBudgetGivesPartOfAPage(t *testing.T) {
	st := open(t)
	for i := range 3 {
		put(t, st, t0.Add(time.Duration(i-3)*time.Hour), mail.Inbound, "x@far.test", fmt.Sprintf("a%d@acme.test delivered", i))
	}
	l := New(Options{Store: slowStore{st}, Clock: func() time.Time { return t0 }, Budget: 20 * time.Millisecond})
	p, err := l.Page(t.Context(), admin, query.Filter{}, "", 10)
	if err != nil || addresses(p.Rows) != "a2" || p.Next == "" || !p.SearchedBackTo.Equal(t0.Add(-time.Hour)) {
		t.Fatalf("%+v %v", p, err)
	}
	p, err = l.Page(t.Context(), admin, query.Filter{}, p.Next, 10)
	if err != nil || addresses(p.Rows) != "a1" || !p.SearchedBackTo.Equal(t0.Add(-2*time.Hour)) {
		t.Errorf("%+v %v", p, err)
	}
}

func TestCounts(t *testing.T) {
	st := open(t)
	l := newLog(st)
	put(t, st, t0, mail.Inbound, "x@far.test", "a@acme.test queued", "b@beta.test queued", "c@beta.test stalled", "d@beta.test delivered")
	for _, c := range []struct {
		sc   scope.Scope
		want map[mail.Status]int
	}{
		{admin, map[mail.Status]int{"queued": 2, "stalled": 1}},
		{scope.Domain("b", "beta.test"), map[mail.Status]int{"queued": 1, "stalled": 1}},
		{scope.Mailbox("c", "c@beta.test"), map[mail.Status]int{"stalled": 1}},
	} {
		got, err := l.Counts(t.Context(), c.sc)
		if err != nil {
			t.Fatal(err)
		}
		for s, n := range got {
			if n != c.want[s] {
				t.Errorf("%s: %v, want %v", c.sc.Level, got, c.want)
			}
		}
		for s := range c.want {
			if got[s] != c.want[s] {
				t.Errorf("%s: %v, want %v", c.sc.Level, got, c.want)
			}
		}
	}
}

// attempted gives a queued message one failed attempt for both recipients.
func attempted(t *testing.T, st store.Store) *store.Message {
	t.Helper()
	m := put(t, st, t0.Add(-3*time.Hour), mail.Inbound, "x@far.test", "a@acme.test queued", "b@beta.test queued")
	cl, err := st.Claim(t.Context(), store.ClaimRequest{Now: t0, Limit: 2, For: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cl {
		var o store.Outcome
		a := mail.Attempt{Start: t0.Add(-150 * time.Minute), Host: "mx.acme.test", Recipients: c.Lease.Recipients,
			Transcript: "> RCPT TO:<a@acme.test>\n< 250 ok\n> RCPT TO:<B@beta.test>\n< 450 4.2.1 <b@beta.test>: mailbox full\n"}
		for _, n := range c.Lease.Recipients {
			r := c.Message.Recipients[n-1]
			r.Failures, r.FirstFailure, r.Attempts, r.Next, r.Schedule = 3, t0.Add(-3*time.Hour), 1, t0.Add(40*time.Minute), "standard"
			r.Route, r.NextHop, r.Changed = "tenant:acme:in", "127.0.0.1:2526", a.Start.Add(time.Second) // as queue.Book does
			r.Last, r.LastHost = mail.NewReply(452, "4.2.2", "The account is over quota"), "mx.acme.test"
			r.Class, r.Rule, r.Score = mail.Class{Main: "spam"}, "policy.hcl:17", 3.5
			r.Findings = []mail.Finding{
				{Filter: "base.lists", Plugin: "rules", Class: mail.Class{Main: "list", Sub: "sender"}, Score: 3.5, Explanation: "The sender is on a list.", Recommended: mail.ActionReject, Action: mail.ActionContinue, Rule: "policy.hcl:12"},
				{Filter: "base.stall", Plugin: "stall", Class: mail.Class{Main: "unscannable"}, Part: "2 a.zip", Recommended: mail.ActionStall, Waived: "root"},
				{Filter: "base.new", Plugin: "new", Class: mail.Class{Main: "spam"}, Recommended: mail.ActionReject, Observed: true},
			}
			o.Recipients = append(o.Recipients, r)
			a.Outcome = append(a.Outcome, mail.RcptReply{N: n, Reply: *r.Last, Remote: true})
			o.Events = append(o.Events, mail.Event{At: t0, Type: mail.EventTransientFailure, Message: m.ID, N: n, Recipient: r.Address.String(), Status: r.Status})
		}
		o.Attempts = []mail.Attempt{a}
		if err := st.Settle(t.Context(), c.Lease, o); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestExplain(t *testing.T) {
	st := open(t)
	m := attempted(t, st)
	l := newLog(st)
	x, err := l.Explain(t.Context(), admin, m.ID.String()[:20])
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Recipients) != 2 || len(x.Attempts) == 0 || len(x.Events) != 4 {
		t.Fatalf("%d recipients, %d attempts, %d events", len(x.Recipients), len(x.Attempts), len(x.Events))
	}
	r := x.Recipients[0]
	for got, want := range map[string]string{
		r.Plain:               "the last attempt failed",
		r.Decision:            "Classified as spam, score 3.5, by the rule at policy.hcl:17.",
		r.Where:               "route tenant:acme:in to 127.0.0.1:2526",
		r.Next:                "in 40 min; attempts have failed 3 times since 2026-11-21 09:00:00 UTC, and schedule \"standard\" tries every 15 min from 0 s to 2 h",
		r.Findings[0].Plain:   "The sender is on a list; the plugin recommends reject, policy makes it continue (policy.hcl:12).",
		r.Findings[1].Plain:   "found unscannable (in 2 a.zip); waived by root.",
		r.Findings[2].Plain:   "only observed",
		r.Last.Key:            "mailbox-full",
		l.Advice(r.Recipient): "make room",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
	if !slices.Contains(r.Offered, lifecycle.Retry) || slices.Contains(r.Offered, lifecycle.Release) {
		t.Errorf("offered %v", r.Offered)
	}
	res := x.Attempts[0].Results[0]
	if res.Outcome != "deferred" || res.Meaning == nil || !res.Remote || res.Recipient == "" {
		t.Errorf("%+v", res)
	}
	one, err := l.Explain(t.Context(), admin, m.ID.String()+".2")
	if err != nil || len(one.Recipients) != 1 || one.Recipients[0].ID != m.ID.String()+".2" || len(one.Events) != 2 {
		t.Errorf("%+v %v", one, err)
	}
	if _, err := l.Explain(t.Context(), admin, "01zzzz"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

// TestOthersStayHidden: what one tenant reads of a message names no
// recipient of another.
func TestOthersStayHidden(t *testing.T) {
	st := open(t)
	m := attempted(t, st)
	l := newLog(st)
	acme := scope.Domain("anna", "acme.test")
	x, err := l.Explain(t.Context(), acme, m.ID.String())
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%+v %+v", x.Message.Recipients, x.Recipients)
	for _, a := range x.Attempts {
		all += a.Transcript + fmt.Sprintf("%+v", a)
	}
	for _, e := range x.Events {
		all += fmt.Sprintf("%+v", e)
	}
	as, err := l.Attempts(t.Context(), acme, m.ID)
	if err != nil {
		t.Fatal(err)
	}
	es, err := l.Events(t.Context(), acme, m.ID)
	if err != nil {
		t.Fatal(err)
	}
	all += fmt.Sprintf("%+v %+v", as, es)
	if strings.Contains(strings.ToLower(all), "b@beta.test") {
		t.Errorf("named in %s", all)
	}
	if !strings.Contains(all, "a@acme.test") || len(as) == 0 || len(es) != 2 {
		t.Errorf("too much is hidden: %d attempts, %d events", len(as), len(es))
	}
	for _, id := range []string{m.ID.String(), m.ID.String() + ".2", m.ID.String()[:12]} {
		if _, err := l.Show(t.Context(), scope.Domain("eve", "eve.test"), id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if _, err := l.Show(t.Context(), acme, m.ID.String()+".2"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	s, err := l.Show(t.Context(), acme, m.ID.String())
	if err != nil || len(s.Message.Recipients) != 1 || len(s.Offered) != 1 {
		t.Errorf("%+v %v", s, err)
	}
	if id, err := l.Resolve(t.Context(), acme, m.ID.String()[:12]); err != nil || id != m.ID {
		t.Error(id, err)
	}
}

func TestEveryStatusHasWords(t *testing.T) {
	for _, s := range mail.Statuses() {
		got := Status(&store.Message{}, &store.Recipient{Status: s, Reason: "so it is."}, t0)
		if strings.HasPrefix(got, "Status ") || !strings.HasSuffix(got, ".") || strings.Contains(got, "..") {
			t.Errorf("%s: %q", s, got)
		}
	}
	for _, c := range []struct {
		host, want string
		remote     bool
	}{
		{"mx.far.test", "mx.far.test refused it for good.", true}, {"", "the destination refused it for good.", true},
		{"local", "No host refused it", false}, {"mx.far.test", "No host refused it", false}, {"", "No host refused it", false}, // another tenant's policy, no channel (B30), null MX
	} {
		for _, s := range []mail.Status{mail.StatusDeliveryFailed, mail.StatusBounced} {
			if got := Status(&store.Message{}, &store.Recipient{Status: s, LastHost: c.host, LastRemote: c.remote}, t0); !strings.HasPrefix(got, c.want) {
				t.Errorf("%s at %q: %q", s, c.host, got)
			}
		}
	}
	stages := map[string]bool{}
	for _, r := range []store.Recipient{{}, {Route: "a"}, {Route: "a", NextHop: "b"}, {Route: "a", NextHop: "b", Failures: 1}, {Route: "a", Failures: 2, DelayNoticed: true}} {
		stages[Stage(&r)] = true
	}
	if len(stages) != 5 {
		t.Errorf("the stages B97 to B101 are not told apart: %v", stages)
	}
}

func TestNextWords(t *testing.T) {
	l := newLog(open(t))
	base := store.Recipient{Status: mail.StatusQueued, Next: t0.Add(time.Hour), Schedule: "standard", Failures: 9, FirstFailure: t0.Add(-10 * time.Hour)}
	cases := []struct {
		name   string
		change func(*store.Recipient)
		last   time.Time
		want   string
	}{
		{"middle_phase", func(*store.Recipient) {}, t0.Add(-4 * time.Hour), `then 1.5 times longer each time, from 2 h to 16 h`},
		{"last_phase", func(r *store.Recipient) { r.FirstFailure = t0.Add(-30 * time.Hour) }, t0.Add(-time.Hour), `every 6 h from 16 h to 4 d`},
		{"first_failure", func(r *store.Recipient) { r.Failures, r.FirstFailure = 1, t0 }, t0.Add(-time.Second), `one attempt has failed, at 2026-11-21 12:00:00 UTC, and schedule "standard" tries every 15 min from 0 s to 2 h`},
		{"manual", func(r *store.Recipient) { r.Manual = true }, t0, "an operator asked for it"},
		{"overdue", func(r *store.Recipient) { r.Next = t0 }, t0, "as soon as a worker is free"},
		{"fresh", func(r *store.Recipient) { r.Failures = 0 }, time.Time{}, "no attempt has failed yet"},
		{"unknown_schedule", func(r *store.Recipient) { r.Schedule = "gone" }, t0, `schedule "gone" sets the time`},
		{"final", func(r *store.Recipient) { r.Status = mail.StatusDelivered }, t0, ""},
	}
	for _, c := range cases {
		r := base
		c.change(&r)
		if got := l.next(&r, c.last, t0); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
