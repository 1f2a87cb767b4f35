package sqlindex

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// made are n messages of ordinary mail from the time on: senders, recipients and
// subjects of many kinds, one recipient each.
func made(b *testing.B, r *rand.Rand, at time.Time, n int) []Change {
	words := strings.Fields("invoice report meeting minutes order delivery question about the new contract lunch holiday photos server down again")
	out := make([]Change, n)
	for i := range out {
		at = at.Add(time.Millisecond)
		subject := ""
		for range 3 + r.IntN(4) {
			subject += words[r.IntN(len(words))] + " "
		}
		m := &store.Message{
			ID: mail.NewID(at), Received: at, Direction: mail.Outbound, Sender: address(b, fmt.Sprintf("s%d@t%d.test", r.IntN(300), r.IntN(10))), Size: 4000, Policy: "p1", HasBody: true,
			Summary: store.Summary{Subject: subject, From: "a@t.test", To: "b@t.test", MessageID: fmt.Sprintf("<%x@t.test>", r.Uint64())},
		}
		m.Recipients = []store.Recipient{{N: 1, Address: address(b, fmt.Sprintf("r%d@d%d.test", r.IntN(1_000_000), r.IntN(2000))), Tenant: "t1", Status: mail.StatusQueued, Changed: at, Route: "r1", Next: at.Add(time.Hour)}}
		out[i] = Change{m.ID, m}
	}
	return out
}

// wrote is what this process has had written, in octets; 0 where the system does
// not say.
func wrote() float64 {
	text, _ := os.ReadFile("/proc/self/io")
	_, after, _ := strings.Cut(string(text), "\nwchar: ")
	line, _, _ := strings.Cut(after, "\n")
	n, _ := strconv.ParseFloat(line, 64)
	return n
}

// BenchmarkApply is what a message costs an index that has many, by how many
// there are to a transaction.
func BenchmarkApply(b *testing.B) {
	const had = 200_000
	x := newIndex(b)
	r := rand.New(rand.NewPCG(1, 2))
	at := now
	for seq := range uint64(had / 20_000) {
		if err := x.Apply(b.Context(), State{"e1", seq}, made(b, r, at, 20_000)); err != nil {
			b.Fatal(err)
		}
		at = at.Add(20 * time.Second)
	}
	for _, size := range []int{500, 5_000, 20_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			n, before := 0, wrote()
			for b.Loop() {
				b.StopTimer()
				changes := made(b, r, at, size)
				at = at.Add(time.Duration(size) * time.Millisecond)
				b.StartTimer()
				if err := x.Apply(b.Context(), State{"e1", 100}, changes); err != nil {
					b.Fatal(err)
				}
				n += size
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/message")
			if before > 0 {
				b.ReportMetric((wrote()-before)/1024/float64(n), "KiB/message")
			}
		})
	}
}
