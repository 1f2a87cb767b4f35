package deliver

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
	"github.com/mailweir/weir/policy"
)

func TestB89_rate(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Ext: pipelining})
	e, c := shaped(t, policy.Destination{Name: "big", Rate: 30, RatePer: time.Minute})
	r := static(p.Addr)
	sent := 0
	for range 60 { // a minute, second by second
		for range 5 {
			res := run(t, e, request(t, r, "a@b.test"))
			if !res.Rcpts[0].Throttled {
				outcome(t, res, Delivered)
				sent++
				continue
			}
			if wait := throttled(t, res, "rate"); wait > 2*time.Second {
				t.Fatalf("wait %s", wait)
			}
			if ready(e, r.NextHop()) {
				t.Fatal("ready beyond the rate")
			}
		}
		c.add(time.Second)
	}
	if sent < 30 || sent > 33 {
		t.Errorf("%d messages in a minute at 30/1m", sent)
	}
	// Callouts are no messages, and a message of 250 recipients is three.
	c.add(time.Hour)
	for range 10 {
		if res := e.Probe(t.Context(), r, address(t, "a@b.test")); res.Rcpts[0].Outcome != Delivered {
			t.Fatalf("%s", show(res))
		}
	}
	var to []string
	for i := range 450 {
		to = append(to, fmt.Sprintf("u%d@b.test", i))
	}
	res := run(t, e, request(t, r, to...))
	n := 0
	for _, x := range res.Rcpts {
		if x.Outcome == Delivered {
			n++
		} else if !x.Throttled || x.RetryAfter <= 0 {
			t.Fatalf("%+v", x)
		}
	}
	if n != 300 || len(res.Attempts) != 3 {
		t.Errorf("%d recipients in %d transactions, with room for 3", n, len(res.Attempts))
	}
}

// A full destination does not hold a worker: the attempt ends within its
// patience, and says when to come again.
func TestB89_no_room_blocks_nobody(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Reply: map[string]string{"MAIL": smtptest.Hang}})
	other := smtptest.Start(t, smtptest.Script{})
	e, _ := shaped(t, policy.Destination{Name: "big", Connections: 2}, func(o *Options) {
		o.Destination = func(_, host, route string) policy.Destination {
			return policy.Destination{Name: route, Connections: 2}
		}
	})
	r := static(p.Addr)
	for range 2 {
		defer e.Start(context.Background(), request(t, r, "a@b.test")).Abort()
	}
	waitFor(t, "MAIL", func() bool { return len(p.Lines()) == 4 })
	if ready(e, r.NextHop()) {
		t.Error("ready although full")
	}
	throttled(t, run(t, e, request(t, r, "a@b.test")), "all connections")
	if h := e.Hops()[0]; h.Open != 2 || h.Limit != 2 || h.Destination != "static" {
		t.Errorf("%+v", h)
	}
	o := static(other.Addr)
	o.Name = "other"
	if !ready(e, o.NextHop()) {
		t.Error("another destination is held up")
	}
	outcome(t, run(t, e, request(t, o, "a@b.test")), Delivered)
}

// Who waits for a connection goes by the turn of tenants.
func TestB89_waiting_tenants_take_turns(t *testing.T) {
	p := newPool(time.Minute)
	ctx := t.Context()
	if err := p.acquire(ctx, "x", "flood", 1, time.Second); err != nil {
		t.Fatal(err)
	}
	order := make(chan string, 9)
	var wg sync.WaitGroup
	wait := func(tenant string) {
		before := waiters(p)
		wg.Go(func() {
			if p.acquire(ctx, "x", tenant, 1, time.Minute) == nil {
				order <- tenant
			}
		})
		waitFor(t, "the queue", func() bool { return waiters(p) == before+1 })
	}
	for range 3 {
		wait("flood")
	}
	wait("small")
	p.mu.Lock()
	p.hops["x"].use("flood") // a second one of the flood runs
	p.mu.Unlock()
	p.release("x", "flood", 2)
	if got := <-order; got != "small" {
		t.Errorf("%s goes first", got)
	}
	for range 3 {
		p.release("x", "flood", 2)
		<-order
	}
	wg.Wait()
}

func waiters(p *pool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.hops["x"].waiting)
}

// Domains whose mail the same hosts take share their connections and their
// trouble; those that a destination block names share limits, but not a host
// that is down.
func TestB89_domains_with_the_same_MX_are_one_destination(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{})
	_, port := split(t, p.Addr)
	mx := func(hosts ...string) (out []resolver.MX) {
		for _, h := range hosts {
			out = append(out, resolver.MX{Host: h, Pref: 10})
		}
		return out
	}
	z := zone{
		mx:    map[string][]resolver.MX{"one.test": mx("mx1.prov.test", "mx2.prov.test"), "two.test": mx("MX2.prov.test", "mx1.prov.test"), "else.test": mx("mx.else.test"), "dead.test": mx("mx.dead.test")},
		addrs: map[string][]string{"mx1.prov.test": {"127.0.0.1"}, "mx2.prov.test": {"127.0.0.1"}, "mx.else.test": {"127.0.0.1"}, "mx.dead.test": {"127.0.0.9"}},
	}
	for _, name := range []string{"", "prov"} { // of the destination block
		t.Run(name, func(t *testing.T) {
			e, c := shaped(t, policy.Destination{Name: name, Connections: 2, Backoff: time.Minute, MaxBackoff: time.Hour}, func(o *Options) { o.Resolver, o.Loopback = z, true })
			route := func(d string) Route { return Route{Name: "mx", MX: d, Port: port} }
			before := p.Accepted()
			outcome(t, run(t, e, request(t, route("one.test"), "a@one.test")), Delivered)
			outcome(t, run(t, e, request(t, route("two.test"), "a@two.test")), Delivered)
			if n := p.Accepted() - before; n > 2 {
				t.Errorf("%d connections", n)
			}
			p.Set(smtptest.Script{Reply: map[string]string{"MAIL": "421 4.7.0 slow"}})
			defer p.Set(smtptest.Script{})
			p.Hup()
			waitFor(t, "the hangup", func() bool { return p.Open() == 0 })
			outcome(t, run(t, e, request(t, route("one.test"), "a@one.test")), Deferred)
			throttled(t, run(t, e, request(t, route("two.test"), "a@two.test")), "421")
			p.Set(smtptest.Script{})
			res := run(t, e, request(t, route("else.test"), "a@else.test"))
			if name == "" {
				outcome(t, res, Delivered)
			} else {
				throttled(t, res, "421")
			}
			c.add(time.Hour)
			outcome(t, run(t, e, request(t, route("one.test"), "a@one.test")), Delivered)
			// A host that is down says nothing of the others.
			outcome(t, run(t, e, request(t, route("dead.test"), "a@dead.test")), Deferred)
			throttled(t, run(t, e, request(t, route("dead.test"), "a@dead.test")), "connection refused")
			outcome(t, run(t, e, request(t, route("two.test"), "a@two.test")), Delivered)
		})
	}
}

// What is well is forgotten in time, what is not stays.
func TestSites_are_forgotten(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{})
	bad := smtptest.Start(t, smtptest.Script{Greeting: "421 no"})
	d := big
	d.Name = ""
	e, c := shaped(t, d, func(o *Options) {
		o.Destination = func(_, _, route string) policy.Destination {
			x := big
			x.Name = route
			x.Backoff, x.MaxBackoff = 2*time.Hour, 2*time.Hour
			return x
		}
	})
	good, poor := static(p.Addr), static(bad.Addr)
	good.Name, poor.Name = "good", "poor"
	run(t, e, request(t, good, "a@b.test"))
	run(t, e, request(t, poor, "a@b.test"))
	c.add(forgetSite + time.Minute)
	if _, h := e.sites.enter(static("192.0.2.1"), nil, false); h != nil {
		t.Fatal(h)
	}
	var names []string
	for _, h := range e.Hops() {
		names = append(names, h.NextHop)
	}
	if len(names) != 2 || e.sites.by["good"] != nil || e.sites.by["poor"] == nil {
		t.Errorf("%v", names)
	}
}

func TestGCRA(t *testing.T) {
	now := newClock().t
	s := &site{dest: policy.Destination{Rate: 100, RatePer: time.Second}}
	n := 0
	for range 200 {
		if wait, ok := s.take(now, 0); ok && wait == 0 {
			n++
		}
	}
	if n != 10 || s.left(now) != 0 || s.left(now.Add(50*time.Millisecond)) != 5 || s.left(now.Add(time.Hour)) != 10 {
		t.Errorf("%d at once, %d left, then %d, then %d", n, s.left(now), s.left(now.Add(50*time.Millisecond)), s.left(now.Add(time.Hour)))
	}
	if wait, ok := s.take(now, time.Second); !ok || wait != 10*time.Millisecond {
		t.Errorf("%s %v", wait, ok)
	}
	if wait, ok := s.take(now, 0); ok || wait != 20*time.Millisecond {
		t.Errorf("%s %v", wait, ok)
	}
}

func split(t testing.TB, addr string) (string, int) {
	t.Helper()
	h := parseHost(addr, 0)
	return h.host, h.port
}

// How many messages a connection carries and how long it waits for the next
// one is the destination's, unless the route says otherwise.
func TestB89_connection_reuse_is_the_destinations(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Ext: pipelining})
	e, _ := shaped(t, policy.Destination{Name: "big", PerConnection: 3, Idle: time.Minute})
	r := static(p.Addr)
	for range 7 {
		outcome(t, run(t, e, request(t, r, "a@b.test")), Delivered)
	}
	if p.Accepted() != 3 {
		t.Errorf("%d connections for 7 messages, 3 each", p.Accepted())
	}
	if h := e.Hops()[0]; h.Open != 1 || h.Idle != 1 {
		t.Errorf("%+v", h)
	}
	r.PerConn = 1
	for range 2 {
		outcome(t, run(t, e, request(t, r, "a@b.test")), Delivered)
	}
	if p.Accepted() != 4 { // the first of them goes over the idle one, the last it carries
		t.Errorf("%d connections", p.Accepted())
	}
	brief, _ := shaped(t, policy.Destination{Name: "big", Idle: 20 * time.Millisecond})
	outcome(t, run(t, brief, request(t, static(p.Addr), "a@b.test")), Delivered)
	waitFor(t, "the goodbye", func() bool { return brief.Hops()[0].Open == 0 })
	never, _ := shaped(t, policy.Destination{Name: "big"}, func(o *Options) {
		o.Destination = func(string, string, string) policy.Destination {
			return policy.Destination{Name: "big", Connections: 2}
		}
	})
	was := p.Accepted()
	for range 2 {
		outcome(t, run(t, never, request(t, static(p.Addr), "a@b.test")), Delivered)
	}
	if n := p.Accepted() - was; n != 2 {
		t.Errorf("%d connections for 2 messages with idle = 0s", n)
	}
}

// A host that ends a connection after so many messages, with a 421 to the next
// one, is in no trouble; one that does so on a fresh connection is.
func TestB89_421_mid_session(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Ext: pipelining, After: 2})
	e, _ := shaped(t, big)
	r := static(p.Addr)
	for range 6 {
		outcome(t, run(t, e, request(t, r, "a@b.test")), Delivered)
	}
	if p.Accepted() != 3 || e.Hops()[0].Fails != 0 {
		t.Errorf("%d connections, %+v", p.Accepted(), e.Hops()[0])
	}
	// In the middle of the recipients: who has an answer keeps it, the others wait.
	p.Set(smtptest.Script{Ext: pipelining, Rcpt: func(a string) string {
		return map[string]string{"b@b.test": "421 4.7.0 too many recipients"}[a]
	}})
	res := run(t, e, request(t, r, "a@b.test", "b@b.test", "c@b.test"))
	for _, x := range res.Rcpts {
		if x.Outcome != Deferred || x.Throttled {
			t.Errorf("%s\n%s", show(res), transcripts(res))
		}
	}
	throttled(t, run(t, e, request(t, r, "a@b.test")), "(421 4.7.0)")
}
