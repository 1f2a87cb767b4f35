package meter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// wazeroDir is the folder of wazero's source, which carries the WebAssembly
// specification's test suite.
func wazeroDir(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Skipf("wazero's source is not at hand (%v); the specification's tests are in it", err)
	}
	return dir
}

type specFile struct {
	Commands []specCommand `json:"commands"`
}

type specCommand struct {
	Type       string `json:"type"`
	Line       int    `json:"line"`
	Name       string `json:"name"`
	Filename   string `json:"filename"`
	As         string `json:"as"`
	ModuleType string `json:"module_type"`
	Action     struct {
		Type   string      `json:"type"`
		Args   []specValue `json:"args"`
		Field  string      `json:"field"`
		Module string      `json:"module"`
	} `json:"action"`
}

type specValue struct {
	Type  string `json:"type"`
	Lane  string `json:"lane_type"`
	Value any    `json:"value"`
}

// words gives the value as wazero takes it.
func (v specValue) words(t *testing.T) []uint64 {
	if v.Type != "v128" {
		s, _ := v.Value.(string)
		return []uint64{specNumber(t, s, v.Type)}
	}
	lanes := v.Value.([]any)
	width := 128 / len(lanes)
	var w [2]uint64
	for i, l := range lanes {
		bit := i * width
		x := specNumber(t, l.(string), v.Lane)
		if width < 64 {
			x &= 1<<width - 1
		}
		w[bit/64] |= x << (bit % 64)
	}
	return w[:]
}

func specNumber(t *testing.T, s, typ string) uint64 {
	switch {
	case s == "null" || s == "":
		return 0
	case strings.HasPrefix(s, "nan") && strings.HasSuffix(typ, "32"):
		return uint64(math.Float32bits(float32(math.NaN())))
	case strings.HasPrefix(s, "nan"):
		return math.Float64bits(math.NaN())
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		if typ == "externref" {
			n++ // wazero's null is zero
		}
		return n
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatalf("value %q: %v", s, err)
	}
	if strings.HasSuffix(typ, "32") {
		return uint64(uint32(n))
	}
	return uint64(n)
}

// specWorld is one runtime with the modules of one test file.
type specWorld struct {
	r     wazero.Runtime
	named map[string]api.Module
	last  api.Module
	ticks int
	meter bool
}

func newSpecWorld(t *testing.T, spectest []byte, cfg wazero.RuntimeConfig, meter bool) *specWorld {
	ctx := t.Context()
	w := &specWorld{r: wazero.NewRuntimeWithConfig(ctx, cfg), named: map[string]api.Module{}, meter: meter}
	t.Cleanup(func() { w.r.Close(context.Background()) })
	_, err := w.r.NewHostModuleBuilder(Module).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(func(context.Context, api.Module, []uint64) { w.ticks++ }), nil, nil).
		Export(Function).Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.r.InstantiateWithConfig(ctx, spectest, wazero.NewModuleConfig()); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *specWorld) load(ctx context.Context, wasm []byte, as string) (api.Module, error) {
	if w.meter {
		out, _, err := Instrument(wasm, Options{AnyImports: true, Interval: 5})
		if err != nil {
			return nil, err
		}
		wasm = out
	}
	m, err := w.r.InstantiateWithConfig(ctx, wasm, wazero.NewModuleConfig().WithName(as))
	if err != nil {
		return nil, err
	}
	if f := m.ExportedFunction(Start); f != nil { // plain, wazero calls it
		if _, err := f.Call(ctx); err != nil {
			m.Close(ctx)
			return nil, err
		}
	}
	return m, nil
}

func (w *specWorld) act(t *testing.T, c *specCommand) ([]uint64, []api.ValueType, error) {
	m := w.last
	if c.Action.Module != "" {
		m = w.named[c.Action.Module]
	}
	if m == nil {
		return nil, nil, errors.New("no module")
	}
	if c.Action.Type == "get" {
		return []uint64{m.ExportedGlobal(c.Action.Field).Get()}, nil, nil
	}
	var args []uint64
	for _, a := range c.Action.Args {
		args = append(args, a.words(t)...)
	}
	fn := m.ExportedFunction(c.Action.Field)
	if fn == nil {
		return nil, nil, errors.New("no function " + c.Action.Field)
	}
	res, err := fn.Call(t.Context(), args...)
	return res, fn.Definition().ResultTypes(), err
}

// firstLine leaves the stack trace out, where indices differ.
func firstLine(err error) string {
	if err == nil {
		return ""
	}
	s, _, _ := strings.Cut(err.Error(), "\n")
	s, _, _ = strings.Cut(s, " (recovered")
	return s
}

// TestSpecification runs every module and every call of the WebAssembly 2.0
// test suite twice, plain and metered: both must give the same results, the
// same traps and the same refusals.
func TestSpecification(t *testing.T) {
	root := filepath.Join(wazeroDir(t), "internal", "integration_test", "spectest")
	spectest, err := os.ReadFile(filepath.Join(root, "testdata", "spectest.wasm"))
	if err != nil {
		t.Skip("wazero's source has no spectest.wasm: ", err)
	}
	files, _ := filepath.Glob(filepath.Join(root, "v2", "testdata", "*.json"))
	if len(files) < 100 {
		t.Fatalf("%d test files in %s", len(files), root)
	}
	var modules, calls, ticks, refused int
	for i, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		if testing.Short() && i%8 != 0 {
			continue
		}
		if name == "skip-stack-guard-page" {
			continue // 1,056 locals in each function, past the limit
		}
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var spec specFile
		if err := json.Unmarshal(raw, &spec); err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			cfg := wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2)
			plain, metered := newSpecWorld(t, spectest, cfg, false), newSpecWorld(t, spectest, cfg, true)
			for i := range spec.Commands {
				c := &spec.Commands[i]
				switch c.Type {
				case "module", "assert_malformed", "assert_invalid", "assert_unlinkable", "assert_uninstantiable":
					if c.ModuleType == "text" {
						continue
					}
					wasm, err := os.ReadFile(filepath.Join(filepath.Dir(f), c.Filename))
					if err != nil {
						t.Fatal(err)
					}
					as := ""
					if c.Type == "module" && i+1 < len(spec.Commands) && spec.Commands[i+1].Type == "register" {
						as = spec.Commands[i+1].As
					}
					before := slices.Clone(wasm)
					pm, perr := plain.load(t.Context(), wasm, as)
					mm, merr := metered.load(t.Context(), wasm, as)
					if !bytes.Equal(before, wasm) {
						t.Fatal("Instrument changed its input")
					}
					if (perr == nil) != (merr == nil) {
						t.Errorf("line %d, %s %s: plain %v, metered %v", c.Line, c.Type, c.Filename, firstLine(perr), firstLine(merr))
					}
					if perr != nil {
						refused++
						continue
					}
					modules++
					if c.Type == "module" {
						plain.last, metered.last = pm, mm
						if c.Name != "" {
							plain.named[c.Name], metered.named[c.Name] = pm, mm
						}
					}
				case "assert_return", "action", "assert_trap", "assert_exhaustion":
					calls++
					pv, types, perr := plain.act(t, c)
					mv, _, merr := metered.act(t, c)
					if firstLine(perr) != firstLine(merr) {
						t.Errorf("line %d %s: plain %q, metered %q", c.Line, c.Action.Field, firstLine(perr), firstLine(merr))
					}
					if perr == nil && !sameResults(pv, mv, types) {
						t.Errorf("line %d %s: plain %x, metered %x", c.Line, c.Action.Field, pv, mv)
					}
				}
			}
			ticks += metered.ticks
		})
	}
	t.Logf("%d modules, %d refused, %d calls, %d ticks", modules, refused, calls, ticks)
	if !testing.Short() && (modules < 1000 || refused < 1000 || calls < 40000 || ticks < 1000) {
		t.Errorf("the suite has shrunk: %d modules, %d refused, %d calls, %d ticks", modules, refused, calls, ticks)
	}
}

// sameResults compares bit by bit; references are addresses, and only their
// being null can be compared.
func sameResults(a, b []uint64, types []api.ValueType) bool {
	if len(a) != len(b) {
		return false
	}
	refs := slices.Contains(types, api.ValueTypeExternref) || slices.Contains(types, 0x70)
	for i := range a {
		if refs && (a[i] == 0) == (b[i] == 0) {
			continue
		}
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
