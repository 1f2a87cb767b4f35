package interop_test

import (
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

// worldPolicy sends everything outbound to the recipients' mail servers, as
// the name server at dns has them, on one port.
func worldPolicy(dns, port, more string) string {
	return fmt.Sprintf(`
gateway {
  hostname        = "mx.weir.test"
  data_dir        = "./data"
  direct_outbound = "8s"
  resolver        = [%q]
  log_level       = "warn"
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
destination "lab" {
  mx          = ["*.hosts.test"]
  backoff     = "1s"
  max_backoff = "1s"
}
tenant "acme" {
  domains = ["client.test"]
  route { hosts = ["127.0.0.1:9"] }
}
%s
`, dns, port, more)
}

// twoHosts are mail servers at two addresses of the loopback with one port.
func twoHosts(t *testing.T) (one, two *smtptest.Peer, port string) {
	t.Helper()
	for range 20 {
		one = smtptest.Start(t, smtptest.Script{})
		_, port, _ = net.SplitHostPort(one.Addr)
		l, err := net.Listen("tcp", "127.0.0.2:"+port)
		if err != nil {
			continue
		}
		l.Close()
		return one, smtptest.StartAt(t, "127.0.0.2:"+port, smtptest.Script{}), port
	}
	t.Fatal("no port is free at two addresses")
	return nil, nil, ""
}

func arrived(p *smtptest.Peer, to string) (n int) {
	for _, m := range p.Messages() {
		for _, r := range m.To {
			if r == to {
				n++
			}
		}
	}
	return n
}

// row waits for the one row of a recipient to be as it must.
func (g *gateway) row(t *testing.T, to, want string, ok func(*api.Row) bool) *api.Row {
	t.Helper()
	var last *api.Row
	await(t, patience, to+" is "+want, func() bool {
		rows := g.rows(t, "recipient:"+to)
		if len(rows) != 1 {
			return false
		}
		last = &rows[0]
		return ok(last)
	})
	return last
}

// The DNS decides where mail goes, and when it cannot say, the mail waits
// (B98, B99, B102, B107).
func TestB98_B99_B107_what_the_DNS_says(t *testing.T) {
	t.Parallel()
	one, two, port := twoHosts(t)
	dns := dnstest.Start(t, `
		test.            1 SOA ns.test. root.test. 1 1 1 1 1
		mx1.hosts.test.  A 127.0.0.1
		mx2.hosts.test.  A 127.0.0.2
		dead.hosts.test. A 127.0.0.3
		single.test.     MX 10 mx1.hosts.test.
		second.test.     MX 10 dead.hosts.test.
		second.test.     MX 20 mx2.hosts.test.
		bare.test.       A 127.0.0.1
		null.test.       MX 0 .
		broken.test.     MX 10 mx1.hosts.test.
		lame.test.       MX 10 mx1.hosts.test.
		refused.test.    MX 10 mx1.hosts.test.
		silent.test.     MX 10 mx1.hosts.test.
		large.test.      MX 10 mx1.hosts.test.
		moves.test.      1 MX 10 old.hosts.test.
		old.hosts.test.  1 A 127.0.0.3
		nohost.test.     MX 10 missing.hosts.test.
		ours.test.       MX 10 mx.weir.test.`)
	dns.Set("broken.test", dnstest.ServFail)
	dns.Set("lame.test", dnstest.Lame)
	dns.Set("refused.test", dnstest.Refused)
	dns.Set("silent.test", dnstest.Timeout)
	dns.Set("large.test", dnstest.Truncated)
	g := startGatewayIn(t, &daemon.Lab{Timeouts: impatient(2 * time.Second)}, worldPolicy(dns.Addr, port, ""))
	submit := g.listener("submission")
	say := func(domain string) string {
		return send(t, submit, []string{"x@" + domain}, "Subject: "+domain+"\r\n\r\n")
	}

	for domain, want := range map[string]string{
		"single.test": "250 2.0.0 Ok: delivered",
		"second.test": "250 2.0.0 Ok: delivered", // the better host is down (B102)
		"bare.test":   "250 2.0.0 Ok: delivered", // no MX: the domain's own address
		"large.test":  "250 2.0.0 Ok: delivered", // over TCP
		"null.test":   "556 5.1.10",              // RFC 7505
		"gone.test":   "550 5.1.2",
		"ours.test":   "554 5.4.6", // it would come back to us
	} {
		expect(t, domain, say(domain), want)
	}
	if n := arrived(two, "x@second.test"); n != 1 || arrived(one, "x@bare.test") != 1 || arrived(one, "x@large.test") != 1 {
		t.Errorf("%d arrived at the second host; %+v", n, one.Messages())
	}

	// Failed look-ups are tried again within minutes, not by the schedule.
	waiting := []string{"broken.test", "lame.test", "refused.test", "silent.test", "nohost.test"}
	for _, domain := range waiting {
		expect(t, domain, say(domain), "250 2.0.0 Ok: queued")
	}
	for _, domain := range waiting {
		r := g.row(t, "x@"+domain, "queued after a look-up that failed", func(r *api.Row) bool { return r.Status == "queued" && r.Last != nil })
		if in := time.Until(r.Next); in > 6*time.Minute {
			t.Errorf("%s is tried again in %s", domain, in)
		}
		if r.Last.Code != 451 || !strings.HasPrefix(r.Last.Enhanced, "4.4") && !strings.HasPrefix(r.Last.Enhanced, "4.1") {
			t.Errorf("%s: %+v", domain, r.Last)
		}
		x, err := g.api.Explain(t.Context(), r.ID)
		if err != nil || len(x.Words) != 1 || x.Words[0].Last == nil || x.Words[0].Last.Key != "dns-failed" {
			t.Errorf("%s is explained as %+v, %v", domain, x.Words, err)
		}
	}
	for _, domain := range waiting[:4] {
		dns.Set(domain, dnstest.Records)
	}
	dns.Add(t, "missing.hosts.test. A 127.0.0.1")
	await(t, patience, "the names come back", func() bool {
		if _, err := g.api.Act(t.Context(), api.ActionRequest{Verb: "retry", Q: "status:queued"}); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, domain := range waiting {
			n += arrived(one, "x@"+domain)
		}
		return n == len(waiting)
	})

	// A record is believed as long as it says, and no longer.
	expect(t, "moves.test", say("moves.test"), "250 2.0.0 Ok: queued")
	dns.Remove("old.hosts.test")
	dns.Add(t, "old.hosts.test. 1 A 127.0.0.2")
	await(t, patience, "the new address is asked for", func() bool {
		if _, err := g.api.Act(t.Context(), api.ActionRequest{Verb: "retry", Q: "status:queued"}); err != nil {
			t.Fatal(err)
		}
		return arrived(two, "x@moves.test") == 1
	})
}

// A domain that takes no mail, or is not there, costs one look-up and no wait:
// the sender hears it at once.
func TestB86_unresolved_domain(t *testing.T) {
	t.Parallel()
	_, _, port := twoHosts(t)
	dns := dnstest.Start(t, `null.test. MX 0 .`)
	g := startGatewayIn(t, &daemon.Lab{Timeouts: impatient(2 * time.Second)}, worldPolicy(dns.Addr, port, ""))
	for domain, key := range map[string]string{"null.test": "domain-takes-no-mail", "gone.test": "domain-unknown"} {
		r := send(t, g.listener("submission"), []string{"x@" + domain}, "Subject: x\r\n\r\n")
		if !strings.HasPrefix(r, "55") {
			t.Errorf("%s: %q", domain, r)
		}
		as := g.deliveries(t, "recipient:x@"+domain)
		if len(as) != 1 || len(as[0].Outcome) != 1 || as[0].Outcome[0].Result != "bounced" || as[0].Outcome[0].Meaning == nil || as[0].Outcome[0].Meaning.Key != key {
			t.Errorf("%s: the delivery log has %+v, want one that means %s", domain, as, key)
		}
	}
	if len(g.rows(t, "status:queued")) != 0 {
		t.Error("something waits")
	}
}
