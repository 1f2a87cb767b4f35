package storetest

import (
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

var claimTests = []test{
	{"only_what_is_due", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a")))
		if cs := f.claim(t0.Add(-time.Second), 10); len(cs) != 0 {
			f.Fatal("claimed before it was due")
		}
		c := f.claimOne(t0)
		if c.Message.ID != m.ID || !slices.Equal(c.Lease.Recipients, []int{1}) || c.Lease.Message != m.ID {
			f.Fatalf("claimed %+v", c.Lease)
		}
		if !c.Lease.Until.Equal(t0.Add(time.Minute)) {
			f.Fatalf("lease until %v", c.Lease.Until)
		}
		if cs := f.claim(t0, 10); len(cs) != 0 {
			f.Fatal("claimed twice")
		}
	}},
	{"held_frozen_and_final_are_never_due", func(f *fixture) {
		var rs []store.Recipient
		for i, st := range mail.Statuses() {
			r := rcpt(i+1, "a")
			r.Status = st
			rs = append(rs, r)
		}
		f.enqueue(message(rs...))
		c := f.claimOne(t0.Add(1000 * time.Hour))
		for _, n := range c.Lease.Recipients {
			if st := find(c.Message, n).Status; !st.Due() {
				f.Errorf("%s was claimed", st)
			}
		}
		if len(c.Lease.Recipients) != 2 {
			f.Errorf("claimed %v, want accepted and queued", c.Lease.Recipients)
		}
	}},
	{"one_claim_per_next_hop_and_tenant", func(f *fixture) {
		other := rcpt(4, "a")
		other.Tenant = "beta"
		m := f.enqueue(message(rcpt(1, "a"), rcpt(2, "b"), rcpt(3, "a"), other))
		got := map[string][]int{}
		for _, c := range f.claim(t0, 10) {
			r := find(c.Message, c.Lease.Recipients[0])
			got[r.NextHop+"/"+r.Tenant] = c.Lease.Recipients
			if c.Message.ID != m.ID {
				f.Fatal("another message")
			}
		}
		if len(got) != 3 || !slices.Equal(got["a/acme"], []int{1, 3}) || !slices.Equal(got["b/acme"], []int{2}) || !slices.Equal(got["a/beta"], []int{4}) {
			f.Fatalf("claims: %v", got)
		}
	}},
	{"unjudged_mail_is_due_without_next_hop", func(f *fixture) {
		r := rcpt(1, "a")
		r.Status, r.Unjudged = mail.StatusAccepted, true
		f.enqueue(message(r))
		var hops []string
		cs, err := f.s.Claim(ctx, store.ClaimRequest{Now: t0, Limit: 5, For: time.Minute, Room: func(hop string) store.Room {
			hops = append(hops, hop)
			return store.Room{}
		}})
		f.must(err)
		if len(cs) != 1 || !slices.Equal(hops, []string{""}) {
			f.Fatalf("%d claims, hops %q", len(cs), hops)
		}
	}},
	{"zero_next_is_due_at_once", func(f *fixture) {
		r := rcpt(1, "a")
		r.Next = time.Time{}
		f.enqueue(message(r))
		f.claimOne(t0)
	}},
	{"limit", func(f *fixture) {
		for range 5 {
			f.enqueue(message(rcpt(1, "a")))
		}
		if n := len(f.claim(t0, 3)); n != 3 {
			f.Fatalf("claimed %d", n)
		}
		if n := len(f.claim(t0, 3)); n != 2 {
			f.Fatalf("claimed %d", n)
		}
	}},
	{"longest_due_first_within_a_group", func(f *fixture) {
		var want []mail.ID
		for _, d := range []time.Duration{3, 1, 2} {
			r := rcpt(1, "a")
			r.Next = t0.Add(d * time.Second)
			want = append(want, f.enqueue(message(r)).ID)
		}
		want = []mail.ID{want[1], want[2], want[0]}
		for i := range 3 {
			cs := f.claim(t0.Add(time.Hour), 1)
			if len(cs) != 1 || cs[0].Message.ID != want[i] {
				f.Fatalf("claim %d is not the longest due", i)
			}
		}
	}},
	{"per_hop_cap", func(f *fixture) {
		for range 4 {
			f.enqueue(message(rcpt(1, "a")))
		}
		f.enqueue(message(rcpt(1, "b")))
		req := store.ClaimRequest{Now: t0, Limit: 10, For: time.Minute, PerHop: 2}
		cs, err := f.s.Claim(ctx, req)
		f.must(err)
		if n := hops(cs); n["a"] != 2 || n["b"] != 1 {
			f.Fatalf("claims by hop: %v", n)
		}
		more, err := f.s.Claim(ctx, req)
		f.must(err)
		if len(more) != 0 {
			f.Fatalf("%d claims over the cap", len(more))
		}
		for _, c := range cs {
			if c.Message.Recipients[0].NextHop == "a" {
				f.must(f.s.Settle(ctx, c.Lease, outcome(c, mail.StatusDelivered)))
				break
			}
		}
		more, err = f.s.Claim(ctx, req)
		f.must(err)
		if len(more) != 1 {
			f.Fatalf("%d claims after one ended, want 1", len(more))
		}
	}},
	{"skip", func(f *fixture) {
		f.enqueue(message(rcpt(1, "a")))
		f.enqueue(message(rcpt(1, "b")))
		cs, err := f.s.Claim(ctx, store.ClaimRequest{Now: t0, Limit: 10, For: time.Minute, Room: func(hop string) store.Room {
			if hop == "a" {
				return store.Room{Wait: time.Second}
			}
			return store.Room{}
		}})
		f.must(err)
		if n := hops(cs); len(cs) != 1 || n["b"] != 1 {
			f.Fatalf("claims by hop: %v", n)
		}
		f.claimOne(t0) // skipped, not lost
	}},
	{"room_for_a_few", func(f *fixture) {
		for range 5 {
			f.enqueue(message(rcpt(1, "a")))
			f.enqueue(message(rcpt(1, "b")))
		}
		manual := rcpt(1, "a")
		manual.Manual = true
		most := map[string]int{"a": 1, "b": 3}
		req := store.ClaimRequest{Now: t0, Limit: 20, For: time.Minute, PerHop: 4, Room: func(hop string) store.Room { return store.Room{Most: most[hop]} }}
		claim := func(a, b int) []store.Claimed {
			f.Helper()
			cs, err := f.s.Claim(ctx, req)
			f.must(err)
			if n := hops(cs); n["a"] != a || n["b"] != b {
				f.Fatalf("claims by hop: %v, want %d and %d", n, a, b)
			}
			return cs
		}
		first := claim(1, 3)
		claim(0, 0)
		most["a"], most["b"] = 3, 0 // it has grown; and it is not known: as many as PerHop
		for _, c := range first {
			f.must(f.s.Settle(ctx, c.Lease, outcome(c, mail.StatusDelivered)))
		}
		claim(3, 2)
		f.enqueue(message(manual))
		claim(1, 0) // what an operator wants is bound by PerHop alone
		f.enqueue(message(manual))
		claim(0, 0)
	}},
	{"a_flood_to_one_hop_does_not_hold_up_others", func(f *fixture) {
		for range 50 {
			f.enqueue(message(rcpt(1, "flooded")))
		}
		late := rcpt(1, "other")
		late.Next = t0.Add(time.Second)
		f.enqueue(message(late))
		beta := rcpt(1, "flooded")
		beta.Tenant, beta.Next = "beta", t0.Add(time.Second)
		f.enqueue(message(beta))
		n := map[string]int{}
		for range 3 {
			for _, c := range f.claim(t0.Add(time.Minute), 1) {
				r := c.Message.Recipients[0]
				n[r.NextHop+"/"+r.Tenant]++
			}
		}
		if n["other/acme"] != 1 || n["flooded/beta"] != 1 || n["flooded/acme"] != 1 {
			f.Fatalf("three claims went to %v", n)
		}
	}},
	{"tokens_grow_also_over_restarts", func(f *fixture) {
		f.enqueue(message(rcpt(1, "a")))
		last := uint64(0)
		for i := range 3 {
			c := f.claimOne(t0.Add(time.Duration(i) * time.Hour))
			if c.Lease.Token <= last {
				f.Fatalf("token %d after %d", c.Lease.Token, last)
			}
			last = c.Lease.Token
			f.reopen() // a restart ends all leases
		}
	}},
	{"an_expired_lease_is_claimable_and_fenced", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a")))
		first := f.claimOne(t0)
		if cs := f.claim(t0.Add(59*time.Second), 1); len(cs) != 0 {
			f.Fatal("claimed while leased")
		}
		second := f.claimOne(t0.Add(time.Minute))
		if second.Lease.Token <= first.Lease.Token {
			f.Fatal("token did not grow")
		}
		f.wantErr(f.s.Settle(ctx, first.Lease, outcome(first, mail.StatusDelivered)), store.ErrLeaseLost)
		_, err := f.s.Extend(ctx, first.Lease, t0.Add(time.Hour))
		f.wantErr(err, store.ErrLeaseLost)
		f.wantStatus(m.ID, 1, mail.StatusQueued)
		f.must(f.s.Settle(ctx, second.Lease, outcome(second, mail.StatusDelivered)))
		f.wantStatus(m.ID, 1, mail.StatusDelivered)
	}},
	{"an_expired_lease_that_nobody_took_still_settles", func(f *fixture) {
		m := f.enqueue(message(rcpt(1, "a")))
		c := f.claimOne(t0) // its lease ended years ago or hence, by any clock
		f.must(f.s.Settle(ctx, c.Lease, outcome(c, mail.StatusDelivered)))
		f.wantStatus(m.ID, 1, mail.StatusDelivered)
	}},
	{"extend", func(f *fixture) {
		f.enqueue(message(rcpt(1, "a")))
		c := f.claimOne(t0)
		l, err := f.s.Extend(ctx, c.Lease, t0.Add(time.Hour))
		f.must(err)
		if !l.Until.Equal(t0.Add(time.Hour)) || l.Token != c.Lease.Token {
			f.Fatalf("%+v", l)
		}
		if cs := f.claim(t0.Add(30*time.Minute), 1); len(cs) != 0 {
			f.Fatal("the lease was not extended")
		}
		f.must(f.s.Settle(ctx, c.Lease, outcome(c, mail.StatusDelivered))) // the token counts, not Until
	}},
	{"next_due", func(f *fixture) {
		due := func(want time.Time) {
			f.Helper()
			got, err := f.s.NextDue(ctx)
			f.must(err)
			if !got.Equal(want) {
				f.Fatalf("next due %v, want %v", got, want)
			}
		}
		due(time.Time{})
		late := rcpt(1, "b")
		late.Next = t0.Add(time.Hour)
		f.enqueue(message(late))
		due(late.Next)
		f.enqueue(message(rcpt(1, "a")))
		due(t0)
		c := f.claimOne(t0)
		due(t0.Add(time.Minute)) // the lease's end: what it holds is due then
		_, err := f.s.Extend(ctx, c.Lease, t0.Add(2*time.Hour))
		f.must(err)
		due(late.Next)
		f.must(f.s.Settle(ctx, c.Lease, outcome(c, mail.StatusDelivered)))
		due(late.Next)
		f.reopen()
		due(late.Next)
	}},
	{"counts_live_recipients", func(f *fixture) {
		q, s := rcpt(2, ""), rcpt(3, "")
		q.Status, s.Status = mail.StatusQuarantined, mail.StatusDelivered
		f.enqueue(message(rcpt(1, "a"), q, s))
		f.enqueue(message(rcpt(1, "a")))
		for range 2 {
			n, err := f.s.Counts(ctx)
			f.must(err)
			if len(n) != 2 || n[mail.StatusQueued] != 2 || n[mail.StatusQuarantined] != 1 {
				f.Fatalf("counts: %v", n)
			}
			f.reopen()
		}
		c := f.claim(t0, 1)[0]
		f.must(f.s.Settle(ctx, c.Lease, outcome(c, mail.StatusDelivered)))
		n, err := f.s.Counts(ctx)
		f.must(err)
		if n[mail.StatusQueued] != 1 {
			f.Fatalf("counts: %v", n)
		}
	}},
}

func hops(cs []store.Claimed) map[string]int {
	n := map[string]int{}
	for _, c := range cs {
		n[find(c.Message, c.Lease.Recipients[0]).NextHop]++
	}
	return n
}
