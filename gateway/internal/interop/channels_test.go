package interop_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/daemon"
	"github.com/mailweir/weir/gateway/internal/dnstest"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

// authority certifies hosts of a test.
type authority struct {
	t     *testing.T
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	roots *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, roots: x509.NewCertPool()}
	a.key, a.cert = a.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: "Authority of the test"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour),
	})
	a.roots.AddCert(a.cert)
	return a
}

// issue signs by the authority, or by the certificate's own key while there
// is none.
func (a *authority) issue(c *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	parent, signer := a.cert, a.key
	if parent == nil || c.Subject.CommonName == "self-signed" {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, cert
}

func (a *authority) host(name string, until time.Duration, self bool) *tls.Config {
	a.t.Helper()
	c := &x509.Certificate{DNSNames: []string{name}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(until)}
	if self {
		c.Subject.CommonName = "self-signed"
	}
	key, cert := a.issue(c)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
}

// What each demand on the channel makes of each certificate: opportunistic
// takes any, required any too, verified none but a good one, and what cannot
// be had is never replaced by plaintext.
func TestB30_channels_and_certificates(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	certs := map[string]*tls.Config{
		"good":    ca.host("good.hosts.test", time.Hour, false),
		"expired": ca.host("expired.hosts.test", -time.Hour, false),
		"wrong":   ca.host("other.hosts.test", time.Hour, false),
		"self":    ca.host("self.hosts.test", time.Hour, true),
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
	g := startGatewayIn(t, &daemon.Lab{Roots: ca.roots, Timeouts: impatient(3 * time.Second)}, fmt.Sprintf(`
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
