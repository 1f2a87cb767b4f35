package meter

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

var errDeadline = errors.New("deadline")

// watched is a runtime whose tick ends a call after its deadline.
type watched struct {
	wazero.Runtime
	until time.Time // zero: never
	ticks int
}

func newWatched(t testing.TB) *watched {
	t.Helper()
	ctx := context.Background()
	w := &watched{Runtime: wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithMemoryLimitPages(1024))}
	t.Cleanup(func() { w.Close(ctx) })
	wasi_snapshot_preview1.MustInstantiate(ctx, w)
	_, err := w.NewHostModuleBuilder(Module).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(func(context.Context, api.Module, []uint64) {
			w.ticks++
			if !w.until.IsZero() && time.Now().After(w.until) {
				panic(errDeadline)
			}
			runtime.Gosched()
		}), nil, nil).Export(Function).Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *watched) instance(t testing.TB, wasm []byte) api.Module {
	t.Helper()
	m, err := w.InstantiateWithConfig(context.Background(), wasm,
		wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize").WithSysNanotime().WithSysWalltime())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func instrumented(t testing.TB, wasm []byte) []byte {
	t.Helper()
	out, _, err := Instrument(wasm, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// goGuest builds testdata/goguest once for all tests.
func goGuest(t testing.TB) []byte {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a Go guest")
	}
	out := filepath.Join(t.TempDir(), "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-o", out, "main.go")
	cmd.Dir = filepath.Join("testdata", "goguest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the guest: %v\n%s", err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDeadline runs guests that never end: tick must stop each near its
// deadline, and the rest of the process must go on meanwhile.
func TestDeadline(t *testing.T) {
	const deadline = 30 * time.Millisecond
	// Slack is for a loaded machine. Unmetered, each of them runs for ever.
	const slack = 800 * time.Millisecond
	wasm := instrumented(t, fixture(t, "hostile.wasm"))
	w := newWatched(t)
	for _, fn := range []string{"spin", "br_table", "nested", "params", "recursion", "indirect", "leaves", "fill", "copy", "init",
		"misses", "grow", "table_grow", "table_fill", "table_copy", "table_init"} {
		t.Run(fn, func(t *testing.T) {
			stops(t, w, w.instance(t, wasm), fn, deadline, slack)
		})
	}
}

func stops(t *testing.T, w *watched, m api.Module, fn string, deadline, slack time.Duration) {
	t.Helper()
	w.ticks = 0
	f := m.ExportedFunction(fn)
	args := make([]uint64, len(f.Definition().ParamTypes()))
	start := time.Now()
	w.until = start.Add(deadline)
	_, err := f.Call(context.Background(), args...)
	took := time.Since(start)
	w.until = time.Time{}
	if !errors.Is(err, errDeadline) {
		t.Fatalf("%v, want the deadline", err)
	}
	if took > deadline+slack {
		t.Errorf("stopped after %v, deadline %v", took, deadline)
	}
	t.Logf("%.2f ms past its deadline, %d ticks", float64(took-deadline)/1e6, w.ticks)
}

// TestCollectorRuns: with a guest in an endless loop, garbage collections of
// the process go on, because tick lets Go stop the world.
func TestCollectorRuns(t *testing.T) {
	w := newWatched(t)
	m := w.instance(t, instrumented(t, fixture(t, "hostile.wasm")))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan error)
	w.until = time.Now().Add(300 * time.Millisecond)
	go func() {
		_, err := m.ExportedFunction("spin").Call(context.Background())
		done <- err
	}()
	for time.Now().Before(w.until) {
		runtime.GC()
	}
	if err := <-done; !errors.Is(err, errDeadline) {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.NumGC - before.NumGC; n < 3 {
		t.Errorf("%d collections in 300 ms beside a looping guest", n)
	}
}

func TestTableMaximumIsAdded(t *testing.T) {
	w := newWatched(t)
	m := w.instance(t, instrumented(t, fixture(t, "hostile.wasm")))
	res, err := m.ExportedFunction("table_max").Call(context.Background())
	if err != nil || int32(res[0]) != -1 {
		t.Fatalf("growing past MaxTable: %v, %v", res, err)
	}
}

// TestGoGuest compares what a Go guest computes plain and metered, and stops it.
func TestGoGuest(t *testing.T) {
	wasm := goGuest(t)
	metered, rep, err := Instrument(wasm, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", rep)
	w := newWatched(t)
	p, m := w.instance(t, wasm), w.instance(t, metered)
	ctx := context.Background()
	for _, args := range [][]uint64{{1, 100}, {77, 20_000}, {123456, 150_000}} {
		a, perr := p.ExportedFunction("work").Call(ctx, args...)
		b, merr := m.ExportedFunction("work").Call(ctx, args...)
		if perr != nil || merr != nil || a[0] != b[0] {
			t.Errorf("work%v: plain %x %v, metered %x %v", args, a, perr, b, merr)
		}
	}
	if w.ticks == 0 {
		t.Error("no ticks")
	}
	stops(t, w, m, "spin", 30*time.Millisecond, 800*time.Millisecond)
}

// TestNamesAreKept: a trace of a metered guest still names its functions.
func TestNamesAreKept(t *testing.T) {
	wasm := goGuest(t)
	w := newWatched(t)
	m := w.instance(t, instrumented(t, wasm))
	w.until = time.Now()
	_, err := m.ExportedFunction("spin").Call(context.Background())
	if err == nil || !strings.Contains(err.Error(), "main.spin") {
		t.Errorf("the trace does not name main.spin: %v", err)
	}
}

func BenchmarkOverhead(b *testing.B) {
	wasm := goGuest(b)
	w := newWatched(b)
	plain, metered := w.instance(b, wasm), w.instance(b, instrumented(b, wasm))
	for _, c := range []struct {
		fn   string
		args []uint64
	}{{"scan", []uint64{1 << 20}}, {"hash", []uint64{1 << 20}}, {"work", []uint64{7, 50_000}}, {"alloc", nil}} {
		for _, v := range []struct {
			name string
			m    api.Module
		}{{"plain", plain}, {"metered", metered}} {
			b.Run(c.fn+"/"+v.name, func(b *testing.B) {
				f := v.m.ExportedFunction(c.fn)
				for b.Loop() {
					if _, err := f.Call(context.Background(), c.args...); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkInstrument(b *testing.B) {
	wasm := goGuest(b)
	b.SetBytes(int64(len(wasm)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Instrument(wasm, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
