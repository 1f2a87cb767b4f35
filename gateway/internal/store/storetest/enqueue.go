package storetest

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

var compare = cmp.Options{
	cmp.Comparer(func(a, b mail.Address) bool { return a.String() == b.String() }),
	cmpopts.EquateComparable(netip.AddrPort{}),
}

// full is a message with something in every corner.
func full() *store.Message {
	r := rcpt(1, "192.0.2.1:25")
	r.Original = address("before@dest.test")
	r.Class = mail.Class{Main: "spam", Sub: "bulk"}
	r.Score = 4.5
	r.Findings = []mail.Finding{{Filter: "baseline.lists", Plugin: "rules", Class: r.Class, Score: 4.5, Action: mail.ActionContinue}}
	r.Waivers = []mail.Waiver{{Classes: []string{"spam"}, By: "op", At: t0}}
	r.Edits = []mail.HeaderEdit{{Op: "add", Name: "X-Weir", Value: "1"}}
	r.Filters = []mail.FilterRun{{Filter: "baseline.lists", Plugin: "rules", Digest: "0123456789abcdef", Stages: []mail.StageRun{{Stage: "message", Micros: 1830, Outcome: "reject"}}}}
	r.Tags, r.Notes = []string{"bulk"}, map[string]string{"rules.k": "v"}
	r.Last = mail.NewReply(451, "4.3.0", "later")
	r.FirstFailure, r.Failures, r.Schedule, r.Expires = t0, 2, "standard", t0.Add(96*time.Hour)
	q := rcpt(2, "")
	q.Status, q.Reason = mail.StatusQuarantined, "spam"
	m := message(r, q)
	m.Params = mail.MailParams{Size: 100, Body: "8BITMIME"}
	m.Trace, m.Policy, m.Kind = "Received: x\r\n", "abc", "dsn"
	m.Parent = mail.NewID(t0)
	m.Summary = store.Summary{From: "a", To: "b", Subject: "ü", Attachments: []string{"x.zip"}}
	m.Client = mail.Client{Helo: "client.test", ESMTP: true}
	return m
}

var enqueueTests = []test{
	{"everything_survives_a_restart", func(f *fixture) {
		m := full()
		body := bodyOf(m.ID, 5000)
		d := f.draft(body)
		att := mail.Attempt{Recipients: []int{1}, Start: t0, Host: "mx.test", Transcript: "> EHLO\n"}
		_, err := f.s.Enqueue(ctx, &store.Admission{
			Message: m, Draft: d, Attempts: []mail.Attempt{att},
			Events: []mail.Event{event(m, mail.EventReception), event(m, mail.EventVerdict)},
		})
		f.must(err)
		d.Discard()
		for range 2 {
			got := f.get(m.ID)
			want := *m
			want.HasBody, want.Attempts, want.Rev = true, 1, got.Rev
			want.Size, want.SHA256 = got.Size, got.SHA256 // the store fills them in where they are empty
			if d := cmp.Diff(&want, got, compare); d != "" {
				f.Fatalf("message differs (-want +got):\n%s", d)
			}
			if got.Rev == 0 || got.Size != 5000 || len(got.SHA256) != 64 {
				f.Fatalf("revision %d, size %d, digest %q", got.Rev, got.Size, got.SHA256)
			}
			f.wantBody(m.ID, body)
			as, err := f.s.Attempts(ctx, m.ID)
			f.must(err)
			if len(as) != 1 || as[0].K != 1 || as[0].Message != m.ID || as[0].Transcript != att.Transcript {
				f.Fatalf("attempts: %+v", as)
			}
			if got := f.events(m.ID); !slices.Equal(got, []mail.EventType{mail.EventReception, mail.EventVerdict}) {
				f.Fatalf("events: %v", got)
			}
			f.reopen()
		}
	}},
	{"is_idempotent_on_the_id", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a")))
		again := message(rcpt(1, "b"), rcpt(2, "b"))
		again.ID = m.ID
		d := f.draft([]byte("another body"))
		defer d.Discard()
		l, err := f.s.Enqueue(ctx, &store.Admission{Message: again, Draft: d, LeaseFor: time.Minute, Events: []mail.Event{event(m, mail.EventReception)}})
		f.must(err)
		if l.Token != 0 {
			f.Fatal("a lease was given on a message that was there already")
		}
		got := f.get(m.ID)
		if len(got.Recipients) != 1 || got.Recipients[0].NextHop != "a" || got.Rev != 1 {
			f.Fatalf("the second call changed the message: %+v", got)
		}
		f.wantBody(m.ID, bodyOf(m.ID, 1000))
		if n := len(f.events(m.ID)); n != 1 {
			f.Fatalf("%d events", n)
		}
	}},
	{"is_idempotent_after_the_mail_is_done", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a")))
		c := f.claimOne(t0)
		o := outcome(c, mail.StatusDelivered)
		o.DropBody = true
		f.must(f.s.Settle(ctx, c.Lease, o))
		f.enqueue(m)
		f.wantStatus(m.ID, 1, mail.StatusDelivered)
		f.wantNoBody(m.ID)
		f.reopen()
		f.wantStatus(m.ID, 1, mail.StatusDelivered)
	}},
	{"without_draft_for_final_recipients", func(f *fixture) {
		r := rcpt(1, "")
		r.Status = mail.StatusRejected
		m := message(r)
		_, err := f.s.Enqueue(ctx, &store.Admission{Message: m})
		f.must(err)
		f.reopen()
		if got := f.get(m.ID); got.HasBody || got.Recipients[0].Status != mail.StatusRejected {
			f.Fatalf("%+v", got)
		}
		f.wantNoBody(m.ID)
	}},
	{"refuses_what_cannot_be_kept", func(f *fixture) {
		dup := message(rcpt(1, "a"), rcpt(1, "b"))
		none := message()
		zero := message(rcpt(1, "a"))
		zero.ID = mail.ID{}
		for name, m := range map[string]*store.Message{"twice the same N": dup, "no recipients": none, "no ID": zero} {
			d := f.draft([]byte("x"))
			if _, err := f.s.Enqueue(ctx, &store.Admission{Message: m, Draft: d}); err == nil {
				f.Errorf("%s: taken", name)
			}
			d.Discard()
		}
		if _, err := f.s.Enqueue(ctx, &store.Admission{Message: message(rcpt(1, "a"))}); err == nil {
			f.Error("live recipients without a body: taken")
		}
		if cs := f.claim(t0, 10); len(cs) != 0 {
			f.Errorf("%d pieces of work from refused messages", len(cs))
		}
	}},
	{"a_cancelled_context_takes_nothing", func(f *fixture) {
		c, cancel := context.WithCancel(ctx)
		cancel()
		m := message(rcpt(1, "a"))
		d := f.draft([]byte("x"))
		defer d.Discard()
		_, err := f.s.Enqueue(c, &store.Admission{Message: m, Draft: d})
		f.wantErr(err, context.Canceled)
		_, err = f.s.Get(ctx, m.ID)
		f.wantErr(err, store.ErrNotFound)
	}},
	{"lease_for_a_running_attempt", func(f *fixture) {
		held := rcpt(3, "")
		held.Status = mail.StatusStalled
		later := rcpt(2, "b")
		later.Next = t0.Add(time.Hour)
		m := message(rcpt(1, "a"), later, held)
		d := f.draft([]byte("x"))
		defer d.Discard()
		l, err := f.s.Enqueue(ctx, &store.Admission{Message: m, Draft: d, LeaseFor: time.Hour})
		f.must(err)
		if l.Token == 0 || l.Message != m.ID || !slices.Equal(l.Recipients, []int{1, 2}) || l.Until.IsZero() {
			f.Fatalf("lease: %+v", l)
		}
		if cs := f.claim(t0.Add(time.Minute), 10); len(cs) != 0 {
			f.Fatal("leased work was claimed")
		}
		r := m.Recipients[0]
		r.Status = mail.StatusDelivered
		f.must(f.s.Settle(ctx, l, store.Outcome{Recipients: []store.Recipient{r}}))
		// Recipient 2 was not in the outcome: due again at its Next.
		if cs := f.claim(t0.Add(time.Minute), 10); len(cs) != 0 {
			f.Fatal("claimed before it is due")
		}
		if c := f.claimOne(t0.Add(time.Hour)); !slices.Equal(c.Lease.Recipients, []int{2}) {
			f.Fatalf("claimed %v", c.Lease.Recipients)
		}
	}},
	{"no_lease_when_nothing_is_due", func(f *fixture) {
		r := rcpt(1, "")
		r.Status = mail.StatusQuarantined
		m := message(r)
		d := f.draft([]byte("x"))
		defer d.Discard()
		l, err := f.s.Enqueue(ctx, &store.Admission{Message: m, Draft: d, LeaseFor: time.Hour})
		f.must(err)
		if l.Token != 0 {
			f.Fatalf("lease: %+v", l)
		}
	}},
	{"wakes_whoever_waits", func(f *fixture) {
		drain(f.s)
		f.enqueue(message(rcpt(1, "a")))
		select {
		case <-f.s.Woken():
		case <-time.After(5 * time.Second):
			f.Fatal("nobody was woken")
		}
	}},
}

func drain(s store.Store) {
	for {
		select {
		case <-s.Woken():
		default:
			return
		}
	}
}
