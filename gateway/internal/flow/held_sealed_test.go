package flow_test

import (
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/sdk/abi"
)

// Plugins are told of a sealed message without its content, which is for its
// recipients alone.
func TestB113_hold_events_of_sealed_mail_have_no_content(t *testing.T) {
	t.Parallel()
	type heard struct{ view, body bool }
	heardOf := make(chan heard, 10)
	fs := &viewing{told: told{stages: []abi.Stage{abi.StageMessage, abi.StageHoldEvent}}, see: func(ev *abi.Event, v *abi.Verdict, view filter.MessageView) error {
		if ev.Stage == abi.StageMessage {
			finds(v, "x", abi.ActionQuarantine)
			return nil
		}
		heardOf <- heard{view != nil || ev.PartCount > 0, ev.Message[0].HasBody}
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", destination(t, "accept"), "")), nil)
	next := func() heard {
		t.Helper()
		select {
		case h := <-heardOf:
			return h
		case <-time.After(20 * time.Second):
			t.Fatal("nothing was told")
			return heard{}
		}
	}
	_, m := r.inbound("a@acme.test")
	if h := next(); !h.view || !h.body {
		t.Fatalf("of open mail: %+v", h)
	}
	m = r.get(m.ID)
	m.Sealed = true
	r.f.HoldEvent(m, []int{1}, "expired", "")
	if h := next(); h.view || h.body {
		t.Errorf("of sealed mail: %+v", h)
	}
}
