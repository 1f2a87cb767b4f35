package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
	"github.com/mailweir/weir/gateway/internal/store/softkv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// selective knows good@b.test and says "later" to later@b.test.
var selective = smtptest.Script{Ext: []string{"PIPELINING"}, Rcpt: func(a string) string {
	switch a {
	case "good@b.test":
		return ""
	case "later@b.test":
		return "450 4.2.1 later"
	}
	return "550 5.1.1 no such user"
}}

type rig struct {
	t    *testing.T
	c    *Checker
	p    *smtptest.Peer
	now  *clock
	req  Request
	mem  *Memory
	last *mail.Reply
}

func newRig(t *testing.T, s smtptest.Script, set func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, p: smtptest.Start(t, s), now: &clock{t: time.Unix(1e9, 0)}, mem: NewMemory(1000)}
	e := deliver.New(deliver.Options{Hostname: "gw.test", Cooldown: -1})
	o := Options{Prober: e, Cache: r.mem, Now: r.now.now, Timeout: 20 * time.Second}
	if set != nil {
		set(&o)
	}
	r.c = New(o)
	t.Cleanup(func() { r.c.Close(); e.Close() })
	r.req = Request{Tenant: "acme", Route: deliver.Route{Hosts: []string{r.p.Addr}}, Mode: ModeCallout}
	return r
}

func address(t testing.TB, s string) mail.Address {
	t.Helper()
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (r *rig) check(addr string, want Answer) {
	r.t.Helper()
	q := r.req
	q.Address = address(r.t, addr)
	got, reply := r.c.Check(r.t.Context(), q)
	r.last = reply
	if got != want {
		r.t.Errorf("%s: got %s (%v), want %s", addr, got, reply, want)
	}
}

// callouts counts the MAIL commands the destination saw.
func (r *rig) callouts(want int) {
	r.t.Helper()
	n := 0
	for _, l := range r.p.Lines() {
		if strings.HasPrefix(l, "MAIL FROM:<>") {
			n++
		}
	}
	if n != want {
		r.t.Errorf("%d callouts, want %d:\n%s", n, want, strings.Join(r.p.Lines(), "\n"))
	}
}

// TestB71: a yes holds for up to 4 days, a no for 2 hours.
func TestB71_answers_are_cached(t *testing.T) {
	r := newRig(t, selective, nil)
	r.check("good@b.test", Known)
	r.check("GOOD@b.test", Known)
	r.callouts(1)
	r.check("bad@b.test", Invalid)
	if r.last == nil || r.last.String() != "550 5.1.1 no such user" {
		t.Errorf("%v", r.last)
	}
	r.check("bad@b.test", Invalid)
	r.callouts(2)
	r.now.add(2*time.Hour - time.Second)
	r.check("bad@b.test", Invalid)
	r.callouts(2)
	r.now.add(time.Second)
	r.check("bad@b.test", Invalid) // asked again
	r.callouts(3)
	r.now.add(94*time.Hour - time.Second)
	r.check("good@b.test", Known) // B71: up to 4 days
	r.callouts(3)
	r.now.add(time.Second)
	r.check("good@b.test", Known)
	r.callouts(4)
	if r.p.Accepted() != 1 {
		t.Errorf("%d connections", r.p.Accepted())
	}
}

func TestB71_times_are_settings_and_four_days_the_most(t *testing.T) {
	r := newRig(t, selective, nil)
	r.req.ValidFor, r.req.InvalidFor = time.Minute, time.Second
	r.check("good@b.test", Known)
	r.check("bad@b.test", Invalid)
	r.now.add(time.Second)
	r.check("bad@b.test", Invalid)
	r.callouts(3)
	r.now.add(59 * time.Second)
	r.check("good@b.test", Known)
	r.callouts(4)
	r.req.ValidFor = 1000 * time.Hour
	r.now.add(96 * time.Hour)
	r.check("good@b.test", Known)
	r.callouts(5)
}

func TestTenants_do_not_share_what_they_know(t *testing.T) {
	r := newRig(t, selective, nil)
	r.check("good@b.test", Known)
	r.req.Tenant = "other"
	r.check("good@b.test", Known)
	r.callouts(2)
}

// TestB67: nothing is cached of a destination that takes anything, so that only
// Local Recipients are queued (B68).
func TestB67_B68_catch_all(t *testing.T) {
	r := newRig(t, smtptest.Script{Ext: []string{"PIPELINING"}}, nil)
	r.check("good@b.test", CatchAll)
	r.check("other@b.test", CatchAll)
	r.callouts(2)
	probes := 0
	for _, l := range r.p.Lines() {
		if strings.HasPrefix(l, "RCPT TO:<unknown-") {
			probes++
		}
	}
	if probes != 2 { // that it is a catch-all is not cached either
		t.Errorf("%d probes of addresses that do not exist, want 2", probes)
	}
	r.c.Delivered("acme", address(t, "good@b.test"))
	r.p.Shut()
	r.now.add(time.Hour)
	r.check("good@b.test", Unknown)
	r.req.IsLocal = func(a string) bool { return a == "good@b.test" }
	r.check("good@b.test", Local)
}

func TestB67_destination_that_stops_being_a_catch_all(t *testing.T) {
	r := newRig(t, smtptest.Script{}, nil)
	r.check("good@b.test", CatchAll)
	r.p.Set(selective)
	r.check("good@b.test", Known)
}

// TestInconclusive_probe: the destination takes the address and would not say
// what it does with a stranger, so it may be a catch-all.
func TestInconclusive_probe(t *testing.T) {
	r := newRig(t, smtptest.Script{Rcpt: func(a string) string {
		if strings.HasPrefix(a, "unknown-") {
			return "450 4.7.1 slow down"
		}
		return ""
	}}, nil)
	r.check("good@b.test", CatchAll)
	if _, ok := r.mem.Get("acme", "good@b.test"); ok {
		t.Error("cached")
	}
}

// TestB67_B68_greylisted_stranger: a catch-all that puts strangers off looks like
// no catch-all, so that deliveries there prove nothing until it is clear what it is.
func TestB67_B68_greylisted_stranger(t *testing.T) {
	stranger := func(answer string) smtptest.Script {
		return smtptest.Script{Rcpt: func(a string) string {
			if strings.HasPrefix(a, "unknown-") {
				return answer
			}
			return ""
		}}
	}
	for name, c := range map[string]struct {
		answers []string // to strangers, one after the other
		later   time.Duration
		domain  string
		learns  bool
	}{
		"greylists":                  {[]string{"450 4.7.1 later"}, 0, EntryUnsure, false},
		"greylists, a day ago":       {[]string{"450 4.7.1 later"}, catchAllFor, "", true},
		"then takes it":              {[]string{"450 4.7.1 later", ""}, 0, EntryCatchAll, false},
		"then refuses it":            {[]string{"450 4.7.1 later", "550 5.1.1 no such user"}, 0, EntrySelective, true},
		"took it, then greylists":    {[]string{"", "450 4.7.1 later"}, 0, EntryCatchAll, false},
		"refuses it":                 {[]string{"550 5.1.1 no such user"}, 0, EntrySelective, true},
		"refused it, then hesitates": {[]string{"550 5.1.1 no such user", "450 4.7.1 later"}, 0, EntryUnsure, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, selective, nil)
			for i, answer := range c.answers {
				r.now.add(time.Hour) // what it said of strangers is asked again
				r.p.Set(stranger(answer))
				want := CatchAll
				if strings.HasPrefix(answer, "550") {
					want = Known
				}
				r.check(fmt.Sprintf("a%d@b.test", i), want)
			}
			r.now.add(c.later)
			r.c.Delivered("acme", address(t, "good@b.test"))
			items, _, err := r.c.Known(Query{Tenant: "acme", Prefix: "@"})
			if got := keys(items); err != nil || strings.TrimPrefix(got, "@b.test=") != c.domain {
				t.Errorf("of the domain: %q %v, want %q", got, err, c.domain)
			}
			if _, ok := r.mem.Get("acme", "good@b.test"); ok != c.learns {
				t.Errorf("the delivery taught something: %v, want %v", ok, c.learns)
			}
			r.p.Shut() // an outage (B69)
			want := Unknown
			if c.learns {
				want = Known
			}
			r.check("good@b.test", want)
		})
	}
}

// TestB65_all_put_off: a destination that puts everybody off is no catch-all.
func TestB65_all_put_off(t *testing.T) {
	r := newRig(t, smtptest.Script{Rcpt: func(string) string { return "450 4.3.2 later" }}, nil)
	r.check("good@b.test", Unknown)
	r.c.Delivered("acme", address(t, "good@b.test"))
	r.check("good@b.test", Known)
}

func TestB72_destination_down_and_the_entry_expired(t *testing.T) {
	r := newRig(t, selective, nil)
	r.check("good@b.test", Known)
	r.check("later@b.test", Unknown)
	if r.last == nil || !r.last.Temporary() {
		t.Errorf("%v", r.last)
	}
	r.p.Shut()
	r.check("good@b.test", Known) // from the cache: this one may be queued
	r.check("new@b.test", Unknown)
	r.now.add(96 * time.Hour)
	r.check("good@b.test", Unknown) // B72
}

func TestB69_destination_down_is_not_asked_for_a_while(t *testing.T) {
	var probes atomic.Int32
	r := newRig(t, selective, func(o *Options) {
		o.Prober = proberFunc(func() deliver.RcptResult {
			probes.Add(1)
			return deliver.RcptResult{Reply: *mail.NewReply(451, "4.4.1", "connection refused")}
		})
	})
	r.check("a@b.test", Unknown)
	r.check("b@b.test", Unknown)
	r.now.add(3 * time.Second)
	r.check("c@b.test", Unknown)
	if probes.Load() != 2 {
		t.Errorf("%d probes, want 2", probes.Load())
	}
}

// proberFunc answers the first address; strangers are refused.
type proberFunc func() deliver.RcptResult

func (f proberFunc) Probe(_ context.Context, _ deliver.Route, to ...mail.Address) deliver.Result {
	res := deliver.Result{Rcpts: []deliver.RcptResult{f()}}
	for range to[1:] {
		res.Rcpts = append(res.Rcpts, deliver.RcptResult{Outcome: deliver.Failed, Remote: true, Reply: *mail.NewReply(550, "5.1.1", "no")})
	}
	return res
}

func TestOur_own_permanent_failure_is_no_proof(t *testing.T) {
	r := newRig(t, selective, func(o *Options) {
		o.Prober = proberFunc(func() deliver.RcptResult {
			return deliver.RcptResult{Outcome: deliver.Failed, Reply: *mail.NewReply(550, "5.1.2", "no such domain")}
		})
	})
	r.check("a@b.test", Unknown)
	if _, ok := r.mem.Get("acme", "a@b.test"); ok {
		t.Error("cached")
	}
}

func TestB70_modes(t *testing.T) {
	r := newRig(t, selective, nil)
	r.req.IsLocal = func(a string) bool { return strings.HasPrefix(a, "sales@") }
	for _, mode := range []string{ModeCallout, ModeLocal, ModeNone} {
		r.req.Mode = mode
		r.check("Sales@b.test", Local)
	}
	r.req.Mode = ModeLocal
	r.check("good@b.test", Invalid)
	if r.last == nil || r.last.Code != 550 {
		t.Errorf("%v", r.last)
	}
	r.req.Mode = ModeNone
	r.check("good@b.test", Unknown)
	r.c.Delivered("acme", address(t, "good@b.test"))
	r.check("good@b.test", Known)
	r.callouts(0)
	r.req.Mode = ModeCallout
	r.check("bad@b.test", Invalid)
	r.req.Mode = ModeNone
	r.check("bad@b.test", Unknown)
	r.c.Forget("acme", address(t, "good@b.test"))
	r.check("good@b.test", Unknown)
}

func TestB65_same_question_is_asked_once_at_a_time(t *testing.T) {
	gate := make(chan struct{})
	var probes atomic.Int32
	r := newRig(t, selective, func(o *Options) {
		o.Prober = proberFunc(func() deliver.RcptResult {
			probes.Add(1)
			<-gate
			return deliver.RcptResult{Outcome: deliver.Delivered, Remote: true, Reply: *mail.NewReply(250, "", "ok")}
		})
	})
	r.req.Address = address(t, "good@b.test")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, _ := r.c.Check(ctx, r.req); got != Unknown { // gave up; the callout goes on
		t.Errorf("got %s", got)
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if got, _ := r.c.Check(t.Context(), r.req); got != Known {
				t.Errorf("got %s", got)
			}
		})
	}
	close(gate)
	wg.Wait()
	if probes.Load() != 1 {
		t.Errorf("%d probes", probes.Load())
	}
}

func TestCallouts_are_limited_by_destination(t *testing.T) {
	var probes atomic.Int32
	r := newRig(t, selective, func(o *Options) {
		o.Rate, o.Burst, o.Timeout = 1, 5, time.Second // nobody waits longer than 0.5 s
		o.Prober = proberFunc(func() deliver.RcptResult {
			probes.Add(1)
			return deliver.RcptResult{Outcome: deliver.Failed, Remote: true, Reply: *mail.NewReply(550, "", "no")}
		})
	})
	for i := range 8 {
		want := Invalid
		if i >= 5 {
			want = Unknown
		}
		r.check(fmt.Sprintf("u%d@b.test", i), want)
	}
	r.now.add(2 * time.Second)
	r.check("x@b.test", Invalid)
	r.check("y@b.test", Invalid)
	r.check("z@b.test", Unknown)
	r.req.Route.Hosts = []string{"192.0.2.1"}
	r.check("z@b.test", Invalid)
}

func TestCallouts_wait_for_their_turn(t *testing.T) {
	r := newRig(t, selective, func(o *Options) { o.Rate, o.Burst, o.Now = 200, 1, nil })
	start := time.Now()
	for i := range 21 {
		r.check(fmt.Sprintf("u%d@b.test", i), Invalid)
	}
	if d := time.Since(start); d < 90*time.Millisecond {
		t.Errorf("21 callouts at 200 a second took %v", d)
	}
}

func TestClose_ends_callouts(t *testing.T) {
	r := newRig(t, smtptest.Script{Reply: map[string]string{"MAIL": smtptest.Hang}}, nil)
	r.req.Address = address(t, "good@b.test")
	got := make(chan Answer)
	go func() { a, _ := r.c.Check(context.Background(), r.req); got <- a }()
	for len(r.p.Lines()) < 2 {
		time.Sleep(time.Millisecond)
	}
	r.c.Close()
	if a := <-got; a != Unknown {
		t.Errorf("got %s", a)
	}
	r.check("other@b.test", Unknown)
}

func TestSoft_cache_survives_a_restart(t *testing.T) {
	dir := t.TempDir()
	open := func() *softkv.Store {
		kv, err := softkv.Open(dir, softkv.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return kv
	}
	kv := open()
	fail := func(err error) { t.Error(err) }
	r := newRig(t, selective, func(o *Options) { o.Cache = Soft{KV: kv, OnError: fail} })
	r.check("good@b.test", Known)
	r.check("bad@b.test", Invalid)
	r.c.Close()
	r.p.Shut()
	if err := kv.Close(); err != nil {
		t.Fatal(err)
	}
	kv = open()
	again := newRig(t, selective, func(o *Options) { o.Cache = Soft{KV: kv, OnError: fail} })
	again.req.Route = r.req.Route
	again.check("good@b.test", Known)
	again.check("bad@b.test", Invalid)
	if again.last.String() != "550 5.1.1 no such user" {
		t.Errorf("%v", again.last)
	}
	again.callouts(0)
	again.c.Forget("acme", address(t, "good@b.test"))
	again.check("good@b.test", Unknown)
	again.c.Close()
	if err := kv.Close(); err != nil {
		t.Fatal(err)
	}
}

// kv is a KV that fails.
type kv struct{ err error }

func (k kv) Get(_, _, _ string) ([]byte, bool, error)            { return []byte("not json"), true, k.err }
func (k kv) Set(_, _, _ string, _ []byte, _ time.Duration) error { return k.err }
func (k kv) Delete(_, _, _ string) error                         { return k.err }
func (k kv) Scan(_, _, _, _ string, f func(string, []byte, time.Time) bool) error {
	f("x@b.test", []byte("not json"), time.Time{})
	return k.err
}

func TestSoft_cache_that_fails_is_a_miss(t *testing.T) {
	var errs int
	count := func(error) { errs++ }
	if _, ok := (Soft{KV: kv{}, OnError: count}).Get("acme", "good@b.test"); ok {
		t.Error("nonsense was believed")
	}
	s := Soft{KV: kv{errors.New("disk")}, OnError: count}
	s.Put("acme", "x@b.test", Entry{Kind: EntryValid}, time.Hour)
	if _, ok := s.Get("acme", "x@b.test"); ok || errs != 3 {
		t.Errorf("%d errors told", errs)
	}
}

func TestMemory_is_bounded(t *testing.T) {
	m := NewMemory(3)
	for i := range 5 {
		m.Put("t", fmt.Sprint(i), Entry{Kind: EntryValid}, 0)
		m.Get("t", "0") // used, so it stays
	}
	for k, want := range map[string]bool{"0": true, "1": false, "2": false, "3": true, "4": true} {
		if _, ok := m.Get("t", k); ok != want {
			t.Errorf("%s: %v", k, ok)
		}
	}
	m.Delete("t", "0")
	if _, ok := m.Get("t", "0"); ok {
		t.Error("deleted, and still there")
	}
}
