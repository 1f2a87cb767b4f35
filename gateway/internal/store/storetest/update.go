package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// set is an update that gives recipient n a status.
func set(n int, st mail.Status) func(*store.Message) ([]mail.Event, error) {
	return func(m *store.Message) ([]mail.Event, error) {
		find(m, n).Status = st
		return []mail.Event{event(m, mail.EventFreeze)}, nil
	}
}

var updateTests = []test{
	{"changes_and_records", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a"), rcpt(2, "a")))
		before := f.get(m.ID).Rev
		f.must(f.s.Update(ctx, m.ID, set(1, mail.StatusQueueFrozen)))
		f.reopen()
		f.wantStatus(m.ID, 1, mail.StatusQueueFrozen)
		f.wantStatus(m.ID, 2, mail.StatusQueued)
		if f.get(m.ID).Rev <= before {
			f.Fatal("the revision did not grow")
		}
		if e := f.events(m.ID); !slices.Equal(e, []mail.EventType{mail.EventReception, mail.EventFreeze}) {
			f.Fatalf("events: %v", e)
		}
		if c := f.claimOne(t0); !slices.Equal(c.Lease.Recipients, []int{2}) {
			f.Fatalf("claimed %v", c.Lease.Recipients)
		}
	}},
	{"thaw_makes_due", func(f *fixture) {
		r := rcpt(1, "a")
		r.Status = mail.StatusQueueFrozen
		m := f.enqueue(message(r))
		drain(f.s)
		f.must(f.s.Update(ctx, m.ID, func(m *store.Message) ([]mail.Event, error) {
			m.Recipients[0].Status, m.Recipients[0].Next, m.Recipients[0].NextHop = mail.StatusQueued, t0, "elsewhere"
			return nil, nil
		}))
		select {
		case <-f.s.Woken():
		case <-time.After(5 * time.Second):
			f.Fatal("nobody was woken")
		}
		if c := f.claimOne(t0); c.Message.Recipients[0].NextHop != "elsewhere" {
			f.Fatal("the new next hop is not there")
		}
	}},
	{"message_fields_change_too", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a")))
		f.must(f.s.Update(ctx, m.ID, func(m *store.Message) ([]mail.Event, error) {
			m.Sender = address("other@sender.test")
			return nil, nil
		}))
		f.reopen()
		if got := f.get(m.ID).Sender.String(); got != "other@sender.test" {
			f.Fatal(got)
		}
	}},
	{"recipients_are_added_behind", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a"), rcpt(2, "a")))
		c := f.claimOne(t0) // those it leases are not touched
		add := func(n int) error {
			return f.s.Update(ctx, m.ID, func(m *store.Message) ([]mail.Event, error) {
				m.Recipients = append(m.Recipients, rcpt(n, "b"))
				return nil, nil
			})
		}
		if add(2) == nil {
			f.Fatal("a number was given twice")
		}
		f.must(add(3))
		f.must(f.s.Settle(ctx, c.Lease, outcome(c, mail.StatusDelivered)))
		f.reopen()
		f.wantStatus(m.ID, 2, mail.StatusDelivered)
		if c := f.claimOne(t0); !slices.Equal(c.Lease.Recipients, []int{3}) || find(c.Message, 3).NextHop != "b" {
			f.Fatalf("claimed %v", c.Lease.Recipients)
		}
		err := f.s.Update(ctx, m.ID, func(m *store.Message) ([]mail.Event, error) {
			m.Recipients = m.Recipients[:2]
			return nil, nil
		})
		if err == nil {
			f.Fatal("a recipient was removed")
		}
	}},
	{"an_error_ends_it_unchanged", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a")))
		oops := errors.New("oops")
		err := f.s.Update(ctx, m.ID, func(m *store.Message) ([]mail.Event, error) {
			m.Recipients[0].Status = mail.StatusQueueRemoved
			return []mail.Event{event(m, mail.EventRemove)}, oops
		})
		f.wantErr(err, oops)
		f.wantStatus(m.ID, 1, mail.StatusQueued)
		if len(f.events(m.ID)) != 1 {
			f.Fatal("an event was written")
		}
	}},
	{"not_found", func(f *fixture) {
		f.wantErr(f.s.Update(ctx, mail.NewID(t0), set(1, mail.StatusQueued)), store.ErrNotFound)
		_, err := f.s.Get(ctx, mail.NewID(t0))
		f.wantErr(err, store.ErrNotFound)
	}},
	{"a_leased_recipient_is_refused_others_are_not", func(f *fixture) {
		m := message(rcpt(1, "a"), rcpt(2, "b"))
		held := rcpt(3, "")
		held.Status = mail.StatusStalled
		m.Recipients = append(m.Recipients, held)
		d := f.draft([]byte("x"))
		defer d.Discard()
		l, err := f.s.Enqueue(ctx, &store.Admission{Message: m, Draft: d, LeaseFor: time.Hour})
		f.must(err)
		f.wantErr(f.s.Update(ctx, m.ID, set(1, mail.StatusQueueRemoved)), store.ErrLeased)
		f.wantStatus(m.ID, 1, mail.StatusQueued)
		f.must(f.s.Update(ctx, m.ID, set(3, mail.StatusQuarantineRemoved)))
		// The lease is as good as before, and what Update wrote stays.
		r := m.Recipients[0]
		r.Status = mail.StatusDelivered
		f.must(f.s.Settle(ctx, l, store.Outcome{Recipients: []store.Recipient{r}}))
		f.wantStatus(m.ID, 1, mail.StatusDelivered)
		f.wantStatus(m.ID, 3, mail.StatusQuarantineRemoved)
		f.must(f.s.Update(ctx, m.ID, set(2, mail.StatusQueueRemoved)))
	}},
	{"clearing_has_body_removes_the_body", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a")))
		f.must(f.s.Update(ctx, m.ID, func(m *store.Message) ([]mail.Event, error) {
			m.Recipients[0].Status, m.HasBody = mail.StatusQueueRemoved, false
			return nil, nil
		}))
		for range 2 {
			f.wantNoBody(m.ID)
			f.wantStatus(m.ID, 1, mail.StatusQueueRemoved)
			f.reopen()
		}
	}},
	{"a_live_message_keeps_its_body", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a")))
		if err := f.s.Update(ctx, m.ID, func(m *store.Message) ([]mail.Event, error) {
			m.HasBody = false
			return nil, nil
		}); err == nil {
			f.Fatal("the body of live mail was given up")
		}
		f.wantBody(m.ID, bodyOf(m.ID, 1000))
	}},
	{"a_final_recipient_can_be_queued_again_with_its_body", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a")))
		c := f.claimOne(t0)
		f.must(f.s.Settle(ctx, c.Lease, outcome(c, mail.StatusDeliveryFailed)))
		f.must(f.s.Update(ctx, m.ID, set(1, mail.StatusQueued)))
		f.claimOne(t0)
		f.reopen()
		f.claimOne(t0)
	}},
	{"the_copy_is_private", func(f *fixture) {
		m := f.enqueue(full())
		var kept *store.Message
		f.must(f.s.Update(ctx, m.ID, func(m *store.Message) ([]mail.Event, error) {
			kept = m
			return nil, nil
		}))
		kept.Recipients[0].Status = mail.StatusBounced
		kept.Recipients[0].Notes["rules.k"] = "changed"
		if got := f.get(m.ID).Recipients[0]; got.Status == mail.StatusBounced || got.Notes["rules.k"] != "v" {
			f.Fatal("writing to the copy changed the store")
		}
	}},
}

var forgetTests = []test{
	{"drops_record_attempts_and_events", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a")))
		other := f.enqueue(message(rcpt(1, "zzz")))
		for _, c := range f.claim(t0, 2) {
			if c.Message.ID != m.ID {
				continue
			}
			o := outcome(c, mail.StatusDelivered)
			o.DropBody, o.Attempts, o.Events = true, []mail.Attempt{{}}, []mail.Event{event(m, mail.EventDelivery)}
			f.must(f.s.Settle(ctx, c.Lease, o))
		}
		f.must(f.s.Forget(ctx, m.ID))
		for range 2 {
			_, err := f.s.Get(ctx, m.ID)
			f.wantErr(err, store.ErrNotFound)
			as, err := f.s.Attempts(ctx, m.ID)
			f.must(err)
			if len(as)+len(f.events(m.ID)) != 0 {
				f.Fatal("attempts or events are left")
			}
			f.wantStatus(other.ID, 1, mail.StatusQueued)
			f.reopen()
		}
	}},
	{"refuses_live_messages", func(f *fixture) {
		q := rcpt(2, "")
		q.Status = mail.StatusDelivered
		m := f.enqueue(message(rcpt(1, "a"), q))
		if err := f.s.Forget(ctx, m.ID); err == nil {
			f.Fatal("live mail was forgotten")
		}
		f.wantStatus(m.ID, 1, mail.StatusQueued)
		f.wantErr(f.s.Forget(ctx, mail.NewID(t0)), store.ErrNotFound)
	}},
	{"takes_a_kept_body_along", func(f *fixture) {
		for _, size := range []int{100, 200 << 10} {
			m := message(rcpt(1, "a"))
			d := f.draft(bodyOf(m.ID, size))
			_, err := f.s.Enqueue(ctx, &store.Admission{Message: m, Draft: d})
			f.must(err)
			d.Discard()
			c := f.claimOne(t0)
			f.must(f.s.Settle(ctx, c.Lease, outcome(c, mail.StatusBounced)))
			f.must(f.s.Forget(ctx, m.ID))
			for range 2 {
				_, err := f.s.Get(ctx, m.ID) // nor is it recovered from its body
				f.wantErr(err, store.ErrNotFound)
				f.wantNoBody(m.ID)
				f.reopen()
			}
		}
	}},
}
