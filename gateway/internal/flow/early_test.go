package flow_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/flow"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpd"
	"github.com/mailweir/weir/sdk/abi"
)

// What a filter says at RCPT and does not refuse waits for the message, and
// concerns that recipient alone.
func TestRcptToHoldsOneRecipient(t *testing.T) {
	t.Parallel()
	for name, say := range map[string]func(*abi.Event, *abi.Verdict) error{
		"stall":            func(_ *abi.Event, v *abi.Verdict) error { finds(v, "x", abi.ActionStall); return nil },
		"on_error = stall": func(ev *abi.Event, _ *abi.Verdict) error { return failed(ev, filter.Stall) },
		"recipient action": func(ev *abi.Event, v *abi.Verdict) error {
			v.Recipients = []abi.RecipientAction{{Recipient: ev.Recipient, Action: abi.ActionStall}}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			fs := &told{stages: []abi.Stage{abi.StageRcptTo}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
				if ev.Recipient == "a@acme.test" {
					return say(ev, v)
				}
				return nil
			}}
			r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), nil)
			reply, m := r.inbound("a@acme.test", "b@acme.test")
			r.want(reply, m, 250, "a@acme.test=stalled", "b@acme.test=delivered")
		})
	}
}

func TestRecipientActionAnswersRcpt(t *testing.T) {
	t.Parallel()
	fs := &told{stages: []abi.Stage{abi.StageRcptTo}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		v.Recipients = []abi.RecipientAction{{Recipient: ev.Recipient, Action: abi.ActionReject, Code: 550}}
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), nil)
	tx := r.open(mail.Inbound)
	if err := tx.Mail(t.Context(), addr(t, "s@client.test"), mail.MailParams{}); err != nil {
		t.Fatal(err)
	}
	err := tx.Rcpt(t.Context(), addr(t, "a@acme.test"), mail.RcptParams{})
	if reply, ok := mail.AsReply(err); !ok || reply.Code != 550 {
		t.Errorf("RCPT: %v", err)
	}
}

// A listener's rulesets that hold rather than refuse hold everybody's mail.
func TestListenerHoldsMail(t *testing.T) {
	t.Parallel()
	fs := &told{stages: []abi.Stage{abi.StageMailFrom}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		if ev.Tenant == "" {
			finds(v, "x", abi.ActionStall)
		}
		return nil
	}}
	r := newRig(t, fs, base("rulesets = [ruleset.all]", "", tenant("acme", destination(t, "accept"), "")), nil)
	reply, m := r.inbound("a@acme.test")
	r.want(reply, m, 250, "a@acme.test=stalled")
	if len(m.Recipients[0].Findings) != 1 {
		t.Errorf("findings: %+v", m.Recipients[0].Findings)
	}
}

func TestTenantsFiltersHearOfData(t *testing.T) {
	t.Parallel()
	fs := &told{stages: []abi.Stage{abi.StageData}, say: func(_ context.Context, _ *abi.Event, v *abi.Verdict) error {
		finds(v, "x", abi.ActionReject)
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), nil)
	reply, m := r.inbound("a@acme.test")
	r.want(reply, m, 550, "a@acme.test=rejected")
}

// A filter that we stopped has not failed: on_error = pass is not for that.
func TestStoppedFilterDoesNotPass(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, ev *abi.Event, _ *abi.Verdict) error {
		cancel()
		return failed(ev, filter.Pass)
	}}
	r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), nil)
	reply, id := r.send(r.open(mail.Inbound), ctx, "s@client.test", "a@acme.test")
	r.want(reply, r.get(id), 451, "a@acme.test=not-accepted")
}

// A session goes on under the policy it began with; should a reload take a
// plugin of it away, mail waits and does not pass without the filter.
func TestPluginThatAReloadRemoved(t *testing.T) {
	t.Parallel()
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(context.Context, *abi.Event, *abi.Verdict) error { return nil }}
	r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), nil)
	tx := r.open(mail.Inbound)
	if err := tx.Mail(t.Context(), addr(t, "s@client.test"), mail.MailParams{}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rcpt(t.Context(), addr(t, "a@acme.test"), mail.RcptParams{}); err != nil {
		t.Fatal(err)
	}
	m, err := tx.Data(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fs.gone.Store(true)
	if _, err := m.Write([]byte(plainMail)); err != nil {
		t.Fatal(err)
	}
	if reply := m.Commit(t.Context()); reply.Code != 451 {
		t.Errorf("answered %v", reply)
	}
}

// The null path's tenant is known by the header only; its filters hear of the
// stages before all the same.
func TestNullPathOutboundIsFilteredFromTheStart(t *testing.T) {
	t.Parallel()
	fs := &told{stages: []abi.Stage{abi.StageMailFrom}, say: func(_ context.Context, _ *abi.Event, v *abi.Verdict) error {
		finds(v, "x", abi.ActionReject)
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), nil)
	reply, id := r.send(r.open(mail.Outbound), t.Context(), "", "x@elsewhere.test")
	r.want(reply, r.get(id), 550, "x@elsewhere.test=rejected")
}

// A tenant's filters see their own recipients only, and before RCPT none.
func TestFiltersSeeTheirTenantsRecipients(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []string
	fs := &told{stages: []abi.Stage{abi.StageConnect, abi.StageMailFrom, abi.StageRcptTo, abi.StageData, abi.StageMessage}, say: func(_ context.Context, ev *abi.Event, _ *abi.Verdict) error {
		mu.Lock()
		defer mu.Unlock()
		for _, a := range append(slices.Clone(ev.Recipients), ev.Recipient) {
			if a != "" && (ev.Stage < abi.StageRcptTo || !strings.HasSuffix(a, "@"+ev.Tenant+".test")) {
				seen = append(seen, ev.Stage.String()+" of "+ev.Tenant+" saw "+a)
			}
		}
		return nil
	}}
	dest := destination(t, "accept")
	r := newRig(t, fs, base("", "", tenant("acme", dest, ""), tenant("other", dest, "")), nil)
	reply, m := r.inbound("secret@acme.test", "b@other.test", "c@acme.test")
	r.want(reply, m, 250, "secret@acme.test=delivered", "b@other.test=delivered", "c@acme.test=delivered")
	if len(seen) > 0 {
		t.Error(seen)
	}
}

// What was found about a sender that was refused is not held against the next.
func TestRefusedSenderIsForgotten(t *testing.T) {
	t.Parallel()
	fs := &told{stages: []abi.Stage{abi.StageMailFrom}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		if ev.Sender == "bad@client.test" {
			finds(v, "x", abi.ActionReject)
		}
		return nil
	}}
	r := newRig(t, fs, base("rulesets = [ruleset.all]", "", tenant("acme", destination(t, "accept"), "")), nil)
	tx := r.open(mail.Inbound)
	if err := tx.Mail(t.Context(), addr(t, "bad@client.test"), mail.MailParams{}); err == nil {
		t.Fatal("the sender was let in")
	}
	if err := tx.Mail(t.Context(), addr(t, "good@client.test"), mail.MailParams{}); err != nil {
		t.Errorf("the next sender was refused: %v", err)
	}
}

// slowNames answers when it is told to.
type slowNames struct{ answer chan string }

func (n slowNames) PTR(ctx context.Context, _ netip.Addr) (string, error) {
	select {
	case s := <-n.answer:
		return s, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// The client's name may become known after the greeting, whose context has
// ended by then.
func TestNameThatComesAfterTheGreeting(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	name := ""
	fs := &told{stages: []abi.Stage{abi.StageRcptTo}, say: func(_ context.Context, ev *abi.Event, _ *abi.Verdict) error {
		mu.Lock()
		defer mu.Unlock()
		name = ev.Client.Name
		return nil
	}}
	names := slowNames{make(chan string)}
	r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), func(o *flow.Options) { o.Names = names })
	greet, cancel := context.WithCancel(t.Context())
	tx, err := r.f.Connect(greet, &smtpd.Peer{Listener: "mx", Direction: mail.Inbound, Remote: netip.MustParseAddrPort("192.0.2.7:999"), Session: "s"})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case names.answer <- "client.test":
	case <-time.After(2 * time.Second):
		t.Fatal("nobody waits for the name any more")
	}
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		if err := tx.Mail(t.Context(), addr(t, "s@client.test"), mail.MailParams{}); err != nil {
			t.Fatal(err)
		}
		if err := tx.Rcpt(t.Context(), addr(t, "a@acme.test"), mail.RcptParams{}); err != nil {
			t.Fatal(err)
		}
		tx.Reset()
		mu.Lock()
		got := name
		mu.Unlock()
		if got == "client.test" {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("the name was never known")
}
