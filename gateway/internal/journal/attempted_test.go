package journal

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// deliveryLog records messages that were tried at times that are not in the order
// in which they came, and gives every line of their log.
func deliveryLog(t *testing.T, st store.Store, n int) (all []string) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, 9))
	for i := range n {
		received := t0.Add(-time.Duration(r.IntN(72*3600)) * time.Second)
		m := &store.Message{ID: mail.NewID(received), Direction: mail.Inbound, Received: received, Sender: addr(t, "x@far.test")}
		hosts := []string{"mx1.acme.test", "mx2.acme.test"}
		var as []mail.Attempt
		for k := range 2 {
			rc := store.Recipient{N: k + 1, Address: addr(t, fmt.Sprintf("u%d-%d@%s.test", i, k, []string{"acme", "beta"}[k])), Tenant: []string{"acme", "beta"}[k], Status: mail.StatusDelivered}
			tried := received
			for range 1 + r.IntN(3) {
				tried = tried.Add(time.Duration(1+r.IntN(5000)) * time.Second)
				if tried.After(t0) {
					break
				}
				reply := *mail.NewReply(451, "4.3.0", "later")
				if r.IntN(2) == 0 {
					reply = *mail.NewReply(550, "5.1.1", "no such user")
					rc.Status = mail.StatusBounced
				}
				as = append(as, mail.Attempt{Start: tried, Host: hosts[r.IntN(2)], Addr: "192.0.2.1:25", Took: 5, Recipients: []int{k + 1}, Outcome: []mail.RcptReply{{N: k + 1, Reply: reply, Remote: true}}})
				rc.Attempts++
				rc.Changed = tried.Add(time.Second)
			}
			if rc.Changed.IsZero() {
				rc.Changed = received
			}
			m.Recipients = append(m.Recipients, rc)
		}
		slices.SortFunc(as, func(a, b mail.Attempt) int { return a.Start.Compare(b.Start) })
		st.Record(m, as)
		for _, a := range as {
			o := a.Outcome[0]
			all = append(all, fmt.Sprintf("%s %s %s %d", a.Start.UTC().Format(time.RFC3339), m.Recipients[o.N-1].Address, a.Host, o.Reply.Code))
		}
	}
	if err := st.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	slices.Reverse(all)
	return all
}

func lines(ds []Delivery) (out []string) {
	for _, d := range ds {
		out = append(out, fmt.Sprintf("%s %s %s %d", d.Attempt.Start.UTC().Format(time.RFC3339), d.Result().Recipient, d.Attempt.Host, d.Result().Reply.Code))
	}
	return out
}

// pages reads the delivery log page by page.
func pages(t *testing.T, l *Log, sc scope.Scope, text string, limit int) (out []string) {
	t.Helper()
	f, err := query.ParseDeliveries(text)
	if err != nil {
		t.Fatal(err)
	}
	for cursor, n := "", 0; ; n++ {
		p, err := l.Attempted(t.Context(), sc, Query{Filter: f, Cursor: cursor, Limit: limit})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if !p.SearchedBackTo.IsZero() {
			t.Fatalf("%s: searched back to %v only", text, p.SearchedBackTo)
		}
		if out = append(out, lines(p.Rows)...); p.Next == "" {
			return out
		}
		if cursor = p.Next; n > 2000 || len(p.Rows) != limit {
			t.Fatalf("%s: page %d has %d rows", text, n, len(p.Rows))
		}
	}
}

// TestB138_attempts_in_their_own_order: the latest attempt first, whenever its
// message came; each once, on pages of any length; and what is asked of the
// attempt is answered by it, not by the recipient's last.
func TestB138_attempts_in_their_own_order(t *testing.T) {
	st := open(t)
	all := deliveryLog(t, st, 100)
	l := newLog(st)
	matching := func(keep func(string) bool) (out []string) {
		for _, s := range all {
			if keep(s) {
				out = append(out, s)
			}
		}
		return out
	}
	after := func(d time.Duration) func(string) bool {
		return func(s string) bool { return s[:20] >= t0.Add(-d).UTC().Format(time.RFC3339) }
	}
	has := func(part string) func(string) bool { return func(s string) bool { return strings.Contains(s, part) } }
	both := func(a, b func(string) bool) func(string) bool { return func(s string) bool { return a(s) && b(s) } }
	not := func(a func(string) bool) func(string) bool { return func(s string) bool { return !a(s) } }
	for _, c := range []struct {
		text string
		sc   scope.Scope
		want func(string) bool
	}{
		{"", admin, func(string) bool { return true }},
		{"attempt_time:>-6h", admin, after(6 * time.Hour)},
		{"attempt_time:>-30h attempt_time:<-6h", admin, both(after(30*time.Hour), not(after(6*time.Hour)))},
		{"attempt_host:mx1.acme.test", admin, has(" mx1.acme.test ")},
		{"attempt_code:550 attempt_host:mx2*", admin, both(has(" 550"), has(" mx2"))},
		{"-attempt_result:bounced", admin, has(" 451")},
		{"attempt_result:deferred or attempt_reply:user", admin, func(string) bool { return true }},
		{"attempt_code:<500 recipient:*@beta.test", admin, both(has(" 451"), has("@beta.test "))},
		{"attempt_time:>-20h", scope.Domain("bea@beta.test", "beta.test").Within("beta"), both(has("@beta.test "), after(20*time.Hour))},
		{"attempt_address:192.0.2.2:25", admin, func(string) bool { return false }},
	} {
		for _, limit := range []int{13, 1000} {
			if got, want := pages(t, l, c.sc, c.text, limit), matching(c.want); !slices.Equal(got, want) {
				t.Errorf("%q by %d: %d rows, want %d\n%s", c.text, limit, len(got), len(want), firstDifference(got, want))
			}
		}
	}
	if _, err := l.Find(t.Context(), admin, Query{Filter: query.Where("attempt_code", query.Is, "550")}); err == nil || !strings.Contains(err.Error(), "delivery log alone") {
		t.Errorf("a search of messages by attempts: %v", err)
	}
	if _, err := l.Attempted(t.Context(), admin, Query{Cursor: "abc~1.2.3"}); err == nil {
		t.Error("no cursor is taken for one")
	}
}

func firstDifference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("row %d: %q, want %q", i, got[i], want[i])
		}
	}
	return ""
}

// TestB138_waiting_mail: what waits was tried later than its status changed, and
// stands where it was tried; new attempts do not move what follows a page.
func TestB138_waiting_mail_stands_where_it_was_tried(t *testing.T) {
	st := open(t)
	deliveryLog(t, st, 20)
	l := newLog(st)
	before := pages(t, l, admin, "", 10)
	m := attempted(t, st) // two recipients that are queued, tried 150 minutes ago
	p, err := l.Attempted(t.Context(), admin, Query{Filter: query.Where("id", query.Is, m.ID.String())})
	if err != nil || len(p.Rows) != 2 || !p.Rows[0].Attempt.Start.Equal(t0.Add(-150*time.Minute)) {
		t.Fatalf("%v, %v", lines(p.Rows), err)
	}
	got := pages(t, l, admin, "", 3)
	if len(got) != len(before)+2 || !slices.IsSortedFunc(got, func(a, b string) int { return strings.Compare(b[:20], a[:20]) }) {
		t.Errorf("%d rows, before %d:\n%s", len(got), len(before), strings.Join(got, "\n"))
	}
}
