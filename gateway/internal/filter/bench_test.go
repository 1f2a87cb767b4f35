package filter

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/mailweir/weir/sdk/abi"
)

func benchEvent(what string) *abi.Event {
	return &abi.Event{
		Stage: abi.StageMessage, ID: "01jd0000000000000000000000", Tenant: "acme", Sender: what, PartCount: 2, Size: 4096,
		Recipients: []string{"a@acme.test", "b@acme.test"}, Filter: "baseline.lists",
		Client: abi.Client{IP: "192.0.2.1", Helo: "mx.example.test", Name: "mx.example.test", TLSVersion: "TLS1.3"},
	}
}

func benchCalls(b *testing.B, s Spec, ev *abi.Event) {
	f := newFixture(b)
	f.swap(b, nil, s)
	msg := testMessage()
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Call(ctx, s.Name, ev, msg); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEmptyWasm is the host's own cost.
func BenchmarkEmptyWasm(b *testing.B) {
	benchCalls(b, Spec{Name: "tiny", Module: tiny(nil, nil)}, benchEvent("x"))
}

// BenchmarkEmptyGo is a Go guest that decodes the event and does nothing.
func BenchmarkEmptyGo(b *testing.B) { benchCalls(b, guestSpec(b), benchEvent("")) }

// BenchmarkTypicalGo looks at a header and the parts, and answers with a tag.
func BenchmarkTypicalGo(b *testing.B) { benchCalls(b, guestSpec(b), benchEvent("typical")) }

// BenchmarkStart starts a Go guest anew for each call.
func BenchmarkStart(b *testing.B) {
	s := guestSpec(b)
	s.Isolated = true
	benchCalls(b, s, benchEvent(""))
}

// BenchmarkLoadCached loads a Go plugin from the compilation cache.
func BenchmarkLoadCached(b *testing.B) {
	s := guestSpec(b)
	f := newFixture(b)
	f.swap(b, nil, s)
	i := int64(0)
	for b.Loop() {
		i++
		s.Limits.Memory = (32 + i%2) << 20
		f.swap(b, nil, s)
	}
}

// BenchmarkResident reports what two Go guests in two plugins take, after
// 10,000 calls each.
func BenchmarkResident(b *testing.B) {
	s := guestSpec(b)
	h := newFixture(b)
	h.swap(b, nil, Spec{Name: "x", Module: tiny(nil, nil)}) // so that the compiler's own start does not count
	before := resident()
	one, two := s, s
	one.Name, two.Name = "one", "two"
	for b.Loop() {
		h.swap(b, nil, one, two)
		for range 10_000 {
			for _, name := range []string{"one", "two"} {
				if _, err := h.Call(context.Background(), name, benchEvent("typical"), testMessage()); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.ReportMetric(float64(resident()-before)/(1<<20), "MiB/two")
	var linear int64
	for _, st := range h.Plugins() {
		linear += st.Memory
	}
	b.ReportMetric(float64(linear)/(1<<20), "MiB-linear/two")
}

func resident() int64 {
	runtime.GC()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return n * int64(os.Getpagesize())
}
