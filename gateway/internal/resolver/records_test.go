package resolver

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestRecords(t *testing.T) {
	a := startAuthority(t)
	a.add("x.test. 300 IN A 192.0.2.1", "x.test. 200 IN A 192.0.2.2", "x.test. 300 IN AAAA 2001:db8::1", "x.test. 300 IN MX 10 MX.x.test.",
		`x.test. 300 IN TXT "one" "two \"q\" \\ \195\188"`, "1.2.0.192.in-addr.arpa. 300 IN PTR Host.x.test.",
		"_25._tcp.x.test. 300 IN TLSA 3 1 1 ABCD", "_s._tcp.x.test. 300 IN SRV 0 5 443 H.x.test.", "www.test. 300 IN CNAME x.test.", "x.test. 300 IN NS ns.x.test.")
	a.set(func(a *authority) { a.rcode["broken.test."] = dns.RcodeServerFailure })
	now := time.Unix(1e9, 0)
	c := a.client(Options{Now: func() time.Time { return now }})
	for _, tc := range []struct{ name, kind, want string }{
		{"x.test", "A", "[192.0.2.1 192.0.2.2] 3m20s"},
		{"X.test", "AAAA", "[2001:db8::1] 5m0s"},
		{"x.test", "MX", "[10 mx.x.test] 5m0s"},
		{"x.test", "TXT", `[onetwo "q" \ ü] 5m0s`},
		{"1.2.0.192.in-addr.arpa", "PTR", "[host.x.test] 5m0s"},
		{"_25._tcp.x.test", "TLSA", "[3 1 1 abcd] 5m0s"},
		{"_s._tcp.x.test", "SRV", "[0 5 443 h.x.test] 5m0s"},
		{"www.test", "CNAME", "[x.test] 5m0s"},
		{"www.test", "A", "[192.0.2.1 192.0.2.2] 3m20s"},
		{"x.test", "NS", "[ns.x.test] 5m0s"},
	} {
		r, err := c.Records(t.Context(), tc.name, tc.kind)
		if got := fmt.Sprint(r.Values, " ", r.TTL); err != nil || got != tc.want {
			t.Errorf("%s %s: %s, %v; want %s", tc.name, tc.kind, got, err, tc.want)
		}
	}
	now = now.Add(100 * time.Second)
	if r, err := c.Records(t.Context(), "x.test", "A"); err != nil || r.TTL != 100*time.Second || a.count("x.test. A") != 1 {
		t.Errorf("from the cache: %v, %v", r.TTL, err)
	}
	for _, tc := range []struct {
		name, kind string
		want       func(*Error) bool
	}{
		{"none.test", "A", func(e *Error) bool { return e.NoDomain }},
		{"x.test", "SRV", func(e *Error) bool { return e.NotFound && !e.NoDomain }},
		{"broken.test", "A", func(e *Error) bool { return e.Temporary }},
		{"x.test", "AXFR", func(e *Error) bool { return e.NotFound }},
		{"x.test", "ANY", func(e *Error) bool { return e.NotFound }},
		{"x.test", "nonsense", func(e *Error) bool { return e.NotFound }},
	} {
		var e *Error
		if r, err := c.Records(t.Context(), tc.name, tc.kind); !errors.As(err, &e) || !tc.want(e) || len(r.Values) > 0 {
			t.Errorf("%s %s: %v, %v", tc.name, tc.kind, r, err)
		}
	}
}

func TestRecords_ends_with_its_context(t *testing.T) {
	a := startAuthority(t)
	a.set(func(a *authority) { a.mute = true })
	c := a.client(Options{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	begin := time.Now()
	var e *Error
	if _, err := c.Records(ctx, "x.test", "A"); !errors.As(err, &e) || !e.Temporary {
		t.Errorf("%v", err)
	}
	if d := time.Since(begin); d > 3*time.Second {
		t.Errorf("went on for %v", d)
	}
}
