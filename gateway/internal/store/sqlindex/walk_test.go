package sqlindex

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// fill makes an index of many messages at once.
func fill(t *testing.T, x *Index, ms []*store.Message) {
	t.Helper()
	if err := x.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	apply(t, x, 1, ms...)
	if err := x.Finish(t.Context(), State{"e1", 1}); err != nil {
		t.Fatal(err)
	}
}

// TestB138_the_last_tried_first_however_old: what was tried last comes first in the
// order of changes, though its message is older than all that a sort looks at;
// page by page, each row once, whether the time is over after each step or not.
func TestB138_the_last_tried_first_however_old(t *testing.T) {
	const n, bound = 13_000, 500
	r := rand.New(rand.NewPCG(3, 4))
	var ms []*store.Message
	for i := range n {
		at := now.Add(-time.Duration(n-i) * time.Second)
		m := &store.Message{ID: mail.NewID(at), Received: at, Direction: mail.Inbound, Sender: address(t, "ann@far.test")}
		rc := store.Recipient{N: 1, Address: address(t, "you@acme.test"), Tenant: []string{"acme", "beta"}[i%10/9], Status: mail.StatusRejected, Changed: at, Route: "r1"}
		if i < n-2*bound { // the newest were refused, all of them
			rc.Status, rc.Attempts, rc.Changed = mail.StatusDelivered, 1+i%2, at.Add(time.Duration(r.IntN(4*n))*time.Second/4)
			switch {
			case i%50 == 7:
				rc.Route = "rare"
			case i%1000 == 8:
				rc.Route, rc.Changed = "rare", time.Time{}
			case i%1000 == 9:
				rc.Route, rc.Changed = "rare", now // many of one time
			}
		}
		m.Recipients = []store.Recipient{rc}
		ms = append(ms, m)
	}
	since := now.Add(-30*time.Minute + 5*time.Millisecond).Format(time.RFC3339Nano)
	x := newIndex(t)
	fill(t, x, ms)
	for _, text := range []string{"attempts:>0", "attempts:>=1 tenant:acme", "attempts:>0 route:rare", "attempts:>0 route:rare tenant:acme before:-2h", "attempts:1 route:rare", "attempts:>0 route:rare changed:>" + since, "attempts:>0 changed:>" + since} {
		f, err := query.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		o := Sorting{Field: "changed", Rows: bound}
		if !o.walks(f) {
			t.Errorf("%s is not walked", text)
		}
		var want []SortedRow
		for _, k := range expected(t, ms, f) {
			i := slices.IndexFunc(ms, func(m *store.Message) bool { return m.ID == k.ID })
			want = append(want, SortedRow{k, ValueOf(store.Row{Message: ms[i], Recipient: &ms[i].Recipients[0]}, "changed")})
		}
		slices.SortFunc(want, o.Compare)
		for _, c := range []struct {
			limit  int
			budget time.Duration
		}{{2000, time.Hour}, {41, time.Hour}, {2000, -1}, {41, -1}} {
			if !strings.Contains(text, "rare") && c.limit == 41 {
				continue // 300 pages
			}
			var got []SortedRow
			o, over := o, 0
			for {
				p, err := x.Sort(t.Context(), Question{Filter: f, Now: now, Limit: c.limit, Budget: c.budget}, o)
				if err != nil || !p.Back.IsZero() {
					t.Fatalf("%s: back to %v, %v", text, p.Back, err)
				}
				got = append(got, p.Rows...)
				last := p.Next
				if last != nil {
					if over++; p.Reached.IsZero() || len(p.Rows) > 0 && time.Unix(0, p.Rows[len(p.Rows)-1].Value.Int).Before(p.Reached) {
						t.Fatalf("%s: reached %v", text, p.Reached)
					}
				} else if len(p.Rows) == c.limit {
					last = &p.Rows[len(p.Rows)-1]
				}
				if last == nil {
					break
				}
				o.After, o.AfterKey = last.Value, last.Key
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s (pages of %d, %v): %d rows, want %d", text, c.limit, c.budget, len(got), len(want))
			}
			if text == "attempts:>0 route:rare" && c.limit == 2000 && (over > 0) != (c.budget < 0) {
				t.Errorf("%s (pages of %d, %v): over %d times", text, c.limit, c.budget, over)
			}
		}
	}
	f, err := query.Parse("attempts:>0 changed:>" + since)
	if err != nil || changedSince(f) != now.Add(-30*time.Minute+5*time.Millisecond).UnixNano() || changedSince(query.Not(f)) > 0 {
		t.Errorf("since %s: %d, %v", since, changedSince(f), err)
	}
	for _, text := range []string{"", "attempts:0", "-attempts:>0", "attempts:>0 or tenant:acme", "attempts:<5", "attempts:>-1"} {
		if f, err := query.Parse(text); err == nil && tried(f) {
			t.Errorf("%q is of what was tried only", text)
		}
	}
	f = query.And(query.Where("attempts", query.After, "0"), query.Where("changed", query.After, now.Add(9*time.Hour).Format(time.RFC3339Nano)))
	p, err := x.Sort(t.Context(), Question{Filter: f, Now: now, Limit: 10, Budget: -1}, Sorting{Field: "changed", Rows: bound})
	if err != nil || len(p.Rows) > 0 || p.Next != nil {
		t.Errorf("what changes in future is looked for in the past: %+v, %v", p, err)
	}
	p, err = x.Sort(t.Context(), Question{Now: now, Limit: 10}, Sorting{Field: "changed", Rows: bound})
	if err != nil || p.Back.IsZero() {
		t.Errorf("another filter: back to %v, %v", p.Back, err)
	}
}
