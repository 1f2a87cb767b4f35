package resolver_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/dnstest"
	"github.com/mailweir/weir/gateway/internal/resolver"
)

const signedZone = `
	dest.test.               MX 10 mx.dest.test.
	mx.dest.test.            A 127.0.0.1
	mx.dest.test.            AAAA ::1
	alias.dest.test.         CNAME mx.dest.test.
	away.dest.test.          CNAME mx.plain.test.
	_25._tcp.mx.dest.test.   TLSA 3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
	_25._tcp.mx.plain.test.  TLSA 3 1 1 00
	plain.test.              MX 10 mx.plain.test.
	mx.plain.test.           A 127.0.0.2
	_26._tcp.mx.dest.test.   CNAME _25._tcp.mx.dest.test.
	_27._tcp.mx.dest.test.   CNAME _25._tcp.mx.plain.test.`

func client(t *testing.T, s *dnstest.Server, o resolver.Options) *resolver.Client {
	t.Helper()
	o.Servers, o.HostsFile = append(o.Servers, s.Addr), "none"
	return resolver.New(o)
}

func TestSecure_answers(t *testing.T) {
	s := dnstest.Start(t, signedZone, dnstest.Options{Signed: []string{"dest.test"}})
	c := client(t, s, resolver.Options{})
	for domain, want := range map[string]bool{"dest.test": true, "mx.dest.test": true, "plain.test": false} {
		if _, secure, err := c.MXSecure(t.Context(), domain); secure != want || err != nil {
			t.Errorf("MX of %s: %v, %v", domain, secure, err)
		}
	}
	if _, secure, err := c.MXSecure(t.Context(), "none.dest.test"); !secure || err == nil {
		t.Errorf("a secure no: %v, %v", secure, err)
	}
	for _, tc := range []struct {
		host, name string
		secure     bool
	}{
		{"mx.dest.test", "mx.dest.test", true}, {"MX.dest.test.", "mx.dest.test", true}, {"alias.dest.test", "mx.dest.test", true},
		{"away.dest.test", "mx.plain.test", false}, {"mx.plain.test", "mx.plain.test", false}, {"127.0.0.1", "127.0.0.1", false}, {"localhost", "localhost", false},
	} {
		if name, secure, err := c.Canonical(t.Context(), tc.host); name != tc.name || secure != tc.secure || err != nil {
			t.Errorf("%s: %s, %v, %v", tc.host, name, secure, err)
		}
	}
	if a, secure, err := c.AddrsSecure(t.Context(), "mx.dest.test"); len(a) != 2 || !secure || err != nil {
		t.Errorf("%v, %v, %v", a, secure, err)
	}
	for host, want := range map[string]bool{"away.dest.test": true, "alias.dest.test": true, "mx.dest.test": false, "mx.plain.test": false} {
		if secure, err := c.AliasSecure(t.Context(), host); secure != want || err != nil {
			t.Errorf("alias of %s: %v, %v", host, secure, err)
		}
	}
}

func TestTLSA(t *testing.T) {
	s := dnstest.Start(t, signedZone, dnstest.Options{Signed: []string{"dest.test"}})
	s.Set("_25._tcp.bogus.dest.test", dnstest.Bogus)
	s.Set("_25._tcp.mute.dest.test", dnstest.Timeout)
	s.Set("_25._tcp.lame.dest.test", dnstest.Lame)
	c := client(t, s, resolver.Options{Timeout: 100 * time.Millisecond})
	for _, tc := range []struct {
		host   string
		port   int
		count  int
		secure bool
	}{
		{"mx.dest.test", 25, 1, true}, {"mx.dest.test", 26, 1, true}, {"mx.dest.test", 27, 1, false}, {"mx.dest.test", 465, 0, true},
		{"mx.plain.test", 25, 1, false}, {"other.plain.test", 25, 0, false},
	} {
		r, secure, err := c.TLSA(t.Context(), tc.host, tc.port)
		if len(r) != tc.count || secure != tc.secure || err != nil {
			t.Errorf("%s:%d: %v, %v, %v", tc.host, tc.port, r, secure, err)
		}
	}
	if r, _, _ := c.TLSA(t.Context(), "mx.dest.test", 25); r[0].String() != "3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" {
		t.Errorf("%v", r)
	}
	for host, words := range map[string]string{"bogus.dest.test": "SERVFAIL (DNSSEC Bogus)", "mute.dest.test": "mute.dest.test", "lame.dest.test": "refers elsewhere"} {
		var e *resolver.Error
		if _, secure, err := c.TLSA(t.Context(), host, 25); secure || !errors.As(err, &e) || !e.Temporary || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, %v", host, secure, err)
		}
	}
}

func TestAD_bit_of_others_is_not_believed(t *testing.T) {
	conf := func(text string) string {
		f := filepath.Join(t.TempDir(), "resolv.conf")
		if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return f
	}
	for _, tc := range []struct {
		name      string
		o         resolver.Options
		some, all bool
	}{
		{"loopback", resolver.Options{Servers: []string{"127.0.0.1", "[::1]:5353"}}, true, true},
		{"elsewhere", resolver.Options{Servers: []string{"192.0.2.53"}}, false, false},
		{"elsewhere, trusted", resolver.Options{Servers: []string{"192.0.2.53"}, TrustAD: true}, true, true},
		{"some", resolver.Options{Servers: []string{"127.0.0.1", "192.0.2.53"}}, true, false},
		{"a container engine's forwarder", resolver.Options{Servers: []string{"127.0.0.11"}}, false, false},
		{"by name", resolver.Options{Servers: []string{"localhost:53"}}, false, false},
		{"resolv.conf", resolver.Options{ResolvConf: conf("nameserver 192.0.2.53\n")}, false, false},
		{"resolv.conf of loopback", resolver.Options{ResolvConf: conf("nameserver 127.0.0.1\n")}, true, true},
	} {
		some, all := resolver.New(tc.o).Validating()
		if some != tc.some || all != tc.all {
			t.Errorf("%s: %v, %v", tc.name, some, all)
		}
	}
	if some, all := resolver.New(resolver.Options{ResolvConf: conf("nameserver 192.0.2.53\noptions edns0 trust-ad\n")}).Validating(); !some || !all {
		t.Error("trust-ad in resolv.conf is not honoured")
	}
	// What such a server says of its answers changes nothing, whichever server
	// answered.
	s := dnstest.Start(t, signedZone, dnstest.Options{Signed: []string{"."}})
	foreign := client(t, s, resolver.Options{})
	foreign.Distrust()
	if r, err := foreign.Records(t.Context(), "dest.test", "MX"); err != nil || r.Secure {
		t.Errorf("%+v, %v", r, err)
	}
	if r, secure, err := foreign.TLSA(t.Context(), "mx.dest.test", 25); secure || len(r) != 1 || err != nil {
		t.Errorf("%v, %v, %v", r, secure, err)
	}
}

func TestLame_server_is_passed_over(t *testing.T) {
	lame, good := dnstest.Start(t, ""), dnstest.Start(t, signedZone)
	lame.Set("dest.test", dnstest.Lame)
	lame.Set("plain.test", dnstest.Garbage)
	lame.Set("mx.plain.test", dnstest.Other)
	lame.Set("mx.dest.test", dnstest.Refused)
	for _, name := range []string{"dest.test", "plain.test"} {
		c := client(t, good, resolver.Options{Servers: []string{lame.Addr}, Timeout: time.Second})
		if mx, err := c.MX(t.Context(), name); err != nil || len(mx) != 1 {
			t.Errorf("%s: %v, %v", name, mx, err)
		}
	}
	for _, host := range []string{"mx.plain.test", "mx.dest.test"} {
		c := client(t, good, resolver.Options{Servers: []string{lame.Addr}, Timeout: time.Second})
		if a, err := c.Addrs(t.Context(), host); err != nil || len(a) == 0 {
			t.Errorf("%s: %v, %v", host, a, err)
		}
	}
}
