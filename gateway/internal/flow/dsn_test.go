package flow_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mailweir/weir/gateway/internal/flow"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
	"github.com/mailweir/weir/gateway/internal/smtpd"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/sdk/abi"
)

// asks sends a message, from s@client.test inbound, and asks about notices.
func (r *rig) asks(tx smtpd.Transaction, from string, p mail.MailParams, rp mail.RcptParams, to ...string) (mail.Reply, mail.ID) {
	r.t.Helper()
	if err := tx.Mail(r.t.Context(), addr(r.t, from), p); err != nil {
		r.t.Fatal(err)
	}
	for _, s := range to {
		if err := tx.Rcpt(r.t.Context(), addr(r.t, s), rp); err != nil {
			r.t.Fatalf("%s: %v", s, err)
		}
	}
	m, err := tx.Data(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.WriteString(m, plainMail); err != nil {
		r.t.Fatal(err)
	}
	reply := m.Commit(r.t.Context())
	return reply, flow.LastID(tx)
}

// text is a message's body.
func (r *rig) text(id mail.ID) string {
	r.t.Helper()
	b, err := r.st.OpenBody(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	defer b.Close()
	s, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(s)
}

// dsns are the notifications about a message.
func (r *rig) dsns(parent mail.ID) (out []mail.ID) {
	r.t.Helper()
	rows, _, err := r.st.Search(r.t.Context(), query.Where("kind", query.Is, queue.KindDSN), "", 100)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, row := range rows {
		if row.Message.Parent == parent {
			out = append(out, row.Message.ID)
		}
	}
	return out
}

func outward(dest string) string {
	return "outbound {\n route {\n hosts = [\"" + dest + "\"]\n tls = \"none\"\n }\n }"
}

// What a client asks goes to the next host with the message, and to its
// sender where that host reports no further: also of mail that is delivered
// while the client waits.
func TestSuccessIsToldOfDirectDelivery(t *testing.T) {
	p := mail.MailParams{Ret: "HDRS", EnvID: "QQ+1"}
	rp := mail.RcptParams{Notify: mail.NotifySuccess | mail.NotifyFailure, ORcpt: "rfc822;ann+x@far.test"}
	for name, ext := range map[string][]string{"host_offers_dsn": {"DSN"}, "host_does_not": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peer := smtptest.Start(t, smtptest.Script{Ext: ext})
			r := newRig(t, silent, base("", "", tenant("acme", peer.Addr, outward(peer.Addr))), nil)
			reply, id := r.asks(r.open(mail.Outbound), "me@acme.test", p, rp, "ann@far.test")
			if reply.Code != 250 || !strings.Contains(reply.Text, "delivered as") {
				t.Fatal(reply)
			}
			sent := strings.Join(peer.Lines(), "|")
			m := r.get(id)
			r.want(reply, m, 250, "ann@far.test=delivered")
			if notify.Owes(m) {
				t.Errorf("still owed: %+v", m.Recipients)
			}
			ids := r.dsns(id)
			if ext != nil {
				if len(ids) != 0 || !strings.Contains(sent, "MAIL FROM:<me@acme.test> RET=HDRS ENVID=QQ+2B1|RCPT TO:<ann@far.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;ann+2Bx@far.test|") {
					t.Errorf("%d DSNs; sent %s", len(ids), sent)
				}
				return
			}
			if len(ids) != 1 || strings.Contains(sent, "NOTIFY") {
				t.Fatalf("%d DSNs; sent %s", len(ids), sent)
			}
			dsn := r.get(ids[0])
			r.want(reply, dsn, 250, "me@acme.test=queued")
			text := r.text(ids[0])
			for _, want := range []string{"\r\nOriginal-Envelope-Id: QQ+1\r\n", "\r\nOriginal-Recipient: rfc822; ann+x@far.test\r\n", "\r\nAction: relayed\r\n", "\r\nStatus: 2.", "\r\nContent-Type: text/rfc822-headers"} {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
			if dsn.Recipients[0].DSN.Notify != mail.NotifyNever || !dsn.Sender.IsNull() {
				t.Errorf("%+v", dsn)
			}
		})
	}
}

// RET=FULL gives the message back when it fails.
func TestB106_failure_returns_what_was_asked_and_nothing_to_the_null_path(t *testing.T) {
	for ret, full := range map[string]bool{"FULL": true, "HDRS": false, "": false} {
		dest := destination(t, "half")
		r := newRig(t, silent, base("", "", tenant("acme", dest, outward(dest))), nil)
		reply, id := r.asks(r.open(mail.Outbound), "me@acme.test", mail.MailParams{Ret: ret}, mail.RcptParams{}, "good@far.test", "bad@far.test")
		r.want(reply, r.get(id), 250, "good@far.test=delivered", "bad@far.test=bounced")
		ids := r.dsns(id)
		if len(ids) != 1 {
			t.Fatalf("%d DSNs", len(ids))
		}
		text := r.text(ids[0])
		if strings.Contains(text, "Content-Type: message/rfc822") != full || strings.Contains(text, "\r\nhello\r\n") != full {
			t.Errorf("RET=%s:\n%s", ret, text)
		}
		// The null path gets none, whatever it asks.
		tx := r.open(mail.Inbound)
		reply, id = r.asks(tx, "", mail.MailParams{Ret: ret}, mail.RcptParams{Notify: mail.NotifyFailure}, "good@acme.test", "bad@acme.test")
		if ids := r.dsns(id); reply.Code != 250 || len(ids) != 0 {
			t.Errorf("%v: %d DSNs to the null path", reply, len(ids))
		}
	}
}

// NOTIFY=NEVER, or without FAILURE: nothing is told, and the log says so.
func TestNotifyNeverIsKept(t *testing.T) {
	for _, n := range []mail.Notify{mail.NotifyNever, mail.NotifySuccess, mail.NotifyDelay} {
		dest := destination(t, "half")
		r := newRig(t, silent, base("", "", tenant("acme", dest, outward(dest))), nil)
		reply, id := r.asks(r.open(mail.Outbound), "me@acme.test", mail.MailParams{}, mail.RcptParams{Notify: n}, "good@far.test", "bad@far.test")
		r.want(reply, r.get(id), 250, "good@far.test=delivered", "bad@far.test=delivery-failed")
		if !r.get(id).HasBody {
			t.Errorf("NOTIFY=%s: we said 250, and nobody can send it again (B132)", n)
		}
		for _, d := range r.dsns(id) {
			if text := r.text(d); n != mail.NotifySuccess || !strings.Contains(text, "Action: relayed") || strings.Contains(text, "bad@far.test") {
				t.Errorf("NOTIFY=%s: %s", n, text)
			}
		}
	}
}

// choosy is a store that refuses messages of one kind.
type choosy struct {
	store.Store
	refuse atomic.Value // string: kind of message refused, "" ordinary mail; "-" nothing
	made   atomic.Int32 // notices that were enqueued
}

func (c *choosy) Enqueue(ctx context.Context, a *store.Admission) (store.Lease, error) {
	if a.Message.Kind == c.refuse.Load().(string) {
		return store.Lease{}, store.ErrFull
	}
	if a.Message.Kind != "" {
		c.made.Add(1)
	}
	return c.Store.Enqueue(ctx, a)
}

// A notice is never made of what was not recorded: the client keeps the
// message, and would be told twice.
func TestNoNoticeOfWhatIsNotRecorded(t *testing.T) {
	for name, plugin := range map[string]*told{
		"bounce": silent,
		"stall": {stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
			finds(v, "x", abi.ActionStall)
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dest := destination(t, "half")
			c := &choosy{}
			c.refuse.Store("")
			r := newRig(t, plugin, base("", "", tenant("acme", dest, outward(dest))), func(o *flow.Options) {
				c.Store = o.Store
				o.Store = c
				o.Notices = &queue.Composer{Store: c, Policy: o.Policy, Now: o.Now, Logger: o.Logger}
			})
			reply, _ := r.asks(r.open(mail.Outbound), "me@acme.test", mail.MailParams{}, mail.RcptParams{}, "good@far.test", "bad@far.test")
			if reply.Code != 452 || c.made.Load() != 0 {
				t.Fatalf("%v, and %d notices", reply, c.made.Load())
			}
			// The other way round it is owed, and made once there is room.
			for _, kind := range []string{"dsn", "notice"} {
				c.refuse.Store(kind)
				reply, id := r.asks(r.open(mail.Outbound), "me@acme.test", mail.MailParams{}, mail.RcptParams{}, "good@far.test", "bad@far.test")
				if owes := notify.Owes(r.get(id)); reply.Code != 250 || owes != (kind == "dsn" == (name == "bounce")) {
					t.Errorf("%v; %s refused, owed: %v", reply, kind, owes)
				}
				c.refuse.Store("-")
				before := c.made.Load()
				r.o.Notices.Pay(t.Context(), id)
				r.o.Notices.Pay(t.Context(), id)
				if notify.Owes(r.get(id)) || c.made.Load()-before > 1 {
					t.Errorf("owed still: %v, made %d", notify.Owes(r.get(id)), c.made.Load()-before)
				}
			}
		})
	}
}

// A redirect is an alias: success is told as "expanded", by us, and what is
// behind it is not told at all.
func TestRedirectIsAnAlias(t *testing.T) {
	for name, to := range map[string][]string{"one": {"a@secret.test"}, "several": {"a@secret.test", "b@secret.test"}} {
		for _, at := range []string{"direct", "from_the_queue"} {
			t.Run(name+"/"+at, func(t *testing.T) {
				var again atomic.Bool
				fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
					if at == "from_the_queue" && again.CompareAndSwap(false, true) {
						v.Action, v.Hold = abi.ActionContinue, abi.Hold{UntilUnixMs: 1, Reason: "a moment"}
						return nil
					}
					finds(v, "x", abi.ActionRedirect)
					v.Redirect = to
					return nil
				}}
				peer := smtptest.Start(t, smtptest.Script{Ext: []string{"DSN"}})
				r := newRig(t, fs, base("", "", tenant("acme", peer.Addr, outward(peer.Addr))), nil)
				reply, id := r.asks(r.open(mail.Outbound), "me@acme.test", mail.MailParams{EnvID: "E1"}, mail.RcptParams{Notify: mail.NotifySuccess}, "desk@far.test")
				if reply.Code != 250 {
					t.Fatal(reply)
				}
				r.work()
				dsn := r.child(id, queue.KindDSN, mail.StatusDelivered)
				r.until(id, map[string]mail.Status{"direct": mail.StatusDelivered, "from_the_queue": mail.StatusAutoReleased}[at])
				var text string
				for _, m := range peer.Messages() {
					if m.From == "" || m.From == "<>" {
						text = m.Body
					}
				}
				if !strings.Contains(text, "Action: expanded\r\n") || !strings.Contains(text, "rfc822; desk@far.test") || !strings.Contains(text, "Original-Envelope-Id: E1") || strings.Contains(text, "secret.test") {
					t.Errorf("%s:\n%s", dsn.ID, text)
				}
				lines := strings.Join(peer.Lines(), "|")
				for _, a := range to {
					if !strings.Contains(lines, fmt.Sprintf("RCPT TO:<%s> NOTIFY=NEVER ORCPT=rfc822;desk@far.test", a)) {
						t.Errorf("%s: %s", a, lines)
					}
				}
			})
		}
	}
}

// Mail to another hosted tenant keeps what was asked, and its sender is known
// there: it hears of success, and of a failure after the 250.
func TestNoticesBetweenTenants(t *testing.T) {
	for name, c := range map[string]struct {
		rcpt, action string
		ext          []string
	}{
		"success":          {"x@other.test", "relayed", nil},
		"failure":          {"bad@other.test", "failed", nil},
		"passed_on_to_dsn": {"x@other.test", "", []string{"DSN"}},
	} {
		t.Run(name, func(t *testing.T) {
			peer := smtptest.Start(t, smtptest.Script{Ext: c.ext, Rcpt: func(a string) string {
				if strings.HasPrefix(a, "bad") {
					return "550 5.1.1 no such user"
				}
				return ""
			}})
			r := newRig(t, silent, base("", "", tenant("acme", destination(t, "accept"), ""), tenant("other", peer.Addr, "")), nil)
			r.work()
			_, id := r.asks(r.open(mail.Outbound), "me@acme.test", mail.MailParams{EnvID: "E2", Ret: "FULL"}, mail.RcptParams{Notify: mail.NotifySuccess | mail.NotifyFailure, ORcpt: "rfc822;first@other.test"}, c.rcpt)
			status := mail.StatusDelivered
			if c.action == "failed" {
				status = mail.StatusBounced
			}
			m := r.child(id, "", status)
			if c.action == "" {
				if l := strings.Join(peer.Lines(), "|"); !strings.Contains(l, "RET=FULL ENVID=E2|RCPT TO:<x@other.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;first@other.test|") {
					t.Errorf("sent %s", l)
				}
				if ids := append(r.dsns(id), r.dsns(m.ID)...); len(ids) != 0 {
					t.Errorf("%d DSNs", len(ids))
				}
				return
			}
			dsn := r.child(m.ID, queue.KindDSN, mail.StatusDelivered)
			if a := dsn.Recipients[0].Address.String(); a != "me@acme.test" {
				t.Errorf("told %s", a)
			}
			if ids := r.dsns(id); len(ids) != 0 {
				t.Errorf("told twice: %d", len(ids))
			}
		})
	}
}
