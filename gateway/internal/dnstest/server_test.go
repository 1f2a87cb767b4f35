package dnstest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mailweir/weir/gateway/internal/dnstest"
)

const zone = `
	dest.test.       SOA ns.dest.test. root.dest.test. 1 60 60 60 7
	dest.test.       MX 10 mx.dest.test.
	mx.dest.test.    5 A 127.0.0.1
	null.test.       MX 0 .
	alias.test.      CNAME dest.test.
	*.many.test.     MX 10 mx.dest.test.
	deep.below.test. TXT "a b" "c"
	_25._tcp.mx.dest.test. TLSA 3 1 1 abcd`

func ask(t *testing.T, s *dnstest.Server, network, name, kind string) (*dns.Msg, error) {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, dns.StringToType[kind])
	m.SetEdns0(1232, false)
	m.AuthenticatedData = true
	c := &dns.Client{Net: network, Timeout: 5 * time.Second}
	if strings.HasPrefix(name, "mute") {
		c.Timeout = 50 * time.Millisecond
	}
	r, _, err := c.Exchange(m, s.Addr)
	return r, err
}

func TestAnswers(t *testing.T) {
	s := dnstest.Start(t, zone, dnstest.Options{Signed: []string{"dest.test"}})
	for _, tc := range []struct {
		name, kind string
		rcode      int
		answers    int
		ad         bool
	}{
		{"dest.test.", "MX", dns.RcodeSuccess, 1, true},
		{"DEST.test.", "MX", dns.RcodeSuccess, 1, true},
		{"dest.test.", "A", dns.RcodeSuccess, 0, true},
		{"none.dest.test.", "A", dns.RcodeNameError, 0, true},
		{"_25._tcp.mx.dest.test.", "TLSA", dns.RcodeSuccess, 1, true},
		{"_tcp.mx.dest.test.", "TLSA", dns.RcodeSuccess, 0, true},
		{"alias.test.", "MX", dns.RcodeSuccess, 2, false},
		{"x.many.test.", "MX", dns.RcodeSuccess, 1, false},
		{"null.test.", "MX", dns.RcodeSuccess, 1, false},
		{"below.test.", "TXT", dns.RcodeSuccess, 0, false},
		{"nowhere.test.", "MX", dns.RcodeNameError, 0, false},
	} {
		r, err := ask(t, s, "udp", tc.name, tc.kind)
		if err != nil {
			t.Errorf("%s %s: %v", tc.name, tc.kind, err)
			continue
		}
		if r.Rcode != tc.rcode || len(r.Answer) != tc.answers || r.AuthenticatedData != tc.ad {
			t.Errorf("%s %s: %v", tc.name, tc.kind, r)
		}
		if tc.answers == 0 && len(r.Ns) != 1 {
			t.Errorf("%s %s: a no without SOA: %v", tc.name, tc.kind, r)
		}
	}
	if r, _ := ask(t, s, "udp", "none.dest.test.", "A"); r == nil || r.Ns[0].(*dns.SOA).Minttl != 7 {
		t.Errorf("not the zone's SOA: %v", r)
	}
	if n := s.Count("dest.test", "MX"); n != 2 {
		t.Errorf("%d queries counted", n)
	}
}

func TestBehaviours(t *testing.T) {
	s := dnstest.Start(t, zone+`
		cut.test. A 192.0.2.1`)
	for name, b := range map[string]dnstest.Behaviour{
		"gone.test": dnstest.NXDomain, "broken.test": dnstest.ServFail, "bogus.test": dnstest.Bogus, "closed.test": dnstest.Refused,
		"mute.test": dnstest.Timeout, "cut.test": dnstest.Truncated, "lame.test": dnstest.Lame, "junk.test": dnstest.Garbage, "other.test": dnstest.Other,
	} {
		s.Set(name, b)
	}
	for name, want := range map[string]int{"gone.test.": dns.RcodeNameError, "broken.test.": dns.RcodeServerFailure, "closed.test.": dns.RcodeRefused, "lame.test.": dns.RcodeSuccess} {
		if r, err := ask(t, s, "udp", name, "A"); err != nil || r.Rcode != want {
			t.Errorf("%s: %v %v", name, r, err)
		}
	}
	if r, err := ask(t, s, "udp", "bogus.test.", "A"); err != nil || !strings.Contains(r.String(), "EDE: 6") {
		t.Errorf("bogus: %v %v", r, err)
	}
	if r, err := ask(t, s, "udp", "mute.test.", "A"); err == nil {
		t.Errorf("mute: %v", r)
	}
	if r, err := ask(t, s, "udp", "junk.test.", "A"); err == nil {
		t.Errorf("junk: %v", r)
	}
	if r, err := ask(t, s, "udp", "other.test.", "A"); err != nil || r.Question[0].Name == "other.test." {
		t.Errorf("other: %v %v", r, err)
	}
	if r, err := ask(t, s, "udp", "cut.test.", "A"); err != nil || !r.Truncated || len(r.Answer) > 0 {
		t.Errorf("cut: %v %v", r, err)
	}
	if r, err := ask(t, s, "tcp", "cut.test.", "A"); err != nil || r.Truncated || len(r.Answer) != 1 {
		t.Errorf("cut over tcp: %v %v", r, err)
	}
	s.Set("dest.test", dnstest.ServFail, "MX")
	if r, err := ask(t, s, "udp", "dest.test.", "MX"); err != nil || r.Rcode != dns.RcodeServerFailure {
		t.Errorf("by type: %v %v", r, err)
	}
	s.Set("dest.test", dnstest.Records, "MX")
	if r, err := ask(t, s, "udp", "dest.test.", "MX"); err != nil || len(r.Answer) != 1 {
		t.Errorf("undone: %v %v", r, err)
	}
	s.Remove("dest.test", "MX")
	if r, err := ask(t, s, "udp", "dest.test.", "MX"); err != nil || len(r.Answer) != 0 || r.Rcode != 0 {
		t.Errorf("removed: %v %v", r, err)
	}
	s.Sign(".")
	if r, err := ask(t, s, "udp", "mx.dest.test.", "A"); err != nil || !r.AuthenticatedData {
		t.Errorf("signed: %v %v", r, err)
	}
	if n := s.Count("cut.test", ""); n != 2 || s.Queries() < n {
		t.Errorf("%d of %d queries", n, s.Queries())
	}
}

func TestDelay_ends_with_the_test(t *testing.T) {
	start := time.Now()
	t.Run("inner", func(t *testing.T) {
		s := dnstest.Start(t, zone)
		s.SetDelay(time.Hour)
		if r, err := ask(t, s, "udp", "mute.test.", "A"); err == nil {
			t.Errorf("%v", r)
		}
	})
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestSignFor(t *testing.T) {
	s := dnstest.Start(t, zone)
	anchor, err := dns.NewRR(s.SignFor(t, "dest.test"))
	if err != nil {
		t.Fatal(err)
	}
	s.Set("ns.dest.test", dnstest.Spoilt)
	s.Add(t, "ns.dest.test. A 127.0.0.1")
	for name, want := range map[string]struct {
		valid bool
		kind  uint16
	}{"dest.test.": {true, dns.TypeMX}, "none.dest.test.": {true, dns.TypeNSEC}, "ns.dest.test.": {false, dns.TypeA}} {
		m := new(dns.Msg)
		m.SetQuestion(name, want.kind)
		if want.kind == dns.TypeNSEC {
			m.Question[0].Qtype = dns.TypeTXT
		}
		m.SetEdns0(4096, true)
		r, err := dns.Exchange(m, s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		var set []dns.RR
		var sig *dns.RRSIG
		for _, rr := range append(r.Answer, r.Ns...) {
			if x, ok := rr.(*dns.RRSIG); ok && x.TypeCovered == want.kind {
				sig = x
			} else if rr.Header().Rrtype == want.kind {
				set = append(set, rr)
			}
		}
		if sig == nil || (sig.Verify(anchor.(*dns.DNSKEY), set) == nil) != want.valid {
			t.Errorf("%s: %v", name, r)
		}
	}
}
