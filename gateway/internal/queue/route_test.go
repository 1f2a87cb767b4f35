package queue

import (
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

const tablePolicy = `gateway {
  hostname = "mx.test"
  data_dir = "./var"
}
listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
}
retry "patient" {
  phase {
    until = "10h"
    every = "5h"
  }
}
retry "gentle" {
  phase {
    until = "20h"
    every = "10h"
  }
}
route "relay" {
  host "127.0.0.1:7" {
    priority = 10
    weight   = 3
  }
  host "127.0.0.1:8" { priority = 20 }
  tls      = "required"
  ip       = "prefer4"
  source6  = "::1"
  retry    = retry.patient
  auth {
    user     = "me"
    password = "secret"
  }
}
via "partners" {
  recipient = ["*@*.partner.test"]
  route     = route.relay
}
via "never" {
  recipient = ["*@forbidden.test"]
  reject    = "we do not write to them"
}
via "boss" {
  sender = ["boss@acme.test"]
  route  = route.relay
}
destination "large" {
  domains = ["mail.partner.test"]
  retry   = retry.gentle
}
tenant "acme" {
  domains = ["acme.test"]
  route { hosts = ["127.0.0.1:1"] }
}
`

// The static table leads by recipient and sender, with wildcards (B82, B90).
func TestB90_routing_table(t *testing.T) {
	p := load(t, tablePolicy)
	for _, c := range []struct{ from, to, route, hop string }{
		{"a@acme.test", "x@far.partner.test", "route:relay", "127.0.0.1:7,127.0.0.1:8"},
		{"a@acme.test", "x@elsewhere.test", "mx", "elsewhere.test"},
		{"boss@acme.test", "x@elsewhere.test", "route:relay", "127.0.0.1:7,127.0.0.1:8"},
		{"a@acme.test", "x@forbidden.test", "reject", ""},
	} {
		r := store.Recipient{Address: address(t, c.to), Tenant: "acme"}
		ok := AssignFrom(p, mail.Outbound, address(t, c.from), &r)
		if !ok || r.Route != c.route || r.NextHop != c.hop {
			t.Errorf("%s to %s: %v, %q by %q", c.from, c.to, ok, r.Route, r.NextHop)
		}
	}
	d, ok := Resolve(p, "route:relay", address(t, "x@far.partner.test"))
	if !ok || len(d.Weights) != 2 || d.Weights[0] != (deliver.Weight{Priority: 10, Weight: 3}) || d.TLS != "required" || d.IP != "prefer4" || d.Source6 != "::1" || d.Auth == nil || d.Auth.Password != "secret" {
		t.Errorf("the engine gets %+v", d)
	}
}

// A via that refuses does so at RCPT, and ends what is queued already.
func TestB90_via_rejects(t *testing.T) {
	p := load(t, tablePolicy)
	from, to := address(t, "a@acme.test"), address(t, "x@forbidden.test")
	reply := Refused(p, mail.Outbound, "acme", from, to)
	if reply == nil || reply.Code != 550 || reply.Enhanced != [3]int{5, 1, 2} || reply.Text != "we do not write to them" {
		t.Fatalf("at RCPT: %v", reply)
	}
	if r := Refused(p, mail.Outbound, "acme", from, address(t, "x@elsewhere.test")); r != nil {
		t.Errorf("another recipient: %v", r)
	}
	m := message(t, mail.Outbound, "a@acme.test")
	m.Recipients[0].Address, m.Recipients[0].Route = to, "reject"
	bs := Batches(p, m, []int{1})
	if len(bs) != 1 || bs[0].Unrouted == nil {
		t.Fatalf("%+v", bs)
	}
	e := (&Book{Policy: p, Now: start}).Enter(m, bs[0].NoRoute())
	if r := e.Recipients[0]; r.Status != mail.StatusBounced || r.Last.Text != reply.Text {
		t.Errorf("queued before: %s, %v", r.Status, r.Last)
	}
	// The policy refuses it no more: the next try takes the way of now.
	open := load(t, bookPolicy)
	reroute(open, m, &m.Recipients[0])
	if m.Recipients[0].Route != "mx" {
		t.Errorf("allowed again, and routed by %q", m.Recipients[0].Route)
	}
}

// A retry schedule is the destination's before the route's before the tenant's.
func TestB89_schedule_of_destination_and_route(t *testing.T) {
	p := load(t, tablePolicy)
	for _, c := range []struct {
		to, route, own, want string
		wait                 time.Duration
	}{
		{"x@mail.partner.test", "route:relay", "standard", "patient", 5 * time.Hour}, // not by its domain, whose mail servers nobody asks
		{"x@mail.partner.test", "mx", "standard", "gentle", 10 * time.Hour},
		{"x@far.partner.test", "route:relay", "standard", "patient", 5 * time.Hour},
		{"x@elsewhere.test", "mx", "standard", "standard", 15 * time.Minute},
		{"x@elsewhere.test", "mx", "gone", "standard", 15 * time.Minute},
		{"x@elsewhere.test", "mx", "patient", "standard", 15 * time.Minute}, // its tenant's of then, which is another now
	} {
		m := message(t, mail.Outbound, "a@acme.test")
		r := &m.Recipients[0]
		r.Address, r.Route, r.Schedule = address(t, c.to), c.route, c.own
		if s, _ := ScheduleOf(p, m, r); s.Name != c.want {
			t.Errorf("%+v: %s", c, s.Name)
		}
		e := (&Book{Policy: p, Now: start}).Enter(m, []deliver.RcptResult{later(1)})
		if got := e.Recipients[0].Next.Sub(start); got != c.wait || e.Recipients[0].Schedule != c.want {
			t.Errorf("%+v: next after %v by %s", c, got, e.Recipients[0].Schedule)
		}
	}
}

// What failed keeps its body as long as the tenant says; what we refused or
// an operator removed does not (B132).
func TestB132_body_of_failed_mail_is_kept(t *testing.T) {
	keeps := load(t, tablePolicy[:len(tablePolicy)-2]+"  retain { failed = \"7d\" }\n}\n")
	no := load(t, tablePolicy[:len(tablePolicy)-2]+"  retain { failed = \"0s\" }\n}\n")
	for s, want := range map[mail.Status]bool{
		mail.StatusBounced: true, mail.StatusDeliveryFailed: true, mail.StatusQueueBounced: true, mail.StatusQueueExpired: true,
		mail.StatusDelivered: false, mail.StatusRejected: false, mail.StatusQueueRemoved: false, mail.StatusBlackholed: false,
	} {
		m := message(t, mail.Outbound, "a@acme.test")
		next := m.Recipients[0]
		next.Status = s
		if got := Done(keeps, m, []store.Recipient{next}); got == want {
			t.Errorf("%s: body dropped %v", s, got)
		}
		if !Done(no, m, []store.Recipient{next}) {
			t.Errorf("%s: kept although the tenant keeps none", s)
		}
		if d := KeepBody(keeps, []store.Recipient{next}); (d == 7*24*time.Hour) != want {
			t.Errorf("%s: kept for %v", s, d)
		}
	}
}
