package deliver

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
	"github.com/mailweir/weir/policy"
)

// clock is the engine's time in tests.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.t = c.t.Add(d) }

// gentle is how every destination is treated in a test.
func gentle(d policy.Destination) func(string, string, string) policy.Destination {
	if d.Connections == 0 {
		d.Connections = 20
	}
	return func(string, string, string) policy.Destination { return d }
}

// shaped is an engine with a destination's limits and a clock of its own.
func shaped(t testing.TB, d policy.Destination, set ...func(*Options)) (*Engine, *clock) {
	c := newClock()
	e := engine(t, func(o *Options) {
		o.Now, o.Destination, o.Cooldown, o.Patience = c.now, gentle(d), -1, 20*time.Millisecond
		for _, f := range set {
			f(o)
		}
	})
	return e, c
}

// throttled checks that our own limits kept an attempt back, and gives the wait.
func throttled(t *testing.T, res Result, words string) time.Duration {
	t.Helper()
	r := res.Rcpts[0]
	if !r.Throttled || r.Outcome != Deferred || r.Remote || !r.Reply.Temporary() || len(res.Attempts) != 0 || res.Aborted || !strings.Contains(r.Reply.Text, words) {
		t.Fatalf("not kept back for %q: %s %+v\n%s", words, show(res), r, transcripts(res))
	}
	if r.RetryAfter <= 0 {
		t.Errorf("no word about when to try again: %+v", r)
	}
	return r.RetryAfter
}

func outcome(t *testing.T, res Result, want Outcome) {
	t.Helper()
	if r := res.Rcpts[0]; r.Throttled || r.Outcome != want {
		t.Fatalf("%s, want %s\n%s", show(res), want, transcripts(res))
	}
}

var big = policy.Destination{Name: "big", Backoff: time.Minute, MaxBackoff: 10 * time.Minute, SuspendAfter: 3, SuspendFor: 10 * time.Minute}

// What makes a destination be left alone, and what does not.
func TestB89_backoff_on_what(t *testing.T) {
	for name, tc := range map[string]struct {
		script smtptest.Script
		closed bool
		pause  bool
	}{
		"421 greeting":     {script: smtptest.Script{Greeting: "421 4.7.0 too many"}, pause: true},
		"450 greeting":     {script: smtptest.Script{Greeting: "450 4.7.1 wait"}, pause: true},
		"554 greeting":     {script: smtptest.Script{Greeting: "554 5.7.1 go away"}, pause: true},
		"421 EHLO":         {script: smtptest.Script{Reply: map[string]string{"EHLO": "421 4.3.2 no"}}, pause: true},
		"421 MAIL":         {script: smtptest.Script{Reply: map[string]string{"MAIL": "421 4.7.28 slow down"}}, pause: true},
		"451 MAIL":         {script: smtptest.Script{Reply: map[string]string{"MAIL": "451 4.7.650 rate limited"}}, pause: true},
		"421 RCPT":         {script: smtptest.Script{Reply: map[string]string{"RCPT": "421 4.7.0 slow down"}}, pause: true},
		"421 DATA":         {script: smtptest.Script{Reply: map[string]string{"DATA": "421 4.7.0 slow down"}}, pause: true},
		"421 dot":          {script: smtptest.Script{Reply: map[string]string{"DOT": "421 4.7.0 slow down"}}, pause: true},
		"hangs up":         {script: smtptest.Script{Greeting: smtptest.Close}, pause: true},
		"not SMTP":         {script: smtptest.Script{Greeting: smtptest.Garbage}, pause: true},
		"connection":       {closed: true, pause: true},
		"greylisting":      {script: smtptest.Script{Reply: map[string]string{"RCPT": "450 4.7.1 greylisted"}}},
		"451 sender":       {script: smtptest.Script{Reply: map[string]string{"MAIL": "451 4.1.8 cannot resolve your domain"}}},
		"550 MAIL":         {script: smtptest.Script{Reply: map[string]string{"MAIL": "550 5.7.1 sender no"}}},
		"550 user unknown": {script: smtptest.Script{Reply: map[string]string{"RCPT": "550 5.1.1 who"}}},
		"452 dot":          {script: smtptest.Script{Reply: map[string]string{"DOT": "452 4.3.1 disk"}}},
		"no STARTTLS":      {script: smtptest.Script{Reply: map[string]string{"STARTTLS": "454 4.7.0 no"}, Ext: []string{"STARTTLS"}}},
	} {
		for _, ext := range [][]string{nil, pipelining} {
			t.Run(fmt.Sprint(name, len(ext)), func(t *testing.T) {
				tc.script.Ext = append(tc.script.Ext, ext...)
				p := smtptest.Start(t, tc.script)
				addr := p.Addr
				if tc.closed {
					addr = smtptest.Closed(t)
				}
				e, _ := shaped(t, big)
				r := static(addr)
				run(t, e, request(t, r, "a@b.test"))
				if ready := e.Ready(r.NextHop(), "acme"); ready == tc.pause {
					t.Errorf("ready: %v", ready)
				}
				if tc.pause {
					if wait := throttled(t, run(t, e, request(t, r, "a@b.test")), "left alone"); wait != time.Minute {
						t.Errorf("wait %s", wait)
					}
				} else if res := run(t, e, request(t, r, "a@b.test")); res.Rcpts[0].Throttled {
					t.Errorf("kept back: %s", show(res))
				}
			})
		}
	}
}

// The pause doubles with each episode up to its bound, one attempt alone finds
// out whether it is over, and a delivery ends it all.
func TestB89_backoff_doubles_and_one_tries(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Greeting: "421 4.7.0 too many"})
	e, c := shaped(t, big)
	r := static(p.Addr)
	for i, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
		outcome(t, run(t, e, request(t, r, "a@b.test")), Deferred)
		if got := throttled(t, run(t, e, request(t, r, "a@b.test")), "421 4.7.0 too many"); got != want*time.Minute {
			t.Fatalf("episode %d: pause %s, want %d min", i+1, got, want)
		}
		if p.Accepted() != i+1 {
			t.Fatalf("%d connections after %d episodes", p.Accepted(), i+1)
		}
		c.add(want * time.Minute)
	}
	// The one that tries hangs; nobody else is let through meanwhile.
	p.Set(smtptest.Script{Greeting: smtptest.Hang})
	trial := e.Start(context.Background(), request(t, r, "a@b.test"))
	waitFor(t, "the trial", func() bool { return p.Accepted() == 7 })
	if e.Ready(r.NextHop(), "acme") {
		t.Error("ready beside a trial")
	}
	throttled(t, run(t, e, request(t, r, "a@b.test")), "finds out")
	trial.Abort()
	<-trial.Done()
	// A trial that was stopped proves nothing: the next one tries.
	p.Set(smtptest.Script{})
	outcome(t, run(t, e, request(t, r, "a@b.test")), Delivered)
	outcome(t, run(t, e, request(t, r, "a@b.test")), Delivered)
	if h := e.Hops()[0]; h.Fails != 0 || !h.Backoff.IsZero() || h.Counts.Delivered != 2 || h.Counts.Throttled != 7 {
		t.Errorf("%+v", h)
	}
}

// Many attempts that fail at the same time are one episode.
func TestB89_one_outage_is_one_episode(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Reply: map[string]string{"MAIL": smtptest.Hang}})
	e, _ := shaped(t, big)
	r := static(p.Addr)
	var as []*Attempt
	for range 5 {
		as = append(as, e.Start(context.Background(), request(t, r, "a@b.test")))
	}
	waitFor(t, "five MAILs", func() bool { return len(p.Lines()) == 10 })
	p.Hup()
	for _, a := range as {
		<-a.Done()
		outcome(t, a.Result(), Deferred)
	}
	if h := e.Hops()[0]; h.Fails != 1 {
		t.Errorf("%d episodes", h.Fails)
	}
}

// After trouble the connections grow again one by one.
func TestB89_slow_start_after_trouble(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Greeting: "421 later"})
	e, c := shaped(t, policy.Destination{Name: "big", Connections: 4, Backoff: time.Minute, MaxBackoff: time.Hour})
	r := static(p.Addr)
	if n := limitAfter(t, e, r); n != 1 {
		t.Errorf("limit %d in trouble", n)
	}
	p.Set(smtptest.Script{})
	c.add(time.Minute)
	for _, want := range []int{2, 3, 4, 4} {
		if n := limitAfter(t, e, r); n != want {
			t.Errorf("limit %d, want %d", n, want)
		}
	}
}

// A destination that nothing is known of gets few connections, which hold few
// workers if it hangs; with each message that it takes it gets more.
func TestB89_a_new_destination_starts_small(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Greeting: smtptest.Hang})
	e, _ := shaped(t, policy.Destination{Name: "big", Connections: 8})
	r := static(p.Addr)
	var as []*Attempt
	for range 5 {
		as = append(as, e.Start(context.Background(), request(t, r, "a@b.test")))
	}
	waitFor(t, "five connections", func() bool { return p.Accepted() == 5 })
	throttled(t, run(t, e, request(t, r, "a@b.test")), "all connections")
	for _, a := range as {
		a.Abort()
		<-a.Done()
	}
	p.Set(smtptest.Script{})
	for _, want := range []int{6, 7, 8, 8} {
		if n := limitAfter(t, e, r); n != want {
			t.Errorf("limit %d, want %d", n, want)
		}
	}
	if e.Hops()[0].Recovering {
		t.Error("what was never in trouble recovers")
	}
	r.MaxConns = 30
	if n := limitAfter(t, e, r); n != 30 {
		t.Errorf("a route's own limit is %d", n)
	}
}

func limitAfter(t *testing.T, e *Engine, r Route) int {
	t.Helper()
	run(t, e, request(t, r, "a@b.test"))
	return e.Hops()[0].Limit
}

// Hosts that the operator's own route names, and no destination block does, are
// found again within seconds of their return.
func TestB89_own_hosts_are_tried_again_soon(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Greeting: "421 starting"})
	d := big
	d.Name = ""
	e, c := shaped(t, d)
	for range 4 {
		outcome(t, run(t, e, request(t, static(p.Addr), "a@b.test")), Deferred)
		if wait := throttled(t, run(t, e, request(t, static(p.Addr), "a@b.test")), ""); wait > 5*time.Second {
			t.Fatalf("wait %s", wait)
		}
		c.add(5 * time.Second)
	}
}

// A destination that refuses everybody is suspended, but not for the sake of
// one sender whom it does not want.
func TestB89_suspended_when_everybody_is_refused(t *testing.T) {
	blocked := map[string]string{"RCPT": "550 5.7.1 your network is on our block list"}
	p := smtptest.Start(t, smtptest.Script{Reply: blocked})
	e, c := shaped(t, big)
	r := static(p.Addr)
	send := func(from string) Result {
		req := request(t, r, "a@b.test")
		req.From = address(t, from)
		return run(t, e, req)
	}
	for range 5 { // one sender alone
		outcome(t, send("bad@a.test"), Failed)
	}
	outcome(t, send("good@a.test"), Failed)
	if wait := throttled(t, send("good@a.test"), "refused everybody"); wait != 10*time.Minute {
		t.Errorf("wait %s", wait)
	}
	if h := e.Hops()[0]; h.Suspended.Sub(c.now()) != 10*time.Minute || h.SuspendedBy != "" {
		t.Errorf("%+v", h)
	}
	// When it ends, one message tries; refused again, it is suspended again.
	c.add(10 * time.Minute)
	if !e.Ready(r.NextHop(), "acme") {
		t.Error("not ready when the suspension is over")
	}
	outcome(t, send("good@a.test"), Failed)
	throttled(t, send("bad@a.test"), "refused everybody")
	c.add(10 * time.Minute)
	p.Set(smtptest.Script{})
	outcome(t, send("good@a.test"), Delivered)
	outcome(t, send("bad@a.test"), Delivered)
}

// A refusal for the recipient's sake among others shows that we are welcome.
func TestB89_unknown_users_suspend_nothing(t *testing.T) {
	n := 0
	p := smtptest.Start(t, smtptest.Script{Rcpt: func(string) string {
		if n++; n%3 == 0 {
			return "550 5.1.1 who"
		}
		return "550 5.7.1 blocked"
	}})
	e, _ := shaped(t, big)
	for i := range 12 {
		req := request(t, static(p.Addr), "a@b.test")
		req.From = address(t, fmt.Sprintf("s%d@a.test", i))
		outcome(t, run(t, e, req), Failed)
	}
}

// Operators suspend and resume by the name of a destination or of a next hop.
func TestB89_operators_suspend_and_resume(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{})
	e, c := shaped(t, big)
	r := static(p.Addr)
	outcome(t, run(t, e, request(t, r, "a@b.test")), Delivered)
	for _, name := range []string{"big", r.NextHop()} {
		e.Suspend(Suspension{Name: strings.ToUpper(name), By: "ann", Until: c.now().Add(time.Hour)})
		if e.Ready(r.NextHop(), "acme") {
			t.Error("ready")
		}
		req := request(t, r, "a@b.test")
		req.Insist = true // an operator's own retry does not outrank his suspension
		if wait := throttled(t, run(t, e, req), "an operator has suspended"); wait != time.Hour {
			t.Errorf("wait %s", wait)
		}
		if s := e.Suspensions(); len(s) != 1 || s[0].By != "ann" {
			t.Errorf("%+v", s)
		}
		if was, ended := e.Resume(name); !was || len(ended) != 1 || ended[0] != strings.ToUpper(name) {
			t.Errorf("resumed %v %v", was, ended)
		}
		if was, ended := e.Resume(name); was || len(ended) != 0 {
			t.Error("resumed twice")
		}
		outcome(t, run(t, e, request(t, r, "a@b.test")), Delivered)
	}
	e.Suspend(Suspension{Name: "big", Until: c.now().Add(time.Hour)})
	c.add(time.Hour)
	outcome(t, run(t, e, request(t, r, "a@b.test")), Delivered)
	if s := e.Suspensions(); len(s) != 0 {
		t.Errorf("%+v", s)
	}
	// Resuming ends our own back-off too; a retry by hand does not wait for it.
	p.Set(smtptest.Script{Greeting: "421 later"})
	p.Hup()
	waitFor(t, "the hangup", func() bool { return p.Open() == 0 })
	outcome(t, run(t, e, request(t, r, "a@b.test")), Deferred)
	throttled(t, run(t, e, request(t, r, "a@b.test")), "left alone")
	req := request(t, r, "a@b.test")
	req.Insist = true
	outcome(t, run(t, e, req), Deferred)
	if h := e.Hops()[0]; h.Fails != 1 {
		t.Errorf("an operator's retry made the pause longer: %d episodes", h.Fails)
	}
	p.Set(smtptest.Script{})
	if was, ended := e.Resume(r.NextHop()); !was || len(ended) != 0 {
		t.Errorf("%v %v", was, ended)
	}
	outcome(t, run(t, e, request(t, r, "a@b.test")), Delivered)
}

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
			if e.Ready(r.NextHop(), "acme") {
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
	if e.Ready(r.NextHop(), "acme") {
		t.Error("ready although full")
	}
	throttled(t, run(t, e, request(t, r, "a@b.test")), "all connections")
	if h := e.Hops()[0]; h.Open != 2 || h.Limit != 2 || h.Destination != "static" {
		t.Errorf("%+v", h)
	}
	o := static(other.Addr)
	o.Name = "other"
	if !e.Ready(o.NextHop(), "acme") {
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
	throttled(t, run(t, e, request(t, r, "a@b.test")), "421 4.7.0 too many recipients")
}
