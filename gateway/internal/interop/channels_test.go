package interop_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/daemon"
	"github.com/mailweir/weir/gateway/internal/dnstest"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

// certified is a host's side of TLS.
func certified(t *testing.T, ca *smtptest.CA, l smtptest.Leaf) *tls.Config {
	t.Helper()
	c, _ := ca.Issue(t, l)
	return c
}

// What each demand on the channel makes of each certificate: opportunistic
// takes any, required any too, verified none but a good one, and what cannot
// be had is never replaced by plaintext.
func TestB30_channels_and_certificates(t *testing.T) {
	t.Parallel()
	ca := smtptest.NewCA(t, "authority")
	certs := map[string]*tls.Config{
		"good":    certified(t, ca, smtptest.Leaf{Names: []string{"good.hosts.test"}}),
		"expired": certified(t, ca, smtptest.Leaf{Names: []string{"expired.hosts.test"}, Expired: true}),
		"wrong":   certified(t, ca, smtptest.Leaf{Names: []string{"other.hosts.test"}}),
		"self":    certified(t, ca, smtptest.Leaf{Names: []string{"self.hosts.test"}, SelfSigned: true}),
		"plain":   nil, // no STARTTLS at all
	}
	peers := map[string]*smtptest.Peer{}
	var zone, tenants strings.Builder
	for name, cert := range certs {
		s := smtptest.Script{TLS: cert}
		if cert != nil {
			s.Ext = []string{"STARTTLS"}
		}
		peers[name] = smtptest.Start(t, s)
		fmt.Fprintf(&zone, "%s.hosts.test. A 127.0.0.1\n", name)
		_, port, _ := net.SplitHostPort(peers[name].Addr)
		for _, demand := range []string{"opportunistic", "required", "verified"} {
			fmt.Fprintf(&tenants, `
tenant "%[1]s-%[2]s" {
  domains = ["%[1]s-%[2]s.test"]
  route {
    hosts = ["%[1]s.hosts.test:%[3]s"]
    tls   = %[2]q
  }
  recipients {
    verify = "none"
    local  = ["*@%[1]s-%[2]s.test"]
  }
}
`, name, demand, port)
		}
	}
	dns := dnstest.Start(t, zone.String())
	g := startGatewayIn(t, &daemon.Lab{Roots: ca.Pool(), Timeouts: impatient(3 * time.Second)}, fmt.Sprintf(`
gateway {
  hostname       = "mx.weir.test"
  data_dir       = "./data"
  direct_inbound = "10s"
  resolver       = [%q]
  log_level      = "warn"
}
listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
  limits { per_client = 500 }
}
%s`, dns.Addr, tenants.String()))

	for _, c := range []struct {
		cert, demand string
		delivered    bool
		says         string
	}{
		{"good", "opportunistic", true, ""},
		{"good", "required", true, ""},
		{"good", "verified", true, ""},
		{"expired", "opportunistic", true, ""},
		{"expired", "required", true, ""},
		{"expired", "verified", false, "expired"},
		{"wrong", "opportunistic", true, ""},
		{"wrong", "required", true, ""},
		{"wrong", "verified", false, "other.hosts.test"},
		{"self", "opportunistic", true, ""},
		{"self", "required", true, ""},
		{"self", "verified", false, "self-signed"},
		{"plain", "opportunistic", true, ""},
		{"plain", "required", false, ""},
		{"plain", "verified", false, ""},
	} {
		name := c.cert + ", " + c.demand
		to := fmt.Sprintf("box@%s-%s.test", c.cert, c.demand)
		before := len(peers[c.cert].Messages())
		r := send(t, g.listener("mx"), []string{to}, "Subject: "+name+"\r\n\r\n")
		got := peers[c.cert].Messages()[before:]
		if !c.delivered {
			expect(t, name, r, "250 2.0.0 Ok: queued")
			row := g.row(t, to, "queued", func(r *api.Row) bool { return r.Status == "queued" && r.Last != nil })
			if !strings.Contains(row.Last.Text, c.says) {
				t.Errorf("%s: %q does not say %q", name, row.Last.Text, c.says)
			}
			x, err := g.api.Explain(t.Context(), row.ID)
			if err != nil || len(x.Words) != 1 || x.Words[0].Last == nil || x.Words[0].Last.Key != "tls-failed" {
				t.Errorf("%s: %+v is explained as %+v, %v", name, row.Last, x.Words[0].Last, err)
			}
			if len(got) != 0 {
				t.Errorf("%s: it went out all the same", name)
			}
			continue
		}
		expect(t, name, r, "250 2.0.0 Ok: delivered")
		if len(got) != 1 || got[0].TLS != (c.cert != "plain") {
			t.Errorf("%s: arrived %+v", name, got)
		}
		want := "delivered"
		if c.demand == "verified" {
			want = "secure-delivered"
		}
		row := g.row(t, to, want, func(r *api.Row) bool { return r.Status != "accepted" })
		// B30 is for outgoing mail; inbound the log's attempt says it.
		if row.Status != "delivered" && row.Status != want {
			t.Errorf("%s: status %s", name, row.Status)
		}
		as := g.deliveries(t, "recipient:"+to)
		if len(as) != 1 || as[0].Verified != (c.cert == "good") || (as[0].TLS != "") != (c.cert != "plain") {
			t.Errorf("%s: the delivery log has %+v", name, as)
		}
	}
}

// Conversations are in the log without credentials and without messages, also
// where the next hop repeats what it was given (B92, B153).
func TestB92_B153_conversations_without_credentials(t *testing.T) {
	t.Parallel()
	ca := smtptest.NewCA(t, "authority")
	const password = "s3cret-of-the-relay"
	word := base64.StdEncoding.EncodeToString([]byte(password))
	peer := smtptest.Start(t, smtptest.Script{
		TLS: certified(t, ca, smtptest.Leaf{Names: []string{"relay.hosts.test"}}), Ext: []string{"STARTTLS", "AUTH LOGIN"},
		Login: base64.StdEncoding.EncodeToString([]byte("weir")) + " " + word,
	})
	deaf := smtptest.Start(t, smtptest.Script{
		TLS: certified(t, ca, smtptest.Leaf{Names: []string{"relay.hosts.test"}}), Ext: []string{"STARTTLS", "AUTH PLAIN"},
		Reply: map[string]string{"AUTH": "535 5.7.8 authentication failed for " + password + " " + word},
	})
	dns := dnstest.Start(t, "relay.hosts.test. A 127.0.0.1")
	var routes strings.Builder
	for name, p := range map[string]*smtptest.Peer{"relay": peer, "deaf": deaf} {
		_, port, _ := net.SplitHostPort(p.Addr)
		fmt.Fprintf(&routes, `
route %[1]q {
  hosts = ["relay.hosts.test:%[2]s"]
  tls   = "verified"
  auth {
    user     = "weir"
    password = %[3]q
  }
}
via %[1]q {
  recipient = ["%[1]s.test"]
  route     = route.%[1]s
}
`, name, port, password)
	}
	g := startGatewayIn(t, &daemon.Lab{Roots: ca.Pool(), Timeouts: impatient(3 * time.Second)}, strings.Replace(worldPolicy(dns.Addr, "25", ""), `via "world"`, routes.String()+`via "world"`, 1))
	send := func(to string) string {
		return send(t, g.listener("submission"), []string{to}, "Subject: x\r\n\r\nnobody may read this in a log\r\n")
	}
	expect(t, "by the relay", send("x@relay.test"), "250 2.0.0 Ok: delivered")
	expect(t, "by a relay that knows nobody", send("x@deaf.test"), "250 2.0.0 Ok: queued")
	row := g.row(t, "x@deaf.test", "queued", func(r *api.Row) bool { return r.Last != nil })
	x, err := g.api.Explain(t.Context(), row.ID)
	if err != nil || x.Words[0].Last == nil || x.Words[0].Last.Key != "authentication-failed" || x.Words[0].Last.Actor != "our operator" {
		t.Errorf("%+v is explained as %+v, %v", row.Last, x.Words, err)
	}
	all := g.log.String()
	for _, a := range append(g.deliveries(t, "recipient:x@relay.test"), g.deliveries(t, "recipient:x@deaf.test")...) {
		if !strings.Contains(a.Transcript, "> AUTH ") || !strings.Contains(a.Transcript, "(redacted)") {
			t.Errorf("the conversation lacks the authentication:\n%s", a.Transcript)
		}
		all += a.Transcript + fmt.Sprintf("%+v", a.Outcome)
	}
	all += fmt.Sprintf("%+v %+v", x, g.rows(t, ""))
	for _, secret := range []string{password, word, strings.TrimRight(word, "="), "nobody may read this"} {
		if strings.Contains(all, secret) {
			t.Errorf("the logs have %q", secret)
		}
	}
}

// DANE, end to end: a host that its TLSA records vouch for, and one that is
// not the one they mean; no plaintext and no other host's certificate helps.
func TestB30_DANE(t *testing.T) {
	t.Parallel()
	one, two, port := twoHosts(t)
	ca := smtptest.NewCA(t, "authority")
	// DANE-EE looks at the key alone (RFC 7672 §3.1.1).
	cert, leaf := ca.Issue(t, smtptest.Leaf{Names: []string{"any.other.name.test"}, SelfSigned: true})
	for _, p := range []*smtptest.Peer{one, two} {
		p.Set(smtptest.Script{TLS: cert, Ext: []string{"STARTTLS"}})
	}
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	dns := dnstest.Start(t, fmt.Sprintf(`
		good.test.            MX 10 mx.good.test.
		mx.good.test.         A 127.0.0.1
		_%[1]s._tcp.mx.good.test. TLSA 3 1 1 %[2]x
		bad.test.             MX 10 mx.bad.test.
		mx.bad.test.          A 127.0.0.2
		_%[1]s._tcp.mx.bad.test.  TLSA 3 1 1 %064[3]x
	`, port, sum, 7), dnstest.Options{Signed: []string{"test."}})
	g := startGatewayIn(t, &daemon.Lab{Roots: ca.Pool(), Timeouts: impatient(3 * time.Second)}, worldPolicy(dns.Addr, port, ""))
	expect(t, "a host that is the one that TLSA means", send(t, g.listener("submission"), []string{"x@good.test"}, "Subject: x\r\n\r\n"), "250 2.0.0 Ok: delivered")
	if m := one.Messages(); len(m) != 1 || !m[0].TLS {
		t.Errorf("arrived %+v", m)
	}
	if as := g.deliveries(t, "recipient:x@good.test"); len(as) != 1 || !as[0].Verified {
		t.Errorf("the delivery log has %+v", as)
	}
	expect(t, "another host", send(t, g.listener("submission"), []string{"x@bad.test"}, "Subject: x\r\n\r\n"), "250 2.0.0 Ok: queued")
	row := g.row(t, "x@bad.test", "queued", func(r *api.Row) bool { return r.Last != nil })
	if x, err := g.api.Explain(t.Context(), row.ID); err != nil || x.Words[0].Last == nil || x.Words[0].Last.Key != "tls-failed" {
		t.Errorf("%+v is explained as %+v, %v", row.Last, x.Words, err)
	}
	if m := two.Messages(); len(m) != 0 {
		t.Errorf("it went out all the same: %+v", m)
	}
}
