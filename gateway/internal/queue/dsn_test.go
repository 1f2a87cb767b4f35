package queue

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/store"
)

// dsnPolicy has a schedule for what acme sends that tells of delay.
var dsnPolicy = strings.Replace(bookPolicy, `domains = ["acme.test"]`, "domains = [\"acme.test\"]\n  outbound { retry = retry.told }", 1) + `
retry "told" {
  phase {
    until = "1d"
    every = "1h"
  }
  delay_notice = "4h"
}
tenant "box" {
  domains = ["box.test"]
  route {
    hosts    = ["127.0.0.1:24"]
    protocol = "lmtp"
  }
}
`

// What the sender asked for is what it is told: every value of NOTIFY, over
// delay and the end of the lifetime (RFC 3461 §4.1).
func TestB105_B104_NotifyDecides(t *testing.T) {
	p := load(t, dsnPolicy)
	for _, c := range []struct {
		notify, want string
		status       mail.Status
	}{
		{"", "delayed failed", mail.StatusQueueBounced},
		{"NEVER", "", mail.StatusQueueExpired},
		{"SUCCESS", "", mail.StatusQueueExpired},
		{"DELAY", "delayed", mail.StatusQueueExpired},
		{"FAILURE", "failed", mail.StatusQueueBounced},
		{"SUCCESS,FAILURE,DELAY", "delayed failed", mail.StatusQueueBounced},
	} {
		m := message(t, mail.Outbound, "s@acme.test")
		if c.notify != "" {
			m.Recipients[0].DSN.Notify, _ = mail.ParseNotify(c.notify)
		}
		_, _, notices := run(t, p, m, func(int) deliver.RcptResult { return later(1) })
		var kinds []string
		for _, n := range notices {
			kinds = append(kinds, n.Kind)
		}
		if got := strings.Join(kinds, " "); got != c.want || m.Recipients[0].Status != c.status {
			t.Errorf("NOTIFY=%s: told %q, want %q; %s", c.notify, got, c.want, m.Recipients[0].Status)
		}
	}
}

// Success is told where the sender asked for it and no host further on does
// (RFC 3461 §5.2.2).
func TestSuccessIsToldWhereNobodyElseDoes(t *testing.T) {
	p := load(t, dsnPolicy)
	for _, c := range []struct {
		name, notify, route string
		relayed             bool
		want                string
	}{
		{"not_asked", "FAILURE", "tenant:acme:in", true, "[]"},
		{"nothing_said", "", "tenant:acme:in", true, "[]"},
		{"host_offers_dsn", "SUCCESS", "tenant:acme:in", false, "[]"},
		{"host_does_not", "SUCCESS", "tenant:acme:in", true, "[{relayed [1]}]"},
		{"lmtp_is_the_mailbox", "SUCCESS,DELAY", "tenant:box:in", true, "[{delivered [1]}]"},
	} {
		m := message(t, mail.Outbound, "s@acme.test")
		r := &m.Recipients[0]
		r.Route = c.route
		if c.notify != "" {
			r.DSN.Notify, _ = mail.ParseNotify(c.notify)
		}
		e := (&Book{Policy: p, Now: start}).Enter(m, []deliver.RcptResult{{N: 1, Outcome: deliver.Delivered, Reply: *mail.NewReply(250, "2.0.0", "ok"), Remote: true, Relayed: c.relayed}})
		if got := fmt.Sprint(e.Notices); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Backscatter: who is not known to have sent it is told of nothing, however it
// asks; spam that came in is told of to nobody; an administrator learns of what
// would end unseen.
func TestNoBackscatter(t *testing.T) {
	p := load(t, dsnPolicy)
	all := mail.NotifySuccess | mail.NotifyFailure | mail.NotifyDelay
	refused := deliver.RcptResult{N: 1, Outcome: deliver.Failed, Reply: *mail.NewReply(550, "5.1.1", "no"), Remote: true}
	taken := deliver.RcptResult{N: 1, Outcome: deliver.Delivered, Reply: *mail.NewReply(250, "2.0.0", "ok"), Remote: true, Relayed: true}
	for _, c := range []struct {
		name  string
		shape func(m *store.Message)
		told  bool // the sender
		admin bool // of the end of its lifetime
	}{
		{"from_elsewhere", func(*store.Message) {}, false, true},
		{"null_path", func(m *store.Message) { m.Sender = mail.Address{} }, false, false},
		{"spam_from_elsewhere", func(m *store.Message) { m.Recipients[0].Class.Main = "spam" }, false, false},
		{"of_a_tenant_of_ours", func(m *store.Message) { m.Client.Direction = mail.Outbound }, true, false},
		{"of_an_authenticated_client", func(m *store.Message) { m.Client.User = "ann" }, true, false},
		{"spam_of_a_tenant_of_ours", func(m *store.Message) { m.Client.Direction = mail.Outbound; m.Recipients[0].Class.Main = "spam" }, false, false},
		{"released_by_an_operator", func(m *store.Message) {
			m.Client.Direction = mail.Outbound
			m.Recipients[0].Class.Main, m.Recipients[0].Origin = "spam", mail.StatusReleased
		}, true, false},
		{"a_notice_of_ours", func(m *store.Message) { m.Client.Direction = mail.Outbound; m.Kind = "notice" }, false, false},
		{"a_kept_original", func(m *store.Message) { m.Client.Direction = mail.Outbound; m.Recipients[0].Kept = true }, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for what, res := range map[string]deliver.RcptResult{"refused": refused, "taken": taken} {
				m := message(t, mail.Inbound, "s@sender.test")
				m.Recipients[0].DSN.Notify = all
				c.shape(m)
				e := (&Book{Policy: p, Now: start}).Enter(m, []deliver.RcptResult{res})
				if (len(e.Notices) > 0) != c.told || notify.Owes(&store.Message{Recipients: e.Recipients}) {
					t.Errorf("%s: %v %v", what, e.Notices, e.Recipients[0].Notes)
				}
			}
			m := message(t, mail.Inbound, "s@sender.test")
			m.Recipients[0].DSN.Notify = all
			m.Received = start.Add(-time.Minute)
			c.shape(m)
			_, _, notices := run(t, p, m, func(int) deliver.RcptResult { return later(1) })
			if (len(notices) > 0) != c.told || notify.Owes(m) != c.admin {
				t.Errorf("expired: %v %v", notices, m.Recipients[0].Notes)
			}
		})
	}
}
