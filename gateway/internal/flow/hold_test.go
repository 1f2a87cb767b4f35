package flow_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/flow"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/sdk/abi"
)

// shifted is a clock that a test moves.
type shifted struct{ by atomic.Int64 }

func (s *shifted) now() time.Time            { return time.Now().Add(time.Duration(s.by.Load())) }
func (s *shifted) forward(d time.Duration)   { s.by.Add(int64(d)) }
func (s *shifted) options(o *flow.Options)   { o.Now = s.now }
func (s *shifted) in(d time.Duration) uint64 { return uint64(s.now().Add(d).UnixMilli()) }

// A filter holds a message, looks again at the deadline with what it noted,
// and lets it pass: auto-released, and with the edits of the last judgement.
func TestHoldAndRelease(t *testing.T) {
	t.Parallel()
	in, clock := newInbox(t, 0), &shifted{}
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		if len(ev.Notes) == 0 {
			v.Hold = abi.Hold{UntilUnixMs: clock.in(10 * time.Minute), Reason: "asked the sandbox", Key: "job 7"}
			v.Notes = []abi.Pair{{Key: "job", Value: "7"}}
			v.PartEdits = []abi.PartEdit{{Op: abi.PartOpAppend, Part: 1, Text: []byte("not yet\n")}}
			return nil
		}
		v.PartEdits = []abi.PartEdit{{Op: abi.PartOpAppend, Part: 1, Text: []byte("sound\n")}}
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", in.addr, "")), clock.options)
	reply, m := r.post(twoParts, "a@acme.test")
	r.want(reply, m, 250, "a@acme.test=accepted")
	x := m.Recipients[0]
	if h := x.Hold; h == nil || h.Filter != "all.told" || h.Reason != "asked the sandbox" || h.Key != "job 7" || h.Count != 1 || !h.Until.Equal(x.Next) || x.Next.Sub(clock.now()) < 9*time.Minute {
		t.Fatalf("%+v, next %v", x.Hold, x.Next)
	}
	clock.forward(10*time.Minute + time.Second)
	r.runQueue(func() bool { return r.statuses(m.ID) == "auto-released" })
	got := in.mails(t)
	if len(got) != 1 || !strings.Contains(got[0], "hello\r\nsound\r\n") {
		t.Errorf("%q", got)
	}
	if x := r.get(m.ID).Recipients[0]; x.Hold != nil {
		t.Errorf("still held: %+v", x.Hold)
	}
}

// A filter that always asks for more time gets an hour, in steps that are
// never short, and the message ends in quarantine.
func TestHoldWithoutEnd(t *testing.T) {
	t.Parallel()
	clock, asked := &shifted{}, 0
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, _ *abi.Event, v *abi.Verdict) error {
		asked++
		v.Hold = abi.Hold{UntilUnixMs: 1, Reason: "not yet"} // long past
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), clock.options)
	reply, m := r.inbound("a@acme.test")
	r.want(reply, m, 250, "a@acme.test=accepted")
	begin := clock.now()
	for range 500 {
		x := r.get(m.ID).Recipients[0]
		if x.Status != mail.StatusAccepted {
			break
		}
		wait := x.Next.Sub(clock.now())
		if x.Hold.Count > 6 && wait < 25*time.Second && x.Next.Before(x.Hold.Since.Add(time.Hour)) {
			t.Fatalf("hold %d is for %v", x.Hold.Count, wait)
		}
		clock.forward(max(wait, 0) + time.Millisecond)
		o := r.rejudge(r.get(m.ID))
		m = r.get(m.ID)
		m.Recipients = o.Recipients
		if o.Recipients[0].Status != mail.StatusAccepted {
			break
		}
		claims := r.claim()
		if err := r.st.Settle(t.Context(), claims, o); err != nil {
			t.Fatal(err)
		}
	}
	x := m.Recipients[0]
	if x.Status != mail.StatusQuarantined || x.Class.String() != "filter-error/hold" || x.Hold != nil || x.Expires.IsZero() {
		t.Errorf("%+v", x)
	}
	if d := clock.now().Sub(begin); d < 59*time.Minute || d > 61*time.Minute || asked > 150 {
		t.Errorf("asked %d times in %v", asked, d)
	}
}

// An operator's "deliver" ends a hold at once; the mail goes out with the
// edits there were, and never again.
func TestOperatorDeliversHeldMail(t *testing.T) {
	t.Parallel()
	in, clock := newInbox(t, 0), &shifted{}
	fs := strips(false)
	say := fs.say
	fs.say = func(ctx context.Context, ev *abi.Event, v *abi.Verdict) error {
		v.Hold = abi.Hold{UntilUnixMs: clock.in(time.Hour), Reason: "soon"}
		return say(ctx, ev, v)
	}
	r := newRig(t, fs, base("", "", tenant("acme", in.addr, "")), clock.options)
	_, m := r.post(twoParts, "a@acme.test")
	if res := r.do(lifecycle.Deliver, m.ID); res.Changed != 1 {
		t.Fatalf("%+v", res)
	}
	r.runQueue(func() bool { return r.statuses(m.ID) == "released" })
	if got := in.mails(t); len(got) != 1 || got[0] != stripped {
		t.Errorf("%q", got)
	}
	if res := r.do(lifecycle.Deliver, m.ID); res.Changed != 0 {
		t.Errorf("%+v", res)
	}
}

// "Scan again" looks before the deadline; the row of holds goes on.
func TestHeldMailIsScannedBeforeItsTime(t *testing.T) {
	t.Parallel()
	clock := &shifted{}
	var done atomic.Bool
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, _ *abi.Event, v *abi.Verdict) error {
		if !done.Load() {
			v.Hold = abi.Hold{UntilUnixMs: clock.in(time.Hour), Reason: "soon"}
		} else {
			finds(v, "bad", abi.ActionQuarantine)
		}
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), clock.options)
	_, m := r.inbound("a@acme.test")
	since := m.Recipients[0].Hold.Since
	r.do(lifecycle.RetryStalled, m.ID)
	r.runQueue(func() bool { h := r.get(m.ID).Recipients[0].Hold; return h != nil && h.Count == 2 })
	if h := r.get(m.ID).Recipients[0].Hold; !h.Since.Equal(since) {
		t.Errorf("a new row of holds: %+v", h)
	}
	done.Store(true)
	r.do(lifecycle.RetryStalled, m.ID)
	r.runQueue(func() bool { return r.statuses(m.ID) == "quarantined" })
}

// A filter that fails at the deadline does not let the message pass; nor is
// there a hold any more that an operator could end.
func TestHoldThenFailure(t *testing.T) {
	t.Parallel()
	clock := &shifted{}
	var first atomic.Bool
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		if first.CompareAndSwap(false, true) {
			v.Hold = abi.Hold{UntilUnixMs: clock.in(time.Minute), Reason: "soon"}
			return nil
		}
		return failed(ev, filter.Tempfail)
	}}
	r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), clock.options)
	_, m := r.inbound("a@acme.test")
	for n := range 3 {
		clock.forward(time.Hour)
		r.runQueue(func() bool { return r.get(m.ID).Recipients[0].Breaks == n+1 })
		if res := r.do(lifecycle.Deliver, m.ID); res.Changed != 0 {
			t.Fatalf("delivered without a verdict: %+v", res)
		}
	}
	if got := r.statuses(m.ID); got != "stalled" {
		t.Errorf("it is %s", got)
	}
}

// Plugins that subscribe learn what became of held mail, after it is so, with
// the content while there is any; a failure of theirs changes nothing.
func TestHoldEvents(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var heard []string
	var r *rig
	var verdict atomic.Int64
	verdict.Store(int64(abi.ActionQuarantine))
	fs := &viewing{told: told{stages: []abi.Stage{abi.StageMessage, abi.StageHoldEvent}}, see: func(ev *abi.Event, v *abi.Verdict, view filter.MessageView) error {
		if ev.Stage == abi.StageMessage {
			if a := abi.Action(verdict.Load()); a != abi.ActionContinue {
				finds(v, "x", a)
			}
			return nil
		}
		line := fmt.Sprintf("%s by %q: %d recipient, ", ev.Name, ev.Actor, len(ev.Message[0].Recipients))
		id, err := mail.ParseID(ev.ID)
		if err != nil {
			return err
		}
		m, err := r.st.Get(context.Background(), id)
		if err != nil || m.Recipients[0].Status != mail.Status(ev.Message[0].Recipients[0].Status) && ev.Name == "held" {
			t.Errorf("%s before it was so: %v, %v", ev.Name, m, err)
		}
		line += ev.Message[0].Recipients[0].Status
		if view != nil {
			b := make([]byte, 5)
			n, _ := view.ReadPart(0, 0, b)
			line += ", content " + string(b[:n])
		}
		mu.Lock()
		heard = append(heard, line)
		mu.Unlock()
		return failed(ev, filter.Stall)
	}}
	r = newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), nil)
	wait := func(n int) {
		t.Helper()
		for range 1000 {
			mu.Lock()
			k := len(heard)
			mu.Unlock()
			if k >= n {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Fatalf("heard %q", heard)
	}
	_, a := r.inbound("a@acme.test")
	wait(1)
	r.do(lifecycle.RemoveQuarantined, a.ID)
	wait(2)
	_, b := r.inbound("a@acme.test")
	wait(3)
	r.do(lifecycle.Release, b.ID)
	wait(4)
	verdict.Store(int64(abi.ActionStall))
	_, c := r.inbound("a@acme.test")
	wait(5)
	verdict.Store(int64(abi.ActionContinue))
	r.do(lifecycle.RetryStalled, c.ID)
	wait(6)
	r.runQueue(func() bool { return r.statuses(c.ID) == "auto-released" && r.statuses(b.ID) == "released" })
	wait(7)
	want := []string{
		`held by "": 1 recipient, quarantined, content hello`,
		`removed by "root": 1 recipient, quarantine-removed`,
		`held by "": 1 recipient, quarantined, content hello`,
		`released by "root": 1 recipient, queued, content hello`,
		`held by "": 1 recipient, stalled, content hello`,
		`retried by "root": 1 recipient, accepted, content hello`,
		`auto-released by "": 1 recipient, queued, content hello`,
	}
	mu.Lock()
	defer mu.Unlock()
	if strings.Join(heard[:6], "\n") != strings.Join(want[:6], "\n") || !strings.HasPrefix(heard[6], want[6][:45]) {
		t.Errorf("heard\n%s\nwant\n%s", strings.Join(heard, "\n"), strings.Join(want, "\n"))
	}
}

// viewing is told with a look at the message.
type viewing struct {
	told
	see func(ev *abi.Event, v *abi.Verdict, view filter.MessageView) error
}

func (f *viewing) Run(_ context.Context, _ string, ev *abi.Event, view filter.MessageView) (*abi.Verdict, filter.Run, error) {
	v := &abi.Verdict{}
	return v, ran, f.see(ev, v, view)
}
