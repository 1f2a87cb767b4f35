package storetest

import (
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// noRoomFor has a claim leave every next hop alone for so long.
func noRoomFor(d time.Duration) func(nextHop string) store.Room {
	return func(string) store.Room { return store.Room{Wait: d} }
}

// fairTests are about who is served first when there is more than can be.
var fairTests = []test{
	{"a_tenants_flood_over_many_hops_does_not_hold_up_another", func(f *fixture) {
		for i := range 60 {
			f.enqueue(message(rcpt(1, "hop"+string(rune('A'+i)))))
		}
		beta := rcpt(1, "elsewhere")
		beta.Tenant, beta.Next = "beta", t0.Add(time.Second) // later than all of them
		f.enqueue(message(beta))
		got := map[string]int{}
		for range 2 {
			for _, c := range f.claim(t0.Add(time.Minute), 1) {
				got[c.Message.Recipients[0].Tenant]++
			}
		}
		if got["beta"] != 1 || got["acme"] != 1 {
			f.Fatalf("two claims went to %v", got)
		}
	}},
	{"new_mail_does_not_wait_for_a_backlog_of_retries", func(f *fixture) {
		for range 40 {
			r := rcpt(1, "a")
			r.FirstFailure, r.Failures = t0.Add(-time.Hour), 2
			f.enqueue(message(r))
		}
		r := rcpt(1, "a")
		r.Next = t0.Add(30 * time.Second) // the youngest of all
		fresh := f.enqueue(message(r))
		for i := range 4 {
			cs := f.claim(t0.Add(time.Minute), 1)
			if len(cs) == 1 && cs[0].Message.ID == fresh.ID {
				return
			}
			if i == 3 {
				f.Fatal("four claims, and none of what has never failed")
			}
		}
	}},
	{"retries_get_turns_beside_a_flood_of_new_mail", func(f *fixture) {
		for range 40 {
			f.enqueue(message(rcpt(1, "a")))
		}
		r := rcpt(1, "a")
		r.FirstFailure, r.Failures = t0.Add(-time.Hour), 2
		retry := f.enqueue(message(r))
		for i := range 8 {
			cs := f.claim(t0.Add(time.Minute), 1)
			if len(cs) == 1 && cs[0].Message.ID == retry.ID {
				return
			}
			if i == 7 {
				f.Fatal("eight claims, and none of what failed before")
			}
		}
	}},
	{"recipients_that_failed_and_new_ones_go_together", func(f *fixture) {
		old := rcpt(2, "a")
		old.FirstFailure, old.Failures = t0.Add(-time.Hour), 1
		f.enqueue(message(rcpt(1, "a"), old))
		if c := f.claimOne(t0); !slices.Equal(c.Lease.Recipients, []int{1, 2}) {
			f.Fatalf("claimed %v", c.Lease.Recipients)
		}
		if cs := f.claim(t0, 5); len(cs) != 0 {
			f.Fatalf("%d more claims", len(cs))
		}
	}},
	{"per_tenant_cap", func(f *fixture) {
		for _, hop := range []string{"a", "b", "c"} {
			f.enqueue(message(rcpt(1, hop)))
		}
		beta := rcpt(1, "a")
		beta.Tenant = "beta"
		f.enqueue(message(beta))
		req := store.ClaimRequest{Now: t0, Limit: 10, For: time.Minute, PerTenant: 2}
		cs, err := f.s.Claim(ctx, req)
		f.must(err)
		n := map[string]int{}
		for _, c := range cs {
			n[c.Message.Recipients[0].Tenant]++
		}
		if n["acme"] != 2 || n["beta"] != 1 {
			f.Fatalf("claims by tenant: %v", n)
		}
		for _, c := range cs {
			if c.Message.Recipients[0].Tenant == "acme" {
				f.must(f.s.Settle(ctx, c.Lease, outcome(c, mail.StatusDelivered)))
				break
			}
		}
		more, err := f.s.Claim(ctx, req)
		f.must(err)
		if len(more) != 1 {
			f.Fatalf("%d claims after one ended, want 1", len(more))
		}
	}},
	{"what_was_capped_or_skipped_comes_back", func(f *fixture) {
		for range 5 {
			f.enqueue(message(rcpt(1, "a")))
		}
		for i, c := range []struct {
			req  store.ClaimRequest
			want int
		}{
			{store.ClaimRequest{Now: t0, PerHop: 1}, 1},
			{store.ClaimRequest{Now: t0, PerHop: 1}, 0},                                                  // capped
			{store.ClaimRequest{Now: t0, Room: noRoomFor(time.Millisecond)}, 0},                          // skipped
			{store.ClaimRequest{Now: t0.Add(time.Second), PerHop: 2, Room: noRoomFor(0)}, 1},             // asked again
			{store.ClaimRequest{Now: t0.Add(2 * time.Second), PerHop: 3, Room: noRoomFor(time.Hour)}, 0}, // skipped for longer
			{store.ClaimRequest{Now: t0.Add(3 * time.Second), PerHop: 3, Room: noRoomFor(0)}, 0},         // not asked yet
			{store.ClaimRequest{Now: t0.Add(3 * time.Second), PerHop: 3, Room: noRoomFor(time.Hour), Again: true}, 0},
			{store.ClaimRequest{Now: t0.Add(3 * time.Second), PerHop: 3, Room: noRoomFor(0), Again: true}, 1}, // unless told to
			{store.ClaimRequest{Now: t0.Add(4 * time.Second), PerHop: 4, Room: noRoomFor(time.Hour)}, 0},
			{store.ClaimRequest{Now: t0.Add(30 * time.Second), PerHop: 4, Room: noRoomFor(0)}, 1}, // but in time
			{store.ClaimRequest{Now: t0.Add(30 * time.Second)}, 1},
		} {
			c.req.Limit, c.req.For = 10, time.Minute
			cs, err := f.s.Claim(ctx, c.req)
			f.must(err)
			if len(cs) != c.want {
				f.Fatalf("request %d: %d claims, want %d", i, len(cs), c.want)
			}
		}
		if cs := f.claim(t0.Add(31*time.Second), 10); len(cs) != 0 {
			f.Fatal("something was left")
		}
		n, err := f.s.Counts(ctx)
		f.must(err)
		if n[mail.StatusQueued] != 5 {
			f.Fatalf("%v", n)
		}
	}},
	{"what_is_left_alone_for_long_is_claimed_to_be_looked_at", func(f *fixture) {
		waits, manual := rcpt(1, "a"), rcpt(1, "b")
		waits.Next = t0
		f.enqueue(message(waits))
		f.enqueue(message(manual)) // at once; its ID is of t0
		for i, c := range []struct {
			req  store.ClaimRequest
			want int
		}{
			{store.ClaimRequest{Now: t0.Add(59 * time.Minute), Room: noRoomFor(time.Minute), Overdue: time.Hour}, 0},
			{store.ClaimRequest{Now: t0.Add(61 * time.Minute), Room: noRoomFor(time.Minute)}, 0},
			{store.ClaimRequest{Now: t0.Add(62 * time.Minute), Room: func(string) store.Room { return store.Room{Most: 1, Wait: time.Minute} }, Overdue: time.Hour}, 2},
		} {
			c.req.Limit, c.req.For = 10, time.Minute
			cs, err := f.s.Claim(ctx, c.req)
			f.must(err)
			if len(cs) != c.want {
				f.Fatalf("request %d: %d claims, want %d", i, len(cs), c.want)
			}
		}
	}},
	{"what_our_limits_put_off_is_due_again_when_they_may_be_others", func(f *fixture) {
		late := t0.Add(time.Hour)
		ours, theirs := rcpt(1, "a"), rcpt(1, "a")
		ours.Next, ours.Throttled = late, true
		theirs.Next, theirs.FirstFailure = late, t0
		f.enqueue(message(theirs))
		m := f.enqueue(message(ours))
		if cs := f.claim(t0, 10); len(cs) != 0 {
			f.Fatalf("%d claims before their time", len(cs))
		}
		cs, err := f.s.Claim(ctx, store.ClaimRequest{Now: t0, Limit: 10, For: time.Minute, Again: true})
		f.must(err)
		if len(cs) != 1 || cs[0].Message.ID != m.ID || !cs[0].Message.Recipients[0].Next.Equal(late) {
			f.Fatalf("%d claims, want the one that was put off", len(cs))
		}
		f.must(f.s.Settle(ctx, cs[0].Lease, outcome(cs[0], mail.StatusQueued)))
		if cs := f.claim(t0, 10); len(cs) != 0 {
			f.Fatalf("%d claims; its time is not kept", len(cs))
		}
	}},
	{"hops_that_share_a_destination_share_its_room", func(f *fixture) {
		for range 2 {
			for _, hop := range []string{"a", "b", "c", "d"} {
				f.enqueue(message(rcpt(1, hop)))
			}
		}
		room := func(hop string) store.Room {
			if hop == "d" {
				return store.Room{Most: 1}
			}
			return store.Room{Most: 2, Shared: "a,b,c"}
		}
		var running []store.Claimed
		claim := func(shared, alone int) {
			f.Helper()
			cs, err := f.s.Claim(ctx, store.ClaimRequest{Now: t0, Limit: 10, For: time.Minute, Room: room})
			f.must(err)
			running = append(running, cs...)
			n := hops(cs)
			if n["d"] != alone || len(cs)-n["d"] != shared {
				f.Fatalf("claims by hop: %v, want %d of those that share and %d of d", n, shared, alone)
			}
		}
		end := func(alone bool) {
			f.Helper()
			i := slices.IndexFunc(running, func(c store.Claimed) bool { return (c.Message.Recipients[0].NextHop == "d") == alone })
			c := running[i]
			running = slices.Delete(running, i, i+1)
			r := c.Message.Recipients[0]
			r.Status = mail.StatusDelivered
			f.must(f.s.Settle(ctx, c.Lease, store.Outcome{Recipients: []store.Recipient{r}}))
		}
		claim(2, 1)
		claim(0, 0)
		end(false)
		claim(1, 0)
		end(true)
		claim(0, 1)
		end(false)
		end(false)
		claim(2, 0)
		end(true)
		end(false)
		claim(1, 0)
		end(false)
		end(false)
		claim(0, 0)
	}},
	{"a_hop_that_may_have_more_gets_more", func(f *fixture) {
		for range 3 {
			f.enqueue(message(rcpt(1, "a")))
		}
		most := 1
		claim := func(at time.Duration, want int) {
			f.Helper()
			cs, err := f.s.Claim(ctx, store.ClaimRequest{Now: t0.Add(at), Limit: 10, For: time.Minute, Room: func(string) store.Room { return store.Room{Most: most} }})
			f.must(err)
			if len(cs) != want {
				f.Fatalf("%d claims after %v, want %d", len(cs), at, want)
			}
		}
		claim(0, 1)
		claim(time.Second, 0)
		most = 2 // and no lease ends
		due, err := f.s.NextDue(ctx)
		f.must(err)
		if due.After(t0.Add(10 * time.Second)) {
			f.Fatalf("nothing is looked at before %v", due)
		}
		claim(10*time.Second, 1)
		claim(11*time.Second, 0)
	}},
	{"tenants_share_a_hop_with_room_for_one", func(f *fixture) {
		for range 12 {
			f.enqueue(message(rcpt(1, "a")))
		}
		for range 3 {
			r := rcpt(1, "a")
			r.Tenant, r.Next = "beta", t0.Add(time.Second) // later than all of them
			f.enqueue(message(r))
		}
		got := ""
		for range 6 {
			cs, err := f.s.Claim(ctx, store.ClaimRequest{Now: t0.Add(2 * time.Second), Limit: 10, For: time.Minute, Room: func(string) store.Room { return store.Room{Most: 1} }})
			f.must(err)
			if len(cs) != 1 {
				f.Fatalf("%d claims", len(cs))
			}
			got += cs[0].Message.Recipients[0].Tenant[:1]
			f.must(f.s.Settle(ctx, cs[0].Lease, outcome(cs[0], mail.StatusDelivered)))
		}
		if got != "ababab" && got != "bababa" {
			f.Fatalf("served were %s", got)
		}
	}},
	{"retries_get_turns_one_claim_at_a_time", func(f *fixture) {
		for range 20 {
			f.enqueue(message(rcpt(1, "a")))
			r := rcpt(1, "b")
			r.FirstFailure, r.Failures = t0.Add(-time.Hour), 2
			f.enqueue(message(r))
		}
		retries := 0
		for range 12 {
			cs := f.claim(t0, 1)
			if len(cs) == 1 && cs[0].Message.Recipients[0].NextHop == "b" {
				retries++
			}
			f.claim(t0.Add(-time.Minute), 1) // finds nothing, which is no turn
		}
		if retries != 3 {
			f.Fatalf("%d of 12 turns were retries', want 3", retries)
		}
	}},
	{"a_lease_from_the_start_is_of_those_whose_attempt_runs", func(f *fixture) {
		m := message(rcpt(1, "a"), rcpt(2, "b"), rcpt(3, "a"))
		d := f.draft(bodyOf(m.ID, 100))
		defer d.Discard()
		l, err := f.s.Enqueue(ctx, &store.Admission{Message: m, Draft: d, LeaseFor: time.Minute, LeaseOnly: []int{1}})
		f.must(err)
		if !slices.Equal(l.Recipients, []int{1}) || l.Token == 0 {
			f.Fatalf("leased %+v", l)
		}
		var got []int
		for _, c := range f.claim(t0, 10) {
			got = append(got, c.Lease.Recipients...)
			f.must(f.s.Settle(ctx, c.Lease, outcome(c, mail.StatusDelivered)))
		}
		slices.Sort(got)
		if !slices.Equal(got, []int{2, 3}) {
			f.Fatalf("the queue got %v", got)
		}
		c := store.Claimed{Lease: l, Message: f.get(m.ID)}
		f.must(f.s.Settle(ctx, l, outcome(c, mail.StatusDelivered)))
		for n := 1; n <= 3; n++ {
			f.wantStatus(m.ID, n, mail.StatusDelivered)
		}
	}},
	{"how_far_a_recipient_has_come_survives", func(f *fixture) {
		r := rcpt(1, "far.test")
		r.Route, r.Throttled = "mx", true
		r.Secure = &mail.Secure{TLS: "dane", Otherwise: "hold", Rule: "c.hcl:1"}
		m := f.enqueue(message(r))
		f.reopen()
		got := find(f.get(m.ID), 1)
		if got.State() != mail.StateRouteSelected || !got.Throttled || got.Secure == nil || *got.Secure != *r.Secure {
			f.Fatalf("%+v", got)
		}
	}},
}
