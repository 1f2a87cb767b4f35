package flow_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/mailweir/weir/sdk/abi"
)

// What happens after the 250 reaches the plugins that subscribe to it, under
// their filter's condition, and cannot change it any more.
func TestObserversOfQueueAndDelivery(t *testing.T) {
	var mu sync.Mutex
	var heard []string
	fs := &told{stages: []abi.Stage{abi.StageQueued, abi.StageDelivery}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, ev.Tenant+" "+ev.Stage.String()+" "+ev.Attempt.Result.String())
		if a := ev.Attempt; ev.Stage == abi.StageDelivery && (a.Number != 1 || a.Code < 200 || a.Text == "" || a.Host == "" || (a.Result == abi.DeliveryResultDeferred) != (a.NextUnixMs > 0)) {
			t.Errorf("attempt %+v", a)
		}
		finds(v, "too-late", abi.ActionReject)
		return nil
	}}
	hcl := base("", "", tenant("acme", destination(t, "accept"), ""), tenant("later", destination(t, "defer"), ""), tenant("deaf", destination(t, "accept"), ""), tenant("never", destination(t, "refuse"), ""))
	hcl = strings.Replace(hcl, "{ plugin = plugin.told }", "{\n    plugin = plugin.told\n    when   = recipient.domain != \"deaf.test\"\n  }", 1)
	r := newRig(t, fs, hcl, nil)
	for _, to := range []string{"r@acme.test", "r@later.test", "r@deaf.test", "r@never.test"} {
		if reply, _ := r.inbound(to); reply.Code != 250 && to != "r@never.test" {
			t.Fatalf("%s: %v", to, reply)
		}
		r.f.Wait()
	}
	got := strings.Join(heard, ", ")
	if want := "acme delivery delivered, later queued none, later delivery deferred, never delivery failed"; got != want {
		t.Errorf("observers heard %q, want %q", got, want)
	}
}
