package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

var all query.Filter

// final is a recipient with nothing left to do.
func final(n int, st mail.Status) store.Recipient {
	r := rcpt(n, "")
	r.Status = st
	return r
}

// record records final messages, each a second after the one before, and
// returns their IDs, oldest first.
func (f *fixture) record(n int, st mail.Status) []mail.ID {
	f.Helper()
	var ids []mail.ID
	for i := range n {
		m := message(final(1, st), final(2, mail.StatusRejected))
		m.ID = mail.NewID(t0.Add(time.Duration(i) * time.Second))
		f.s.Record(m, nil, event(m, mail.EventDelivery))
		ids = append(ids, m.ID)
	}
	f.must(f.s.Sync(ctx))
	return ids
}

var journalTests = []test{
	{"record_is_there_after_sync", func(f *fixture) {
		m := message(final(1, mail.StatusDelivered))
		f.s.Record(m, []mail.Attempt{{Host: "mx"}}, event(m, mail.EventReception), event(m, mail.EventDelivery))
		f.s.Record(nil, nil, mail.Event{At: t0, Type: mail.EventPolicy}, event(m, mail.EventNotice))
		f.must(f.s.Sync(ctx))
		for range 2 {
			f.wantStatus(m.ID, 1, mail.StatusDelivered)
			as, err := f.s.Attempts(ctx, m.ID)
			f.must(err)
			if len(as) != 1 || as[0].K != 1 {
				f.Fatalf("attempts: %+v", as)
			}
			if e := f.events(m.ID); !slices.Equal(e, []mail.EventType{mail.EventReception, mail.EventDelivery, mail.EventNotice}) {
				f.Fatalf("events: %v", e)
			}
			f.reopen()
		}
	}},
	{"record_survives_close", func(f *fixture) {
		m := message(final(1, mail.StatusDelivered))
		f.s.Record(m, nil)
		f.reopen()
		f.wantStatus(m.ID, 1, mail.StatusDelivered)
	}},
	{"record_never_replaces_live_mail", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a")))
		same := message(final(1, mail.StatusDelivered))
		same.ID = m.ID
		f.s.Record(same, nil, event(m, mail.EventDelivery))
		f.must(f.s.Sync(ctx))
		f.wantStatus(m.ID, 1, mail.StatusQueued)
		if e := f.events(m.ID); len(e) != 2 {
			f.Fatalf("events: %v", e)
		}
	}},
	{"record_refuses_live_recipients", func(f *fixture) {
		m := message(rcpt(1, "a"))
		f.s.Record(m, nil)
		f.must(f.s.Sync(ctx))
		_, err := f.s.Get(ctx, m.ID)
		f.wantErr(err, store.ErrNotFound)
	}},
	{"sequence_goes_on_after_a_restart", func(f *fixture) {
		m := message(final(1, mail.StatusDelivered))
		f.s.Record(m, nil, event(m, mail.EventReception))
		f.must(f.s.Sync(ctx))
		f.reopen()
		f.s.Record(nil, nil, event(m, mail.EventDelivery))
		f.must(f.s.Sync(ctx))
		if e := f.events(m.ID); !slices.Equal(e, []mail.EventType{mail.EventReception, mail.EventDelivery}) { // checks the numbers, too
			f.Fatalf("events: %v", e)
		}
	}},
	{"search_newest_first_with_cursor", func(f *fixture) {
		ids := f.record(5, mail.StatusDelivered)
		for _, limit := range []int{1, 2, 3, 100} {
			var got []string
			cursor := ""
			for pages := 0; ; pages++ {
				rows, next, err := f.s.Search(ctx, all, cursor, limit)
				f.must(err)
				if len(rows) > limit {
					f.Fatalf("%d rows of at most %d", len(rows), limit)
				}
				for _, r := range rows {
					got = append(got, r.Message.ID.String()+string(rune('0'+r.Recipient.N)))
					if find(r.Message, r.Recipient.N) == nil || len(r.Message.Recipients) != 2 {
						f.Fatal("the row's message is not whole")
					}
				}
				if next == "" {
					break
				}
				if cursor = next; pages > 20 {
					f.Fatal("the search does not end")
				}
			}
			var want []string
			for _, id := range slices.Backward(ids) {
				want = append(want, id.String()+"1", id.String()+"2")
			}
			if !slices.Equal(got, want) {
				f.Fatalf("limit %d: rows\n%v, want\n%v", limit, got, want)
			}
		}
	}},
	{"search_by_filter", func(f *fixture) {
		f.record(3, mail.StatusDelivered)
		q := f.enqueue(message(rcpt(1, "a")))
		held := final(1, mail.StatusStalled)
		held.Tenant = "beta"
		h := f.enqueue(message(held))
		for text, want := range map[string]int{
			"":                             8,
			"status:delivered":             3,
			"status:queued":                1,
			"status:queued,stalled":        2,
			"tenant:beta":                  1,
			"status:queued tenant:beta":    0,
			"recipient:r2@dest.test":       3,
			"subject:HELL":                 8,
			"subject:nothing":              0,
			"status:delivered attempts:>0": 0,
			"id:" + q.ID.String():          1,
			"id:" + h.ID.String()[:24]:     -1, // a prefix: at least this one
			"has_body:yes":                 2,
		} {
			flt, err := query.Parse(text)
			f.must(err)
			var rows []store.Row
			for cursor := ""; ; {
				page, next, err := f.s.Search(ctx, flt, cursor, 2)
				f.must(err)
				rows = append(rows, page...)
				if cursor = next; next == "" {
					break
				}
			}
			if want < 0 {
				if !slices.ContainsFunc(rows, func(r store.Row) bool { return r.Message.ID == h.ID }) {
					f.Errorf("%q: the message is not among %d rows", text, len(rows))
				}
				continue
			}
			if len(rows) != want {
				f.Errorf("%q: %d rows, want %d", text, len(rows), want)
			}
		}
	}},
	{"search_of_what_is_live_has_pages_too", func(f *fixture) {
		f.record(2, mail.StatusDelivered)
		var want []string
		for i := range 4 {
			two := rcpt(2, "b")
			two.Status = mail.StatusQueueFrozen
			m := message(rcpt(1, "a"), two, final(3, mail.StatusDelivered))
			m.ID = mail.NewID(t0.Add(time.Duration(i) * time.Hour))
			f.enqueue(m)
			want = append([]string{m.ID.String() + "1", m.ID.String() + "2"}, want...)
		}
		flt, err := query.Parse("status:queued,queue-frozen")
		f.must(err)
		for _, limit := range []int{1, 3, 100} {
			var got []string
			for cursor := ""; ; {
				rows, next, err := f.s.Search(ctx, flt, cursor, limit)
				f.must(err)
				for _, r := range rows {
					got = append(got, r.Message.ID.String()+string(rune('0'+r.Recipient.N)))
				}
				if cursor = next; next == "" {
					break
				}
			}
			if !slices.Equal(got, want) {
				f.Fatalf("limit %d: rows\n%v, want\n%v", limit, got, want)
			}
		}
		none, err := query.Parse("status:queued status:stalled")
		f.must(err)
		if rows, next, err := f.s.Search(ctx, none, "", 10); err != nil || len(rows) > 0 || next != "" {
			f.Fatalf("%d rows of what cannot be, %q, %v", len(rows), next, err)
		}
	}},
	{"each_gives_every_row_once", func(f *fixture) {
		f.record(3, mail.StatusDelivered)
		for range 600 { // more than are read at a time
			f.enqueue(message(rcpt(1, "a"), rcpt(2, "b")))
		}
		for _, c := range []struct {
			filter query.Filter
			want   int
		}{
			{query.Where("status", query.Is, "queued"), 1200},
			{query.And(query.Where("status", query.Is, "queued"), query.Where("next_hop", query.Is, "b")), 600},
			{query.Where("status", query.Is, "delivered"), 3},
			{query.Filter{}, 1206},
		} {
			seen := map[string]bool{}
			f.must(f.s.Each(ctx, c.filter, func(r store.Row) error {
				seen[fmt.Sprint(r.Message.ID, r.Recipient.N)] = true
				return nil
			}))
			if len(seen) != c.want {
				f.Fatalf("%v: %d rows, want %d", c.filter, len(seen), c.want)
			}
		}
		enough, n := errors.New("enough"), 0
		err := f.s.Each(ctx, query.Where("status", query.Is, "queued"), func(store.Row) error {
			if n++; n == 300 {
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) || n != 300 {
			f.Fatalf("%d rows, %v", n, err)
		}
		over, cancel := context.WithCancel(ctx)
		cancel()
		f.wantErr(f.s.Each(over, query.Where("status", query.Is, "queued"), func(store.Row) error { return nil }), context.Canceled)
	}},
	{"search_refuses_nonsense", func(f *fixture) {
		if _, _, err := f.s.Search(ctx, all, "nonsense", 1); err == nil {
			f.Error("took a cursor that is none")
		}
		_, _, err := f.s.Search(ctx, query.Where("nope", query.Is, "x"), "", 1)
		if !errors.Is(err, query.ErrInvalid) {
			f.Errorf("unknown field: %v", err)
		}
	}},
	{"search_within_a_budget", func(f *fixture) {
		f.record(3, mail.StatusDelivered)
		c, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
		defer cancel()
		var rows []store.Row
		cursor := ""
		for i := 0; i == 0 || cursor != ""; i++ {
			page, next, err := f.s.Search(c, all, cursor, 10)
			f.must(err)
			rows, cursor = append(rows, page...), next
			if i > 10 {
				f.Fatal("the search does not get on")
			}
		}
		if len(rows) != 6 {
			f.Fatalf("%d rows over all pages, want 6", len(rows))
		}
		stopped, stop := context.WithCancel(ctx)
		stop()
		_, _, err := f.s.Search(stopped, all, "", 10)
		f.wantErr(err, context.Canceled)
	}},
	{"resolve", func(f *fixture) {
		ids := f.record(2, mail.StatusDelivered)
		a, b := ids[0].String(), ids[1].String()
		for _, p := range []string{a, strings.ToUpper(a)} {
			id, err := f.s.Resolve(ctx, p)
			if err != nil || id != ids[0] {
				f.Errorf("%q: %v, %v", p, id, err)
			}
		}
		n := 0
		for a[n] == b[n] {
			n++
		}
		if id, err := f.s.Resolve(ctx, b[:n+1]); err != nil || id != ids[1] {
			f.Errorf("the shortest unique prefix: %v, %v", id, err)
		}
		alone := mail.NewID(t0.Add(-time.Hour)) // of which nothing but an event is recorded
		f.s.Record(nil, nil, mail.Event{Type: mail.EventVerdict, Message: alone})
		f.must(f.s.Sync(ctx))
		if es, err := f.s.Events(ctx, alone); err != nil || len(es) != 1 {
			f.Fatalf("%d events, %v", len(es), err)
		}
		if id, err := f.s.Resolve(ctx, alone.String()); !errors.Is(err, store.ErrNotFound) {
			f.Errorf("a message that is not there: %v, %v", id, err)
		}
		_, err := f.s.Resolve(ctx, a[:n])
		if err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), a) || !strings.Contains(err.Error(), b) {
			f.Errorf("an ambiguous prefix: %v", err)
		}
		for _, p := range []string{"", "7zzz", "u", "not an id", a + "0"} {
			if _, err := f.s.Resolve(ctx, p); !errors.Is(err, store.ErrNotFound) {
				f.Errorf("%q: %v", p, err)
			}
		}
	}},
}

var docTests = []test{
	{"compare_and_set", func(f *fixture) {
		d := store.Doc{Tenant: "acme", Kind: "list", Key: "a/b", JSON: []byte(`{"x":1}`)}
		_, err := f.s.GetDoc(ctx, d.Tenant, d.Kind, d.Key)
		f.wantErr(err, store.ErrNotFound)
		_, err = f.s.PutDoc(ctx, d, 7)
		f.wantErr(err, store.ErrConflict)
		r1, err := f.s.PutDoc(ctx, d, 0)
		f.must(err)
		_, err = f.s.PutDoc(ctx, d, 0)
		f.wantErr(err, store.ErrConflict)
		d.JSON = []byte(`{"x":2}`)
		r2, err := f.s.PutDoc(ctx, d, r1)
		f.must(err)
		_, err = f.s.PutDoc(ctx, d, r1)
		f.wantErr(err, store.ErrConflict)
		f.reopen()
		got, err := f.s.GetDoc(ctx, d.Tenant, d.Kind, d.Key)
		f.must(err)
		if string(got.JSON) != `{"x":2}` || got.Rev != r2 || got.Key != d.Key || r2 == r1 {
			f.Fatalf("%+v, revisions %d and %d", got, r1, r2)
		}
		f.wantErr(f.s.DeleteDoc(ctx, d.Tenant, d.Kind, d.Key, r1), store.ErrConflict)
		f.must(f.s.DeleteDoc(ctx, d.Tenant, d.Kind, d.Key, r2))
		f.wantErr(f.s.DeleteDoc(ctx, d.Tenant, d.Kind, d.Key, r2), store.ErrNotFound)
		r3, err := f.s.PutDoc(ctx, d, 0)
		f.must(err)
		if r3 == r1 || r3 == r2 {
			f.Fatal("a document made again has a revision it had before")
		}
	}},
	{"list_keeps_tenants_and_kinds_apart", func(f *fixture) {
		for _, k := range [][3]string{{"acme", "list", "b"}, {"acme", "list", "a2"}, {"acme", "list", "a1"}, {"acme", "lis", "ta"}, {"acm", "elist", "a"}, {"", "list", "a"}} {
			_, err := f.s.PutDoc(ctx, store.Doc{Tenant: k[0], Kind: k[1], Key: k[2], JSON: []byte("{}")}, 0)
			f.must(err)
		}
		for prefix, want := range map[string][]string{"": {"a1", "a2", "b"}, "a": {"a1", "a2"}, "c": nil} {
			ds, err := f.s.ListDocs(ctx, "acme", "list", prefix)
			f.must(err)
			var got []string
			for _, d := range ds {
				got = append(got, d.Key)
				if d.Tenant != "acme" || d.Kind != "list" || d.Rev == 0 || string(d.JSON) != "{}" {
					f.Errorf("%+v", d)
				}
			}
			if !slices.Equal(got, want) {
				f.Errorf("prefix %q: %v, want %v", prefix, got, want)
			}
		}
	}},
}
