package heap

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestPercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 1000, 1 << 20: 1000, 24 << 20: 333, 48 << 20: 166, 96 << 20: 83, 200 << 20: 40, 4 << 30: 35} {
		if got := percentFor(live); got != want {
			t.Errorf("%d MiB live: %d %%, want %d", live>>20, got, want)
		}
	}
}

// percentNow is what is in force.
func percentNow() int {
	n := debug.SetGCPercent(100)
	debug.SetGCPercent(n)
	return n
}

// TestPaceFollowsTheHeap: the percentage is that of the live heap, also when it
// has grown and shrunk, and is put back at the end.
func TestPaceFollowsTheHeap(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	before, memory := percentNow(), debug.SetMemoryLimit(-1)
	stop := Spare()
	if debug.SetMemoryLimit(-1) != limit {
		t.Error("no memory limit")
	}
	await := func(what string, ok func(int) bool) {
		t.Helper()
		for range 500 {
			runtime.GC()
			if ok(percentNow()) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%s: %d %%", what, percentNow())
	}
	await("a small heap", func(n int) bool { return n > 300 })
	func() {
		big := make([]byte, 280<<20)
		await("a large heap", func(n int) bool { return n == percent })
		runtime.KeepAlive(big)
	}()
	await("a small heap again", func(n int) bool { return n > 300 })
	stop()
	runtime.GC()
	time.Sleep(20 * time.Millisecond)
	if got := percentNow(); got != before || debug.SetMemoryLimit(-1) != memory {
		t.Errorf("%d %%, limit %d afterwards; before %d, %d", got, debug.SetMemoryLimit(-1), before, memory)
	}
}
