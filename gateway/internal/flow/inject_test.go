package flow_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/sdk/abi"
)

// work runs the queue over a rig until the test ends.
func (r *rig) work() {
	o := r.o
	w := queue.New(queue.Options{
		Store: o.Store, Engine: o.Engine, Judge: r.f, Notices: o.Notices, Policy: o.Policy, Now: o.Now, Logger: o.Logger, Stop: o.Stop,
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := w.Run(ctx); err != nil {
			r.t.Error(err)
		}
	}()
	r.t.Cleanup(func() {
		stop()
		<-ended
	})
}

// child waits for the one message that came from another, and its status.
func (r *rig) child(parent mail.ID, kind string, want mail.Status) *store.Message {
	r.t.Helper()
	var last *store.Message
	for range 500 {
		rows, _, err := r.st.Search(r.t.Context(), query.Filter{}, "", 100)
		if err != nil {
			r.t.Fatal(err)
		}
		last = nil
		for _, row := range rows {
			if row.Message.Parent == parent && row.Message.Kind == kind {
				if last != nil && last.ID != row.Message.ID {
					r.t.Fatalf("made twice: %s and %s", last.ID, row.Message.ID)
				}
				last = r.get(row.Message.ID)
			}
		}
		if last != nil && last.Recipients[0].Status == want {
			return last
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.t.Fatalf("nothing of kind %q became %s: %+v", kind, want, last)
	return nil
}

// Mail from one hosted tenant to another passes the receiver's filters, those
// of the envelope included, and its refusal comes back as a DSN.
func TestLocalToLocal(t *testing.T) {
	for name, c := range map[string]struct {
		stage abi.Stage
		act   abi.Action
		child mail.Status
	}{
		"passes":           {abi.StageMessage, abi.ActionContinue, mail.StatusDelivered},
		"stalls":           {abi.StageMessage, abi.ActionStall, mail.StatusStalled},
		"stalls by RCPT":   {abi.StageRcptTo, abi.ActionStall, mail.StatusStalled},
		"refused by MAIL":  {abi.StageMailFrom, abi.ActionReject, ""},
		"refused by RCPT":  {abi.StageRcptTo, abi.ActionReject, ""},
		"refused at last":  {abi.StageMessage, abi.ActionReject, ""},
		"refused by DATA":  {abi.StageData, abi.ActionReject, ""},
		"dropped silently": {abi.StageMessage, abi.ActionDiscard, mail.StatusBlackholed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fs := &told{stages: []abi.Stage{c.stage}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
				if ev.Tenant == "other" && ev.Direction == abi.DirectionInbound {
					if ev.Recipient == "" && len(ev.Recipients) == 0 && ev.Stage != abi.StageMailFrom {
						t.Errorf("%s without a recipient", ev.Stage)
					}
					finds(v, "x", c.act)
				}
				return nil
			}}
			dest := destination(t, "accept")
			r := newRig(t, fs, base("", "", tenant("acme", dest, ""), tenant("other", dest, "")), nil)
			r.work()
			reply, id := r.send(r.open(mail.Outbound), t.Context(), "me@acme.test", "x@other.test")
			if reply.Code != 250 {
				t.Fatal(reply)
			}
			if c.child == "" {
				dsn := r.child(id, queue.KindDSN, mail.StatusDelivered)
				if got := dsn.Recipients[0].Address.String(); got != "me@acme.test" {
					t.Errorf("the DSN went to %s", got)
				}
				r.want(reply, r.get(id), 250, "x@other.test=bounced")
				return
			}
			m := r.child(id, "", c.child)
			if m.Recipients[0].Tenant != "other" || m.Direction != mail.Inbound {
				t.Errorf("%+v", m)
			}
			r.until(id, mail.StatusDelivered)
		})
	}
}

// until waits for the first recipient's status.
func (r *rig) until(id mail.ID, want mail.Status) {
	r.t.Helper()
	var got mail.Status
	for range 500 {
		if got = r.get(id).Recipients[0].Status; got == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.t.Fatalf("it stayed %s, want %s", got, want)
}

// Injected twice (a crash came before the outcome was recorded), it is there once.
func TestInjectIsIdempotent(t *testing.T) {
	dest := destination(t, "accept")
	r := newRig(t, silent, base("", "", tenant("acme", dest, ""), tenant("other", dest, "")), nil)
	reply, id := r.send(r.open(mail.Outbound), t.Context(), "me@acme.test", "x@other.test")
	if reply.Code != 250 {
		t.Fatal(reply)
	}
	m := r.get(id)
	for range 2 {
		body, err := r.st.OpenBody(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		res := r.f.Inject(t.Context(), m, []int{1}, body)
		body.Close()
		if len(res) != 1 || !res[0].Reply.Success() {
			t.Fatalf("%+v", res)
		}
	}
	r.child(id, "", mail.StatusQueued)
}

// The reply that policy names reaches the client.
func TestPolicysTemporaryReply(t *testing.T) {
	acts := `action "wait" {
    when = direction == "inbound" && stage == "message"
    do   = tempfail(450, "4.7.9", "Come back in an hour")
  }`
	r := newRig(t, silent, base("", acts, tenant("acme", destination(t, "accept"), "")), nil)
	reply, m := r.inbound("x@acme.test")
	r.want(reply, m, 450, "x@acme.test=not-accepted")
	if reply.Enhanced.String() != "4.7.9" || !strings.Contains(reply.Text, "an hour") {
		t.Errorf("answered %v", reply)
	}
}
