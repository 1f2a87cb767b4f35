package filter

import (
	"context"
	"fmt"
	"slices"

	"github.com/mailweir/weir/sdk/abi"
)

// conform is the call that ends a load: an event of no stage, which a plugin
// answers with an empty verdict, or a failure that it reports in order (the
// SDKs do). One that crashes, hangs or writes what is no verdict even then would
// do so with mail. Nothing comes of it: host calls that need a grant fail, and
// what it logs is dropped.
func (in *instance) conform(ctx context.Context) error {
	ev := new(abi.Event)
	c := newCall(WithTrial(ctx, &rehearsal), in.gen.initTimeout, ev.Append(nil))
	c.ev, c.lines = ev, maxLines+1
	if cr := in.run(c); cr != nil {
		if cr.kind == KindResult {
			return nil
		}
		return fmt.Errorf("the conformance call: %w", cr)
	}
	if _, err := c.verdict(in.gen); err != nil {
		return fmt.Errorf("the conformance call: its verdict is not valid: %w", err)
	}
	return nil
}

var rehearsal = Trial{Fault: func(name string) (f Fault) {
	if i := slices.IndexFunc(abi.HostCalls, func(h abi.HostCall) bool { return h.Name == name }); i >= 0 && abi.HostCalls[i].Grant != "" {
		f.Code = abi.ErrUnavailable
	}
	return f
}}
