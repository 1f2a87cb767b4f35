package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// name is a row in short: the local part of its first recipient's address is
// not needed, for IDs tell messages apart.
func name(r store.Row) string { return fmt.Sprintf("%s.%d", r.Message.ID, r.Recipient.N) }

// findAll turns all pages of a search.
func (f *fixture) findAll(q store.Query) (names []string) {
	f.Helper()
	for pages := 0; ; pages++ {
		found, err := f.s.Find(ctx, q)
		f.must(err)
		if len(found.Rows) > q.Limit {
			f.Fatalf("%d rows of at most %d", len(found.Rows), q.Limit)
		}
		for _, r := range found.Rows {
			names = append(names, name(r))
		}
		if q.Cursor = found.Next; q.Cursor == "" {
			return names
		}
		if pages > 1000 {
			f.Fatal("the search does not end")
		}
	}
}

// varied records messages that differ in what there is to sort and sum up by,
// some of one and the same time, and gives their rows, newest first.
func (f *fixture) varied(n int) (rows []store.Row) {
	f.Helper()
	for i := range n {
		a, b := final(1, mail.StatusDelivered), final(2, mail.StatusRejected)
		a.Score, a.Changed = float64(i%7), t0.Add(time.Duration(i%5)*time.Minute)
		b.Tenant, b.Class = "Beta", mail.Class{Main: "spam", Sub: "content"}
		if i%3 == 0 {
			b.Expires = t0.Add(time.Duration(i) * time.Hour)
			b.Tags = []string{"x", "y"}
		}
		m := message(a, b)
		m.ID = mail.NewID(t0.Add(time.Duration(i/4) * time.Second))
		m.Received = m.ID.Time()
		m.Size = int64(100 * (i % 10))
		f.s.Record(m, nil)
		for k := range m.Recipients {
			rows = append(rows, store.Row{Message: m, Recipient: &m.Recipients[k]})
		}
	}
	f.must(f.s.Sync(ctx))
	slices.SortFunc(rows, func(a, b store.Row) int {
		if c := slices.Compare(b.Message.ID[:], a.Message.ID[:]); c != 0 {
			return c
		}
		return a.Recipient.N - b.Recipient.N
	})
	return rows
}

// sortKey is what a row is sorted by, as text that sorts alike; the unknown is
// the least.
func sortKey(r store.Row, field string) string {
	if n, ok := r.Num(field); ok {
		return fmt.Sprintf("n%020.6f", n)
	}
	if t, ok := r.Time(field); ok {
		return fmt.Sprintf("t%020d", t.UnixNano())
	}
	if v := r.Text(field); len(v) > 0 {
		return "x" + query.Key(v[0])
	}
	return ""
}

func names(rows []store.Row) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = name(r)
	}
	return out
}

var findTests = []test{
	{"find_in_an_order", func(f *fixture) {
		rows := f.varied(40)
		for _, field := range []string{"", "received", "changed", "size", "score", "expires", "status", "tenant", "class"} {
			for _, up := range []bool{false, true} {
				want := slices.Clone(rows)
				by := field
				if by == "" {
					by = "received"
				}
				slices.SortStableFunc(want, func(a, b store.Row) int {
					c := strings.Compare(sortKey(a, by), sortKey(b, by))
					if !up {
						c = -c
					}
					return c
				})
				for _, limit := range []int{7, 1000} {
					got := f.findAll(store.Query{Order: store.Order{Field: field, Ascending: up}, Limit: limit})
					if !slices.Equal(got, names(want)) {
						f.Fatalf("by %q, ascending %v, pages of %d: %d rows\n%v\nwant %d\n%v", field, up, limit, len(got), got, len(want), names(want))
					}
				}
			}
		}
		for _, bad := range []store.Query{
			{Order: store.Order{Field: "text"}, Limit: 1}, {Order: store.Order{Field: "nope"}, Limit: 1},
			{Order: store.Order{Field: "size"}, Cursor: "nonsense", Limit: 1}, {Cursor: "nonsense", Limit: 1},
		} {
			if _, err := f.s.Find(ctx, bad); err == nil {
				f.Errorf("%+v passes", bad)
			}
		}
		page, err := f.s.Find(ctx, store.Query{Order: store.Order{Field: "size"}, Limit: 2})
		f.must(err)
		if _, err := f.s.Find(ctx, store.Query{Order: store.Order{Field: "score"}, Cursor: page.Next, Limit: 2}); err == nil {
			f.Error("the cursor of another order passes")
		}
	}},
	{"count_and_sum_up", func(f *fixture) {
		rows := f.varied(30)
		for _, text := range []string{"", "tenant:beta", "status:delivered score:>3", "tag:x", "tag:*x", "-tenant:beta", "status:queued", "after:2026-11-21T12:00:03Z before:2026-11-21T12:00:05Z"} {
			flt, err := query.Parse(text)
			f.must(err)
			match, err := query.Compile(flt, t0)
			f.must(err)
			want := 0
			sums, bars := map[string]int{}, map[int64]int{}
			for _, r := range rows {
				if !match.Match(r) {
					continue
				}
				want++
				bars[r.Message.ID.Time().Unix()]++
				vs := r.Text("tag")
				if len(vs) == 0 {
					vs = []string{""}
				}
				for _, v := range vs {
					sums[v]++
				}
			}
			n, exact, err := f.s.Count(ctx, flt)
			if err != nil || !exact || n != want {
				f.Errorf("%q: counted %d (exact %v), want %d: %v", text, n, exact, want, err)
			}
			facets, err := f.s.Facets(ctx, flt, "tag", 10)
			f.must(err)
			got := map[string]int{}
			last := 1 << 30
			for _, v := range facets.Values {
				if got[v.Value] = v.Count; v.Count > last {
					f.Errorf("%q: %v are not in order", text, facets.Values)
				}
				last = v.Count
			}
			if fmt.Sprint(got) != fmt.Sprint(sums) || !facets.Exact || facets.Others != 0 {
				f.Errorf("%q: %+v, want %v", text, facets, sums)
			}
			hist, exact, err := f.s.Histogram(ctx, flt, time.Second)
			f.must(err)
			total := 0
			for i, b := range hist {
				if total += b.Count; bars[b.At.Unix()] != b.Count || i > 0 && !hist[i-1].At.Before(b.At) {
					f.Errorf("%q: %v, want %v", text, hist, bars)
				}
			}
			if total != want || !exact {
				f.Errorf("%q: %d in all bars, want %d", text, total, want)
			}
		}
		top, err := f.s.Facets(ctx, query.Filter{}, "tenant", 1)
		f.must(err)
		if len(top.Values) != 1 || top.Values[0].Count != 30 || top.Others != 30 {
			f.Errorf("the first alone: %+v", top)
		}
		for _, bad := range []string{"nope", "text", "received"} {
			if _, err := f.s.Facets(ctx, query.Filter{}, bad, 1); err == nil {
				f.Errorf("summed up by %q", bad)
			}
		}
	}},
	{"find_sees_what_was_done_before", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a"), rcpt(2, "b")))
		find := func(text string) int {
			f.Helper()
			flt, err := query.Parse(text)
			f.must(err)
			return len(f.findAll(store.Query{Filter: flt, Limit: 10}))
		}
		for i := range 20 {
			tenant := fmt.Sprintf("moved%d", i)
			f.must(f.s.Update(ctx, m.ID, func(m *store.Message) ([]mail.Event, error) {
				m.Recipients[0].Tenant = tenant
				return nil, nil
			}))
			if n := find("tenant:" + tenant); n != 1 {
				f.Fatalf("change %d: %d rows", i, n)
			}
			if n := find("tenant:moved*"); n != 1 {
				f.Fatalf("change %d: %d rows under any name", i, n)
			}
		}
		gone := f.record(1, mail.StatusDelivered)[0]
		if n := find("id:" + gone.String()); n != 2 {
			f.Fatalf("%d rows of what was recorded", n)
		}
		f.must(f.s.Forget(ctx, gone))
		if n := find("id:" + gone.String()); n != 0 {
			f.Fatalf("%d rows of what was forgotten", n)
		}
		f.reopen()
		if n := find("tenant:moved19"); n != 1 {
			f.Fatalf("%d rows after a restart", n)
		}
	}},
	{"pages_hold_while_mail_flows", func(f *fixture) {
		f.varied(200)
		flt := query.Where("tenant", query.Is, "acme")
		before := f.findAll(store.Query{Filter: flt, Limit: 1000})
		// Newer mail, a few messages while each page is read: with no bound there
		// would be more of it than a slow machine can page through.
		turn := make(chan struct{}, 4)
		var wg sync.WaitGroup
		wg.Go(func() {
			i := 0
			for range turn {
				m := message(final(1, mail.StatusDelivered))
				m.ID = mail.NewID(t0.Add(time.Hour + time.Duration(i)*time.Millisecond))
				f.s.Record(m, nil)
				if err := f.s.Sync(ctx); err != nil {
					f.Error(err)
				}
				i++
			}
			if i == 0 {
				f.Error("no mail flowed")
			}
		})
		flow := func() {
			for range cap(turn) {
				select {
				case turn <- struct{}{}:
				default:
				}
			}
		}
		for range 3 {
			var got []string
			for cursor := ""; ; {
				flow()
				found, err := f.s.Find(ctx, store.Query{Filter: flt, Cursor: cursor, Limit: 9})
				if err != nil {
					f.Error(err)
					break
				}
				for _, r := range found.Rows {
					if r.Message.ID.Time().Before(t0.Add(time.Hour)) {
						got = append(got, name(r))
					}
				}
				if cursor = found.Next; cursor == "" {
					break
				}
			}
			if !slices.Equal(got, before) {
				f.Errorf("%d rows while mail flows, %d before, or in another order", len(got), len(before))
			}
		}
		close(turn)
		wg.Wait()
	}},
}
