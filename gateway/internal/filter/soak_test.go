package filter

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/sdk/abi"
)

// The soak tests look for what grows. WEIR_SOAK=10000 gives the number of
// reloads; there are a hundred times as many calls:
//
//	WEIR_SOAK=10000 go test -run 'TestSoak' -timeout 60m -v ./gateway/internal/filter
func soak(t *testing.T, usual int) int {
	t.Helper()
	if underRace {
		t.Skip("the race detector keeps its own memory")
	}
	if testing.Short() {
		t.Skip("takes seconds")
	}
	if n, err := strconv.Atoi(os.Getenv("WEIR_SOAK")); err == nil {
		return n
	}
	return usual
}

// trend is samples of resident memory, in octets, over a run.
type trend struct{ samples []int64 }

func (tr *trend) sample(t *testing.T) {
	t.Helper()
	runtime.GC() // finalizers of compiled code run after it
	debug.FreeOSMemory()
	kib, ok := statusKiB("RssAnon:")
	if !ok {
		t.Skip("no /proc/self/status here")
	}
	tr.samples = append(tr.samples, kib<<10)
}

// flat compares the third quarter of the run with the last.
func (tr *trend) flat(t *testing.T, noise int64) {
	t.Helper()
	n := len(tr.samples)
	middle := func(s []int64) int64 {
		s = slices.Sorted(slices.Values(s))
		return s[len(s)/2]
	}
	third, last := middle(tr.samples[n/2:n*3/4]), middle(tr.samples[n*3/4:])
	var text string
	for i := 0; i < n; i += max(1, n/12) {
		text += fmt.Sprintf(" %.1f", float64(tr.samples[i])/(1<<20))
	}
	t.Logf("resident memory in MiB:%s; third quarter %.2f, last %.2f", text, float64(third)/(1<<20), float64(last)/(1<<20))
	if last-third > noise {
		t.Errorf("resident memory grew by %.1f MiB in the last quarter of the run", float64(last-third)/(1<<20))
	}
}

// soakNoise is what resident memory moves by itself, octets.
const soakNoise = 4 << 20

// TestSoakReloads replaces modules again and again, under calls: each time one
// changes as a new version would, and now and then a large one too.
func TestSoakReloads(t *testing.T) {
	n := soak(t, 300)
	f := newFixture(t)
	// No log: it would be what grows.
	f.Host = NewHost(Options{CacheDir: t.TempDir(), Lists: testLists{}, KV: newTestKV(), Metrics: &counters{m: map[string]int64{}}})
	big := guestSpec(t)
	base := tiny(nil, nil)
	var tr trend
	fds, goroutines := 0, 0
	begin := time.Now()
	for i := range n {
		// A module name: the one custom section that makes other code of it.
		name := strconv.Itoa(i)
		named := append(append(str("name"), 0, byte(len(name)+1)), str(name)...)
		small := Spec{Name: "tiny", Module: append(slices.Clone(base), section(0, named)...)}
		big.Limits.Memory = int64(32+i/10%2) << 20
		f.swap(t, []Config{{ID: uint64(i), Plugin: "guest", Value: words("pri.e", fmt.Sprint("word", i))}}, small, big)
		if _, err := f.one("tiny", "x"); err != nil {
			t.Fatal(err)
		}
		ev := &abi.Event{Stage: abi.StageMessage, ConfigID: uint64(i), Sender: "message", PartCount: 2}
		if _, err := f.Call(context.Background(), "guest", ev, testMessage()); err != nil {
			t.Fatal(err)
		}
		if i%max(1, n/40) == 0 {
			tr.sample(t)
			if i == 0 {
				fds, goroutines = descriptors(), runtime.NumGoroutine()
			}
		}
	}
	t.Logf("%d reloads in %v", n, time.Since(begin).Round(time.Millisecond))
	tr.flat(t, soakNoise)
	if now := descriptors(); now > fds+3 {
		t.Errorf("%d descriptors, there were %d", now, fds)
	}
	if now := runtime.NumGoroutine(); now > goroutines+3 {
		t.Errorf("%d goroutines, there were %d", now, goroutines)
	}
	if list, _ := os.ReadDir(f.opts.CacheDir); len(list) > 80 {
		t.Errorf("%d entries in the cache", len(list))
	}
	if err := f.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func descriptors() int {
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}

// TestSoakCalls calls a Go guest from several sessions, now and then with what
// makes it fail.
func TestSoakCalls(t *testing.T) {
	n := 100 * soak(t, 120)
	f := newFixture(t)
	f.Host = NewHost(Options{CacheDir: cacheDir(), Lists: testLists{}, KV: newTestKV(), Metrics: &counters{m: map[string]int64{}}})
	f.swap(t, []Config{{ID: 1, Plugin: "guest", Value: words("pri.e")}}, guestSpec(t))
	const rounds = 40
	var tr trend
	begin := time.Now()
	for range rounds {
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range n / rounds / 4 {
					what := []string{"typical", ""}[(i+w)%2]
					switch {
					case i%997 == 996:
						what = "panic"
					case i%50 == 49:
						what = "message"
					}
					ev := &abi.Event{Stage: abi.StageMessage, ConfigID: 1, Tenant: "acme", Sender: what, PartCount: 2}
					if _, err := f.Call(context.Background(), "guest", ev, testMessage()); err != nil && what != "panic" {
						t.Error(what, err)
						return
					}
				}
			})
		}
		wg.Wait()
		tr.sample(t)
	}
	st := f.Plugins()[0]
	t.Logf("%d calls in %v, p50 %v, p99 %v, linear memory %.1f MiB in %d instances", st.Calls, time.Since(begin).Round(time.Millisecond), st.P50, st.P99,
		float64(st.Memory)/(1<<20), st.Instances)
	tr.flat(t, soakNoise)
	if err := f.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
