package interop_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/peers"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

// dsnPeers starts Postfix and Exim, both offering DSN, in front of nextHop.
func dsnPeers(t *testing.T, nextHop, domain string) map[string]*peers.Process {
	t.Helper()
	out := map[string]*peers.Process{}
	for name, p := range map[string]struct {
		start func(ctx context.Context, dir, nextHop string, domains []string, extra ...string) (*peers.Process, error)
		more  string
	}{
		"postfix": {peers.Postfix, "smtpd_relay_restrictions = reject_unauth_destination"},
		"exim":    {peers.Exim, "dsn_advertise_hosts = *"},
	} {
		dir, err := os.MkdirTemp("", "weir-"+name+"-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		proc, err := p.start(context.Background(), dir, nextHop, []string{domain}, p.more)
		absent(t, err)
		t.Cleanup(proc.Stop)
		out[name] = proc
	}
	return out
}

const dsnPolicy = `
gateway {
  hostname       = "mx.weir.test"
  data_dir       = "./data"
  direct_inbound = "30s"
  log_level      = "warn"
}
listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
}
listener "submission" {
  address   = "127.0.0.1:0"
  direction = "outbound"
  allow     = ["127.0.0.0/8"]
}
tenant "dest" {
  domains = ["dest.test"]
  route { hosts = [%[1]q] }
  recipients {
    verify = "local"
    local  = ["*@dest.test"]
  }
  outbound {
    route { hosts = [%[1]q] }
  }
}
`

// What we pass on, others understand: Postfix and Exim behind us tell of
// success in the sender's own terms, and we keep quiet (RFC 3461 §5.2.1).
func TestOtherServersAnswerForWhatWePassOn(t *testing.T) {
	t.Parallel()
	last := smtptest.Start(t, smtptest.Script{Ext: []string{"PIPELINING", "8BITMIME"}})
	for name, p := range dsnPeers(t, last.Addr, "far.test") {
		g := startGateway(t, fmt.Sprintf(dsnPolicy, p.Addr))
		d := call(t, g.listener("submission"))
		d.must("250", "EHLO client.test")
		d.must("250", "MAIL FROM:<me+"+name+"@dest.test> RET=HDRS ENVID="+name+"+2B1+20x")
		d.must("250", "RCPT TO:<ann@far.test> NOTIFY=SUCCESS ORCPT=rfc822;ann+2B"+name+"@first.test")
		d.must("354", "DATA")
		if r := d.say("From: me@dest.test\r\nSubject: " + name + "\r\n\r\nhello\r\n."); !strings.HasPrefix(r, "250") {
			t.Fatal(r)
		}
		var report string
		await(t, patience, name+" reports success", func() bool {
			for _, m := range last.Messages() {
				if strings.Contains(strings.Join(m.To, " "), "me+"+name+"@dest.test") {
					report = strings.ReplaceAll(m.Body, "\r\n", "\n")
				}
			}
			return report != ""
		})
		g.idle(t)
		if name == "exim" { // it repeats the values as they came on the wire
			report = strings.NewReplacer("+2B", "+", "+20", " ", "Envelope-ID", "Envelope-Id").Replace(report)
		}
		for _, want := range []string{"\nOriginal-Envelope-Id: " + name + "+1 x\n", "\nOriginal-Recipient: rfc822;ann+" + name + "@first.test\n"} {
			if !strings.Contains(strings.ReplaceAll(report, "rfc822; ", "rfc822;"), want) {
				t.Errorf("%s does not report %q:\n%s", name, want, report)
			}
		}
		if !strings.Contains(report, "Action: relayed") && !strings.Contains(report, "Action: delivered") || strings.Contains(report, "Reporting-MTA: dns; mx.weir.test") {
			t.Errorf("%s:\n%s", name, report)
		}
	}
}

// What others pass on to us goes further, unharmed.
func TestWhatOtherServersAskGoesOn(t *testing.T) {
	t.Parallel()
	last := smtptest.Start(t, smtptest.Script{Ext: []string{"PIPELINING", "8BITMIME", "DSN"}})
	g := startGateway(t, fmt.Sprintf(dsnPolicy, last.Addr))
	for name, p := range dsnPeers(t, g.listener("mx"), "dest.test") {
		d := call(t, p.Addr)
		d.must("250", "EHLO client.test")
		d.must("250", "MAIL FROM:<sender@client.test> RET=FULL ENVID="+name+"+2B1")
		d.must("250", "RCPT TO:<"+name+"@dest.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;ann+2B"+name+"@first.test")
		d.must("250", "RCPT TO:<"+name+"-never@dest.test> NOTIFY=NEVER")
		d.must("354", "DATA")
		if r := d.say("Subject: " + name + "\r\n\r\nhello\r\n."); !strings.HasPrefix(r, "250") {
			t.Fatal(r)
		}
		for _, want := range []string{
			"MAIL FROM:<sender@client.test>", "RET=FULL", "ENVID=" + name + "+2B1",
			"RCPT TO:<" + name + "@dest.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;ann+2B" + name + "@first.test",
			"RCPT TO:<" + name + "-never@dest.test> NOTIFY=NEVER",
		} {
			await(t, patience, name+" passes on "+want, func() bool { return strings.Contains(strings.Join(last.Lines(), "\n"), want) })
		}
	}
}
