package interop_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/daemon"
	"github.com/mailweir/weir/gateway/internal/daemon/daemontest"
)

const endedPolicy = `
gateway {
  hostname = "mx.weir.test"
  data_dir = %q
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
ruleset "all" {
  action "held" {
    when = recipient.local == "held"
    do   = stall("could not be opened")
  }
}
tenant "acme" {
  domains  = ["acme.test"]
  rulesets = [ruleset.all]
  route {
    hosts = [%q]
    tls   = "none"
  }
  recipients {
    verify = "local"
    local  = ["*@acme.test"]
  }
  notify {
    stalled  = ["desk@acme.test"]
    expired  = ["chief@acme.test"]
    language = "es"
  }
}
`

// Stalled mail on which nobody decides ends by itself, in the gateway's own
// time: outgoing after a day, and its sender is told; incoming after a week,
// and its sender, whom nobody knows, is not. The administrators hear of both.
func TestB136_B137_B145_stalled_mail_that_ends(t *testing.T) {
	t.Parallel()
	near, nearDir := startDestination(t)
	clk := &clock{now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	dir := daemontest.Folder(t)
	g := startGatewayWith(t, dir, fmt.Sprintf(endedPolicy, filepath.Join(dir, "data"), near), daemon.Options{Now: clk.Now, After: clk.After, Jitter: func() float64 { return 0 }})
	submit := func(listener, from, to string) {
		s := call(t, g.listener(listener))
		s.must("250", "EHLO client.test")
		s.must("250", "MAIL FROM:<"+from+"> ENVID=E1")
		s.must("250", "RCPT TO:<"+to+"> NOTIFY=SUCCESS,FAILURE,DELAY")
		s.must("354", "DATA")
		s.must("250", "From: "+from+"\r\nSubject: a riddle\r\n\r\nhello\r\n.")
		s.must("221", "QUIT")
	}
	submit("submission", "me@acme.test", "held@far.test")
	submit("mx", "stranger@far.test", "held@acme.test")
	// told are those notices that have arrived for an address.
	told := func(address string) (out []string) {
		for _, m := range mailbox(t, nearDir) {
			if strings.Contains(m, "Delivered-To: "+address) {
				out = append(out, m)
			}
		}
		return out
	}
	await(t, patience, "the notices of the stalls", func() bool { return len(told("desk@acme.test")) == 2 })
	// pass lets time pass until something is there, but not while mail is on its
	// way: its lease would end.
	idle := func() bool { return len(g.rows(t, "status:queued")) == 0 }
	pass := func(what string, ready func() bool) {
		await(t, patience, what, func() bool {
			if idle() {
				clk.set(clk.Now().Add(time.Minute)) // a lease is of two
			}
			return ready()
		})
	}
	status := func(rcpt string) string {
		var rows []api.Row
		if rows = g.rows(t, "recipient:"+rcpt); len(rows) != 1 {
			t.Fatalf("%d rows of %s", len(rows), rcpt)
		}
		return rows[0].Status
	}
	await(t, patience, "the queue to be empty", idle)
	clk.set(clk.Now().Add(25 * time.Hour))
	pass("the sender to be told", func() bool { return len(told("me@acme.test")) == 1 })
	dsn := told("me@acme.test")[0]
	for _, want := range []string{"Action: failed", "Status: 5.7.1", "Original-Envelope-Id: E1", "rfc822; held@far.test", "Content-Language: es"} {
		if !strings.Contains(dsn, want) {
			t.Errorf("no %q in\n%s", want, dsn)
		}
	}
	pass("the administrators to hear of it", func() bool { return len(told("chief@acme.test")) == 1 })
	if out, in := status("held@far.test"), status("held@acme.test"); out != "quarantine-expired" || in != "stalled" {
		t.Errorf("outgoing %s, incoming %s", out, in)
	}
	await(t, patience, "the queue to be empty", idle)
	clk.set(clk.Now().Add(6 * 24 * time.Hour))
	pass("the administrators to hear of the other", func() bool { return len(told("chief@acme.test")) == 2 })
	if in := status("held@acme.test"); in != "quarantine-expired" {
		t.Errorf("incoming %s", in)
	}
	if rows := g.rows(t, "kind:dsn"); len(rows) != 1 || len(told("me@acme.test")) != 1 {
		t.Errorf("%d DSNs, want that to the sender of outgoing mail: %+v", len(rows), rows)
	}
	if second := told("chief@acme.test")[1]; !strings.Contains(second, "stranger@far.test") || strings.Contains(second, "held@far.test") {
		t.Errorf("%s", second)
	}
}
