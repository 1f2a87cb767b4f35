package deliver

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/dnstest"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

// The DNS decides where a domain's mail goes, asked through the real resolver.
func TestB82_MX_and_what_stands_in_for_it(t *testing.T) {
	l := newLab(t, map[string]smtptest.Script{"1": {}, "2": {Reply: map[string]string{"RCPT": "450 4.2.0 later"}}}, `
		one.test. MX 10 mx.one.test.
		mx.one.test. A 127.0.0.1
		order.test. MX 20 mx.one.test.
		order.test. MX 10 mx.later.test.
		mx.later.test. A 127.0.0.2
		bare.test. A 127.0.0.1
		six.test. AAAA ::9
		null.test. MX 0 .
		nullish.test. MX 0 .
		nullish.test. MX 10 mx.one.test.
		empty.test. TXT "no mail here"
		alias.test. CNAME one.test.
		loop.test. MX 10 gw.test.
		backup.test. MX 10 mx.one.test.
		backup.test. MX 20 GW.test.
		backup.test. MX 30 mx.later.test.
		nowhere.test. MX 10 mx.gone.test.
		bad.test. MX 10 mx.bad.test.
		half.test. MX 10 mx.bad.test.
		half.test. MX 20 mx.one.test.`)
	l.dns.Set("servfail.test.", dnstest.ServFail)
	l.dns.Set("refused.test.", dnstest.Refused)
	l.dns.Set("lame.test.", dnstest.Lame)
	l.dns.Set("mx.bad.test.", dnstest.ServFail)
	l.dns.Set("cut.test.", dnstest.Truncated)
	l.dns.Add(t, "cut.test. MX 10 mx.one.test.")
	for domain, tc := range map[string]struct {
		want string
		dns  bool
	}{
		"one.test":      {want: "1 delivered"},
		"order.test":    {want: "1 delivered"}, // the first one defers, the second takes it at once (B102)
		"bare.test":     {want: "1 delivered"},
		"alias.test":    {want: "1 delivered"},
		"backup.test":   {want: "1 delivered"},
		"half.test":     {want: "1 delivered"},
		"nullish.test":  {want: "1 delivered"},
		"cut.test":      {want: "1 delivered"},
		"null.test":     {want: "1 failed 556 5.1.10"},
		"empty.test":    {want: "1 failed 550 5.1.2 the domain empty.test has no mail server", dns: true},
		"gone.test":     {want: "1 failed 550 5.1.2 the domain gone.test does not exist", dns: true},
		"loop.test":     {want: "1 failed 554 5.4.6"},
		"nowhere.test":  {want: "1 deferred 451 4.4.3", dns: true},
		"bad.test":      {want: "1 deferred 451 4.4.3", dns: true},
		"servfail.test": {want: "1 deferred 451 4.4.3", dns: true},
		"refused.test":  {want: "1 deferred 451 4.4.3", dns: true},
		"lame.test":     {want: "1 deferred 451 4.4.3", dns: true},
	} {
		t.Run(domain, func(t *testing.T) {
			res := run(t, l.engine(t, nil), request(t, Route{Name: "mx", MX: domain, Port: l.port}, "a@"+domain))
			if got := show(res); !strings.HasPrefix(got, tc.want) || res.Rcpts[0].DNS != tc.dns {
				t.Errorf("%s dns %v\n%s", got, res.Rcpts[0].DNS, transcripts(res))
			}
		})
	}
	if n := len(l.peers["2"].Messages()); n != 0 {
		t.Errorf("%d messages at a host behind us", n)
	}
}

// How soon a failed look-up is tried again is the answer's own word (B107).
func TestB107_dns_failure_holds_as_long_as_its_answer(t *testing.T) {
	l := newLab(t, map[string]smtptest.Script{"1": {}}, `
		zone.test. 600 SOA ns.zone.test. me.zone.test. 1 600 600 600 90
		zone.test. MX 10 mx.zone.test.`)
	res := run(t, l.engine(t, nil), request(t, Route{Name: "mx", MX: "zone.test", Port: l.port}, "a@zone.test"))
	if r := res.Rcpts[0]; r.Outcome != Deferred || !r.DNS || r.RetryAfter <= 0 || r.RetryAfter > 90*time.Second {
		t.Errorf("%s after %s", show(res), r.RetryAfter)
	}
}

// A mail server that is this gateway, by name or by address, is a loop; hosts
// that are better than it are still used.
func TestB129_routing_to_ourselves(t *testing.T) {
	l := newLab(t, map[string]smtptest.Script{"1": {}, "2": {}}, `
		addr.test. MX 10 mx.addr.test.
		mx.addr.test. A 127.0.0.2
		bare.test. A 127.0.0.2
		second.test. MX 10 other.test.
		second.test. MX 20 mx.addr.test.
		second.test. MX 30 worse.test.
		other.test. A 127.0.0.1
		worse.test. A 127.0.0.1
		same.test. MX 10 mx.addr.test.
		same.test. MX 10 other.test.`)
	dns := resolver.New(resolver.Options{Servers: []string{l.dns.Addr}, HostsFile: "none"})
	e := engine(t, func(o *Options) {
		o.Resolver, o.Loopback, o.Hostname = dns, true, "gw.addr.test"
		o.Own = func() []netip.AddrPort {
			return []netip.AddrPort{netip.MustParseAddrPort(l.peers["2"].Addr), netip.MustParseAddrPort("[::ffff:127.0.0.7]:25")}
		}
	})
	for domain, want := range map[string]string{
		"addr.test": "1 failed 554 5.4.6", "bare.test": "1 failed 554 5.4.6", "second.test": "1 delivered", "same.test": "1 failed 554 5.4.6",
		"[127.0.0.2]": "1 failed 554 5.4.6",
	} {
		if got := show(run(t, e, request(t, Route{Name: "mx", MX: domain, Port: l.port}, "a@b.test"))); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", domain, got)
		}
	}
	if hs, err := e.hosts(t.Context(), Route{MX: "second.test", Port: l.port}); err != nil || len(hs) != 1 {
		t.Errorf("hosts worse than ourselves: %v %v", hs, err)
	}
	// A mistake in the policy can be mended: the mail waits.
	if got := show(run(t, e, request(t, static(l.peers["2"].Addr), "a@b.test"))); !strings.HasPrefix(got, `1 deferred 451 4.4.6 route "static" leads back`) {
		t.Errorf("%s", got)
	}
	for _, name := range []string{"mx.addr.test", "GW.addr.test"} { // by an alias, and by our own name, which has no address here
		if got := show(run(t, e, request(t, static(fmt.Sprintf("%s:%d", name, l.port)), "a@b.test"))); !strings.HasPrefix(got, `1 deferred 451 4.4.6 route "static" leads back`) {
			t.Errorf("%s: %s", name, got)
		}
	}
	if l.peers["2"].Accepted() != 0 {
		t.Error("we called ourselves")
	}
}

func TestB82_ranked_hosts(t *testing.T) {
	w := []Weight{{20, 1}, {10, 1}, {10, 3}, {10, 0}, {30, 5}}
	count := map[string]int{}
	for range 4000 {
		o := ranked(5, w)
		if len(o) != 5 || o[3] != 0 || o[4] != 4 {
			t.Fatalf("%v", o)
		}
		count[fmt.Sprint(o[:3])]++
	}
	first := map[byte]int{}
	for k, n := range count {
		first[k[1]] += n
	}
	if r := float64(first['2']) / float64(first['1']); r < 2.4 || r > 3.7 || first['3'] > 40 {
		t.Errorf("%v", first)
	}
	if o := ranked(3, nil); fmt.Sprint(o) != "[0 1 2]" {
		t.Errorf("%v", o)
	}
	// The best host takes all while it is up, the next one when it is not.
	a, b := smtptest.Start(t, smtptest.Script{}), smtptest.Start(t, smtptest.Script{})
	r := static(b.Addr, a.Addr)
	r.Weights = []Weight{{20, 1}, {10, 1}}
	for range 3 {
		outcome(t, run(t, engine(t, nil), request(t, r, "a@b.test")), Delivered)
	}
	if len(a.Messages()) != 3 || len(b.Messages()) != 0 {
		t.Errorf("%d and %d", len(a.Messages()), len(b.Messages()))
	}
	a.Shut()
	outcome(t, run(t, engine(t, nil), request(t, r, "a@b.test")), Delivered)
	if len(b.Messages()) != 1 {
		t.Error("no failover")
	}
}

// The route says which family is called, and from where.
func TestB82_IP_family_and_source(t *testing.T) {
	six, err := netip.ParseAddrPort(startSix(t))
	if err != nil {
		t.Skip("this machine has no IPv6 loopback")
	}
	four := smtptest.StartAt(t, fmt.Sprintf("127.0.0.1:%d", six.Port()), smtptest.Script{})
	l := dnstest.Start(t, "both.test. A 127.0.0.1\nboth.test. AAAA ::1\nonly4.test. A 127.0.0.1\nonly6.test. AAAA ::1")
	dns := resolver.New(resolver.Options{Servers: []string{l.Addr}, HostsFile: "none"})
	for _, tc := range []struct {
		host, ip, source, source6 string
		want                      string // address called, "" none
		words                     string
	}{
		{host: "both.test", ip: "4", want: "127.0.0.1"},
		{host: "both.test", ip: "6", want: "::1"},
		{host: "both.test", ip: "prefer4", want: "127.0.0.1"},
		{host: "both.test", ip: "prefer6", want: "::1"},
		{host: "only4.test", ip: "prefer6", want: "127.0.0.1"},
		{host: "only6.test", ip: "prefer4", want: "::1"},
		{host: "only6.test", ip: "4", words: "no address of the kind"},
		{host: "only4.test", ip: "6", words: "no address of the kind"},
		{host: "both.test", source: "127.0.0.77", want: "127.0.0.1"},
		{host: "both.test", source6: "::1", want: "::1"},
		{host: "only6.test", source: "127.0.0.77", words: "no address of the kind"},
		{host: "both.test", ip: "prefer6", source: "127.0.0.77", source6: "::1", want: "::1"},
		{host: "both.test", ip: "prefer4", source: "127.0.0.77", source6: "::1", want: "127.0.0.1"},
		{host: "both.test", source: "::1", want: "::1"}, // an IPv6 address written as source
		{host: "only4.test", source: "192.0.2.1", words: "is not one of this machine's"},
	} {
		r := static(fmt.Sprintf("%s:%d", tc.host, six.Port()))
		r.IP, r.Source, r.Source6 = tc.ip, tc.source, tc.source6
		res := run(t, engine(t, func(o *Options) { o.Resolver, o.Loopback = dns, true }), request(t, r, "a@b.test"))
		x := res.Rcpts[0]
		ap, _ := netip.ParseAddrPort(x.Addr)
		if (x.Outcome == Delivered) != (tc.want != "") || tc.want != "" && ap.Addr().String() != tc.want || !strings.Contains(x.Reply.Text, tc.words) {
			t.Errorf("%+v: %s at %s\n%s", tc, show(res), x.Addr, transcripts(res))
		}
		from := ""
		if tc.want == "127.0.0.1" {
			from = tc.source
		}
		if from != "" && four.Clients()[len(four.Clients())-1] != from {
			t.Errorf("%+v: called from %v", tc, four.Clients())
		}
	}
}

// startSix starts a mail server on the IPv6 loopback; "" where there is none.
func startSix(t *testing.T) string {
	if !smtptest.HasIPv6() {
		return ""
	}
	return smtptest.StartAt(t, "[::1]:0", smtptest.Script{}).Addr
}
