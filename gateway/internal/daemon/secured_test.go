package daemon_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/daemon"
	"github.com/mailweir/weir/gateway/internal/dnstest"
	"github.com/mailweir/weir/gateway/internal/smtpc"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

// exchangers are four mail servers that share a port, as those of the world do.
func exchangers(t *testing.T, scripts ...smtptest.Script) (peers []*smtptest.Peer, port string) {
	t.Helper()
	for range 20 {
		first := smtptest.Start(t, scripts[0])
		_, port, _ = net.SplitHostPort(first.Addr)
		peers = []*smtptest.Peer{first}
		for i, s := range scripts[1:] {
			addr := fmt.Sprintf("127.0.0.%d:%s", i+2, port)
			l, err := net.Listen("tcp", addr)
			if err != nil {
				break
			}
			l.Close()
			peers = append(peers, smtptest.StartAt(t, addr, s))
		}
		if len(peers) == len(scripts) {
			return peers, port
		}
	}
	t.Fatal("no port is free at four addresses")
	return nil, ""
}

// run runs a whole gateway to the end of the test.
func run(t *testing.T, lab *daemon.Lab, policy string) (submission string, c *client.Client) {
	t.Helper()
	dir, err := os.MkdirTemp("", "weir-d-") // short: a unix socket's path is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file := filepath.Join(dir, "config.hcl")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	d, err := daemon.New(ctx, daemon.Options{Config: file, Log: io.Discard, Lab: lab})
	if err != nil {
		stop()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	a := d.Addresses()
	c = client.New(client.Options{Socket: a.Socket})
	t.Cleanup(c.Close)
	return a.Listeners["submission"], c
}

// tlsa is a DANE-EE record of a certificate's key.
func tlsa(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return "3 1 1 " + hex.EncodeToString(sum[:])
}

func startTLS(c *tls.Config) smtptest.Script {
	return smtptest.Script{Ext: []string{"STARTTLS"}, TLS: c}
}

// TestB30_secure_delivered_over_DANE_and_MTA_STS goes through the whole
// program: what destinations publish about their TLS is honoured, mail that
// policy wants a verified channel for gets one or is held, and nothing falls
// back to less.
func TestB30_secure_delivered_over_DANE_and_MTA_STS(t *testing.T) {
	private, public := smtptest.NewCA(t, "private"), smtptest.NewCA(t, "public")
	daneTLS, daneCert := private.Issue(t, smtptest.Leaf{Names: []string{"anything.test"}, Expired: true}) // DANE-EE looks at the key alone
	wrongTLS, _ := private.Issue(t, smtptest.Leaf{Names: []string{"mx2.dane.test"}})
	stsTLS, _ := public.Issue(t, smtptest.Leaf{Names: []string{"mx.sts.test"}})
	peers, port := exchangers(t, startTLS(daneTLS), startTLS(wrongTLS), startTLS(stsTLS), smtptest.Script{})
	dane, wrong, sts, plain := peers[0], peers[1], peers[2], peers[3]

	web, _ := public.Issue(t, smtptest.Leaf{Names: []string{"mta-sts.sts.test", "mta-sts.testing.test"}})
	var webDown atomic.Bool
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if webDown.Load() {
			http.Error(w, "no", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		mode := "enforce"
		if r.Host == "mta-sts.testing.test" {
			mode = "testing"
		}
		fmt.Fprintf(w, "version: STSv1\nmode: %s\nmx: mx.%s\nmax_age: 604800\n", mode, strings.TrimPrefix(r.Host, "mta-sts."))
	}))
	srv.TLS, srv.Config.ErrorLog = web, log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)

	dns := dnstest.Start(t, strings.NewReplacer("PORT", port, "MATCH", tlsa(daneCert), "OTHER", tlsa(private.Cert), "PKIX", "1 1 1 "+strings.Repeat("00", 32)).Replace(`
		good.dane.test.            MX 10 mx.dane.test.
		mx.dane.test.              A 127.0.0.1
		_PORT._tcp.mx.dane.test.   TLSA MATCH
		bad.dane.test.             MX 10 mx2.dane.test.
		mx2.dane.test.             A 127.0.0.2
		_PORT._tcp.mx2.dane.test.  TLSA OTHER
		bogus.dane.test.           MX 10 mx3.dane.test.
		mx3.dane.test.             A 127.0.0.1
		odd.dane.test.             MX 10 mx4.dane.test.
		mx4.dane.test.             A 127.0.0.2
		_PORT._tcp.mx4.dane.test.  TLSA PKIX
		stripped.dane.test.        MX 10 mx5.dane.test.
		mx5.dane.test.             A 127.0.0.4
		_PORT._tcp.mx5.dane.test.  TLSA MATCH
		unsigned.test.             MX 10 mx.dane.test.
		sts.test.                  MX 10 rogue.test.
		sts.test.                  MX 20 mx.sts.test.
		mx.sts.test.               A 127.0.0.3
		rogue.test.                A 127.0.0.4
		_mta-sts.sts.test.         1 TXT "v=STSv1; id=1"
		mta-sts.sts.test.          A 127.0.0.1
		testing.test.              MX 10 rogue.test.
		_mta-sts.testing.test.     1 TXT "v=STSv1; id=1"
		mta-sts.testing.test.      A 127.0.0.1
		_smtp._tls.sts.test.       TXT "v=TLSRPTv1; rua=mailto:tls@sts.test"
		nothing.test.              MX 10 rogue.test.`), dnstest.Options{Signed: []string{"dane.test"}})
	dns.Set("_"+port+"._tcp.mx3.dane.test", dnstest.Bogus)

	_, stsPort, _ := net.SplitHostPort(srv.Listener.Addr().String())
	lab := &daemon.Lab{Roots: public.Pool(), Timeouts: smtpc.Timeouts{Connect: 5 * time.Second}}
	_, _ = fmt.Sscan(stsPort, &lab.STSPort)
	submission, c := run(t, lab, fmt.Sprintf(`
gateway {
  hostname        = "mx.weir.test"
  data_dir        = "./data"
  direct_outbound = "20s"
  resolver        = [%q]
}
listener "submission" {
  address   = "127.0.0.1:0"
  direction = "outbound"
  allow     = ["127.0.0.0/8"]
}
route "world" {
  mx   = "*"
  port = %s
}
via "world" { route = route.world }
tenant "acme" {
  domains = ["client.test"]
  route { hosts = ["127.0.0.1:9"] }
  outbound {
    secure "tagged" {
      when      = matches("^\\[secure\\]", message.subject)
      tls       = "verified"
      otherwise = "hold"
    }
  }
}
`, dns.Addr, port))

	for _, tc := range []struct {
		to, subject string
		at          *smtptest.Peer // where it arrives; nil nowhere
		encrypted   bool
		status      string
		words       string // of the last reply or the reason
	}{
		{"a@good.dane.test", "hello", dane, true, "delivered", ""},
		{"b@good.dane.test", "[secure] hello", dane, true, "secure-delivered", ""},
		{"a@bad.dane.test", "hello", nil, false, "queued", "no TLSA record"},
		{"a@bogus.dane.test", "hello", nil, false, "queued", "TLSA records of mx3.dane.test could not be looked up"},
		{"a@odd.dane.test", "hello", wrong, true, "delivered", ""},
		{"b@odd.dane.test", "[secure] hello", nil, false, "queue-frozen", "certificate"},
		{"a@stripped.dane.test", "hello", nil, false, "queued", "does not offer"},
		// The host is protected by its TLSA records, but nothing stands behind
		// the MX records that led to it.
		{"a@unsigned.test", "hello", dane, true, "delivered", ""},
		{"b@unsigned.test", "[secure] hello", nil, false, "queue-frozen", "certificate"},
		{"a@sts.test", "hello", sts, true, "delivered", ""},
		{"b@sts.test", "[secure] hello", sts, true, "secure-delivered", ""},
		{"a@testing.test", "hello", plain, false, "delivered", ""},
		{"a@nothing.test", "hello", plain, false, "delivered", ""},
		{"b@nothing.test", "[secure] hello", nil, false, "queue-frozen", "does not offer"},
	} {
		t.Run(tc.to, func(t *testing.T) {
			before := map[*smtptest.Peer]int{}
			for _, p := range peers {
				before[p] = len(p.Messages())
			}
			body := "From: ann@client.test\r\nTo: " + tc.to + "\r\nSubject: " + tc.subject + "\r\n\r\nx\r\n"
			if err := smtp.SendMail(submission, nil, "ann@client.test", []string{tc.to}, []byte(body)); err != nil {
				t.Fatal(err)
			}
			row := settled(t, c, tc.to, tc.status)
			text := row.Reason
			if row.Last != nil {
				text += " " + row.Last.Text
			}
			if row.Status != tc.status || !strings.Contains(text, tc.words) {
				t.Errorf("%s: %s, want %s with %q", row.Status, text, tc.status, tc.words)
			}
			for _, p := range peers {
				got := p.Messages()[before[p]:]
				if p != tc.at && len(got) > 0 || p == tc.at && (len(got) != 1 || got[0].TLS != tc.encrypted) {
					t.Errorf("at %s arrived %+v", p.Addr, got)
				}
			}
		})
	}

	// Who can break the fetch of a policy, or announce another that nobody can
	// have, changes nothing.
	webDown.Store(true)
	dns.Remove("_mta-sts.sts.test")
	dns.Add(t, `_mta-sts.sts.test. 1 TXT "v=STSv1; id=2"`)
	before := len(plain.Messages())
	if err := smtp.SendMail(submission, nil, "ann@client.test", []string{"c@sts.test"}, []byte("Subject: [secure] again\r\n\r\nx\r\n")); err != nil {
		t.Fatal(err)
	}
	if row := settled(t, c, "c@sts.test", "secure-delivered"); row.Status != "secure-delivered" || len(plain.Messages()) != before {
		t.Errorf("with the policy host down: %+v", row)
	}

	reports(t, c)
}

func settled(t *testing.T, c *client.Client, to, status string) api.Row {
	t.Helper()
	var row api.Row
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		page, err := c.Search(t.Context(), client.Search{Q: "recipient:" + to})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) == 1 {
			if row = page.Items[0]; row.Status == status {
				return row
			}
		}
		if time.Now().After(end) {
			t.Fatalf("%s is not %s: %+v", to, status, page.Items)
		}
	}
}

// reports looks at what was counted.
func reports(t *testing.T, c *client.Client) {
	t.Helper()
	days, err := c.TLSReports(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]api.TLSDay{}
	for _, d := range days.Items {
		got[d.Domain] = d
	}
	for domain, want := range map[string]struct{ policy, result string }{
		"good.dane.test": {"tlsa", ""}, "bad.dane.test": {"tlsa", "tlsa-invalid"}, "bogus.dane.test": {"tlsa", "dnssec-invalid"},
		"stripped.dane.test": {"tlsa", "starttls-not-supported"}, "sts.test": {"sts", "validation-failure"},
		"testing.test": {"sts", "validation-failure"}, "nothing.test": {"no-policy-found", "starttls-not-supported"},
	} {
		d := got[domain]
		if len(d.Policies) == 0 || d.Policies[0] != want.policy || want.result == "" && (d.Success == 0 || d.Failure > 0) || want.result != "" && d.Results[want.result] == 0 {
			t.Errorf("%s: %+v, want %+v", domain, d, want)
		}
	}
	r, err := c.TLSReport(t.Context(), days.Day, "sts.test")
	if err != nil || len(r.RUA) != 1 || r.RUA[0] != "mailto:tls@sts.test" || len(r.Report.Policies) != 1 || r.Report.Policies[0].Summary.Success == 0 || // connections: some were used again
		strings.Join(r.Report.Policies[0].Policy.MX, " ") != "mx.sts.test" {
		t.Errorf("%+v, %v", r, err)
	}
}
