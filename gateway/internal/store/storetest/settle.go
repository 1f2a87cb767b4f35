package storetest

import (
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

var settleTests = []test{
	{"writes_everything_in_one_go", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a"), rcpt(2, "b")))
		var c store.Claimed
		for _, x := range f.claim(t0, 10) {
			if slices.Equal(x.Lease.Recipients, []int{1}) {
				c = x
			}
		}
		o := outcome(c, mail.StatusQueued)
		o.Recipients[0].Next = t0.Add(15 * time.Minute)
		o.Recipients[0].Failures = 1
		o.Recipients[0].Last = mail.NewReply(451, "4.3.0", "later")
		o.Attempts = []mail.Attempt{{Host: "one"}, {Host: "two"}}
		o.Events = []mail.Event{event(m, mail.EventTransientFailure)}
		f.must(f.s.Settle(ctx, c.Lease, o))
		f.reopen()
		got := f.get(m.ID)
		r := find(got, 1)
		if r.Failures != 1 || !r.Next.Equal(t0.Add(15*time.Minute)) || r.Last.Code != 451 || got.Attempts != 2 || !got.HasBody {
			f.Fatalf("%+v", got)
		}
		if find(got, 2).Failures != 0 {
			f.Fatal("the other recipient was touched")
		}
		as, err := f.s.Attempts(ctx, m.ID)
		f.must(err)
		if len(as) != 2 || as[0].K != 1 || as[0].Host != "one" || as[1].K != 2 {
			f.Fatalf("attempts: %+v", as)
		}
		if e := f.events(m.ID); !slices.Equal(e, []mail.EventType{mail.EventReception, mail.EventTransientFailure}) {
			f.Fatalf("events: %v", e)
		}
	}},
	{"adds_recipients_and_part_edits", func(f *fixture) {
		m := message(rcpt(1, "a"), rcpt(4, "b"))
		m.Recipients[1].PartEdits = m.Stage([]mail.PartEdit{{Op: "append", Part: 1, Text: []byte("first\r\n"), Octets: 7}})
		f.enqueue(m)
		var c store.Claimed
		for _, x := range f.claim(t0, 10) {
			if slices.Equal(x.Lease.Recipients, []int{1}) {
				c = x
			}
		}
		edits := []mail.PartEdit{{Op: "remove", Part: 2, At: 77, Filter: "f"}}
		key := mail.PartEditsKey(edits)
		o := outcome(c, mail.StatusQueued)
		o.Recipients[0].PartEdits, o.Recipients[0].Next = key, t0.Add(time.Hour)
		o.PartEdits = map[string][]mail.PartEdit{key: edits}
		kept := rcpt(99, "a")
		kept.Status, kept.Reason, kept.Next = mail.StatusQuarantined, "the original", time.Time{}
		o.Added = []store.Recipient{kept}
		ev := event(m, mail.EventQuarantine)
		ev.N = -1
		o.Events, o.DropBody = []mail.Event{ev}, true
		f.must(f.s.Settle(ctx, c.Lease, o))
		f.reopen()
		got := f.get(m.ID)
		if len(got.Recipients) != 3 || got.Recipients[2].N != 5 || got.Recipients[2].Reason != "the original" || !got.HasBody {
			f.Fatalf("%+v", got.Recipients)
		}
		if es := got.Edits(find(got, 1)); len(es) != 1 || es[0].At != 77 {
			f.Fatalf("edits: %+v", got.PartEdits)
		}
		if es := got.Edits(find(got, 4)); len(es) != 1 || string(es[0].Text) != "first\r\n" {
			f.Fatalf("edits: %+v", got.PartEdits)
		}
		es, err := f.s.Events(ctx, m.ID)
		f.must(err)
		if e := es[len(es)-1]; e.N != 5 || e.Type != mail.EventQuarantine {
			f.Fatalf("%+v", e)
		}
		counts, err := f.s.Counts(ctx)
		f.must(err)
		if counts[mail.StatusQuarantined] != 1 {
			f.Fatalf("%v", counts)
		}
		// The content of edits goes with the body.
		f.must(f.s.Update(ctx, m.ID, func(m *store.Message) ([]mail.Event, error) {
			for i := range m.Recipients {
				m.Recipients[i].Status, m.Recipients[i].Next = mail.StatusQueueRemoved, time.Time{}
			}
			m.HasBody = false
			return nil, nil
		}))
		got = f.get(m.ID)
		if es := got.Edits(find(got, 4)); len(es) != 1 || es[0].Text != nil || es[0].Octets != 7 {
			f.Fatalf("edits without a body: %+v", es)
		}
	}},
	{"ends_the_lease", func(f *fixture) {
		f.enqueue(message(rcpt(1, "a")))
		c := f.claimOne(t0)
		o := outcome(c, mail.StatusQueued)
		o.Recipients[0].Next = t0.Add(time.Hour)
		f.must(f.s.Settle(ctx, c.Lease, o))
		f.wantErr(f.s.Settle(ctx, c.Lease, o), store.ErrLeaseLost)
		if cs := f.claim(t0.Add(time.Minute), 1); len(cs) != 0 {
			f.Fatal("claimed before it is due again")
		}
		f.claimOne(t0.Add(time.Hour))
	}},
	{"rev_grows", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a")))
		before := f.get(m.ID).Rev
		c := f.claimOne(t0)
		f.must(f.s.Settle(ctx, c.Lease, outcome(c, mail.StatusQueued)))
		if after := f.get(m.ID).Rev; after <= before {
			f.Fatalf("revision %d after %d", after, before)
		}
	}},
	{"refuses_recipients_outside_the_lease", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a"), rcpt(2, "b")))
		cs := f.claim(t0, 2)
		o := outcome(cs[0], mail.StatusDelivered)
		o.Recipients = append(o.Recipients, outcome(cs[1], mail.StatusDelivered).Recipients...)
		if err := f.s.Settle(ctx, cs[0].Lease, o); err == nil {
			f.Fatal("settled a recipient under another lease")
		}
		f.wantStatus(m.ID, 1, mail.StatusQueued)
		f.wantStatus(m.ID, 2, mail.StatusQueued)
	}},
	{"two_leases_of_one_message", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a"), rcpt(2, "b")))
		cs := f.claim(t0, 2)
		for _, c := range cs {
			o := outcome(c, mail.StatusDelivered)
			o.DropBody = true
			o.Attempts = []mail.Attempt{{Host: "x"}}
			f.must(f.s.Settle(ctx, c.Lease, o))
		}
		got := f.get(m.ID)
		if got.HasBody || got.Attempts != 2 {
			f.Fatalf("%+v", got)
		}
		f.wantNoBody(m.ID)
	}},
	{"body_stays_while_a_recipient_is_live", func(f *fixture) {
		q := rcpt(2, "")
		q.Status = mail.StatusQuarantined
		m := f.enqueue(message(rcpt(1, "a"), q))
		c := f.claimOne(t0)
		o := outcome(c, mail.StatusDelivered)
		o.DropBody = true
		f.must(f.s.Settle(ctx, c.Lease, o))
		f.wantBody(m.ID, bodyOf(m.ID, 1000))
		f.reopen()
		f.wantBody(m.ID, bodyOf(m.ID, 1000))
	}},
	{"body_stays_unless_dropped", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a")))
		c := f.claimOne(t0)
		f.must(f.s.Settle(ctx, c.Lease, outcome(c, mail.StatusBounced)))
		for range 2 {
			if !f.get(m.ID).HasBody {
				f.Fatal("HasBody is gone")
			}
			f.wantBody(m.ID, bodyOf(m.ID, 1000))
			f.reopen()
		}
	}},
	{"body_is_dropped_at_the_end", func(f *fixture) {
		for _, size := range []int{1000, 300 << 10} {
			m := message(rcpt(1, "a"))
			d := f.draft(bodyOf(m.ID, size))
			_, err := f.s.Enqueue(ctx, &store.Admission{Message: m, Draft: d})
			f.must(err)
			d.Discard()
			c := f.claimOne(t0)
			o := outcome(c, mail.StatusDelivered)
			o.DropBody = true
			f.must(f.s.Settle(ctx, c.Lease, o))
			for range 2 {
				f.wantNoBody(m.ID)
				if f.get(m.ID).HasBody {
					f.Fatal("HasBody says otherwise")
				}
				f.wantStatus(m.ID, 1, mail.StatusDelivered)
				f.reopen()
			}
		}
	}},
	{"spawns_with_the_same_commit", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a")))
		c := f.claimOne(t0)
		dsn := message(rcpt(1, "back"))
		dsn.Kind, dsn.Parent = "dsn", m.ID
		dsn.ID = mail.DeriveID(m.ID, t0, "dsn", "1")
		d := f.draft([]byte("bounce"))
		defer d.Discard()
		o := outcome(c, mail.StatusBounced)
		o.Spawn = []*store.Admission{{Message: dsn, Draft: d, Events: []mail.Event{event(dsn, mail.EventNotice)}}}
		f.must(f.s.Settle(ctx, c.Lease, o))
		f.reopen()
		f.wantStatus(m.ID, 1, mail.StatusBounced)
		f.wantBody(dsn.ID, []byte("bounce"))
		if got := f.get(dsn.ID); got.Parent != m.ID || got.Kind != "dsn" {
			f.Fatalf("%+v", got)
		}
		if got := f.claimOne(t0); got.Message.ID != dsn.ID {
			f.Fatal("the DSN is not due")
		}
	}},
	{"a_spawn_is_made_once", func(f *fixture) {
		dsn := f.enqueue(message(rcpt(1, "back")))
		m := f.enqueue(message(rcpt(1, "a")))
		for _, c := range f.claim(t0, 2) {
			if c.Message.ID != m.ID {
				continue
			}
			d := f.draft([]byte("again"))
			o := outcome(c, mail.StatusBounced)
			o.Spawn = []*store.Admission{{Message: dsn, Draft: d}, {Message: dsn, Draft: d}}
			f.must(f.s.Settle(ctx, c.Lease, o))
			d.Discard()
		}
		f.wantStatus(m.ID, 1, mail.StatusBounced)
		f.wantBody(dsn.ID, bodyOf(dsn.ID, 1000))
	}},
	{"a_lost_lease_spawns_nothing", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a")))
		first := f.claimOne(t0)
		f.claimOne(t0.Add(time.Hour))
		dsn := message(rcpt(1, "back"))
		d := f.draft([]byte("bounce"))
		defer d.Discard()
		o := outcome(first, mail.StatusBounced)
		o.Spawn = []*store.Admission{{Message: dsn, Draft: d}}
		f.wantErr(f.s.Settle(ctx, first.Lease, o), store.ErrLeaseLost)
		for range 2 {
			_, err := f.s.Get(ctx, dsn.ID)
			f.wantErr(err, store.ErrNotFound)
			f.wantNoBody(dsn.ID)
			f.wantStatus(m.ID, 1, mail.StatusQueued)
			f.reopen()
		}
	}},
	{"wakes_whoever_waits", func(f *fixture) {
		f.enqueue(message(rcpt(1, "a")))
		c := f.claimOne(t0)
		drain(f.s)
		f.must(f.s.Settle(ctx, c.Lease, outcome(c, mail.StatusQueued)))
		select {
		case <-f.s.Woken():
		case <-time.After(5 * time.Second):
			f.Fatal("nobody was woken")
		}
	}},
}
