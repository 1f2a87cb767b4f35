package conformance

import (
	"context"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/sdk/abi"
)

// TestMemoryIsFlat runs 10,000 calls of what plugins do all day: a guest may
// grow while it warms up, and not after that.
func TestMemoryIsFlat(t *testing.T) {
	calls := []scenario{
		{op: "echo", event: full}, {op: "config"}, {op: "config built"}, {op: "headers"}, {op: "header", args: object("name", "X-19", "nth", 1)}, {op: "parts"},
		{op: "read", args: object("part", 2, "ranges", []any{[]any{5000, 20}, []any{0, 30_000}})},
		{op: "match text", args: object("set", 1, "text", "prize", "patterns", []any{[]any{0, "prize", true}})},
		{op: "kv set", args: object("key", "k", "value", string(make([]byte, 2000)))}, {op: "kv get", args: object("key", "k")},
		{op: "lookup", args: object("list", "block", "keys", []string{"a", "bad"})}, {op: "verdict built"}, {op: "fail", args: object("why", "it is part of the day")},
		{op: "kv get", args: object("key", "broken")},
	}
	each(t, func(t *testing.T, g guest) {
		h := newHost(t, g, filter.Config{ID: 7, Plugin: "guest", Value: config()})
		view := message()
		var events []*abi.Event
		for _, c := range calls {
			ev := event(c.op, c.args, 0)
			if c.event != nil {
				c.event(ev)
			}
			events = append(events, ev)
		}
		run := func(n int) {
			for i := range n {
				ev := events[i%len(events)]
				if _, err := h.Call(context.Background(), "guest", ev, view); (err != nil) != (ev.Name == "fail") {
					t.Fatal(ev.Name, err)
				}
			}
		}
		run(2000)
		warm := h.Plugins()[0].Memory
		begin := time.Now()
		run(8000)
		after := h.Plugins()[0]
		t.Logf("%d KiB, after 8,000 calls more %d KiB, %v a call; module %d KiB", warm>>10, after.Memory>>10, time.Since(begin)/8000, len(g.module(t))>>10)
		if after.Memory > warm+warm/4+128<<10 {
			t.Errorf("memory grew from %d KiB to %d KiB", warm>>10, after.Memory>>10)
		}
	})
}
