package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/smtpc"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const body = "Subject: x\r\n\r\nhello\r\n"

func engine(t testing.TB, set func(*Options)) *Engine {
	t.Helper()
	o := Options{Hostname: "gw.test"}
	d := 30 * time.Second
	o.Timeouts = smtpc.Timeouts{Connect: d, Greeting: d, EHLO: d, StartTLS: d, Mail: d, Rcpt: d, Data: d, Block: d, Dot: d, Reset: d}
	o.IdleTimeout, o.Patience = time.Minute, time.Minute
	if set != nil {
		set(&o)
	}
	e := New(o)
	t.Cleanup(e.Close)
	return e
}

func address(t testing.TB, s string) mail.Address {
	t.Helper()
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func request(t testing.TB, r Route, to ...string) Request {
	t.Helper()
	req := Request{ID: mail.NewID(time.Now()), Route: r, From: address(t, "from@a.test"), Size: int64(len(body)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }}
	for i, s := range to {
		req.To = append(req.To, Rcpt{N: i + 1, Addr: address(t, s)})
	}
	return req
}

func run(t testing.TB, e *Engine, r Request) Result {
	t.Helper()
	a := e.Start(context.Background(), r)
	select {
	case <-a.Done():
	case <-time.After(time.Minute):
		t.Fatal("the attempt does not end")
	}
	return a.Result()
}

// show is a result in one line, for comparison.
func show(r Result) string {
	var out []string
	for _, x := range r.Rcpts {
		s := fmt.Sprintf("%d %s %s", x.N, x.Outcome, x.Reply)
		if !x.Remote {
			s += " (ours)"
		}
		out = append(out, s)
	}
	return strings.Join(out, " | ")
}

func transcripts(r Result) string {
	var b strings.Builder
	for i, a := range r.Attempts {
		fmt.Fprintf(&b, "-- %d: %s %s reused=%v %v\n%s", i, a.Host, a.Addr, a.Reused, a.Outcome, a.Transcript)
	}
	return b.String()
}

func static(hosts ...string) Route { return Route{Name: "static", Hosts: hosts} }

var pipelining = []string{"PIPELINING", "SIZE 10000000"}

// TestB102_outcomes_of_one_host: what one host says, and what that means to a recipient (B102).
func TestB102_outcomes_of_one_host(t *testing.T) {
	for _, tc := range []struct {
		name   string
		script smtptest.Script
		want   string
	}{
		{"taken", smtptest.Script{}, "1 delivered 250 2.0.0 taken as 1"},
		{"greeting 5xx is the host's failure", smtptest.Script{Greeting: "554 5.7.1 go away"}, "1 deferred 451 4.7.1 the host refused to talk to us: 554 5.7.1 go away (ours)"},
		{"greeting 4xx", smtptest.Script{Greeting: "421 4.3.2 busy"}, "1 deferred 421 4.3.2 busy"},
		{"EHLO 5xx is the host's failure", smtptest.Script{Reply: map[string]string{"EHLO": "550 no", "HELO": "550 no"}}, "1 deferred 451 4.4.0 the host refused to talk to us: 550 no (ours)"},
		{"MAIL 5xx", smtptest.Script{Reply: map[string]string{"MAIL": "550 5.7.1 sender no", "RCPT": "503 x", "DATA": "503 x"}}, "1 failed 550 5.7.1 sender no"},
		{"MAIL 4xx", smtptest.Script{Reply: map[string]string{"MAIL": "451 4.7.1 later", "RCPT": "503 x", "DATA": "503 x"}}, "1 deferred 451 4.7.1 later"},
		{"RCPT 5xx", smtptest.Script{Reply: map[string]string{"RCPT": "550 5.1.1 who"}}, "1 failed 550 5.1.1 who"},
		{"RCPT 552 is temporary", smtptest.Script{Reply: map[string]string{"RCPT": "552 5.2.2 full"}}, "1 deferred 452 4.2.2 full"},
		{"RCPT 4xx", smtptest.Script{Reply: map[string]string{"RCPT": "450 4.2.0 greylisted"}}, "1 deferred 450 4.2.0 greylisted"},
		{"DATA 5xx", smtptest.Script{Reply: map[string]string{"DATA": "554 5.5.1 no"}}, "1 failed 554 5.5.1 no"},
		{"dot 5xx", smtptest.Script{Reply: map[string]string{"DOT": "550 5.7.1 spam"}}, "1 failed 550 5.7.1 spam"},
		{"dot 4xx", smtptest.Script{Reply: map[string]string{"DOT": "452 4.3.1 disk"}}, "1 deferred 452 4.3.1 disk"},
		{"garbage", smtptest.Script{Greeting: smtptest.Garbage}, "1 deferred 451 4.5.0 the host does not speak SMTP (ours)"},
		{"250 as greeting", smtptest.Script{Greeting: "250 hello"}, "1 deferred 451 4.5.0 the host gave an answer that does not belong here: 250 hello (ours)"},
		{"354 to EHLO", smtptest.Script{Reply: map[string]string{"EHLO": "354 go", "HELO": "354 go"}}, "1 deferred 451 4.5.0 the host gave an answer that does not belong here: 354 go (ours)"},
		{"354 to MAIL", smtptest.Script{Reply: map[string]string{"MAIL": "354 go"}}, "1 deferred 451 4.5.0 the host does not speak SMTP (ours)"},
		{"250 to DATA", smtptest.Script{Reply: map[string]string{"DATA": "250 ok"}}, "1 deferred 451 4.5.0 the host does not speak SMTP (ours)"},
		{"close at MAIL", smtptest.Script{Reply: map[string]string{"MAIL": smtptest.Close}}, "1 deferred 451 4.4.2 the host closed the connection before the answer to MAIL (ours)"},
		{"close at DATA", smtptest.Script{Reply: map[string]string{"DATA": smtptest.Close}}, "1 deferred 451 4.4.2 the host closed the connection before the message to be taken (ours)"},
	} {
		for _, ext := range [][]string{nil, pipelining} {
			t.Run(tc.name+" "+strings.Join(ext, ""), func(t *testing.T) {
				tc.script.Ext = ext
				p := smtptest.Start(t, tc.script)
				res := run(t, engine(t, nil), request(t, static(p.Addr), "to@b.test"))
				if got := show(res); got != tc.want {
					t.Errorf("got  %s\nwant %s\n%s", got, tc.want, transcripts(res))
				}
				if len(res.Attempts) != 1 || res.Attempts[0].Transcript == "" || len(res.Attempts[0].Outcome) != 1 || res.Aborted {
					t.Errorf("%+v", res)
				}
				if a := res.Attempts[0]; a.Addr != p.Addr || a.Host != "127.0.0.1" || a.Route != "static" {
					t.Errorf("%+v", a)
				}
			})
		}
	}
}

func TestB102_hosts_in_order_with_failover_at_once(t *testing.T) {
	good := smtptest.Start(t, smtptest.Script{})
	for name, first := range map[string]string{
		"refused":       smtptest.Closed(t),
		"busy":          smtptest.Start(t, smtptest.Script{Greeting: "421 busy"}).Addr,
		"554":           smtptest.Start(t, smtptest.Script{Greeting: "554 no"}).Addr,
		"RCPT 4xx":      smtptest.Start(t, smtptest.Script{Reply: map[string]string{"RCPT": "450 no"}}).Addr,
		"dot 4xx":       smtptest.Start(t, smtptest.Script{Reply: map[string]string{"DOT": "450 no"}}).Addr,
		"closed at dot": "", // must not fail over: see below
	} {
		if first == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			res := run(t, engine(t, nil), request(t, static(first, good.Addr), "to@b.test"))
			if res.Rcpts[0].Outcome != Delivered || res.Rcpts[0].Addr != good.Addr || len(res.Attempts) != 2 || res.Attempts[0].Addr != first {
				t.Errorf("%s\n%s", show(res), transcripts(res))
			}
		})
	}
	before := len(good.Messages())
	final := smtptest.Start(t, smtptest.Script{Reply: map[string]string{"RCPT": "550 5.1.1 no"}})
	res := run(t, engine(t, nil), request(t, static(final.Addr, good.Addr), "to@b.test"))
	if res.Rcpts[0].Outcome != Failed || len(good.Messages()) != before {
		t.Errorf("a 5xx went on to the next host: %s", show(res))
	}
}

func TestEach_recipient_goes_its_own_way(t *testing.T) {
	one := smtptest.Start(t, smtptest.Script{Ext: pipelining, Rcpt: func(a string) string {
		return map[string]string{"no@b.test": "550 5.1.1 no", "later@b.test": "450 4.2.1 later", "never@b.test": "450 4.2.1 later"}[a]
	}})
	two := smtptest.Start(t, smtptest.Script{Ext: pipelining, Rcpt: func(a string) string {
		return map[string]string{"never@b.test": "451 4.3.0 not here"}[a]
	}})
	res := run(t, engine(t, nil), request(t, static(one.Addr, two.Addr), "yes@b.test", "no@b.test", "later@b.test", "never@b.test"))
	want := "1 delivered 250 2.0.0 taken as 1 | 2 failed 550 5.1.1 no | 3 delivered 250 2.0.0 taken as 1 | 4 deferred 451 4.3.0 not here"
	if got := show(res); got != want {
		t.Errorf("got  %s\nwant %s\n%s", got, want, transcripts(res))
	}
	if to := two.Messages()[0].To; strings.Join(to, " ") != "later@b.test" {
		t.Errorf("the second host got %v", to)
	}
	if len(res.Attempts) != 2 || fmt.Sprint(res.Attempts[1].Recipients) != "[3 4]" {
		t.Errorf("%+v", res.Attempts)
	}
}

func TestDestinations_words_outlive_a_dead_neighbour(t *testing.T) {
	busy := smtptest.Start(t, smtptest.Script{Reply: map[string]string{"RCPT": "450 4.7.1 greylisted"}})
	res := run(t, engine(t, nil), request(t, static(busy.Addr, smtptest.Closed(t)), "a@b.test"))
	if got := show(res); got != "1 deferred 450 4.7.1 greylisted" || len(res.Attempts) != 2 {
		t.Errorf("%s", got)
	}
	if got := res.Attempts[1].Outcome[0].Reply.Text; got != "connection refused" {
		t.Errorf("the record says %q", got)
	}
}

// TestLost_answer_to_the_dot: the host may have the message. It is deferred,
// said so, and no other host gets it in this attempt.
func TestLost_answer_to_the_dot(t *testing.T) {
	for _, action := range []string{smtptest.Close, smtptest.Hang, smtptest.Garbage} {
		t.Run(action, func(t *testing.T) {
			p := smtptest.Start(t, smtptest.Script{Ext: pipelining, Reply: map[string]string{"DOT": action}})
			other := smtptest.Start(t, smtptest.Script{})
			e := engine(t, func(o *Options) { o.Timeouts.Dot = 200 * time.Millisecond })
			res := run(t, e, request(t, static(p.Addr, other.Addr), "a@b.test"))
			r := res.Rcpts[0]
			if r.Outcome != Deferred || !r.MayDuplicate || !strings.Contains(res.Attempts[0].Transcript, "may have been delivered") || len(res.Attempts) != 1 {
				t.Errorf("%s\n%s", show(res), transcripts(res))
			}
			if len(p.Messages()) != 1 || len(other.Messages()) != 0 {
				t.Errorf("%d and %d messages", len(p.Messages()), len(other.Messages()))
			}
		})
	}
}

func TestHang_at_each_stage_ends_in_time(t *testing.T) {
	for _, verb := range []string{"GREETING", "EHLO", "MAIL", "RCPT", "DATA"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			s := smtptest.Script{Reply: map[string]string{verb: smtptest.Hang}}
			if verb == "GREETING" {
				s.Greeting = smtptest.Hang
			}
			p, good := smtptest.Start(t, s), smtptest.Start(t, smtptest.Script{})
			d := 200 * time.Millisecond
			e := engine(t, func(o *Options) {
				switch verb {
				case "GREETING":
					o.Timeouts.Greeting = d
				case "EHLO":
					o.Timeouts.EHLO = d
				case "MAIL":
					o.Timeouts.Mail = d
				case "RCPT":
					o.Timeouts.Rcpt = d
				case "DATA":
					o.Timeouts.Data = d
				}
			})
			res := run(t, e, request(t, static(p.Addr, good.Addr), "a@b.test"))
			if res.Rcpts[0].Outcome != Delivered || !strings.Contains(transcripts(res), "timed out waiting for") {
				t.Errorf("%s\n%s", show(res), transcripts(res))
			}
		})
	}
}

func TestMany_recipients_are_split(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Ext: pipelining})
	var to []string
	for i := range 250 {
		to = append(to, fmt.Sprintf("u%d@b.test", i))
	}
	res := run(t, engine(t, nil), request(t, static(p.Addr), to...))
	var sizes []int
	for _, m := range p.Messages() {
		sizes = append(sizes, len(m.To))
	}
	if fmt.Sprint(sizes) != "[100 100 50]" || p.Accepted() != 1 || len(res.Attempts) != 3 {
		t.Errorf("%v over %d connections, %d records", sizes, p.Accepted(), len(res.Attempts))
	}
	for _, r := range res.Rcpts {
		if r.Outcome != Delivered {
			t.Fatalf("%+v", r)
		}
	}
}

func TestPanic_in_a_delivery_defers_it(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{})
	var log strings.Builder
	e := engine(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	r := request(t, static(p.Addr), "a@b.test")
	r.Open = func() (io.ReadCloser, error) { panic("boom") }
	res := run(t, e, r)
	if res.Rcpts[0].Outcome != Deferred || !res.Rcpts[0].Reply.Temporary() || !strings.Contains(log.String(), "boom") {
		t.Errorf("%s %s", show(res), &log)
	}
	if res = run(t, e, request(t, static(p.Addr), "a@b.test")); res.Rcpts[0].Outcome != Delivered {
		t.Errorf("afterwards: %s", show(res))
	}
}

func TestUnreadable_message_is_deferred_and_not_shown_around(t *testing.T) {
	one, two := smtptest.Start(t, smtptest.Script{}), smtptest.Start(t, smtptest.Script{})
	for name, open := range map[string]func() (io.ReadCloser, error){
		"open": func() (io.ReadCloser, error) { return nil, errors.New("disk") },
		"read": func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader(body), failing{})), nil
		},
	} {
		r := request(t, static(one.Addr, two.Addr), "a@b.test")
		r.Open = open
		res := run(t, engine(t, nil), r)
		if got := show(res); got != "1 deferred 451 4.3.0 the gateway could not read the message (ours)" || two.Accepted() > 0 || len(one.Messages()) > 0 {
			t.Errorf("%s: %s", name, got)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("disk") }

func TestDeclared_but_unneeded_8BITMIME_is_dropped(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{})
	r := request(t, static(p.Addr), "a@b.test")
	r.Params = mail.MailParams{Body: "8BITMIME", SMTPUTF8: true}
	if res := run(t, engine(t, nil), r); res.Rcpts[0].Outcome != Delivered {
		t.Errorf("%s", show(res))
	}
	for text, want := range map[string]string{
		"Subject: x\r\n\r\ngr\xc3\xbc\xc3\x9fe\r\n":       "1 failed 554 5.6.3",
		"Subject: gr\xc3\xbc\xc3\x9fe\r\n\r\nhello\r\n":   "1 failed 554 5.6.3",
		"Subject: x\r\n" + strings.Repeat("x", 70000):     "1 delivered",
		"Subject: x\r\n\r\n" + strings.Repeat("é", 40000): "1 failed 554 5.6.3",
	} {
		r.Open = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
		if res := run(t, engine(t, nil), r); !strings.HasPrefix(show(res), want) {
			t.Errorf("%.30q: %s", text, show(res))
		}
	}
	r.Params.Body = ""
	r.Open = func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("Subject: gr\xc3\xbc\r\n\r\nx\r\n")), nil
	}
	if res := run(t, engine(t, nil), r); !strings.HasPrefix(show(res), "1 failed 554 5.6.7") {
		t.Errorf("%s", show(res))
	}
}

func TestTLS_modes(t *testing.T) {
	conf, roots := smtptest.Certificate(t, "127.0.0.1")
	offers := smtptest.Start(t, smtptest.Script{Ext: []string{"STARTTLS"}, TLS: conf})
	broken := smtptest.Start(t, smtptest.Script{Ext: []string{"STARTTLS"}, Reply: map[string]string{"STARTTLS": "454 4.7.0 no"}})
	plain := smtptest.Start(t, smtptest.Script{})
	for _, tc := range []struct {
		mode  string
		p     *smtptest.Peer
		want  Outcome
		tls   string
		conns int
	}{
		{"none", offers, Delivered, "", 1},
		{"", offers, Delivered, "TLS1.3", 1},
		{"required", offers, Delivered, "TLS1.3", 1},
		{"opportunistic", broken, Delivered, "", 2},
		{"required", broken, Deferred, "", 1},
		{"required", plain, Deferred, "", 1},
		{"opportunistic", plain, Delivered, "", 1},
	} {
		before := tc.p.Accepted()
		r := static(tc.p.Addr)
		r.TLS = tc.mode
		res := run(t, engine(t, func(o *Options) { o.Roots = roots }), request(t, r, "a@b.test"))
		got := res.Rcpts[0]
		if got.Outcome != tc.want || got.TLS != tc.tls || got.Verified != (tc.tls != "") || tc.p.Accepted()-before != tc.conns || len(res.Attempts) != 1 {
			t.Errorf("%q: %s tls %q verified %v, %d connections\n%s", tc.mode, show(res), got.TLS, got.Verified, tc.p.Accepted()-before, transcripts(res))
		}
	}
}

// zone is a Resolver of fixed answers.
type zone struct {
	mx    map[string][]resolver.MX
	addrs map[string][]string
	err   map[string]*resolver.Error
}

func (z zone) MX(_ context.Context, d string) ([]resolver.MX, error) {
	if e := z.err[d]; e != nil {
		return nil, e
	}
	return append([]resolver.MX(nil), z.mx[d]...), nil
}

func (z zone) Addrs(_ context.Context, h string) ([]netip.Addr, error) {
	var out []netip.Addr
	for _, a := range z.addrs[h] {
		out = append(out, netip.MustParseAddr(a))
	}
	if len(out) == 0 {
		if e := z.err[h]; e != nil {
			return nil, e
		}
		return nil, &resolver.Error{Name: h, NotFound: true}
	}
	return out, nil
}

func (z zone) PTR(context.Context, netip.Addr) (string, error) {
	return "", &resolver.Error{NotFound: true}
}

// A recipient's domain is chosen by whoever sends: it must not lead to this
// machine's own services. A host the operator wrote may.
func TestDomainsDoNotLeadToThisMachine(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{})
	port := int(netip.MustParseAddrPort(p.Addr).Port())
	z := zone{
		mx:    map[string][]resolver.MX{"mx.test": {{Host: "lo.test", Pref: 1}}, "two.test": {{Host: "lo.test", Pref: 1}, {Host: "link.test", Pref: 2}}},
		addrs: map[string][]string{"lo.test": {"127.0.0.1", "::1", "0.0.0.0"}, "link.test": {"169.254.169.254", "fe80::1"}, "bare.test": {"::ffff:127.0.0.1"}},
	}
	e := engine(t, func(o *Options) { o.Resolver = z })
	for domain, want := range map[string]string{
		"mx.test": "1 failed 550 5.1.2", "bare.test": "1 failed 550 5.1.2", "[127.0.0.1]": "1 failed 550 5.1.2", "[IPv6:::1]": "1 failed 550 5.1.2",
		"two.test": "1 deferred 451 4.1.2",
	} {
		res := run(t, e, request(t, Route{Name: "mx", MX: domain, Port: port}, "a@b.test"))
		if !strings.HasPrefix(show(res), want) {
			t.Errorf("%s: %s", domain, show(res))
		}
	}
	if res := run(t, e, request(t, Route{Name: "static", Hosts: []string{p.Addr}}, "a@b.test")); !strings.HasPrefix(show(res), "1 delivered") {
		t.Errorf("static: %s", show(res))
	}
}

func TestMX(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{})
	port := netip.MustParseAddrPort(p.Addr).Port()
	mx := func(h string, pref uint16) resolver.MX { return resolver.MX{Host: h, Pref: pref} }
	z := zone{
		mx: map[string][]resolver.MX{
			"two.test": {mx("good.test", 20), mx("dead.test", 10)}, "null.test": {mx("", 0)},
			"self.test": {mx("gw.test", 10), mx("good.test", 20)}, "backup.test": {mx("good.test", 5), mx("GW.test", 10), mx("dead.test", 20)},
			"nohost.test": {mx("nowhere.test", 1)},
		},
		addrs: map[string][]string{"good.test": {"127.0.0.1"}, "plain.test": {"127.0.0.1"}, "dead.test": {"127.0.0.3", "127.0.0.2"}},
		err: map[string]*resolver.Error{"gone.test": {NotFound: true, NoDomain: true, TTL: time.Minute},
			"slow.test": {Temporary: true, TTL: 90 * time.Second}},
	}
	for _, tc := range []struct {
		domain, want string
		tries        int
	}{
		{"two.test", "1 delivered 250", 3},
		{"plain.test", "1 delivered 250", 1},
		{"backup.test", "1 delivered 250", 1},
		{"[127.0.0.1]", "1 delivered 250", 1},
		{"null.test", "1 failed 556 5.1.10", 1},
		{"self.test", "1 failed 554 5.4.6", 1},
		{"gone.test", "1 failed 550 5.1.2 the domain gone.test does not exist", 1},
		{"empty.test", "1 failed 550 5.1.2 the domain empty.test has no mail server", 1},
		{"slow.test", "1 deferred 451 4.4.3", 1},
		{"nohost.test", "1 deferred 451 4.4.3", 1},
	} {
		t.Run(tc.domain, func(t *testing.T) {
			e := engine(t, func(o *Options) { o.Resolver, o.Loopback = z, true })
			res := run(t, e, request(t, Route{Name: "mx", MX: tc.domain, Port: int(port)}, "a@b.test"))
			if !strings.HasPrefix(show(res), tc.want) || len(res.Attempts) != tc.tries {
				t.Errorf("%s after %d tries\n%s", show(res), len(res.Attempts), transcripts(res))
			}
			if tc.domain == "slow.test" && (!res.Rcpts[0].DNS || res.Rcpts[0].RetryAfter != 90*time.Second) {
				t.Errorf("%+v", res.Rcpts[0])
			}
		})
	}
	if res := run(t, engine(t, nil), request(t, Route{Name: "x"}, "a@b.test")); show(res) != `1 deferred 451 4.3.5 route "x" has no hosts (ours)` {
		t.Errorf("%s", show(res))
	}
}

func TestMX_of_one_preference_are_tried_in_any_order(t *testing.T) {
	e := engine(t, func(o *Options) {
		o.Resolver = zone{mx: map[string][]resolver.MX{"x.test": {{Host: "a", Pref: 5}, {Host: "b", Pref: 5}, {Host: "z", Pref: 9}}}}
	})
	first := map[string]int{}
	for range 200 {
		hs, err := e.hosts(t.Context(), Route{MX: "x.test"})
		if err != nil || hs[2].host != "z" {
			t.Fatal(hs, err)
		}
		first[hs[0].host]++
	}
	if first["a"] < 20 || first["b"] < 20 {
		t.Errorf("%v", first)
	}
}

func TestNextHop(t *testing.T) {
	for want, r := range map[string]Route{
		"127.0.0.1:2526":              {Hosts: []string{"127.0.0.1:2526"}},
		"mx.test:25,[::1]:2525":       {Hosts: []string{"MX.test", "[::1]:2525"}},
		"lmtp:unix:/run/lmtp":         {Hosts: []string{"unix:/run/lmtp"}, LMTP: true},
		"example.test":                {MX: "Example.test"},
		"example.test:2525":           {MX: "example.test", Port: 2525},
		"[2001:db8::1]:25,a.test:587": {Hosts: []string{"2001:db8::1", "a.test"}, Port: 0},
	} {
		if strings.HasSuffix(want, ":587") {
			r.Hosts[1] = "a.test:587"
		}
		if got := r.NextHop(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestProbe(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Ext: pipelining, Rcpt: func(a string) string {
		return map[string]string{"no@b.test": "550 5.1.1 no", "later@b.test": "450 4.2.1 later"}[a]
	}})
	e := engine(t, nil)
	r := static(p.Addr)
	for range 3 {
		res := e.Probe(t.Context(), r, address(t, "yes@b.test"), address(t, "no@b.test"), address(t, "later@b.test"))
		if got := show(res); got != "1 delivered 250 ok | 2 failed 550 5.1.1 no | 3 deferred 450 4.2.1 later" {
			t.Errorf("%s", got)
		}
	}
	if len(p.Messages()) != 0 || p.Accepted() != 1 {
		t.Errorf("%d messages over %d connections", len(p.Messages()), p.Accepted())
	}
	p.Set(smtptest.Script{Reply: map[string]string{"MAIL": "550 5.7.1 no bounces here"}})
	if res := e.Probe(t.Context(), r, address(t, "yes@b.test")); res.Rcpts[0].Outcome != Deferred || res.Rcpts[0].Remote {
		t.Errorf("a refused null sender says nothing about the recipient: %s", show(res))
	}
	if res := e.Probe(t.Context(), static(smtptest.Closed(t)), address(t, "yes@b.test")); res.Rcpts[0].Outcome != Deferred {
		t.Errorf("%s", show(res))
	}
}

func TestB102_cooling_host_goes_last(t *testing.T) {
	now := time.Unix(1e9, 0)
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	dead, live := smtptest.Closed(t), smtptest.Start(t, smtptest.Script{})
	e := engine(t, func(o *Options) { o.Now = clock; o.Cooldown = time.Minute })
	for i, tries := range []int{2, 1, 2} {
		if i == 2 {
			mu.Lock()
			now = now.Add(time.Minute)
			mu.Unlock()
		}
		if res := run(t, e, request(t, static(dead, live.Addr), "a@b.test")); len(res.Attempts) != tries {
			t.Errorf("message %d: %d tries, want %d", i, len(res.Attempts), tries)
		}
	}
}
