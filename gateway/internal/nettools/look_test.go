package nettools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/dnstest"
	"github.com/mailweir/weir/gateway/internal/mtasts"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

// TestRoute: what the policy and the DNS of now say, hosts in order with
// addresses, and what is demanded of the channel.
func TestRoute(t *testing.T) {
	r := newRig(t, `
two.test. MX 20 b.two.test.
two.test. MX 10 a.two.test.
a.two.test. A 192.0.2.1
b.two.test. A 192.0.2.2
b.two.test. AAAA 2001:db8::2
signed.test. MX 10 mx.signed.test.
mx.signed.test. A 192.0.2.3
_25._tcp.mx.signed.test. TLSA 3 1 1 `+strings.Repeat("00", 32)+`
null.test. MX 0 .
`, nil)
	for _, tc := range []struct {
		o    RouteOrder
		want string
	}{
		{RouteOrder{Recipient: "bob@acme.test"}, "inbound acme tenant:acme:in " + r.acme.Addr + " 127.0.0.1[" + r.acme.Addr + "]opportunistic/route/off"},
		{RouteOrder{Sender: "bob@acme.test", Recipient: "two.test"}, "outbound acme mx two.test a.two.test[192.0.2.1:25]opportunistic/route/absent b.two.test[[2001:db8::2]:25 192.0.2.2:25]opportunistic/route/absent"},
		{RouteOrder{Recipient: "x@signed.test"}, "outbound mx signed.test mx.signed.test[192.0.2.3:25]dane/dane/present"},
		{RouteOrder{Recipient: "ann@partner.test"}, "outbound route:partner " + r.partner.Addr + " 127.0.0.1[" + r.partner.Addr + "]opportunistic/route/off"},
		{RouteOrder{Recipient: "x@gone.test"}, "outbound reject 550 5.1.2 gone.test was closed"},
		{RouteOrder{Recipient: "x@null.test"}, "outbound mx null.test 556 5.1.10 the domain null.test takes no mail (null MX)"},
		{RouteOrder{Recipient: "x@none.test"}, "outbound mx none.test 550 5.1.2 the domain none.test does not exist"},
		{RouteOrder{Sender: "bob@beta.test", Recipient: "bob@acme.test"}, "inbound acme tenant:acme:in " + r.acme.Addr + " 127.0.0.1[" + r.acme.Addr + "]opportunistic/route/off through"},
	} {
		x, err := r.Route(t.Context(), admin, tc.o)
		if err != nil {
			t.Errorf("%+v: %v", tc.o, err)
			continue
		}
		out := []string{x.Direction, x.Tenant, x.Route, x.NextHop, x.Refused.String()}
		for _, h := range x.Hosts {
			out = append(out, fmt.Sprintf("%s%v%s/%s/%s", h.Host, h.Addrs, h.Channel.Demand, h.Channel.By, h.Channel.DANE))
		}
		if x.Through {
			out = append(out, "through")
		}
		if got := strings.Join(strings.Fields(strings.Join(out, " ")), " "); got != tc.want {
			t.Errorf("%+v:\n%s, want\n%s", tc.o, got, tc.want)
		}
		if x.Refused == nil && (x.Schedule != "standard" || x.Lifetime != "96h" || x.Destination.Connections == 0) {
			t.Errorf("%+v: %+v %+v", tc.o, x, x.Destination)
		}
	}
	for _, p := range []*smtptest.Peer{r.acme, r.beta, r.partner} {
		if p.Accepted() > 0 {
			t.Error("a look-up called somebody")
		}
	}
	// A sender of another tenant learns no more than that its mail goes there.
	x, err := r.Route(t.Context(), acmes, RouteOrder{Sender: "bob@acme.test", Recipient: "bob@beta.test"})
	if err != nil || !x.Through || x.Tenant != "" || x.Route != "" || len(x.Hosts) > 0 {
		t.Errorf("%+v %v", x, err)
	}
}

// TestTLS: certificates of all kinds, by authorities and by TLSA records.
func TestTLS(t *testing.T) {
	ca := smtptest.NewCA(t, "Test CA")
	for _, tc := range []struct {
		name, domain string
		leaf         smtptest.Leaf
		tlsa         string // "" none; "SPKI" the certificate's own
		verified     bool
		usable       bool
		wrong        string
	}{
		{"good", "plain.test", smtptest.Leaf{Names: []string{"mx.plain.test"}, For: 60 * 24 * 3600e9}, "", true, true, ""},
		{"expired", "plain.test", smtptest.Leaf{Names: []string{"mx.plain.test"}, Expired: true}, "", false, true, "expired on"},
		{"soon", "plain.test", smtptest.Leaf{Names: []string{"mx.plain.test"}, For: 3 * 24 * 3600e9}, "", true, true, "expires in"},
		{"wrong_name", "plain.test", smtptest.Leaf{Names: []string{"other.test"}, For: 60 * 24 * 3600e9}, "", false, true, "is for other.test"},
		{"self_signed", "plain.test", smtptest.Leaf{Names: []string{"mx.plain.test"}, SelfSigned: true, For: 60 * 24 * 3600e9}, "", false, true, "self-signed"},
		{"dane", "signed.test", smtptest.Leaf{Names: []string{"any.test"}, SelfSigned: true, For: 60 * 24 * 3600e9}, "SPKI", false, true, "self-signed"},
		{"dane_other_key", "signed.test", smtptest.Leaf{Names: []string{"mx.signed.test"}, For: 60 * 24 * 3600e9}, strings.Repeat("ab", 32), true, false, "no TLSA record matches"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conf, cert := ca.Issue(t, tc.leaf)
			p := smtptest.Start(t, smtptest.Script{Ext: []string{"STARTTLS"}, TLS: conf})
			_, port, _ := net.SplitHostPort(p.Addr)
			zone := tc.domain + ". MX 10 mx." + tc.domain + ".\nmx." + tc.domain + ". A 127.0.0.1\n"
			if tc.tlsa != "" {
				data := tc.tlsa
				if data == "SPKI" {
					sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
					data = hex.EncodeToString(sum[:])
				}
				zone += "_" + port + "._tcp.mx." + tc.domain + ". TLSA 3 1 1 " + data + "\n"
			}
			r := newRig(t, zone, func(o *Options, _ *deliver.Options) { o.Roots, o.Now = ca.Pool(), nil }, func(s string) string {
				return s + "route \"odd\" {\n  mx = \"" + tc.domain + "\"\n  port = " + port + "\n}\nvia \"odd\" {\n  recipient = [\"" + tc.domain + "\"]\n  route = route.odd\n}\n"
			})
			reps, err := r.TLS(t.Context(), admin, TLSOrder{Domain: tc.domain})
			if err != nil || len(reps) != 1 {
				t.Fatalf("%+v %v", reps, err)
			}
			x := reps[0]
			if !x.Offered || x.Verified != tc.verified || x.Usable != tc.usable || (tc.wrong == "") != (len(x.Wrong) == 0) || !strings.Contains(strings.Join(x.Wrong, "; "), tc.wrong) {
				t.Errorf("%+v %+v", x, x.Channel)
			}
			if len(x.Certificates) == 0 || x.Certificates[0].Key != "ECDSA P-256" || x.DANEMatch != (tc.tlsa == "SPKI") || got(p, "MAIL") {
				t.Errorf("%+v", x)
			}
		})
	}
}

func TestTLS_not_offered(t *testing.T) {
	r := newRig(t, "", nil)
	reps, err := r.TLS(t.Context(), acmes, TLSOrder{Domain: "acme.test"})
	if err != nil || len(reps) != 1 || reps[0].Offered || !reps[0].Usable || !strings.Contains(reps[0].Wrong[0], "does not offer STARTTLS") {
		t.Errorf("%+v %v", reps, err)
	}
	if reps, err = r.TLS(t.Context(), admin, TLSOrder{Host: smtptest.Closed(t)}); err != nil || reps[0].Usable || !strings.Contains(reps[0].Wrong[0], "connection refused") {
		t.Errorf("%+v %v", reps, err)
	}
}

func TestDNS(t *testing.T) {
	r := newRig(t, "acme.test. 300 MX 10 mx.acme.test.\nmx.acme.test. A 192.0.2.1\nsigned.test. TXT \"v=spf1 -all\"\nbroken.test. A 192.0.2.9\n", nil)
	r.dns.Set("broken.test", dnstest.ServFail)
	as, err := r.Look(t.Context(), acmes, DNSOrder{Name: "acme.test."})
	if err != nil || len(as) != 3 || as[0].Values[0] != "10 mx.acme.test" || as[0].TTL == 0 || as[0].Secure || as[1].Failed == "" {
		t.Errorf("%+v %v", as, err)
	}
	if as, err = r.Look(t.Context(), acmes, DNSOrder{Name: "MX.acme.test", Type: "A"}); err != nil || as[0].Values[0] != "192.0.2.1" {
		t.Errorf("%+v %v", as, err)
	}
	if as, err = r.Look(t.Context(), admin, DNSOrder{Name: "signed.test", Type: "TXT"}); err != nil || as[0].Values[0] != "v=spf1 -all" || !as[0].Secure {
		t.Errorf("%+v %v", as, err)
	}
	if as, err = r.Look(t.Context(), admin, DNSOrder{Name: "broken.test", Type: "A"}); err != nil || !strings.Contains(as[0].Failed, "SERVFAIL") {
		t.Errorf("%+v %v", as, err)
	}
}

// TestB88_own_reverse_DNS: every address that mail leaves from needs a name
// that leads back to it, and every name we go by an address.
func TestB88_own_reverse_DNS(t *testing.T) {
	ptr := func(addr, name string) string {
		f := strings.Split(addr, ".")
		return f[3] + "." + f[2] + "." + f[1] + "." + f[0] + ".in-addr.arpa. PTR " + name + ".\n"
	}
	const ours = "mx.weir.test. A 192.0.2.10\n"
	for _, tc := range []struct {
		name, zone string
		outward    string
		edit       func(string) string
		want       string // beginnings of warnings
		unsure     bool
	}{
		{"good", ours + ptr("192.0.2.10", "mx.weir.test"), "192.0.2.10", nil, "", false},
		{"good_behind_nat", ours + ptr("192.0.2.10", "mx.weir.test"), "10.0.0.7", nil, "", false},
		{"another_name_that_leads_back", ours + ptr("192.0.2.10", "host10.isp.test") + "host10.isp.test. A 192.0.2.10\n", "", nil, "", false},
		{"missing", ours, "", nil, "192.0.2.10 (address of mx.weir.test) has no reverse DNS", false},
		{"does_not_lead_back", ours + ptr("192.0.2.10", "host10.isp.test") + "host10.isp.test. A 192.0.2.99\n", "", nil, "the name of 192.0.2.10 (address of mx.weir.test) does not lead back", false},
		{"calls_from_another", ours + ptr("192.0.2.10", "mx.weir.test"), "192.0.2.20", nil, "192.0.2.20 (the world is called from it) has no reverse DNS", false},
		{"no_address", "", "10.0.0.7", nil, "mx.weir.test (gateway.hostname) has no address; no public address is known", false},
		{"source_and_helo_of_a_route", ours + ptr("192.0.2.10", "mx.weir.test"), "", func(s string) string {
			return strings.Replace(s, `route "partner" {`, "route \"partner\" {\n  source = \"192.0.2.30\"\n  helo = \"out.weir.test\"\n", 1)
		}, "out.weir.test (helo of route:partner) has no address; 192.0.2.30 (source of route:partner) has no reverse DNS", false},
		{"name_server_silent", ours, "", nil, "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			edit := tc.edit
			if edit == nil {
				edit = func(s string) string { return s }
			}
			r := newRig(t, tc.zone, func(o *Options, _ *deliver.Options) {
				o.Outward = func() []netip.Addr {
					if tc.outward == "" {
						return nil
					}
					return []netip.Addr{netip.MustParseAddr(tc.outward)}
				}
			}, edit)
			if tc.unsure {
				r.dns.Set("10.2.0.192.in-addr.arpa", dnstest.ServFail)
			}
			s, err := r.Self(t.Context(), admin, false)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			if tc.want != "" {
				want = strings.Split(tc.want, "; ")
			}
			if len(s.Warnings) != len(want) || s.Unsure != tc.unsure || s.OK != (len(want) == 0 && !tc.unsure) {
				t.Fatalf("%+v", s)
			}
			for i, w := range want {
				if !strings.HasPrefix(s.Warnings[i], w) {
					t.Errorf("%q, want %q", s.Warnings[i], w)
				}
			}
			if last := r.SelfNow(); last != s {
				t.Errorf("not kept: %+v", last)
			}
		})
	}
}

// sts has one policy for every domain.
type sts struct{ p *mtasts.Policy }

func (s sts) Policy(context.Context, string) (*mtasts.Policy, error) { return s.p, nil }

// TestTLS_by_MTA_STS: what a domain's policy demands is what mail would meet,
// in the TLS check and in the dialogue alike.
func TestTLS_by_MTA_STS(t *testing.T) {
	ca := smtptest.NewCA(t, "Test CA")
	for _, tc := range []struct {
		name, mode, mx string
		names          []string
		demand         string
		usable         bool
		wrong          string
		stage          string // where the dialogue breaks off
	}{
		{"enforced", mtasts.Enforce, "mx.plain.test", []string{"mx.plain.test"}, "verified", true, "", ""},
		{"other_name", mtasts.Enforce, "mx.plain.test", []string{"other.test"}, "verified", false, "is for other.test", "starttls"},
		{"other_host", mtasts.Enforce, "elsewhere.test", []string{"mx.plain.test"}, "opportunistic", false, "does not name the mail server", "starttls"},
		{"tested_only", mtasts.Testing, "elsewhere.test", []string{"other.test"}, "opportunistic", true, "is for other.test", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conf, _ := ca.Issue(t, smtptest.Leaf{Names: tc.names, For: 60 * 24 * time.Hour})
			p := smtptest.Start(t, smtptest.Script{Ext: []string{"STARTTLS"}, TLS: conf})
			_, port, _ := net.SplitHostPort(p.Addr)
			r := newRig(t, "plain.test. MX 10 mx.plain.test.\nmx.plain.test. A 127.0.0.1\n", func(o *Options, eo *deliver.Options) {
				o.Roots, o.Now = ca.Pool(), nil
				eo.STS = sts{&mtasts.Policy{Domain: "plain.test", ID: "1", Mode: tc.mode, MX: []string{tc.mx}, MaxAge: time.Hour, Fetched: time.Now()}}
			}, func(s string) string {
				return s + "route \"odd\" {\n  mx = \"plain.test\"\n  port = " + port + "\n}\nvia \"odd\" {\n  recipient = [\"plain.test\"]\n  route = route.odd\n}\n"
			})
			reps, err := r.TLS(t.Context(), admin, TLSOrder{Domain: "plain.test"})
			if err != nil || len(reps) != 1 {
				t.Fatalf("%+v %v", reps, err)
			}
			x := reps[0]
			if x.Usable != tc.usable || x.Channel.Demand != tc.demand || x.Channel.STS != tc.mode || !strings.Contains(strings.Join(x.Wrong, "; "), tc.wrong) {
				t.Errorf("%+v %+v", x, x.Channel)
			}
			v := r.smtp(SMTPOrder{To: []string{"a@plain.test"}})[0].Visits[0]
			if v.Stage != tc.stage || (tc.stage == "") != (v.Failed == nil) || tc.name == "enforced" && v.Channel != "mta-sts" {
				t.Errorf("%+v", v)
			}
		})
	}
}
