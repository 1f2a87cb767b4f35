package filter

import (
	"context"
	"slices"
	"testing"

	"github.com/mailweir/weir/sdk/abi"
)

// TestTrialFailsCalls: what a trial makes fail, the guest sees fail.
func TestTrialFailsCalls(t *testing.T) {
	f := newFixture(t)
	f.swap(t, nil, guestSpec(t))
	var calls []string
	try := func(name string, fl Fault) (*abi.Verdict, error) {
		calls = nil
		ctx := WithTrial(context.Background(), &Trial{Fault: func(call string) Fault {
			calls = append(calls, call)
			if call == name {
				return fl
			}
			return Fault{}
		}})
		return f.Call(ctx, "guest", &abi.Event{Stage: abi.StageMessage, ID: "m1", Tenant: "acme", Sender: "data"}, testMessage())
	}
	if v, err := try("", Fault{}); err != nil || len(v.Tags) != 2 || !slices.Contains(calls, "list_lookup") {
		t.Fatalf("%v, %v after %v", v, err, calls)
	}
	if _, err := try("list_lookup", Fault{Code: abi.ErrTimeout}); err == nil {
		t.Error("a look-up that fails is no answer")
	}
	if v, err := try("kv_get", Fault{Code: abi.ErrDenied}); err != nil || !slices.Contains(v.Tags, "kv=denied") {
		t.Error(v, err)
	}
	if _, err := try("event_read", Fault{Code: abi.ErrUnavailable}); err == nil {
		t.Error("without an event there is no verdict")
	}
	if _, err := try("result_write", Fault{Code: abi.ErrUnavailable}); err == nil {
		t.Error("a verdict that was not taken must be a failure, for it would read as clean")
	}
}
