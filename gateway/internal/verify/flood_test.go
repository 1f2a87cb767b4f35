package verify

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

// answering is a Prober that knows addresses which begin with "user".
type answering struct {
	probes  atomic.Int32
	running atomic.Int32
	most    atomic.Int32
	hold    chan struct{} // closed to let callouts end; nil they end at once
}

func (a *answering) Probe(ctx context.Context, _ deliver.Route, to ...mail.Address) deliver.Result {
	a.probes.Add(1)
	n := a.running.Add(1)
	defer a.running.Add(-1)
	for {
		m := a.most.Load()
		if n <= m || a.most.CompareAndSwap(m, n) {
			break
		}
	}
	if a.hold != nil {
		select {
		case <-a.hold:
		case <-ctx.Done():
		}
	}
	var res deliver.Result
	for _, x := range to {
		r := deliver.RcptResult{Outcome: deliver.Failed, Remote: true, Reply: *mail.NewReply(550, "5.1.1", "no such user")}
		if strings.HasPrefix(x.Local(), "user") {
			r.Outcome, r.Reply = deliver.Delivered, *mail.NewReply(250, "2.1.5", "ok")
		}
		res.Rcpts = append(res.Rcpts, r)
	}
	return res
}

// TestB69_dictionary_attack_is_no_flood: ten thousand made-up addresses in a
// second become a bounded number of callouts, by many clients too; known and
// new users of the domain go on as before, other tenants notice nothing.
func TestB69_dictionary_attack_is_no_flood(t *testing.T) {
	a := &answering{}
	r := newRig(t, selective, func(o *Options) { o.Prober, o.StrangerBurst, o.ClientBurst = a, 30, 10 })
	r.check("user0@b.test", Known)
	a.probes.Store(0)
	r.req.Client = "192.0.2.1"
	var unknown int
	for i := range 5000 {
		q := r.req
		q.Address = address(t, fmt.Sprintf("word%d@b.test", i))
		if got, _ := r.c.Check(t.Context(), q); got == Unknown {
			unknown++
		}
	}
	if n := a.probes.Load(); n != 10 || unknown != 4990 {
		t.Errorf("one client: %d callouts, %d unknown", n, unknown)
	}
	for i := range 5000 {
		q := r.req
		q.Address, q.Client = address(t, fmt.Sprintf("name%d@b.test", i)), fmt.Sprintf("192.0.2.%d", 2+i%200)
		r.c.Check(t.Context(), q)
	}
	if n := a.probes.Load(); n != 30 {
		t.Errorf("many clients: %d callouts", n)
	}
	r.check("word1@b.test", Invalid) // what was learnt still answers
	r.req.Client = ""
	r.check("user0@b.test", Known)
	r.req.Tenant = "other"
	r.check("user0@b.test", Known)
	r.req.Tenant = "acme"
	r.check("user1@b.test", Unknown) // nobody new for now (B69): its server comes again
	r.now.add(time.Second)
	for i := range 50 { // and then users cost nothing of what strangers used up
		r.check(fmt.Sprintf("user%d@b.test", 1+i), Known)
	}
	s := r.c.Stats()
	if s.Limited["client"] != 4990 || s.Limited["strangers"] == 0 || s.Callouts["known"] != 52 || s.Answers["cache"]["invalid"] != 1 {
		t.Errorf("%+v", s)
	}
}

// TestB65_callouts_at_a_time: one destination that hangs holds few connections,
// and few of its tenant's turns.
func TestB65_callouts_at_a_time(t *testing.T) {
	a := &answering{hold: make(chan struct{})}
	r := newRig(t, selective, func(o *Options) {
		o.Prober, o.HopConcurrency, o.TenantConcurrency, o.Waiting = a, 3, 5, 20
	})
	var wg sync.WaitGroup
	var busy atomic.Int32
	for hop := range 3 {
		for i := range 10 {
			q := r.req
			q.Address = address(t, fmt.Sprintf("user%d@b%d.test", i, hop))
			q.Route.Hosts = []string{fmt.Sprintf("192.0.2.%d", hop)}
			wg.Go(func() {
				if got, _ := r.c.Check(t.Context(), q); got == Unknown {
					busy.Add(1)
				}
			})
		}
	}
	for r.c.Stats().Limited["busy"] < 10 || a.running.Load() < 5 {
		time.Sleep(time.Millisecond)
	}
	close(a.hold)
	wg.Wait()
	if a.most.Load() > 5 || busy.Load() != 10 || a.probes.Load() != 20 {
		t.Errorf("%d at a time, %d busy, %d callouts", a.most.Load(), busy.Load(), a.probes.Load())
	}
	if len(r.c.adm.hopSlots.m) != 0 || len(r.c.adm.slots.m) != 0 || r.c.Stats().Running != 0 {
		t.Error("slots are left")
	}
}

func TestB65_one_hop_has_its_own_bound(t *testing.T) {
	a := &answering{hold: make(chan struct{})}
	r := newRig(t, selective, func(o *Options) { o.Prober, o.HopConcurrency = a, 3 })
	var wg sync.WaitGroup
	for i := range 10 {
		q := r.req
		q.Address = address(t, fmt.Sprintf("user%d@b.test", i))
		wg.Go(func() { r.c.Check(t.Context(), q) })
	}
	for a.running.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	close(a.hold)
	wg.Wait()
	if a.most.Load() != 3 || a.probes.Load() != 10 {
		t.Errorf("%d at a time, %d callouts", a.most.Load(), a.probes.Load())
	}
}

// TestB69_pauses_grow: the longer a destination is down, the less it is asked,
// and one answer ends that.
func TestB69_pauses_grow(t *testing.T) {
	now := &clock{t: time.Unix(1e9, 0)}
	l := newLimiter(1, 1, time.Second, now.now)
	var got []time.Duration
	for range 7 {
		l.down("h")
		l.down("h") // those under way together count once
		d := time.Duration(0)
		for l.isDown("h") {
			now.add(time.Second)
			d += time.Second
		}
		got = append(got, d/time.Second)
	}
	if fmt.Sprint(got) != "[1ns 2ns 4ns 8ns 15ns 15ns 15ns]" {
		t.Errorf("%v", got)
	}
	l.up("h")
	l.down("h")
	now.add(time.Second)
	if l.isDown("h") {
		t.Error("an answer did not end it")
	}
}

// TestB128_refused_domain: a destination that is not set up for the domain says
// so of every address. It is asked once in five minutes, and no address counts
// as unknown for longer.
func TestB128_refused_domain(t *testing.T) {
	r := newRig(t, smtptest.Script{Rcpt: func(a string) string { return "554 5.7.1 <" + a + ">: Relay access denied" }}, nil)
	for i := range 20 {
		r.check(fmt.Sprintf("u%d@b.test", i), Invalid)
		if r.last == nil || r.last.Code != 554 {
			t.Fatalf("%v", r.last)
		}
	}
	r.callouts(1)
	if items, _, err := r.c.Known(Query{Tenant: "acme"}); err != nil || len(items) != 1 || items[0].Kind != EntryRefuses || items[0].Key != "@b.test" {
		t.Errorf("%+v %v", items, err)
	}
	r.p.Set(selective)
	r.now.add(5 * time.Minute)
	r.check("good@b.test", Known)
	r.check("bad@b.test", Invalid)
	r.callouts(3)
}

// TestB67_becoming_a_catch_all: what the destination said before proves nothing
// any more.
func TestB67_becoming_a_catch_all(t *testing.T) {
	r := newRig(t, selective, nil)
	r.check("good@b.test", Known)
	r.check("bad@b.test", Invalid)
	r.c.put("acme", "x@other.test", Entry{Kind: EntryValid}, time.Hour)
	r.p.Set(smtptest.Script{})
	r.now.add(time.Hour)
	r.check("new@b.test", CatchAll)
	items, _, err := r.c.Known(Query{Tenant: "acme"})
	if got := keys(items); err != nil || got != "@b.test=catch-all bad@b.test=invalid x@other.test=valid" {
		t.Errorf("%s %v", got, err)
	}
	r.check("good@b.test", CatchAll)
}

func keys(items []Item) string {
	var out []string
	for _, it := range items {
		out = append(out, it.Key+"="+it.Kind)
	}
	return strings.Join(out, " ")
}

// TestB69_held_destination: a callout that the destination's own limits (B89)
// leave no room for says nothing about the destination, and is no callout.
func TestB69_held_destination(t *testing.T) {
	var held atomic.Bool
	held.Store(true)
	r := newRig(t, selective, func(o *Options) {
		o.Prober = proberFunc(func() deliver.RcptResult {
			if held.Load() {
				return deliver.RcptResult{Throttled: true, Reply: *mail.NewReply(451, "4.4.5", "the destination is suspended")}
			}
			return deliver.RcptResult{Outcome: deliver.Delivered, Remote: true, Reply: *mail.NewReply(250, "", "ok")}
		})
	})
	r.check("a@b.test", Unknown)
	if r.last == nil || r.last.Code != 451 {
		t.Errorf("%v", r.last)
	}
	held.Store(false)
	r.check("a@b.test", Known) // at once: it was not down
	if s := r.c.Stats(); s.Limited["held"] != 1 || s.Callouts["known"] != 1 || s.Callouts["unknown"] != 0 {
		t.Errorf("%+v", s)
	}
}
