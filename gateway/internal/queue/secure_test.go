package queue

import (
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

func safePolicy(tls string) string {
	return bookPolicy + "tenant \"safe\" {\n  domains = [\"safe.test\"]\n  outbound {\n    route {\n      hosts = [\"127.0.0.1:3\"]\n      tls   = \"" + tls + "\"\n    }\n  }\n}\n"
}

func taken(channel string) deliver.RcptResult {
	return deliver.RcptResult{N: 1, Outcome: deliver.Delivered, Verified: true, Channel: channel, Reply: *mail.NewReply(250, "", "ok"), Remote: true}
}

// Secure-delivered is what was demanded and had, nothing else (B30).
func TestB30_secure_delivered(t *testing.T) {
	verified, dane := &mail.Secure{TLS: "verified"}, &mail.Secure{TLS: "dane"}
	for _, c := range []struct {
		name    string
		dir     mail.Direction
		tls     string // of the route
		secure  *mail.Secure
		channel string
		want    mail.Status
	}{
		{"the route demands it", mail.Outbound, "verified", nil, "pkix", mail.StatusSecureDelivered},
		{"by DANE, which is more", mail.Outbound, "verified", nil, "dane", mail.StatusSecureDelivered},
		{"by MTA-STS", mail.Outbound, "opportunistic", verified, "mta-sts", mail.StatusSecureDelivered},
		{"policy demands it", mail.Outbound, "none", verified, "pkix", mail.StatusSecureDelivered},
		{"policy demands more than the route", mail.Outbound, "verified", dane, "dane", mail.StatusSecureDelivered},
		{"had less than demanded", mail.Outbound, "verified", dane, "pkix", mail.StatusDelivered},
		{"not had", mail.Outbound, "verified", nil, "", mail.StatusDelivered},
		{"had, and nobody asked", mail.Outbound, "opportunistic", nil, "dane", mail.StatusDelivered},
		{"encrypted is not verified", mail.Outbound, "required", nil, "pkix", mail.StatusDelivered},
		{"inbound has no such status", mail.Inbound, "verified", verified, "pkix", mail.StatusDelivered},
	} {
		m := message(t, c.dir, "s@safe.test")
		m.Recipients[0].Route, m.Recipients[0].Secure = "tenant:safe:out", c.secure
		e := (&Book{Policy: load(t, safePolicy(c.tls)), Now: start}).Enter(m, []deliver.RcptResult{taken(c.channel)})
		if got := e.Recipients[0].Status; got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// A demand raises the floor of the route that the engine gets, and never
// lowers it; recipients of different demands are not sent together.
func TestB30_demand_raises_the_route(t *testing.T) {
	for _, c := range []struct{ route, demand, want string }{
		{"none", "verified", "verified"}, {"opportunistic", "dane", "dane"}, {"required", "", "required"},
		{"dane", "verified", "dane"}, {"verified", "required", "verified"},
	} {
		p := load(t, safePolicy(c.route))
		m := message(t, mail.Outbound, "s@safe.test")
		m.Recipients[0].Route = "tenant:safe:out"
		free := m.Recipients[0]
		free.N = 2
		m.Recipients = append(m.Recipients, free)
		if c.demand != "" {
			m.Recipients[0].Secure = &mail.Secure{TLS: c.demand}
		}
		bs := Batches(p, m, []int{1, 2})
		if got := bs[0].Route.TLS; got != c.want {
			t.Errorf("%s + %s: %s", c.route, c.demand, got)
		}
		if last := bs[len(bs)-1]; last.Route.TLS != c.route || (len(bs) == 2) != (c.want != c.route) {
			t.Errorf("%s + %s: %d batches, the other by %s", c.route, c.demand, len(bs), last.Route.TLS)
		}
	}
}

// When the channel is not to be had, policy says what becomes of the mail.
func TestB30_channel_not_to_be_had(t *testing.T) {
	p := load(t, bookPolicy)
	no := later(1)
	no.NoSecure, no.Reply.Text = true, "no STARTTLS"
	for otherwise, want := range map[string]mail.Status{"retry": mail.StatusQueued, "hold": mail.StatusQueueFrozen, "bounce": mail.StatusBounced} {
		m := message(t, mail.Outbound, "s@acme.test")
		m.Recipients[0].Secure = &mail.Secure{TLS: "verified", Otherwise: otherwise, Rule: "p.hcl:7"}
		e := (&Book{Policy: p, Now: start}).Enter(m, []deliver.RcptResult{no})
		r := e.Recipients[0]
		if r.Status != want {
			t.Errorf("%s: %s", otherwise, r.Status)
		}
		switch otherwise {
		case "bounce":
			if r.Last.Code != 550 || r.Last.Enhanced != [3]int{5, 7, 10} || len(e.Notices) != 1 {
				t.Errorf("bounce: %v, %v", r.Last, e.Notices)
			}
		case "hold":
			if !strings.Contains(r.Reason, "p.hcl:7") || !strings.Contains(r.Reason, "no STARTTLS") || !r.Next.IsZero() {
				t.Errorf("hold: %q, next %v", r.Reason, r.Next)
			}
		default:
			if r.Failures != 1 || r.Next.IsZero() {
				t.Errorf("retry: %+v", r)
			}
		}
	}
	// The attempt that ended it is shown as that (B118).
	r := store.Recipient{Secure: &mail.Secure{TLS: "verified", Otherwise: "bounce"}}
	tried := []mail.Attempt{{Outcome: []mail.RcptReply{{N: 1, Reply: no.Reply}}}, {Outcome: []mail.RcptReply{{N: 2, Reply: no.Reply}, {N: 1, Reply: no.Reply}}}}
	Hear(nil, &store.Message{}, &r, tried, no)
	if a, b, c := tried[0].Outcome[0], tried[1].Outcome[0], tried[1].Outcome[1]; a.Reply.Code != 451 || b.Reply.Code != 451 || c.Reply.Code != 550 || c.Reply.Enhanced != [3]int{5, 7, 10} {
		t.Errorf("%v, %v, %v", a, b, c)
	}
	// Any other failure is not the channel's.
	m := message(t, mail.Outbound, "s@acme.test")
	m.Recipients[0].Secure = &mail.Secure{TLS: "verified", Otherwise: "bounce"}
	if e := (&Book{Policy: p, Now: start}).Enter(m, []deliver.RcptResult{later(1)}); e.Recipients[0].Status != mail.StatusQueued {
		t.Errorf("an ordinary failure: %s", e.Recipients[0].Status)
	}
}

func putOff(wait time.Duration) deliver.RcptResult {
	return deliver.RcptResult{N: 1, Outcome: deliver.Deferred, Throttled: true, RetryAfter: wait, Reply: *mail.NewReply(451, "4.4.5", "suspended")}
}

// Our own limits are no failure of the destination's: nothing is counted, and
// only the beginning is told.
func TestB89_throttled_counts_nothing(t *testing.T) {
	p := load(t, bookPolicy)
	m := message(t, mail.Inbound, "s@sender.test")
	before := m.Recipients[0]
	for i := range 3 {
		e := (&Book{Policy: p, Now: start, Jitter: func() float64 { return 0.5 }}).Enter(m, []deliver.RcptResult{putOff(40 * time.Second)})
		r := e.Recipients[0]
		if r.Failures != 0 || r.Attempts != 0 || !r.FirstFailure.IsZero() || r.Last != nil || r.Status != mail.StatusQueued || !r.Throttled {
			t.Fatalf("counted: %+v", r)
		}
		if got := r.Next.Sub(start); got != 45*time.Second {
			t.Errorf("again after %v", got)
		}
		if want := 1; i == 0 && len(e.Events) != want || i > 0 && len(e.Events) != 0 {
			t.Errorf("round %d: %d events", i, len(e.Events))
		}
		m.Recipients[0] = r
	}
	e := (&Book{Policy: p, Now: start}).Enter(m, []deliver.RcptResult{later(1)})
	if r := e.Recipients[0]; r.Throttled || r.Failures != before.Failures+1 || r.Attempts != 1 {
		t.Errorf("a real attempt: %+v", r)
	}
}

// An operator's retry that our limits put off waits as all others do.
func TestB89_throttled_retry_waits_its_turn(t *testing.T) {
	m := message(t, mail.Inbound, "s@sender.test")
	m.Recipients[0].Manual = true
	e := (&Book{Policy: load(t, bookPolicy), Now: start}).Enter(m, []deliver.RcptResult{putOff(time.Second)})
	if r := e.Recipients[0]; r.Manual || !r.Throttled || !r.Next.After(start) {
		t.Errorf("claimed again at once: %+v", r)
	}
}

// Mail that is never let through does not live for ever: the sender is told of
// the delay (B104) and of the end (B105).
func TestB105_throttled_mail_ends_too(t *testing.T) {
	p := load(t, bookPolicy)
	m := message(t, mail.Outbound, "s@acme.test")
	now, kinds := start, []string(nil)
	for range 10000 {
		e := (&Book{Policy: p, Now: now}).Enter(m, []deliver.RcptResult{putOff(10 * time.Minute)})
		m.Recipients[0] = e.Recipients[0]
		for _, n := range e.Notices {
			kinds = append(kinds, n.Kind)
		}
		if !m.Recipients[0].Status.Due() {
			break
		}
		now = m.Recipients[0].Next
	}
	r := m.Recipients[0]
	if r.Status != mail.StatusQueueBounced || strings.Join(kinds, " ") != "delayed failed" {
		t.Errorf("ended as %s with notices %v", r.Status, kinds)
	}
	if age := now.Sub(start); age < 96*time.Hour || age > 97*time.Hour {
		t.Errorf("after %v", age)
	}
	if r.Last == nil || r.LastRemote {
		t.Errorf("the notice has nothing to say: %+v", r.Last)
	}
}

// The original that a filter wants kept is released over no lesser channel than
// what was sent in its place.
func TestB30_demand_goes_with_the_original(t *testing.T) {
	m := message(t, mail.Outbound, "s@safe.test")
	r := &m.Recipients[0]
	r.Route, r.Secure, r.Keep, r.PartEdits = "tenant:safe:out", &mail.Secure{TLS: "verified", Otherwise: "retry"}, "av", "edits"
	k, _, ok := Original(load(t, safePolicy("opportunistic")), m, r, start)
	if !ok || k.Secure == nil || *k.Secure != *r.Secure {
		t.Fatalf("%v, %+v", ok, k)
	}
	k.N = 2
	m.Recipients = append(m.Recipients, k)
	if bs := Batches(load(t, safePolicy("opportunistic")), m, []int{2}); len(bs) != 1 || bs[0].Route.TLS != "verified" {
		t.Errorf("%+v", bs)
	}
}
