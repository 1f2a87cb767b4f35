package flow_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/sdk/abi"
)

// Filters that say more than a record holds have failed: the message stalls,
// at once and when it is judged again, rather than to be refused for ever or
// to stop the process.
func TestWhatFiltersSayHasToFit(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("<", 4<<10) // six octets each in the record
	for name, say := range map[string]func(v *abi.Verdict, n int){
		"findings": func(v *abi.Verdict, _ int) {
			for i := range 60 {
				v.Findings = append(v.Findings, abi.Finding{Main: "test", Sub: fmt.Sprint(i), Explanation: long})
			}
		},
		"paths of parts": func(v *abi.Verdict, _ int) {
			for i := range 60 {
				v.Findings = append(v.Findings, abi.Finding{Main: "test", Sub: fmt.Sprint(i), Path: long})
			}
		},
		"waivers": func(v *abi.Verdict, _ int) {
			for i := range 60 {
				v.Waivers = append(v.Waivers, abi.Waiver{Classes: []string{fmt.Sprint("x/", i)}, Reason: long})
			}
		},
		"header edits": func(v *abi.Verdict, _ int) {
			for range 100 {
				v.Edits = append(v.Edits, abi.HeaderEdit{Op: abi.HeaderOpAdd, Name: "X-Long", Value: strings.Repeat("\r\n <<<<<<<<<<<<<<<<<<<<", 150)})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var quiet atomic.Bool
			fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, _ *abi.Event, v *abi.Verdict) error {
				if quiet.Load() {
					finds(v, "x", abi.ActionStall)
				} else {
					say(v, 0)
				}
				return nil
			}}
			r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), nil)
			reply, m := r.inbound("a@acme.test")
			r.want(reply, m, 250, "a@acme.test=stalled")
			if c := m.Recipients[0].Class.String(); c != "filter-error/size" {
				t.Errorf("class %s", c)
			}
			quiet.Store(true)
			_, m = r.inbound("a@acme.test")
			quiet.Store(false)
			r.do(lifecycle.RetryStalled, m.ID)
			r.runQueue(func() bool { return r.get(m.ID).Recipients[0].Class.String() == "filter-error/size" })
			if got := r.statuses(m.ID); got != "stalled" {
				t.Errorf("judged again it is %s", got)
			}
		})
	}
}

// What filters refuse is refused, however much they say.
func TestLongRefusal(t *testing.T) {
	t.Parallel()
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, _ *abi.Event, v *abi.Verdict) error {
		for i := range 60 {
			v.Findings = append(v.Findings, abi.Finding{Main: "test", Sub: fmt.Sprint(i), Action: abi.ActionReject, Explanation: strings.Repeat("<", 4<<10)})
		}
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), nil)
	reply, m := r.inbound("a@acme.test")
	r.want(reply, m, 550, "a@acme.test=rejected")
}

// Notes that pile up over a row of holds end it.
func TestNotesOfManyHoldsHaveToFit(t *testing.T) {
	t.Parallel()
	clock, n := &shifted{}, 0
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, _ *abi.Event, v *abi.Verdict) error {
		n++
		v.Hold = abi.Hold{UntilUnixMs: clock.in(time.Minute), Reason: "soon"}
		v.Notes = []abi.Pair{{Key: fmt.Sprint(n), Value: strings.Repeat("<", 8<<10)}}
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), clock.options)
	_, m := r.inbound("a@acme.test")
	r.runQueue(func() bool {
		x := r.get(m.ID).Recipients[0]
		if x.Status == mail.StatusAccepted && !x.Manual { // it was looked at since it was last asked for
			r.do(lifecycle.RetryStalled, m.ID)
		}
		return x.Status != mail.StatusAccepted
	})
	if x := r.get(m.ID).Recipients[0]; x.Status != mail.StatusStalled || x.Class.String() != "filter-error/size" || n < 3 {
		t.Errorf("%s, %s after %d holds", x.Status, x.Class, n)
	}
}

// Edits with long names, of which none brings much content, are bounded, too.
func TestNamesOfEditsHaveToFit(t *testing.T) {
	t.Parallel()
	var body strings.Builder
	body.WriteString("From: s@client.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n")
	for i := range 101 {
		fmt.Fprintf(&body, "--b\r\nContent-Type: application/octet-stream; name=\"%s%d\"\r\n\r\nx\r\n", strings.Repeat("<", 900), i)
	}
	body.WriteString("--b--\r\n")
	fs := &told{stages: []abi.Stage{abi.StageHeaders, abi.StageMessage}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		for i := range uint32(100) {
			v.PartEdits = append(v.PartEdits, abi.PartEdit{Op: abi.PartOpReplace, Part: i + 1, Filename: strings.Repeat("<", 250), Text: []byte(ev.Stage.String())})
		}
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), nil)
	reply, m := r.post(body.String(), "a@acme.test")
	r.want(reply, m, 250, "a@acme.test=stalled")
}
