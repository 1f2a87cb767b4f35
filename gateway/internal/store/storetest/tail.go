package storetest

import (
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

func (f *fixture) tailer() store.Tailer {
	f.Helper()
	t, ok := f.s.(store.Tailer)
	if !ok {
		f.Fatal("the store's events cannot be followed: it is no store.Tailer")
	}
	return t
}

// after reads events in small steps and checks their order.
func (f *fixture) after(seq uint64, step int) []mail.Event {
	f.Helper()
	var all []mail.Event
	for {
		es, err := f.tailer().EventsAfter(ctx, seq, step)
		f.must(err)
		if len(es) == 0 {
			return all
		}
		if len(es) > step {
			f.Fatalf("%d events, at most %d were asked for", len(es), step)
		}
		for _, e := range es {
			if e.Seq <= seq {
				f.Fatalf("event %d after %d", e.Seq, seq)
			}
			seq = e.Seq
		}
		all = append(all, es...)
	}
}

// follow reads n events after seq as they are committed.
func follow(t store.Tailer, seq uint64, n int) (got []mail.Event, err error) {
	end := time.After(30 * time.Second)
	for len(got) < n {
		more := t.Committed()
		es, err := t.EventsAfter(ctx, seq, 7)
		if err != nil {
			return got, err
		}
		if len(es) > 0 {
			got = append(got, es...)
			seq = es[len(es)-1].Seq
			continue
		}
		select {
		case <-more:
		case <-end:
			return got, nil
		}
	}
	return got, nil
}

var tailTests = []test{
	{"events_come_in_order_and_whole", func(f *fixture) {
		if n := f.tailer().LastSeq(); n != 0 {
			f.Fatalf("an empty store's last event is %d", n)
		}
		ids := f.record(5, mail.StatusDelivered)
		es := f.after(0, 2)
		if len(es) != 5 {
			f.Fatalf("%d events, want 5", len(es))
		}
		for i, e := range es {
			if e.Seq != uint64(i+1) || e.Message != ids[i] || e.Type != mail.EventDelivery || e.Tenant != "acme" {
				f.Fatalf("event %d: %+v", i, e)
			}
		}
		if n := f.tailer().LastSeq(); n != 5 {
			f.Fatalf("the last event is %d, want 5", n)
		}
		if es := f.after(3, 10); len(es) != 2 || es[0].Seq != 4 {
			f.Fatalf("after 3: %+v", es)
		}
		if es := f.after(5, 10); len(es) != 0 {
			f.Fatalf("after the last: %+v", es)
		}
	}},
	{"numbers_go_on_after_a_restart", func(f *fixture) {
		f.record(3, mail.StatusDelivered)
		f.reopen()
		if n := f.tailer().LastSeq(); n != 3 {
			f.Fatalf("the last event is %d, want 3", n)
		}
		f.record(1, mail.StatusBounced)
		if es := f.after(2, 10); len(es) != 2 || es[1].Seq != 4 {
			f.Fatalf("after 2: %+v", es)
		}
	}},
	{"what_retention_took_leaves_gaps", func(f *fixture) {
		ids := f.record(3, mail.StatusDelivered)
		f.must(f.s.Forget(ctx, ids[1]))
		es := f.after(0, 10)
		if len(es) != 2 || es[0].Seq != 1 || es[1].Seq != 3 {
			f.Fatalf("events: %+v", es)
		}
		f.must(f.s.Forget(ctx, ids[2]))
		if es := f.after(1, 10); len(es) != 0 {
			f.Fatalf("events of forgotten messages: %+v", es)
		}
		if n := f.tailer().LastSeq(); n != 3 {
			f.Fatalf("the last event is %d, want 3", n)
		}
	}},
	{"a_commit_wakes_whoever_waits", func(f *fixture) {
		more := f.tailer().Committed()
		select {
		case <-more:
			f.Fatal("woken by nothing")
		default:
		}
		f.enqueue(message(rcpt(1, "a")))
		select {
		case <-more:
		case <-time.After(10 * time.Second):
			f.Fatal("not woken")
		}
	}},
	{"followers_lose_nothing_while_many_write", func(f *fixture) {
		const writers, each = 4, 50
		var wg sync.WaitGroup
		results := make([][]mail.Event, 3)
		errs := make([]error, 3)
		for i := range results {
			wg.Go(func() { results[i], errs[i] = follow(f.tailer(), 0, writers*each) })
		}
		for range writers {
			wg.Go(func() {
				for i := range each {
					m := message(final(1, mail.StatusDelivered))
					m.ID = mail.NewID(t0.Add(time.Duration(i) * time.Second))
					f.s.Record(m, nil, event(m, mail.EventDelivery))
				}
			})
		}
		wg.Wait()
		for i, got := range results {
			f.must(errs[i])
			if len(got) != writers*each {
				f.Fatalf("follower %d got %d events, want %d", i, len(got), writers*each)
			}
			for k, e := range got {
				if e.Seq != uint64(k+1) {
					f.Fatalf("follower %d: event %d has number %d", i, k, e.Seq)
				}
			}
		}
	}},
	{"close_wakes_for_the_last_time", func(f *fixture) {
		t := f.tailer()
		more := t.Committed()
		f.must(f.s.Close())
		for _, c := range []<-chan struct{}{more, t.Committed()} {
			select {
			case <-c:
			case <-time.After(10 * time.Second):
				f.Fatal("not woken by the end of the store")
			}
		}
		if _, err := t.EventsAfter(ctx, 0, 1); err != nil {
			f.wantErr(err, store.ErrUnavailable)
		}
		f.s = f.open(f.T, f.dir)
	}},
}
