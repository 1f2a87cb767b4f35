package flow_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/flow"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/sdk/abi"
)

// inbox is a destination that keeps what it takes, or defers at first.
type inbox struct {
	addr string
	mu   sync.Mutex
	got  []string // RCPT lines and the message, without trace
	defr int      // how many RCPT to defer
}

func newInbox(t *testing.T, deferred int) *inbox {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	b := &inbox{addr: ln.Addr().String(), defr: deferred}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go b.serve(c)
		}
	}()
	return b
}

func (b *inbox) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	say := func(s string) { io.WriteString(c, s+"\r\n") }
	say("220 hello")
	var text strings.Builder
	size, data := "", false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb := strings.ToUpper(strings.SplitN(strings.TrimSpace(line), " ", 2)[0])
		switch {
		case data && line == ".\r\n":
			data = false
			b.mu.Lock()
			b.got = append(b.got, text.String())
			b.mu.Unlock()
			say("250 2.0.0 taken")
		case data:
			text.WriteString(line)
		case verb == "EHLO":
			say("250-hello\r\n250 SIZE")
		case verb == "MAIL":
			size = line
			say("250 ok")
		case verb == "RCPT":
			b.mu.Lock()
			later := b.defr > 0
			if later {
				b.defr--
			}
			b.mu.Unlock()
			if later {
				say("451 4.7.1 later")
				continue
			}
			say("250 ok")
		case verb == "DATA":
			data = true
			text.Reset()
			text.WriteString(size)
			say("354 go")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// mails are the messages taken so far, as they came behind the trace; that
// SIZE told the truth is checked.
func (b *inbox) mails(t *testing.T) []string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, s := range b.got {
		mail, text, _ := strings.Cut(s, "\r\n")
		if want := "SIZE=" + strconv.Itoa(len(text)); !strings.HasSuffix(mail, want) {
			t.Errorf("%q for %s", mail, want)
		}
		_, text, _ = strings.Cut(text, "\r\nFrom:")
		if !strings.HasPrefix(text, " Mail Delivery System") { // notices of stalled mail
			out = append(out, "From:"+text)
		}
	}
	return out
}

const twoParts = "From: s@client.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: application/zip; name=x.zip\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBAo=\r\n--b--\r\n"

const stripped = "From: s@client.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n-- banner\r\n\r\n--b--\r\n"

// post sends a message from an unknown client to its reply after DATA.
func (r *rig) post(body string, to ...string) (mail.Reply, *store.Message) {
	r.t.Helper()
	return r.postAs(mail.Inbound, "s@client.test", body, to...)
}

func (r *rig) postAs(dir mail.Direction, from, body string, to ...string) (mail.Reply, *store.Message) {
	r.t.Helper()
	tx := r.open(dir)
	if err := tx.Mail(r.t.Context(), addr(r.t, from), mail.MailParams{}); err != nil {
		r.t.Fatal(err)
	}
	for _, s := range to {
		if err := tx.Rcpt(r.t.Context(), addr(r.t, s), mail.RcptParams{}); err != nil {
			r.t.Fatalf("%s: %v", s, err)
		}
	}
	m, err := tx.Data(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.WriteString(m, body); err != nil {
		r.t.Fatal(err)
	}
	reply := m.Commit(r.t.Context())
	id := flow.LastID(tx)
	tx.Reset()
	return reply, r.get(id)
}

// strips is a filter that takes the ZIP away, adds a banner and may keep the
// original.
func strips(keep bool) *told {
	return &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, _ *abi.Event, v *abi.Verdict) error {
		v.PartEdits = []abi.PartEdit{{Op: abi.PartOpAppend, Part: 1, Text: []byte("-- banner\n")}, {Op: abi.PartOpRemove, Part: 2}}
		v.KeepOriginal = keep
		return nil
	}}
}

// runQueue runs the queue until ok, and ends it.
func (r *rig) runQueue(ok func() bool) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	w := queue.New(queue.Options{
		Archive: r.o.Archive, Store: r.st, Engine: r.o.Engine, Judge: r.f, Notices: r.o.Notices, Policy: r.o.Policy, Now: r.o.Now, Logger: r.o.Logger,
		Stop: func(err error) { r.t.Error(err) },
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := w.Run(ctx); err != nil {
			r.t.Error(err)
		}
	}()
	defer func() { cancel(); <-done }()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.t.Fatal("the queue did not get there")
}

// do carries out an operator's verb on a whole message.
func (r *rig) do(v lifecycle.Verb, id mail.ID) actions.Result {
	r.t.Helper()
	s := actions.New(actions.Options{Store: r.st, Logger: r.o.Logger, Told: r.f.HoldEvent, Clock: r.o.Now})
	res, err := s.Do(r.t.Context(), scope.Admin("root"), v, actions.Selection{IDs: []string{id.String()}}, actions.Args{Confirmed: true})
	if err != nil {
		r.t.Fatal(err)
	}
	return res
}

func (r *rig) statuses(id mail.ID) string {
	var out []string
	for _, x := range r.get(id).Recipients {
		out = append(out, string(x.Status))
	}
	return strings.Join(out, " ")
}

// Edits are applied to what goes out directly; the original is kept beside
// it, durable before the 250, and a release delivers it once.
func TestEditedDirectlyWithTheOriginalKept(t *testing.T) {
	t.Parallel()
	in := newInbox(t, 0)
	r := newRig(t, strips(true), base("", "", tenant("acme", in.addr, "")), nil)
	reply, m := r.post(twoParts, "a@acme.test")
	r.want(reply, m, 250, "a@acme.test=delivered", "a@acme.test=quarantined")
	k := m.Recipients[1]
	if !m.HasBody || !k.Kept || k.PartEdits != "" || k.Expires.IsZero() || !strings.Contains(k.Reason, "all.told") || !strings.Contains(k.Reason, "remove part 2 x.zip") {
		t.Errorf("kept: %+v", k)
	}
	if got := in.mails(t); len(got) != 1 || got[0] != stripped {
		t.Fatalf("delivered %q", got)
	}
	if res := r.do(lifecycle.Release, m.ID); res.Changed != 1 {
		t.Fatalf("%+v", res)
	}
	r.runQueue(func() bool { return r.statuses(m.ID) == "delivered released" })
	if got := in.mails(t); len(got) != 2 || got[1] != twoParts {
		t.Fatalf("delivered %q", got)
	}
}

func TestEditedFromTheQueue(t *testing.T) {
	t.Parallel()
	in := newInbox(t, 1)
	r := newRig(t, strips(true), base("", "", tenant("acme", in.addr, "")), nil)
	reply, m := r.post(twoParts, "a@acme.test")
	r.want(reply, m, 250, "a@acme.test=queued", "a@acme.test=quarantined")
	r.do(lifecycle.Retry, m.ID)
	r.runQueue(func() bool { return r.statuses(m.ID) == "delivered quarantined" })
	if got := in.mails(t); len(got) != 1 || got[0] != stripped {
		t.Fatalf("delivered %q", got)
	}
	r.do(lifecycle.RemoveQuarantined, m.ID)
	if m = r.get(m.ID); m.HasBody || m.Edits(&m.Recipients[0])[0].Text != nil || m.Edits(&m.Recipients[0])[0].Octets == 0 {
		t.Errorf("body %v, edits %+v", m.HasBody, m.PartEdits)
	}
}

// Refused by the destination, the message is not ours: nothing is kept.
func TestNothingIsKeptOfWhatIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, strips(true), base("", "", tenant("acme", destination(t, "refuse"), "")), nil)
	reply, m := r.post(twoParts, "a@acme.test")
	r.want(reply, m, 550, "a@acme.test=rejected")
	if m.HasBody {
		t.Error("the body was kept")
	}
}

// Two recipients with different edits get different messages, and one table
// holds each list once.
func TestEditsDifferByRecipient(t *testing.T) {
	t.Parallel()
	in := newInbox(t, 0)
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		v.PartEdits = []abi.PartEdit{{Op: abi.PartOpAppend, Part: 1, Text: []byte(ev.Tenant + "\n")}}
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", in.addr, ""), tenant("other", in.addr, "")), nil)
	reply, m := r.post(twoParts, "a@acme.test", "b@acme.test", "c@other.test")
	r.want(reply, m, 250, "a@acme.test=delivered", "b@acme.test=delivered", "c@other.test=delivered")
	if len(m.PartEdits) != 2 {
		t.Errorf("%+v", m.PartEdits)
	}
	got := strings.Join(in.mails(t), "")
	if strings.Count(got, "hello\r\nacme\r\n") != 1 || strings.Count(got, "hello\r\nother\r\n") != 1 {
		t.Errorf("%q", got)
	}
}

// An edit that cannot be made soundly stalls the message, whole, and names
// the filter; forced, it goes out as it came.
func TestUnsoundPartEditStalls(t *testing.T) {
	t.Parallel()
	in := newInbox(t, 0)
	signed := strings.Replace(twoParts, "multipart/mixed", "multipart/signed", 1)
	r := newRig(t, strips(true), base("", "", tenant("acme", in.addr, "")), nil)
	reply, m := r.post(signed, "a@acme.test")
	r.want(reply, m, 250, "a@acme.test=stalled")
	if x := m.Recipients[0]; x.Class.String() != "filter-error/edit" || !strings.Contains(x.Reason, "all.told") || !strings.Contains(x.Reason, "multipart/signed") || x.PartEdits != "" {
		t.Errorf("%+v", x)
	}
	r.do(lifecycle.Force, m.ID)
	r.runQueue(func() bool { return r.statuses(m.ID) == "released" })
	if got := in.mails(t); len(got) != 1 || got[0] != signed {
		t.Errorf("%q", got)
	}
}

// Held mail that is released goes out with the edits of its judgement; after
// another judgement, with those of that one.
func TestEditsOfHeldMail(t *testing.T) {
	t.Parallel()
	in := newInbox(t, 0)
	text := "first"
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, _ *abi.Event, v *abi.Verdict) error {
		v.PartEdits = []abi.PartEdit{{Op: abi.PartOpAppend, Part: 1, Text: []byte(text + "\n")}}
		if text == "first" {
			finds(v, "x", abi.ActionStall)
		}
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", in.addr, "")), nil)
	_, a := r.post(twoParts, "a@acme.test")
	_, b := r.post(twoParts, "a@acme.test")
	text = "second"
	r.do(lifecycle.Force, a.ID)
	r.do(lifecycle.RetryStalled, b.ID)
	r.runQueue(func() bool { return r.statuses(a.ID) == "released" && r.statuses(b.ID) == "auto-released" })
	got := strings.Join(in.mails(t), "")
	if strings.Count(got, "hello\r\nfirst\r\n") != 1 || strings.Count(got, "hello\r\nsecond\r\n") != 1 {
		t.Errorf("%q", got)
	}
}

// A judgement from the queue keeps the original, too.
func TestRejudgeKeepsTheOriginal(t *testing.T) {
	t.Parallel()
	in := newInbox(t, 0)
	first := true
	fs := strips(true)
	say := fs.say
	fs.say = func(ctx context.Context, ev *abi.Event, v *abi.Verdict) error {
		if first {
			first = false
			finds(v, "x", abi.ActionStall)
			return nil
		}
		return say(ctx, ev, v)
	}
	r := newRig(t, fs, base("", "", tenant("acme", in.addr, "")), nil)
	_, m := r.post(twoParts, "a@acme.test")
	r.do(lifecycle.RetryStalled, m.ID)
	r.runQueue(func() bool { return r.statuses(m.ID) == "auto-released quarantined" })
	if got := in.mails(t); len(got) != 1 || got[0] != stripped {
		t.Fatalf("%q", got)
	}
	es, err := r.st.Events(t.Context(), m.ID)
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for _, e := range es {
		if e.N == 2 && e.Type == mail.EventQuarantine {
			kept++
		}
	}
	if kept != 1 {
		t.Errorf("%d events of the kept original: %+v", kept, es)
	}
}

// A policy that fails when mail is judged again does not take back what it
// demanded of the channel before (B30): the mail may be let go by hand.
func TestB30_demand_outlasts_a_policy_that_fails(t *testing.T) {
	t.Parallel()
	secure := func(when string) string {
		return "inbound {\n  secure \"all\" {\n    when = " + when + "\n    tls = \"verified\"\n  }\n}"
	}
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, _ *abi.Event, v *abi.Verdict) error {
		finds(v, "x", abi.ActionStall)
		return nil
	}}
	to := newInbox(t, 0).addr
	r := newRig(t, fs, base("", "", tenant("acme", to, secure(`recipient.domain == "acme.test"`))), nil)
	_, m := r.post(twoParts, "a@acme.test")
	if s := m.Recipients[0].Secure; s == nil || s.TLS != "verified" {
		t.Fatalf("%+v", s)
	}
	for when, want := range map[string]bool{`0 / (length(message.subject) - length(message.subject)) > 0`: true, `recipient.domain == "other.test"`: false} {
		r.load(base("", "", tenant("acme", to, secure(when))))
		body, err := r.st.OpenBody(t.Context(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		o, err := r.f.Rejudge(t.Context(), m, []int{1}, body)
		body.Close()
		if err != nil || len(o.Recipients) != 1 || (o.Recipients[0].Secure != nil) != want {
			t.Errorf("%s: %+v, %v", when, o.Recipients, err)
		}
	}
}

// Local to local: the receiver's chain sees the message as its sender's
// filters made it.
func TestEditsGoWithAHandOver(t *testing.T) {
	t.Parallel()
	in := newInbox(t, 0)
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		if ev.Direction == abi.DirectionOutbound {
			v.PartEdits = []abi.PartEdit{{Op: abi.PartOpRemove, Part: 2}}
		} else if ev.PartCount != 2 {
			finds(v, "parts", abi.ActionReject)
		}
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", in.addr, ""), tenant("other", in.addr, "")), nil)
	if reply, _ := r.postAs(mail.Outbound, "me@acme.test", twoParts, "you@other.test"); reply.Code != 250 {
		t.Fatal(reply)
	}
	r.runQueue(func() bool { return len(in.mails(t)) == 1 })
	if got := in.mails(t)[0]; strings.Contains(got, "x.zip") {
		t.Errorf("%q", got)
	}
}

// What an observing filter would change is recorded, and changes nothing.
func TestObservedEdits(t *testing.T) {
	t.Parallel()
	in := newInbox(t, 0)
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		v.PartEdits = []abi.PartEdit{{Op: abi.PartOpRemove, Part: 2}}
		v.Edits = []abi.HeaderEdit{{Op: abi.HeaderOpAdd, Name: "X-A", Value: "b"}}
		v.KeepOriginal, v.Hold = true, abi.Hold{UntilUnixMs: uint64(time.Now().Add(time.Hour).UnixMilli()), Reason: "why not"}
		v.Recipients = []abi.RecipientAction{{Recipient: ev.Recipients[0], Action: abi.ActionReject}}
		return nil
	}}
	hcl := strings.Replace(base("", "", tenant("acme", in.addr, "")), "{ plugin = plugin.told }", "{\n    plugin = plugin.told\n    mode   = \"observe\"\n  }", 1)
	r := newRig(t, fs, hcl, nil)
	reply, m := r.post(twoParts, "a@acme.test")
	r.want(reply, m, 250, "a@acme.test=delivered")
	var seen []string
	for _, f := range m.Recipients[0].Findings {
		if !f.Observed {
			t.Errorf("not observed: %+v", f)
		}
		seen = append(seen, f.Explanation)
	}
	want := "would have done: remove part 2 x.zip|would have done: add header X-A|would have done: hold the message: why not|"
	if got := strings.Join(seen, "|"); got != want {
		t.Errorf("%s", got)
	}
	if got := in.mails(t); got[0] != twoParts {
		t.Errorf("%q", got)
	}
}

// Edits of all recipients of a message together are bounded.
func TestTooManyEditsStall(t *testing.T) {
	t.Parallel()
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		v.PartEdits = []abi.PartEdit{{Op: abi.PartOpAppend, Part: 1, Text: []byte(strings.Repeat(ev.Tenant[:1], 200<<10))}}
		return nil
	}}
	in := newInbox(t, 0)
	r := newRig(t, fs, base("", "", tenant("acme", in.addr, ""), tenant("other", in.addr, "")), nil)
	reply, m := r.post(twoParts, "a@acme.test", "c@other.test")
	r.want(reply, m, 250, "a@acme.test=delivered", "c@other.test=stalled")
}

// Held mail keeps its original when it is released, not before: until then
// there is one copy, and releasing it whole sends one.
func TestReleaseOfHeldMailKeepsTheOriginal(t *testing.T) {
	t.Parallel()
	in := newInbox(t, 0)
	fs := strips(true)
	say := fs.say
	fs.say = func(ctx context.Context, ev *abi.Event, v *abi.Verdict) error {
		finds(v, "x", abi.ActionQuarantine)
		return say(ctx, ev, v)
	}
	r := newRig(t, fs, base("", "", tenant("acme", in.addr, "")), nil)
	reply, m := r.post(twoParts, "a@acme.test")
	r.want(reply, m, 250, "a@acme.test=quarantined")
	r.do(lifecycle.Release, m.ID)
	r.runQueue(func() bool { return r.statuses(m.ID) == "released quarantined" })
	m = r.get(m.ID)
	if !m.HasBody || !m.Recipients[1].Kept || m.Recipients[0].Keep != "" {
		t.Errorf("%+v", m.Recipients)
	}
	r.do(lifecycle.Release, m.ID)
	r.runQueue(func() bool { return r.statuses(m.ID) == "released released" })
	if got := in.mails(t); len(got) != 2 || got[0] != stripped || got[1] != twoParts {
		t.Errorf("%q", got)
	}
	if r.get(m.ID).HasBody {
		t.Error("the body stays")
	}
}
