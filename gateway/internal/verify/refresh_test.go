package verify

import (
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

// settle waits for callouts that nobody waits for.
func (r *rig) settle() {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); r.c.Stats().Running > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatal("callouts do not end")
		}
	}
}

// TestB71_refresh_before_expiry: an address in use never expires while its
// destination answers, and nobody waits for that.
func TestB71_refresh_before_expiry(t *testing.T) {
	r := newRig(t, selective, nil)
	r.req.Refresh = 6 * time.Hour
	r.check("good@b.test", Known)
	r.now.add(89 * time.Hour)
	r.check("good@b.test", Known)
	r.settle()
	r.callouts(1) // not yet
	r.now.add(time.Hour)
	r.check("good@b.test", Known)
	r.settle()
	r.callouts(2)
	r.p.Shut()
	r.now.add(95 * time.Hour) // beyond the end of the first answer
	r.check("good@b.test", Known)
	r.settle()
	r.now.add(time.Hour)
	r.check("good@b.test", Unknown) // B72
	if s := r.c.Stats(); s.Refreshes["renewed"] != 1 || s.Refreshes["unanswered"] != 1 {
		t.Errorf("%+v", s.Refreshes)
	}
}

func TestB72_not_in_use_expires(t *testing.T) {
	r := newRig(t, selective, nil)
	r.req.Refresh = 6 * time.Hour
	r.check("good@b.test", Known)
	r.p.Shut()
	r.now.add(96 * time.Hour)
	r.check("good@b.test", Unknown)
}

// TestB71_refresh_without_answer changes nothing and is not repeated with every
// message.
func TestB71_refresh_without_answer(t *testing.T) {
	r := newRig(t, selective, nil)
	r.req.Refresh = 8 * time.Hour
	r.check("good@b.test", Known)
	r.p.Set(smtptest.Script{Rcpt: func(string) string { return "451 4.3.0 later" }})
	r.now.add(90 * time.Hour)
	for range 10 {
		r.check("good@b.test", Known)
		r.settle()
	}
	r.callouts(2)
	r.now.add(time.Hour)
	r.check("good@b.test", Known)
	r.settle()
	r.callouts(3)
	r.now.add(5 * time.Hour)
	r.check("good@b.test", Unknown) // the first answer was not prolonged
}

// TestB71_refresh_finds_the_mailbox_gone: the next message is refused, days
// before the yes would have ended.
func TestB71_refresh_finds_the_mailbox_gone(t *testing.T) {
	r := newRig(t, selective, nil)
	r.req.Refresh = 100 * time.Hour // half of ValidFor counts
	r.check("good@b.test", Known)
	r.p.Set(smtptest.Script{Rcpt: func(string) string { return "550 5.1.1 gone" }})
	r.now.add(47 * time.Hour)
	r.check("good@b.test", Known)
	r.settle()
	r.callouts(1)
	r.now.add(time.Hour)
	r.check("good@b.test", Known)
	r.settle()
	r.check("good@b.test", Invalid)
	if s := r.c.Stats(); s.Refreshes["withdrawn"] != 1 {
		t.Errorf("%+v", s.Refreshes)
	}
}

// TestB43_ask_asks_whatever_is_remembered and says what was said.
func TestB43_ask_asks_whatever_is_remembered(t *testing.T) {
	r := newRig(t, selective, nil)
	r.check("good@b.test", Known)
	q := r.req
	q.Address, q.IsLocal = address(t, "good@b.test"), func(string) bool { return true }
	rep := r.c.Ask(t.Context(), q)
	if rep.Answer != Known || rep.Reply.Code != 250 || rep.Stranger != nil || len(rep.Attempts) != 1 || rep.Until.Sub(rep.At) != maxValid {
		t.Errorf("%+v", rep)
	}
	q.Address = address(t, "bad@b.test")
	r.now.add(2 * time.Hour)
	if rep = r.c.Ask(t.Context(), q); rep.Answer != Invalid || rep.Stranger == nil || rep.Stranger.Code != 550 {
		t.Errorf("%+v", rep)
	}
	r.callouts(3)
	if rep, ok := r.c.Look(r.req); ok {
		t.Errorf("%+v", rep)
	}
}

func TestKnown_and_Clear(t *testing.T) {
	r := newRig(t, selective, nil)
	for _, a := range []string{"good@b.test", "bad@b.test", "worse@b.test"} {
		q := r.req
		q.Address = address(t, a)
		r.c.Check(t.Context(), q)
	}
	r.c.Delivered("acme", address(t, `"a@b.test"@c.test`))
	r.c.Delivered("other", address(t, "x@b.test"))
	list := func(q Query, want string, more bool) {
		t.Helper()
		q.Tenant = "acme"
		items, m, err := r.c.Known(q)
		if got := keys(items); got != want || m != more || err != nil {
			t.Errorf("%+v: %s (%v), want %s; %v", q, got, m, want, err)
		}
	}
	all := `"a@b.test"@c.test=valid @b.test=selective bad@b.test=invalid good@b.test=valid worse@b.test=invalid`
	list(Query{}, all, false)
	list(Query{Limit: 2}, `"a@b.test"@c.test=valid @b.test=selective`, true)
	list(Query{Limit: 2, After: "bad@b.test"}, "good@b.test=valid worse@b.test=invalid", false)
	list(Query{Domains: []string{"c.test"}}, `"a@b.test"@c.test=valid`, false)
	list(Query{Domains: []string{}}, "", false)
	list(Query{Kinds: []string{EntryInvalid}}, "bad@b.test=invalid worse@b.test=invalid", false)
	list(Query{Prefix: "g"}, "good@b.test=valid", false)
	r.now.add(2 * time.Hour) // what is believed no more is not listed
	list(Query{}, `"a@b.test"@c.test=valid good@b.test=valid`, false)
	list(Query{InvalidFor: 3 * time.Hour, Kinds: []string{EntryInvalid}}, "bad@b.test=invalid worse@b.test=invalid", false)
	if n, err := r.c.Clear(Query{Tenant: "acme", Address: "good@b.test"}); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if n, err := r.c.Clear(Query{Tenant: "acme"}); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if items, _, _ := r.c.Known(Query{Tenant: "other"}); len(items) != 1 {
		t.Errorf("%v", items)
	}
}
