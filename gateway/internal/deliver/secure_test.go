package deliver

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/dnstest"
	"github.com/mailweir/weir/gateway/internal/mtasts"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/smtpc"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

// stsPolicies are MTA-STS policies by domain.
type stsPolicies map[string]*mtasts.Policy

func (s stsPolicies) Policy(_ context.Context, domain string) (*mtasts.Policy, error) {
	if p, ok := s[domain]; ok && p == nil {
		return nil, &mtasts.Error{Domain: domain, Result: mtasts.ResultFetch, Err: context.DeadlineExceeded}
	}
	return s[domain], nil
}

func sts(mode string, mx ...string) *mtasts.Policy {
	return &mtasts.Policy{Mode: mode, MX: mx, MaxAge: time.Hour}
}

// lab is a small Internet: mail servers on addresses of the loopback that
// share a port, and the names that lead to them.
type lab struct {
	dns   *dnstest.Server
	port  int
	peers map[string]*smtptest.Peer // by the last octet of the address
	ca    *smtptest.CA

	mu   sync.Mutex
	told []TLSResult
}

// newLab starts a mail server for each address 127.0.0.N of scripts.
func newLab(t *testing.T, scripts map[string]smtptest.Script, zone string, signed ...string) *lab {
	t.Helper()
	l := &lab{peers: map[string]*smtptest.Peer{}, dns: dnstest.Start(t, zone, dnstest.Options{Signed: signed})}
	for n, s := range scripts {
		addr := "127.0.0." + n + ":0"
		if l.port > 0 {
			addr = fmt.Sprintf("127.0.0.%s:%d", n, l.port)
		}
		l.peers[n] = smtptest.StartAt(t, addr, s)
		_, l.port = split(t, l.peers[n].Addr)
	}
	return l
}

func (l *lab) engine(t *testing.T, s STS) *Engine {
	dns := resolver.New(resolver.Options{Servers: []string{l.dns.Addr}, HostsFile: "none"})
	return engine(t, func(o *Options) {
		o.Resolver, o.Loopback, o.DANE, o.STS = dns, true, dns, s
		if l.ca != nil {
			o.Roots = l.ca.Pool()
		}
		o.TLSResult = func(r TLSResult) { l.mu.Lock(); l.told = append(l.told, r); l.mu.Unlock() }
	})
}

// results are what reports were told since the last time, "policy result".
func (l *lab) results() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, r := range l.told {
		out = append(out, strings.TrimSpace(r.MX+" "+r.Policy+" "+r.Result))
	}
	l.told = nil
	return strings.Join(out, "; ")
}

func tlsa(cert []byte) string {
	sum := sha256.Sum256(cert)
	return "3 0 1 " + hex.EncodeToString(sum[:])
}

func withTLS(c *tls.Config) smtptest.Script {
	return smtptest.Script{Ext: []string{"PIPELINING", "STARTTLS"}, TLS: c}
}

// What is demanded of the channel, by whom, and what comes of it. No case ever
// ends in plaintext where anybody demands more.
func TestB30_channel_per_host(t *testing.T) {
	ca := smtptest.NewCA(t, "root")
	good, leaf := ca.Issue(t, smtptest.Leaf{Names: []string{"good.test", "mx.good.test", "mx.match.dane.test"}})
	wrong, _ := ca.Issue(t, smtptest.Leaf{Names: []string{"elsewhere.test"}})
	self, selfLeaf := ca.Issue(t, smtptest.Leaf{Names: []string{"mx.self.test"}, SelfSigned: true})
	expired, _ := ca.Issue(t, smtptest.Leaf{Names: []string{"mx.expired.test"}, Expired: true})
	l := newLab(t, map[string]smtptest.Script{
		"1": withTLS(good), "2": withTLS(wrong), "3": withTLS(self), "4": {Ext: []string{"PIPELINING"}}, "5": withTLS(expired),
	}, "")
	l.ca = ca
	p := l.port
	l.dns.Add(t, fmt.Sprintf(`
		good.test. MX 10 mx.good.test.
		mx.good.test. A 127.0.0.1
		wrong.test. MX 10 mx.wrong.test.
		mx.wrong.test. A 127.0.0.2
		self.test. MX 10 mx.self.test.
		mx.self.test. A 127.0.0.3
		plain.test. MX 10 mx.plain.test.
		mx.plain.test. A 127.0.0.4
		expired.test. MX 10 mx.expired.test.
		mx.expired.test. A 127.0.0.5
		down.test. MX 10 mx.down.test.
		mx.down.test. A 127.0.0.9
		forged.test. MX 10 mx.dane.test.
		both.test. MX 10 mx.plain.test.
		both.test. MX 20 mx.down.test.

		dane.test. MX 10 mx.dane.test.
		mx.dane.test. A 127.0.0.3
		_%[1]d._tcp.mx.dane.test. TLSA %[2]s
		bad.dane.test. MX 10 mx.bad.dane.test.
		mx.bad.dane.test. A 127.0.0.1
		_%[1]d._tcp.mx.bad.dane.test. TLSA %[2]s
		plain.dane.test. MX 10 mx.plain.dane.test.
		mx.plain.dane.test. A 127.0.0.4
		_%[1]d._tcp.mx.plain.dane.test. TLSA %[2]s
		old.dane.test. MX 10 mx.old.dane.test.
		mx.old.dane.test. A 127.0.0.3
		_%[1]d._tcp.mx.old.dane.test. TLSA 1 0 1 %[4]s
		broken.dane.test. MX 10 mx.broken.dane.test.
		mx.broken.dane.test. A 127.0.0.3
		two.dane.test. MX 10 mx.bad.dane.test.
		two.dane.test. MX 20 mx.dane.test.
		half.test. MX 10 mx.dane.test.
		named.test. MX 10 mx.match.dane.test.
		poor.test. MX 10 mx.dane.test.
		none.dane.test. MX 10 mx.none.dane.test.
		mx.none.dane.test. A 127.0.0.1
		match.dane.test. MX 10 mx.match.dane.test.
		mx.match.dane.test. A 127.0.0.1
		_%[1]d._tcp.mx.match.dane.test. TLSA %[3]s
	`, p, tlsa(selfLeaf.Raw), tlsa(leaf.Raw), strings.Fields(tlsa(selfLeaf.Raw))[3]))
	l.dns.Sign("dane.test.")
	l.dns.Set(fmt.Sprintf("_%d._tcp.mx.broken.dane.test.", p), dnstest.Bogus)
	policies := stsPolicies{
		"good.test": sts("enforce", "*.good.test"), "wrong.test": sts("enforce", "mx.wrong.test"), "plain.test": sts("enforce", "mx.plain.test"),
		"expired.test": sts("testing", "mx.expired.test"), "self.test": sts("enforce", "other.self.test"), "both.test": sts("none"),
		"half.test": nil, "old.dane.test": sts("enforce", "mx.old.dane.test"), "dane.test": sts("enforce", "nobody.test"),
		"forged.test": sts("enforce", "mx.forged.test"), "named.test": sts("enforce", "mx.match.dane.test"), "poor.test": sts("enforce", "mx.dane.test"),
		"match.dane.test": sts("enforce", "mx.match.dane.test"),
	}
	for _, tc := range []struct {
		domain, tls string
		policies    STS
		out         Outcome
		channel     string
		plain       bool // delivered without TLS
		noSecure    bool
		words       string // of the reply
		told        string
	}{
		{domain: "good.test", out: Delivered, told: "mx.good.test no-policy-found"},
		{domain: "wrong.test", out: Delivered, told: "mx.wrong.test no-policy-found"},
		{domain: "plain.test", out: Delivered, plain: true, told: "mx.plain.test no-policy-found starttls-not-supported"},
		{domain: "plain.test", tls: "required", noSecure: true, words: "does not offer it", told: "mx.plain.test no-policy-found starttls-not-supported"},
		{domain: "both.test", tls: "required", words: "connection refused", told: "mx.plain.test no-policy-found starttls-not-supported"},
		{domain: "down.test", tls: "required", words: "connection refused"},
		{domain: "self.test", tls: "required", out: Delivered, told: "mx.self.test no-policy-found"},
		{domain: "good.test", tls: "verified", out: Delivered, channel: "pkix", told: "mx.good.test no-policy-found"},
		{domain: "wrong.test", tls: "verified", noSecure: true, words: "is for elsewhere.test", told: "mx.wrong.test no-policy-found certificate-host-mismatch"},
		{domain: "self.test", tls: "verified", noSecure: true, words: "self-signed", told: "mx.self.test no-policy-found certificate-not-trusted"},
		{domain: "expired.test", tls: "verified", noSecure: true, words: "expired on", told: "mx.expired.test no-policy-found certificate-expired"},
		{domain: "plain.test", tls: "verified", noSecure: true, words: "does not offer it", told: "mx.plain.test no-policy-found starttls-not-supported"},
		{domain: "down.test", tls: "verified", words: "connection refused"},

		{domain: "dane.test", out: Delivered, channel: "dane", told: "mx.dane.test tlsa"},
		{domain: "dane.test", tls: "verified", out: Delivered, channel: "dane", told: "mx.dane.test tlsa"},
		{domain: "dane.test", tls: "dane", out: Delivered, channel: "dane", told: "mx.dane.test tlsa"},
		{domain: "dane.test", tls: "none", out: Delivered, channel: "dane", told: "mx.dane.test tlsa"},
		{domain: "dane.test", policies: policies, out: Delivered, channel: "dane", told: "mx.dane.test tlsa"},
		{domain: "match.dane.test", out: Delivered, channel: "dane", told: "mx.match.dane.test tlsa"},
		{domain: "bad.dane.test", words: "no TLSA record", told: "mx.bad.dane.test tlsa tlsa-invalid"},
		{domain: "bad.dane.test", tls: "dane", noSecure: true, words: "no TLSA record", told: "mx.bad.dane.test tlsa tlsa-invalid"},
		{domain: "plain.dane.test", words: "does not offer it", told: "mx.plain.dane.test tlsa starttls-not-supported"},
		{domain: "broken.dane.test", words: "could not be looked up", told: "mx.broken.dane.test tlsa dnssec-invalid"},
		{domain: "broken.dane.test", tls: "verified", words: "could not be looked up", told: "mx.broken.dane.test tlsa dnssec-invalid"},
		{domain: "two.dane.test", out: Delivered, channel: "dane", told: "mx.bad.dane.test tlsa tlsa-invalid; mx.dane.test tlsa"},
		{domain: "old.dane.test", out: Delivered, told: "mx.old.dane.test tlsa"},
		{domain: "old.dane.test", tls: "dane", noSecure: true, words: "can be used", told: "mx.old.dane.test tlsa tlsa-invalid"},
		{domain: "old.dane.test", tls: "verified", noSecure: true, words: "self-signed", told: "mx.old.dane.test no-policy-found certificate-not-trusted"},
		{domain: "half.test", out: Delivered, told: "mx.dane.test tlsa"},
		{domain: "half.test", tls: "dane", noSecure: true, words: "not secured by DNSSEC", told: "mx.dane.test no-policy-found dane-required"},
		{domain: "none.dane.test", out: Delivered, told: "mx.none.dane.test no-policy-found"},
		{domain: "none.dane.test", tls: "dane", noSecure: true, words: "no secure TLSA records", told: "mx.none.dane.test no-policy-found dane-required"},

		{domain: "good.test", policies: policies, out: Delivered, channel: "mta-sts", told: "mx.good.test sts"},
		{domain: "good.test", tls: "verified", policies: policies, out: Delivered, channel: "mta-sts", told: "mx.good.test sts"},
		{domain: "wrong.test", policies: policies, words: "is for elsewhere.test", told: "mx.wrong.test sts certificate-host-mismatch"},
		{domain: "wrong.test", tls: "required", policies: policies, noSecure: true, words: "is for elsewhere.test", told: "mx.wrong.test sts certificate-host-mismatch"},
		{domain: "plain.test", policies: policies, words: "does not offer it", told: "mx.plain.test sts starttls-not-supported"},
		{domain: "self.test", policies: policies, words: "does not name the mail server", told: "mx.self.test sts validation-failure"},
		{domain: "expired.test", policies: policies, out: Delivered, told: "mx.expired.test sts certificate-expired"},
		{domain: "both.test", policies: policies, out: Delivered, plain: true, told: "mx.plain.test no-policy-found starttls-not-supported"},
		{domain: "half.test", policies: policies, out: Delivered, told: "mx.dane.test tlsa"},

		// Whoever forges MX records to a host with TLSA records of its own does not
		// get past the policy; where it names the host, both have to be met.
		{domain: "forged.test", out: Delivered, told: "mx.dane.test tlsa"},
		{domain: "forged.test", policies: policies, words: "does not name the mail server", told: "mx.dane.test sts validation-failure"},
		{domain: "named.test", policies: policies, out: Delivered, channel: "mta-sts", told: "mx.match.dane.test tlsa"},
		{domain: "poor.test", policies: policies, words: "self-signed", told: "mx.dane.test tlsa certificate-not-trusted"},
		{domain: "poor.test", tls: "required", policies: policies, noSecure: true, words: "self-signed", told: "mx.dane.test tlsa certificate-not-trusted"},
		{domain: "old.dane.test", policies: policies, words: "self-signed", told: "mx.old.dane.test tlsa certificate-not-trusted"},
		{domain: "match.dane.test", policies: policies, out: Delivered, channel: "dane", told: "mx.match.dane.test tlsa"},
	} {
		t.Run(fmt.Sprintf("%s %s %v", tc.domain, tc.tls, tc.policies != nil), func(t *testing.T) {
			e := l.engine(t, tc.policies)
			res := run(t, e, request(t, Route{Name: "mx", MX: tc.domain, Port: p, TLS: tc.tls}, "a@"+tc.domain))
			r := res.Rcpts[0]
			if r.Outcome != tc.out || r.Channel != tc.channel || r.NoSecure != tc.noSecure || !strings.Contains(r.Reply.Text, tc.words) {
				t.Errorf("%s channel %q nosecure %v\n%s", show(res), r.Channel, r.NoSecure, transcripts(res))
			}
			if tc.out == Delivered && (r.TLS == "") != tc.plain {
				t.Errorf("TLS %q", r.TLS)
			}
			if tc.out != Delivered && strings.Contains(transcripts(res), "> MAIL") {
				t.Errorf("the envelope left:\n%s", transcripts(res))
			}
			if got := l.results(); got != tc.told {
				t.Errorf("told %q\nwant %q", got, tc.told)
			}
		})
	}
}

// A policy that is announced and cannot be had is reported, and delays nothing.
func TestB30_MTA_STS_policy_that_cannot_be_had(t *testing.T) {
	l := newLab(t, map[string]smtptest.Script{"1": {}}, "x.test. MX 10 mx.x.test.\nmx.x.test. A 127.0.0.1")
	res := run(t, l.engine(t, stsPolicies{"x.test": nil}), request(t, Route{Name: "mx", MX: "x.test", Port: l.port}, "a@x.test"))
	outcome(t, res, Delivered)
	if got, want := l.results(), "mx.x.test sts sts-policy-fetch-error; mx.x.test no-policy-found starttls-not-supported"; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

// A host that MTA-STS does not name is passed over for one that it does.
func TestB30_MTA_STS_picks_among_hosts(t *testing.T) {
	ca := smtptest.NewCA(t, "root")
	conf, _ := ca.Issue(t, smtptest.Leaf{Names: []string{"b.x.test"}})
	l := newLab(t, map[string]smtptest.Script{"1": {}, "2": withTLS(conf)}, "x.test. MX 10 a.x.test.\nx.test. MX 20 b.x.test.\na.x.test. A 127.0.0.1\nb.x.test. A 127.0.0.2")
	l.ca = ca
	e := l.engine(t, stsPolicies{"x.test": sts("enforce", "b.x.test")})
	res := run(t, e, request(t, Route{Name: "mx", MX: "x.test", Port: l.port}, "a@x.test"))
	if r := res.Rcpts[0]; r.Outcome != Delivered || r.Channel != "mta-sts" || r.Host != "b.x.test" || l.peers["1"].Accepted() != 0 {
		t.Errorf("%s\n%s", show(res), transcripts(res))
	}
}

// Trouble in the handshake is no word about the channel: the mail is tried again, and
// policy's "otherwise" does not count.
func TestB30_trouble_is_not_want_of_a_channel(t *testing.T) {
	ca := smtptest.NewCA(t, "root")
	conf, _ := ca.Issue(t, smtptest.Leaf{Names: []string{"127.0.0.1"}})
	for reply, want := range map[string]bool{
		"454 4.7.0 TLS not available due to temporary reason": false, smtptest.Close: false, smtptest.Hang: false, smtptest.Garbage: false,
		"220 go ahead":              true, // and then no TLS
		"502 5.5.1 not implemented": true,
	} {
		s := withTLS(conf)
		s.Reply = map[string]string{"STARTTLS": reply}
		p := smtptest.Start(t, s)
		e := engine(t, func(o *Options) { o.Timeouts.StartTLS = 200 * time.Millisecond })
		r := static(p.Addr)
		r.TLS = smtpc.TLSRequired
		if x := run(t, e, request(t, r, "a@b.test")).Rcpts[0]; x.NoSecure != want || x.Outcome != Deferred {
			t.Errorf("%s: no secure channel %v, %s %s", reply, x.NoSecure, x.Outcome, x.Reply)
		}
	}
	// Nor is our own stop, here after a first host that offers none.
	bare := smtptest.Start(t, smtptest.Script{})
	s := withTLS(conf)
	s.Reply = map[string]string{"STARTTLS": smtptest.Hang}
	slow := smtptest.Start(t, s)
	for _, hosts := range [][]string{{slow.Addr}, {bare.Addr, slow.Addr}} {
		r := static(hosts...)
		r.TLS = smtpc.TLSRequired
		a := engine(t, nil).Start(t.Context(), request(t, r, "a@b.test"))
		n := len(slow.Lines())
		waitFor(t, "STARTTLS", func() bool { return len(slow.Lines()) >= n+2 })
		a.Abort()
		<-a.Done()
		if x := a.Result(); x.Rcpts[0].NoSecure || !x.Aborted {
			t.Errorf("%v: stopped by us: %+v", hosts, x.Rcpts[0])
		}
	}
}

// Static hosts: DANE and verification where the route demands them.
func TestB30_channel_of_a_routes_hosts(t *testing.T) {
	ca := smtptest.NewCA(t, "root")
	conf, leaf := ca.Issue(t, smtptest.Leaf{Names: []string{"relay.test"}})
	l := newLab(t, map[string]smtptest.Script{"1": withTLS(conf)}, "relay.test. A 127.0.0.1\nother.test. A 127.0.0.1", "relay.test.")
	l.ca = ca
	l.dns.Add(t, fmt.Sprintf("_%d._tcp.relay.test. TLSA %s", l.port, tlsa(leaf.Raw)))
	for _, tc := range []struct {
		host, tls, channel string
		noSecure           bool
	}{
		{"relay.test", "", "", false}, {"relay.test", "verified", "pkix", false}, {"relay.test", "dane", "dane", false},
		{"other.test", "verified", "", true}, {"other.test", "dane", "", true}, {"127.0.0.1", "dane", "", true}, {"127.0.0.1", "verified", "", true},
	} {
		r := static(fmt.Sprintf("%s:%d", tc.host, l.port))
		r.TLS = tc.tls
		res := run(t, l.engine(t, nil), request(t, r, "a@b.test"))
		if x := res.Rcpts[0]; x.Channel != tc.channel || x.NoSecure != tc.noSecure || (x.Outcome == Delivered) == tc.noSecure {
			t.Errorf("%s %q: %s channel %q nosecure %v\n%s", tc.host, tc.tls, show(res), x.Channel, x.NoSecure, transcripts(res))
		}
	}
	if got := l.results(); got != "" {
		t.Errorf("told of hosts that no recipient's domain named: %s", got)
	}
	r := static(fmt.Sprintf("relay.test:%d", l.port))
	r.TLS = "dane"
	if res := run(t, engine(t, func(o *Options) { o.Resolver = resolver.New(resolver.Options{Servers: []string{l.dns.Addr}}) }), request(t, r, "a@b.test")); !res.Rcpts[0].NoSecure {
		t.Errorf("DANE is off: %s", show(res))
	}
}

// A connection serves only those whose demands it was opened for.
func TestB30_connections_are_not_shared_across_demands(t *testing.T) {
	ca := smtptest.NewCA(t, "root")
	conf, _ := ca.Issue(t, smtptest.Leaf{Names: []string{"127.0.0.1"}})
	s := withTLS(conf)
	s.Ext = append(s.Ext, "AUTH LOGIN")
	s.Login = "YW5u cHc=" // ann, pw
	p := smtptest.Start(t, s)
	e := engine(t, func(o *Options) { o.Roots = ca.Pool() })
	route := func(mode, user string) Route {
		r := static(p.Addr)
		r.TLS = mode
		if user != "" {
			r.Auth = &smtpc.Credentials{User: user, Password: "pw"}
		}
		return r
	}
	for i, r := range []Route{route("", ""), route("required", ""), route("verified", ""), route("required", "ann")} {
		for range 2 {
			outcome(t, run(t, e, request(t, r, "a@b.test")), Delivered)
		}
		if p.Accepted() != i+1 {
			t.Fatalf("%d connections after %d policies", p.Accepted(), i+1)
		}
	}
	res := run(t, e, request(t, route("required", "bob"), "a@b.test"))
	if r := res.Rcpts[0]; r.Outcome != Deferred || r.Remote || !strings.Contains(r.Reply.Text, "535") {
		t.Errorf("%s\n%s", show(res), transcripts(res))
	}
}

// Authentication to a smarthost: through TLS alone, and never in the record.
func TestB82_authentication_to_a_smarthost(t *testing.T) {
	conf, roots := smtptest.Certificate(t, "127.0.0.1")
	p := smtptest.Start(t, smtptest.Script{Ext: []string{"STARTTLS", "AUTH LOGIN PLAIN"}, TLS: conf, Plain: "AHJlbGF5QGFjbWUudGVzdABzM2NyZXQ="})
	plain := smtptest.Start(t, smtptest.Script{Ext: []string{"AUTH LOGIN PLAIN"}, Plain: "AHJlbGF5QGFjbWUudGVzdABzM2NyZXQ="})
	r := static(p.Addr)
	r.TLS, r.Auth = "required", &smtpc.Credentials{User: "relay@acme.test", Password: "s3cret"}
	e, c := shaped(t, big, func(o *Options) { o.Roots = roots })
	res := run(t, e, request(t, r, "a@b.test"))
	outcome(t, res, Delivered)
	if s := transcripts(res) + fmt.Sprintf("%+v", r); strings.Contains(s, "s3cret") || strings.Contains(s, "AHJlbGF5") {
		t.Errorf("the password is shown:\n%s", s)
	}
	if !slices.Contains(p.Lines(), "AUTH PLAIN AHJlbGF5QGFjbWUudGVzdABzM2NyZXQ=") {
		t.Errorf("%q", p.Lines())
	}
	// Refused, everybody's mail waits: an account is locked by trying on and on.
	r.Auth = &smtpc.Credentials{User: "relay@acme.test", Password: "wrong"}
	res = run(t, e, request(t, r, "a@b.test"))
	if x := res.Rcpts[0]; x.Outcome != Deferred || !strings.Contains(x.Reply.Text, "535") {
		t.Errorf("%s", show(res))
	}
	throttled(t, run(t, e, request(t, r, "a@b.test")), "535")
	c.add(time.Hour)
	// Never in plaintext, whatever the route says.
	r.Hosts, r.TLS = []string{plain.Addr}, ""
	if res := run(t, e, request(t, r, "a@b.test")); res.Rcpts[0].Outcome != Deferred || strings.Contains(strings.Join(plain.Lines(), "\n"), "AUTH") {
		t.Errorf("%s %q", show(res), plain.Lines())
	}
}
