package interop_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/daemon"
	"github.com/mailweir/weir/gateway/internal/smtpc"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

// impatient are timeouts of deliveries that a test can wait for.
func impatient(d time.Duration) smtpc.Timeouts {
	return smtpc.Timeouts{Connect: d, Greeting: d, EHLO: d, StartTLS: d, Auth: d, Mail: d, Rcpt: d, Data: d, Block: d, Dot: d, Reset: d}
}

// spoiled is a destination that goes wrong somewhere, and what the log says of
// it then.
type spoiled struct {
	name   string
	script smtptest.Script
	says   string // in the answer that is shown
	means  string // key of the explanation
	twice  bool   // it has the message already: what comes is a duplicate
	lines  int    // of the message; 0: one
}

func at(verb, action string) smtptest.Script {
	return smtptest.Script{Reply: map[string]string{verb: action}}
}

func spoiledOnes() []spoiled {
	all := []spoiled{
		{name: "hang-greeting", script: smtptest.Script{Greeting: smtptest.Hang}, says: "timed out waiting for the greeting", means: "timed-out"},
		{name: "hang-ehlo", script: at("EHLO", smtptest.Hang), says: "timed out waiting for the answer to EHLO", means: "timed-out"},
		{name: "hang-mail", script: at("MAIL", smtptest.Hang), says: "timed out waiting for the answer to MAIL", means: "timed-out"},
		{name: "hang-rcpt", script: at("RCPT", smtptest.Hang), says: "timed out waiting for the answer to RCPT", means: "timed-out"},
		{name: "hang-data", script: at("DATA", smtptest.Hang), says: "timed out waiting", means: "timed-out"},
		{name: "hang-body", script: at("DATA", smtptest.Stop), says: "timed out", means: "timed-out", lines: 6000},
		{name: "hang-dot", script: at("DOT", smtptest.Hang), says: "the message may have been delivered", means: "timed-out", twice: true},
		{name: "drip-greeting", script: smtptest.Script{Greeting: smtptest.Drip}, says: "timed out"},
		{name: "drip-rcpt", script: at("RCPT", smtptest.Drip), says: "timed out"},
		{name: "close-greeting", script: smtptest.Script{Greeting: smtptest.Close}, says: "closed", means: "unreachable"},
		{name: "close-ehlo", script: at("EHLO", smtptest.Close), says: "closed", means: "unreachable"},
		{name: "close-mail", script: at("MAIL", smtptest.Close), says: "closed", means: "unreachable"},
		{name: "close-rcpt", script: at("RCPT", smtptest.Close), says: "closed", means: "unreachable"},
		{name: "close-data", script: at("DATA", smtptest.Close), says: "closed", means: "unreachable"},
		{name: "close-mid-data", script: at("DATA", smtptest.Cut), says: "", means: "unreachable", lines: 2000},
		{name: "close-after-the-dot", script: at("DOT", smtptest.Close), says: "the message may have been delivered", means: "unreachable", twice: true},
		{name: "garbage-greeting", script: smtptest.Script{Greeting: smtptest.Garbage}},
		{name: "garbage-mail", script: at("MAIL", smtptest.Garbage)},
		{name: "garbage-dot", script: at("DOT", smtptest.Garbage), twice: true},
		{name: "mixed-rcpt", script: at("RCPT", smtptest.Mixed)},
		{name: "flood-ehlo", script: at("EHLO", smtptest.Flood)},
		{name: "long-rcpt", script: at("RCPT", smtptest.LongOne)},
	}
	return all
}

// stagesPolicy has a tenant for each name, with a destination of its own.
func stagesPolicy(dests map[string]string) string {
	var b strings.Builder
	fmt.Fprint(&b, `
gateway {
  hostname       = "mx.weir.test"
  data_dir       = "./data"
  direct_inbound = "10s"
  log_level      = "warn"
}
listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
  limits { per_client = 500 }
}
retry "brisk" {
  phase {
    until = "1h"
    every = "10m"
  }
}
`)
	for name, addr := range dests {
		fmt.Fprintf(&b, `
tenant %[1]q {
  domains = ["%[1]s.test"]
  route { hosts = [%[2]q] }
  inbound { retry = retry.brisk }
  recipients {
    verify = "none"
    local  = ["*@%[1]s.test"]
  }
}
`, name, addr)
	}
	return b.String()
}

// A destination that goes wrong at any stage costs nobody a message: it is
// queued, the log says what happened and what that means, and the next attempt
// delivers it, once, unless the destination took it before it broke off. Until
// then the route's retry period is waited for (B103, B121, B122).
func TestB103_B122_destinations_that_go_wrong_at_each_stage(t *testing.T) {
	t.Parallel()
	all := spoiledOnes()
	peers, dests := map[string]*smtptest.Peer{}, map[string]string{}
	for _, s := range all {
		peers[s.name] = smtptest.Start(t, s.script)
		dests[s.name] = peers[s.name].Addr
	}
	calm := smtptest.Start(t, smtptest.Script{})
	dests["calm"], dests["closed"] = calm.Addr, smtptest.Closed(t)
	g := startGatewayIn(t, &daemon.Lab{Timeouts: impatient(time.Second)}, stagesPolicy(dests))
	mx := g.listener("mx")

	replies := make(chan [2]string, len(all)+1)
	for _, s := range append(all, spoiled{name: "closed", says: "connection refused", means: "unreachable"}) {
		go func() {
			text := "Subject: " + s.name + "\r\n\r\n" + strings.Repeat("body of it "+strings.Repeat("x", 900)+"\r\n", max(1, s.lines))
			replies <- [2]string{s.name, send(t, mx, []string{"box@" + s.name + ".test"}, text)}
		}()
	}
	// Meanwhile nobody else waits.
	began := time.Now()
	expect(t, "mail for a healthy destination", send(t, mx, []string{"box@calm.test"}, "Subject: calm\r\n\r\n"), "250 2.0.0 Ok: delivered")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s beside those that hang", took)
	}
	for range len(all) + 1 {
		r := <-replies
		expect(t, r[0], r[1], "250 2.0.0 Ok: queued")
	}
	rows := map[string]api.Row{}
	for _, r := range g.rows(t, "status:queued") {
		rows[r.Tenant] = r
	}
	if r := rows["closed"]; r.Last == nil || !strings.Contains(r.Last.Text, "connection refused") || r.Mark != "deferring" {
		t.Errorf("a host that is down: %+v", r)
	}
	for name, r := range rows { // "every" and its tenth, and a minute at most
		if in := time.Until(r.Next); in < 9*time.Minute || in > 12*time.Minute {
			t.Errorf("%s is tried again in %s, want the schedule's 10 minutes", name, in)
		}
	}
	for _, s := range all {
		g.checkLog(t, s, rows[s.name])
		peers[s.name].Set(smtptest.Script{})
	}
	if t.Failed() {
		return
	}
	// All is well again, and each is delivered.
	asked := time.Time{}
	await(t, 2*patience, "all is delivered", func() bool {
		if time.Since(asked) > 3*time.Second { // a busy machine gets more than one try
			asked = time.Now()
			if _, err := g.api.Act(t.Context(), api.ActionRequest{Verb: "retry", Q: "status:queued -tenant:closed"}); err != nil {
				t.Fatal(err)
			}
		}
		return len(g.rows(t, "status:delivered")) == len(all)+1
	})
	for _, s := range all {
		want := 1
		if s.twice { // it had taken it, and nobody can know
			want = 2
		}
		if n := len(peers[s.name].Messages()); n != want {
			t.Errorf("%s: it arrived %d times, want %d", s.name, n, want)
		}
	}
}

// checkLog reads what the delivery log says of a first attempt that went
// wrong.
func (g *gateway) checkLog(t *testing.T, s spoiled, row api.Row) {
	t.Helper()
	if row.Last == nil || row.Last.Code/100 != 4 || !strings.Contains(row.Last.Text, s.says) {
		t.Errorf("%s: the last answer is %+v, want one that says %q", s.name, row.Last, s.says)
		return
	}
	as, err := g.api.Attempts(t.Context(), row.ID)
	if err != nil || len(as) == 0 {
		t.Errorf("%s: %d attempts, %v", s.name, len(as), err)
		return
	}
	a := as[len(as)-1]
	if len(a.Outcome) != 1 || a.Outcome[0].Result != "deferred" || a.Outcome[0].Recipient != "box@"+s.name+".test" {
		t.Errorf("%s: %+v", s.name, a.Outcome)
		return
	}
	if m := a.Outcome[0].Meaning; m == nil || s.means != "" && m.Key != s.means {
		t.Errorf("%s: %q means %+v, want %s", s.name, row.Last.Text, m, s.means)
	}
	if len(a.Transcript) == 0 || len(a.Transcript) > 40<<10 || len(a.KeyLines) == 0 || !slices.IsSorted(a.KeyLines) {
		t.Errorf("%s: a dialogue of %d octets, decided at %v:\n%s", s.name, len(a.Transcript), a.KeyLines, tail(a.Transcript, 500))
	}
	if strings.Contains(a.Transcript, "body of it") {
		t.Errorf("%s: the dialogue has some of the message", s.name)
	}
	if a.Address == "" || a.Host == "" {
		t.Errorf("%s: the log does not say whom it called: %+v", s.name, a)
	}
}

// What a destination says within the data is its answer, 5xx included, and the
// client hears it (B66).
func TestB66_refusal_within_the_data(t *testing.T) {
	t.Parallel()
	p := smtptest.Start(t, at("DATA", smtptest.Refuse))
	g := startGatewayIn(t, &daemon.Lab{Timeouts: impatient(2 * time.Second)}, stagesPolicy(map[string]string{"refuse": p.Addr}))
	r := send(t, g.listener("mx"), []string{"box@refuse.test"}, "Subject: x\r\n\r\n"+strings.Repeat("body\r\n", 100_000))
	expect(t, "a message that is too large for it", r, "552 5.3.4 far too much")
	if rows := g.rows(t, "status:queued"); len(rows) != 0 {
		t.Errorf("queued: %+v", rows)
	}
}

// deliveries is the delivery log of what a search finds. It waits for
// something to be there: what is delivered while the client waits is recorded
// behind its answer.
func (g *gateway) deliveries(t testing.TB, q string) (as []api.Attempt) {
	t.Helper()
	await(t, patience, "the delivery log has something of "+q, func() bool {
		p, err := g.api.Deliveries(t.Context(), client.Search{Q: q, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		as = as[:0]
		for _, d := range p.Items {
			as = append(as, d.Attempt)
		}
		return len(as) > 0
	})
	return as
}
