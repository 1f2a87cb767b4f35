package journal

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// watched is a store between whose answers something happens.
type watched struct {
	store.Store
	finds  int
	before func(n int)              // the n-th search, from 0
	found  func(*store.Found) error // after each
	gets   func(mail.ID) error
}

func (w *watched) Find(ctx context.Context, q store.Query) (store.Found, error) {
	if w.before != nil {
		w.before(w.finds)
	}
	w.finds++
	found, err := w.Store.Find(ctx, q)
	if err == nil && w.found != nil {
		err = w.found(&found)
	}
	return found, err
}

func (w *watched) Get(ctx context.Context, id mail.ID) (*store.Message, error) {
	if w.gets != nil {
		if err := w.gets(id); err != nil {
			return nil, err
		}
	}
	return w.Store.Get(ctx, id)
}

// tryOf records a message that was tried once for each time, 451 at first and 550
// at the last.
func tryOf(t *testing.T, st store.Store, to string, starts ...time.Time) *store.Message {
	t.Helper()
	received := starts[0].Add(-time.Minute)
	m := &store.Message{ID: mail.NewID(received), Direction: mail.Inbound, Received: received, Sender: addr(t, "x@far.test")}
	rc := store.Recipient{N: 1, Address: addr(t, to), Tenant: "acme", Status: mail.StatusBounced, Attempts: len(starts), Changed: starts[len(starts)-1].Add(time.Second)}
	m.Recipients = []store.Recipient{rc}
	var as []mail.Attempt
	for i, start := range starts {
		reply := *mail.NewReply(451, "4.3.0", "later")
		if i == len(starts)-1 {
			reply = *mail.NewReply(550, "5.1.1", "no such user")
		}
		as = append(as, mail.Attempt{Start: start, Host: "mx.acme.test", Recipients: []int{1}, Outcome: []mail.RcptReply{{N: 1, Reply: reply, Remote: true}}})
	}
	st.Record(m, as)
	return m
}

func sync(t *testing.T, st store.Store) {
	t.Helper()
	if err := st.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestB138_what_moves_while_a_page_is_read: a recipient that changes after the
// parts of the log before it were read, and before its own is, loses no attempt
// that belongs on the page; and none is there twice.
func TestB138_what_moves_while_a_page_is_read(t *testing.T) {
	st := open(t)
	for i := range 500 {
		tryOf(t, st, fmt.Sprintf("u%d@acme.test", i), t0.Add(-time.Duration(i+1)*time.Minute))
	}
	top := tryOf(t, st, "top@acme.test", t0.Add(-13*time.Hour), t0.Add(-30*time.Second)) // on the page, and read first
	low := tryOf(t, st, "low@acme.test", t0.Add(-14*time.Hour), t0.Add(-12*time.Hour))   // on the page, and read last
	sync(t, st)
	now := t0
	move := func(m *store.Message) {
		now = now.Add(20 * time.Second)
		if err := st.Update(t.Context(), m.ID, func(m *store.Message) ([]mail.Event, error) {
			m.Recipients[0].Status, m.Recipients[0].Changed = mail.StatusDelivered, now
			return []mail.Event{{At: now, Type: mail.EventDelivery, Message: m.ID, N: 1}}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	w := &watched{Store: st, before: func(n int) {
		if n == 1 {
			move(top)
			move(low)
		}
	}}
	l := New(Options{Store: w, Clock: func() time.Time { return now }})
	f, err := query.ParseDeliveries("attempt_code:451") // few of those that are read
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.Attempted(t.Context(), admin, Query{Filter: f, Limit: 5})
	want := []string{"top@acme.test delivered", "low@acme.test delivered"}
	var got []string
	for _, d := range p.Rows {
		got = append(got, d.Result().Recipient+" "+string(d.Recipient.Status))
	}
	if err != nil || !slices.Equal(got, want) || !p.SearchedBackTo.IsZero() || w.finds < 4 {
		t.Errorf("%q, %v, %v, %d searches; want %q", got, p.SearchedBackTo, err, w.finds, want)
	}
}

// TestB138_what_was_not_looked_at_is_said: a store that looked at the newest
// messages alone may leave out attempts of any time; one whose time was over says
// up to which change it came.
func TestB138_what_was_not_looked_at_is_said(t *testing.T) {
	st := open(t)
	for i := range 10 {
		tryOf(t, st, fmt.Sprintf("u%d@acme.test", i), t0.Add(-time.Duration(i+1)*time.Minute))
	}
	sync(t, st)
	w := &watched{Store: st, found: func(f *store.Found) error { f.Back = t0.Add(-time.Hour); return nil }}
	l := New(Options{Store: w, Clock: func() time.Time { return t0 }})
	p, err := l.Attempted(t.Context(), admin, Query{Limit: 3})
	if err != nil || len(p.Rows) != 3 || !p.SearchedBackTo.Equal(t0) {
		t.Errorf("%d rows, %v, %v", len(p.Rows), p.SearchedBackTo, err)
	}
	reached := t0.Add(-2 * time.Hour)
	w.found = func(f *store.Found) error {
		f.Reached, f.Next = reached, "there is more"
		time.Sleep(30 * time.Millisecond)
		return nil
	}
	l = New(Options{Store: w, Clock: func() time.Time { return t0 }, Budget: 20 * time.Millisecond})
	p, err = l.Attempted(t.Context(), admin, Query{Limit: 30})
	if err != nil || p.SearchedBackTo.Before(reached) || p.SearchedBackTo.After(t0.Add(soon)) {
		t.Errorf("%d rows, %v, %v", len(p.Rows), p.SearchedBackTo, err)
	}
}

// TestB138_a_message_that_is_forgotten_meanwhile costs its own rows, not the page.
func TestB138_a_message_that_is_forgotten_meanwhile(t *testing.T) {
	st := open(t)
	gone := tryOf(t, st, "gone@acme.test", t0.Add(-time.Minute))
	tryOf(t, st, "here@acme.test", t0.Add(-time.Hour))
	sync(t, st)
	w := &watched{Store: st, gets: func(id mail.ID) error {
		if id == gone.ID {
			return fmt.Errorf("message %s: %w", id, store.ErrNotFound)
		}
		return nil
	}}
	l := New(Options{Store: w, Clock: func() time.Time { return t0 }})
	p, err := l.Attempted(t.Context(), scope.Domain("ann", "acme.test").Within("acme"), Query{})
	if err != nil || len(p.Rows) != 1 || !strings.HasPrefix(p.Rows[0].Result().Recipient, "here@") {
		t.Errorf("%v, %v", lines(p.Rows), err)
	}
}

// TestB138_time_is_looked_at_for_each_row: a page whose time is over says so before
// it has read all that it found.
func TestB138_time_is_looked_at_for_each_row(t *testing.T) {
	st := open(t)
	for i := range 40 {
		tryOf(t, st, fmt.Sprintf("u%d@acme.test", i), t0.Add(-time.Duration(i+1)*time.Minute))
	}
	sync(t, st)
	w := &watched{Store: st}
	gets := 0
	w.gets = func(mail.ID) error { gets++; time.Sleep(20 * time.Millisecond); return nil }
	l := New(Options{Store: w, Clock: func() time.Time { return t0 }, Budget: 150 * time.Millisecond})
	p, err := l.Attempted(t.Context(), scope.Domain("ann", "acme.test").Within("acme"), Query{})
	if err != nil || gets > 30 || p.SearchedBackTo.IsZero() {
		t.Fatalf("%d rows read, %v, %v", gets, p.SearchedBackTo, err)
	}
	for _, d := range p.Rows {
		if d.Attempt.Start.Before(p.SearchedBackTo.Add(-2 * time.Minute)) {
			t.Errorf("%v is before %v", d.Attempt.Start, p.SearchedBackTo)
		}
	}
}

// TestB138_waiting_mail_is_read_with_the_rest: what waits has its place by its last
// change as all else has, and is not searched for apart, on each page again.
func TestB138_waiting_mail_is_read_with_the_rest(t *testing.T) {
	st := open(t)
	m := attempted(t, st) // 150 minutes ago, and waits
	for i := range 300 {
		tryOf(t, st, fmt.Sprintf("u%d@acme.test", i), t0.Add(-time.Duration(i+1)*time.Minute))
	}
	sync(t, st)
	w := &watched{Store: st}
	l := New(Options{Store: w, Clock: func() time.Time { return t0 }})
	p, err := l.Attempted(t.Context(), admin, Query{Limit: 152})
	if err != nil || len(p.Rows) != 152 || w.finds != 1 {
		t.Fatalf("%d rows of %d searches, %v", len(p.Rows), w.finds, err)
	}
	if p.Rows[148].Message.ID == m.ID || !slices.ContainsFunc(p.Rows[149:], func(d Delivery) bool { return d.Message.ID == m.ID }) {
		t.Errorf("%s", strings.Join(lines(p.Rows[145:]), "\n"))
	}
	if n := strings.Count(strings.Join(lines(p.Rows), "\n"), " 452"); n != 2 {
		t.Errorf("%d attempts of what waits", n)
	}
}
