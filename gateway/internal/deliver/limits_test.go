package deliver

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

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
	if d.Idle == 0 {
		d.Idle = time.Minute
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

func ready(e *Engine, hop string) bool {
	_, _, now := e.Room(hop)
	return now
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
				if ready := ready(e, r.NextHop()); ready == tc.pause {
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

// Next hops of one destination have its connections together, and the queue is
// told so; those of none have their own.
func TestB89_room_is_the_destinations(t *testing.T) {
	for _, name := range []string{"", "provider"} {
		d := big
		d.Name = name
		e, _ := shaped(t, d)
		var of []string
		for range 2 {
			r := static(smtptest.Start(t, smtptest.Script{}).Addr)
			outcome(t, run(t, e, request(t, r, "a@b.test")), Delivered)
			_, destination, _ := e.Room(r.NextHop())
			of = append(of, destination)
		}
		if of[0] == "" || (of[0] == of[1]) != (name != "") || name != "" && of[0] != name {
			t.Errorf("two next hops of %q are of %q", name, of)
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
		if got := throttled(t, run(t, e, request(t, r, "a@b.test")), "(421 4.7.0)"); got != want*time.Minute {
			t.Fatalf("episode %d: pause %s, want %d min", i+1, got, want)
		}
		if p.Accepted() != i+1 {
			t.Fatalf("%d connections after %d episodes", p.Accepted(), i+1)
		}
		c.add(want * time.Minute)
	}
	if most, _, now := e.Room(r.NextHop()); most != 1 || !now {
		t.Errorf("room for %d after trouble, now %v, want one", most, now)
	}
	// The one that tries hangs; nobody else is let through meanwhile.
	p.Set(smtptest.Script{Greeting: smtptest.Hang})
	trial := e.Start(context.Background(), request(t, r, "a@b.test"))
	waitFor(t, "the trial", func() bool { return p.Accepted() == 7 })
	if ready(e, r.NextHop()) {
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
	if !ready(e, r.NextHop()) {
		t.Error("not ready when the suspension is over")
	}
	outcome(t, send("good@a.test"), Failed)
	throttled(t, send("bad@a.test"), "refused everybody")
	c.add(10 * time.Minute)
	p.Set(smtptest.Script{})
	outcome(t, send("good@a.test"), Delivered)
	outcome(t, send("bad@a.test"), Delivered)
}

// A suspension is never shorter than the pause that trouble had come to before it.
func TestB89_a_suspension_is_no_shorter_than_the_pause(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Greeting: "554 5.7.1 go away"})
	d := big
	d.Backoff, d.MaxBackoff, d.SuspendAfter, d.SuspendFor = 30*time.Minute, time.Hour, 3, 10*time.Minute
	e, c := shaped(t, d)
	r := static(p.Addr)
	for range 3 {
		outcome(t, run(t, e, request(t, r, "a@b.test")), Deferred)
		c.add(time.Hour)
	}
	for range 3 {
		c.add(time.Hour)
		outcome(t, run(t, e, request(t, r, "a@b.test")), Deferred)
		if wait := throttled(t, run(t, e, request(t, r, "a@b.test")), "refused everybody"); wait != time.Hour {
			t.Errorf("wait %s, an hour before", wait)
		}
	}
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
		if ready(e, r.NextHop()) {
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
