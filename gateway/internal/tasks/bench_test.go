package tasks

import (
	"fmt"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

// BenchmarkHand is what a client waits for the calls of its message to become
// durable, and the work of dropping them again.
func BenchmarkHand(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("recipients=%d", n), func(b *testing.B) {
			r := newRig(b, Limits{})
			m := &store.Message{Direction: mail.Inbound, Received: t0}
			calls := map[int][]policy.Call{}
			for i := range n {
				a, err := mail.ParseAddress(fmt.Sprintf("r%d@acme.test", i))
				if err != nil {
					b.Fatal(err)
				}
				m.Recipients = append(m.Recipients, store.Recipient{N: i + 1, Address: a, Tenant: "acme", Status: mail.StatusQueued})
				calls[i+1] = []policy.Call{call("b.one", "hi")}
			}
			for b.Loop() {
				m.ID = mail.NewID(r.clock.Now())
				settle, err := r.Hand(b.Context(), m, calls)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				settle(false)
				b.StartTimer()
			}
		})
	}
}
