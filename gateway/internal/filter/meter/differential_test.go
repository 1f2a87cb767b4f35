package meter

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// twin is a runtime in which modules run plain, or metered with a tick at
// nearly every payment.
type twin struct {
	r     wazero.Runtime
	ticks int
	calls []uint64 // of the import

	returned, trapped int // calls
}

func newTwin(t testing.TB) *twin {
	t.Helper()
	ctx := context.Background()
	w := &twin{r: wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2).WithMemoryLimitPages(64))}
	t.Cleanup(func() { w.r.Close(ctx) })
	_, err := w.r.NewHostModuleBuilder(Module).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(func(context.Context, api.Module, []uint64) { w.ticks++ }), nil, nil).
		Export(Function).Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	i32 := []api.ValueType{api.ValueTypeI32}
	_, err = w.r.NewHostModuleBuilder("h").NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, _ api.Module, st []uint64) {
			w.calls = append(w.calls, uint64(uint32(st[0]))) // the upper half of an i32 is anything
			st[0] = uint64(uint32(st[0])*2654435761 + 12345)
		}), i32, i32).Export("f").Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// outcome is all that can be seen of a module after a call.
type outcome struct {
	err     string
	results []uint64
	globals []uint64
	memory  []byte
	calls   []uint64
}

// play runs every function a few times and gives what was to be seen after each.
func (w *twin) play(t *testing.T, wasm []byte, sigs []signature, args []uint64) (outs []outcome, refused error) {
	ctx := context.Background()
	w.calls = nil
	cm, err := w.r.CompileModule(ctx, wasm)
	if err != nil {
		return nil, err
	}
	defer cm.Close(ctx)
	m, err := w.r.InstantiateModule(ctx, cm, wazero.NewModuleConfig().WithName(""))
	look := func(results []uint64, err error) {
		text := firstLine(err)
		if _, rest, ok := strings.Cut(text, "] failed: "); ok {
			text = rest // wazero's own words for the start function
		}
		o := outcome{err: text, results: results, calls: slices.Clone(w.calls)}
		if m != nil {
			for i := 0; ; i++ {
				g := m.ExportedGlobal(name('g', i))
				if g == nil {
					break
				}
				o.globals = append(o.globals, g.Get())
			}
			b, _ := m.Memory().Read(0, m.Memory().Size())
			o.memory = bytes.Clone(b)
		}
		outs = append(outs, o)
	}
	if err == nil {
		if f := m.ExportedFunction(Start); f != nil {
			_, err = f.Call(ctx)
		}
	}
	if err != nil { // its start function
		m = nil
		look(nil, err)
		return outs, nil
	}
	defer m.Close(ctx)
	look(nil, nil)
	for round := range 2 {
		for i, s := range sigs[2:] {
			m.ExportedGlobal("g0").(api.MutableGlobal).Set(genBudget)
			in := make([]uint64, len(s.params))
			for k, p := range s.params {
				in[k] = args[(round+i+k)%len(args)]
				switch p {
				case typeI32:
					in[k] = uint64(uint32(in[k]))
				case typeF32:
					in[k] = api.EncodeF32(float32(int32(in[k])) / 3)
				case typeF64:
					in[k] = api.EncodeF64(float64(int64(in[k])) / 3)
				}
			}
			res, err := m.ExportedFunction(name('f', i)).Call(ctx, in...)
			for k := range res {
				if t := s.results[k]; t == typeI32 || t == typeF32 {
					res[k] = uint64(uint32(res[k]))
				}
			}
			if err == nil {
				w.returned++
			} else {
				w.trapped++
			}
			look(res, err)
		}
	}
	return outs, nil
}

// differ compares a generated module plain and metered.
func differ(t *testing.T, plain, metered *twin, data []byte) (ran bool) {
	t.Helper()
	wasm, sigs := generate(data)
	out, _, err := Instrument(wasm, Options{Interval: 1 + uint32(len(data)%97)})
	if errors.Is(err, ErrUnsupported) {
		return false // too large a function, say
	}
	if err != nil {
		t.Fatalf("%v\n%x", err, wasm)
	}
	args := []uint64{0, 1, 0xffffffffffffffff, uint64(len(data)), 0x8000000080000000, 0x10000, 77}
	a, aerr := plain.play(t, wasm, sigs, args)
	if aerr != nil {
		t.Fatalf("the generator made what is not valid: %v\n%x", aerr, wasm)
	}
	b, berr := metered.play(t, out, sigs, args)
	if berr != nil {
		t.Fatalf("became invalid: %v\n%x", berr, wasm)
	}
	if len(a) != len(b) {
		t.Fatalf("%d outcomes plain, %d metered\n%x", len(a), len(b), wasm)
	}
	for i := range a {
		x, y := &a[i], &b[i]
		switch {
		case x.err != y.err:
			t.Fatalf("call %d: plain %q, metered %q\n%x", i, x.err, y.err, wasm)
		case !slices.Equal(x.results, y.results):
			t.Fatalf("call %d: plain %x, metered %x\n%x", i, x.results, y.results, wasm)
		case !slices.Equal(x.globals, y.globals):
			t.Fatalf("call %d: globals plain %x, metered %x\n%x", i, x.globals, y.globals, wasm)
		case !slices.Equal(x.calls, y.calls):
			t.Fatalf("call %d: host calls plain %x, metered %x\n%x", i, x.calls, y.calls, wasm)
		case !bytes.Equal(x.memory, y.memory):
			t.Fatalf("call %d: memories differ\n%x", i, wasm)
		}
	}
	return true
}

// TestDifferential compares some hundred modules of a fixed seed, and sees that
// they do what modules do.
func TestDifferential(t *testing.T) {
	plain, metered := newTwin(t), newTwin(t)
	rnd := rand.New(rand.NewPCG(3, 14))
	ran := 0
	n := 400
	if testing.Short() {
		n = 50
	}
	for range n {
		data := make([]byte, 20+rnd.IntN(1500))
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		if differ(t, plain, metered, data) {
			ran++
		}
	}
	t.Logf("%d of %d modules compared, %d calls that returned, %d that trapped, %d ticks", ran, n, metered.returned, metered.trapped, metered.ticks)
	if ran < n*9/10 || metered.ticks < 100*ran || metered.returned < ran || metered.trapped < ran/10 {
		t.Errorf("%d of %d modules, %d ticks", ran, n, metered.ticks)
	}
}

// FuzzDifferential: a metered module computes what the plain one does, traps
// where it traps, and leaves the same memory and globals.
func FuzzDifferential(f *testing.F) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 10, 100, 400, 1000} {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		f.Add(data)
	}
	plain, metered := newTwin(f), newTwin(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4000 {
			t.Skip("more than a module takes")
		}
		differ(t, plain, metered, data)
	})
}
