package queue

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

const bookPolicy = `
gateway {
  hostname = "mx.test"
  data_dir = "./var"
}
listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
}
tenant "acme" {
  domains = ["acme.test"]
  route { hosts = ["127.0.0.1:1"] }
}
tenant "other" {
  domains = ["other.test"]
  route { hosts = ["127.0.0.1:2"] }
}
`

func load(t *testing.T, text string) *policy.Policy {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.hcl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, diags := policy.Load(file, policy.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return p
}

func address(t *testing.T, s string) mail.Address {
	t.Helper()
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func message(t *testing.T, dir mail.Direction, from string) *store.Message {
	m := &store.Message{ID: mail.NewID(start), Direction: dir, Received: start, HasBody: true}
	if from != "" {
		m.Sender = address(t, from)
	}
	m.Recipients = []store.Recipient{{N: 1, Address: address(t, "r@acme.test"), Tenant: "acme", Status: mail.StatusQueued, Schedule: "standard"}}
	return m
}

func later(n int) deliver.RcptResult {
	return deliver.RcptResult{N: n, Outcome: deliver.Deferred, Reply: *mail.NewReply(451, "4.7.1", "later"), Remote: true}
}

// run lets every attempt fail until nothing is due any more, and counts them.
func run(t *testing.T, p *policy.Policy, m *store.Message, res func(attempt int) deliver.RcptResult) (attempts int, at []time.Time, notices []Notice) {
	t.Helper()
	now := start
	for range 100 {
		b := &Book{Policy: p, Now: now}
		e := b.Enter(m, []deliver.RcptResult{res(attempts + 1)})
		attempts++
		at = append(at, now)
		notices = append(notices, e.Notices...)
		m.Recipients[0] = e.Recipients[0]
		if !m.Recipients[0].Status.Due() {
			return attempts, at, notices
		}
		now = m.Recipients[0].Next
	}
	t.Fatal("it never ends")
	return
}

func TestB74toB78_WholeScheduleThenBounce(t *testing.T) {
	m := message(t, mail.Inbound, "s@sender.test")
	m.Client.Direction = mail.Outbound // from another tenant of ours: a sender that is known
	n, at, notices := run(t, load(t, bookPolicy), m, func(int) deliver.RcptResult { return later(1) })
	if n != 31 {
		t.Errorf("%d attempts, want 31", n)
	}
	if last := at[len(at)-1].Sub(start); last != 96*time.Hour {
		t.Errorf("the last attempt came after %v, want 96 h", last)
	}
	if s := m.Recipients[0].Status; s != mail.StatusQueueBounced {
		t.Errorf("ended as %s", s)
	}
	if len(notices) != 2 || notices[0].Kind != "delayed" || notices[1].Kind != "failed" {
		t.Errorf("notices: %v", notices)
	}
}

func TestB106_NullSenderExpiresWithoutNotice(t *testing.T) {
	m := message(t, mail.Inbound, "")
	_, _, notices := run(t, load(t, bookPolicy), m, func(int) deliver.RcptResult { return later(1) })
	if m.Recipients[0].Status != mail.StatusQueueExpired || len(notices) != 0 {
		t.Errorf("ended as %s with %v", m.Recipients[0].Status, notices)
	}
}

func TestB79_BounceThatFailsIsFrozen(t *testing.T) {
	for name, res := range map[string]deliver.RcptResult{
		"temporary": later(1),
		"permanent": {N: 1, Outcome: deliver.Failed, Reply: *mail.NewReply(550, "5.1.1", "who?")},
	} {
		m := message(t, mail.Inbound, "")
		m.Kind = KindDSN
		n, _, notices := run(t, load(t, bookPolicy), m, func(int) deliver.RcptResult { return res })
		if n != 1 || m.Recipients[0].Status != mail.StatusQueueFrozen || len(notices) != 0 || !m.Recipients[0].Next.IsZero() {
			t.Errorf("%s: %d attempts, %+v, %v", name, n, m.Recipients[0], notices)
		}
	}
	// Tried by an operator, after its time: frozen again, and not gone.
	m := message(t, mail.Inbound, "")
	m.Kind, m.Recipients[0].Manual, m.Recipients[0].FirstFailure = KindDSN, true, start
	e := (&Book{Policy: load(t, bookPolicy), Now: start.Add(200 * time.Hour)}).Enter(m, []deliver.RcptResult{later(1)})
	if r := e.Recipients[0]; r.Status != mail.StatusQueueFrozen || !r.Next.IsZero() {
		t.Errorf("an old one: %+v", r)
	}
}

func TestB104_OneDelayNotice(t *testing.T) {
	p := load(t, dsnPolicy)
	m := message(t, mail.Outbound, "s@acme.test")
	_, _, notices := run(t, p, m, func(int) deliver.RcptResult { return later(1) })
	if len(notices) != 2 || notices[0].Kind != "delayed" || notices[1].Kind != "failed" {
		t.Errorf("notices: %v", notices)
	}
}

func TestB118_PermanentFailure(t *testing.T) {
	p := load(t, bookPolicy)
	refuse := deliver.RcptResult{N: 1, Outcome: deliver.Failed, Reply: *mail.NewReply(550, "5.1.1", "no"), Remote: true}
	for _, c := range []struct {
		dir    mail.Direction
		from   string
		want   mail.Status
		notice bool
	}{
		{mail.Inbound, "s@sender.test", mail.StatusDeliveryFailed, false}, // nobody authenticated the sender: no backscatter
		{mail.Outbound, "s@acme.test", mail.StatusBounced, true},
		{mail.Outbound, "", mail.StatusDeliveryFailed, false},
	} {
		m := message(t, c.dir, c.from)
		e := (&Book{Policy: p, Now: start}).Enter(m, []deliver.RcptResult{refuse})
		if got := e.Recipients[0].Status; got != c.want || (len(e.Notices) == 1) != c.notice {
			t.Errorf("%s from %q: %s, %v", c.dir, c.from, got, e.Notices)
		}
	}
}

func TestManualRetryLeavesTheSchedule(t *testing.T) {
	p := load(t, bookPolicy)
	m := message(t, mail.Inbound, "s@sender.test")
	r := &m.Recipients[0]
	r.FirstFailure, r.Failures, r.Manual = start, 3, true
	e := (&Book{Policy: p, Now: start.Add(50 * time.Minute)}).Enter(m, []deliver.RcptResult{later(1)})
	if got := e.Recipients[0]; got.Failures != 3 || got.Manual || !got.Next.After(start.Add(50*time.Minute)) {
		t.Errorf("%+v", got)
	}
}

func TestB107_DNSFailureIsTriedSooner(t *testing.T) {
	p := load(t, bookPolicy)
	m := message(t, mail.Inbound, "s@sender.test")
	res := later(1)
	res.DNS, res.RetryAfter = true, 90*time.Second
	e := (&Book{Policy: p, Now: start}).Enter(m, []deliver.RcptResult{res})
	if got := e.Recipients[0].Next.Sub(start); got != 90*time.Second {
		t.Errorf("next try after %v", got)
	}
}

func TestReleasedMailEndsAsReleased(t *testing.T) {
	m := message(t, mail.Inbound, "s@sender.test")
	m.Recipients[0].Origin = mail.StatusReleased
	p := load(t, bookPolicy)
	e := (&Book{Policy: p, Now: start}).Enter(m, []deliver.RcptResult{later(1)})
	m.Recipients[0] = e.Recipients[0]
	e = (&Book{Policy: p, Now: start}).Enter(m, []deliver.RcptResult{{N: 1, Outcome: deliver.Delivered, Reply: *mail.NewReply(250, "", "ok")}})
	if e.Recipients[0].Status != mail.StatusReleased {
		t.Errorf("ended as %s", e.Recipients[0].Status)
	}
}

// Redirected mail keeps the settings of the address it was sent to.
func TestOwnIsTheAddressTheClientNamed(t *testing.T) {
	in, out := message(t, mail.Inbound, "s@sender.test"), message(t, mail.Outbound, "s@acme.test")
	r := &store.Recipient{Address: address(t, "away@elsewhere.test"), Original: address(t, "r@acme.test")}
	if a, b := Own(in, r).String(), Own(out, r).String(); a != "r@acme.test" || b != "s@acme.test" {
		t.Errorf("inbound %s, outbound %s", a, b)
	}
}

func TestAssignAndResolve(t *testing.T) {
	p := load(t, bookPolicy)
	in := store.Recipient{Address: address(t, "r@acme.test"), Tenant: "acme"}
	if !Assign(p, mail.Inbound, &in) || in.NextHop == "" {
		t.Errorf("inbound: %+v", in)
	}
	if r, ok := Resolve(p, in.Route, in.Address); !ok || len(r.Hosts) != 1 || r.Hosts[0] != "127.0.0.1:1" {
		t.Errorf("resolved to %+v, %v", r, ok)
	}
	local := store.Recipient{Address: address(t, "r@other.test"), Tenant: "acme"}
	if !Assign(p, mail.Outbound, &local) || local.Route != LocalRoute("other") {
		t.Errorf("local to local: %+v", local)
	}
	out := store.Recipient{Address: address(t, "r@elsewhere.test"), Tenant: "acme"}
	if !Assign(p, mail.Outbound, &out) {
		t.Error("outbound without a route")
	}
	if r, ok := Resolve(p, out.Route, out.Address); !ok || r.MX != "elsewhere.test" {
		t.Errorf("outbound resolved to %+v, %v", r, ok)
	}
	if _, ok := Resolve(p, "tenant:gone:in", out.Address); ok {
		t.Error("a route that is gone was found (B97)")
	}
}
