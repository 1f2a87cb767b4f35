package meter

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
)

// Modules that are small, or within every cap of size, and slow or large to
// compile. n is how often the nasty thing stands in one function, k how many
// such functions there are.

func uleb(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func sect(id byte, items ...[]byte) []byte {
	b := bytes.Join(items, nil)
	return append(append([]byte{id}, uleb(len(b))...), b...)
}

// shape is a module with a memory and k functions () -> () of one body, behind
// one function without parameters of type 1.
type shape struct {
	types  []byte // further types, with their number
	ntypes int
	locals []byte // as a body begins
	code   []byte // of the k functions
	extra  []byte // sections between memory and code
	tail   []byte // sections behind code
}

func (s shape) module(k int) []byte {
	if s.locals == nil {
		s.locals = []byte{0}
	}
	body := func(locals, code []byte) []byte {
		b := append(append(bytes.Clone(locals), code...), opEnd)
		return append(uleb(len(b)), b...)
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	out = append(out, sect(secType, uleb(2+s.ntypes), []byte{0x60, 0, 0, 0x60, 0}, uleb(MaxSignature), bytes.Repeat([]byte{typeI64}, MaxSignature), s.types)...)
	out = append(out, sect(secFunction, uleb(k+1), []byte{1}, make([]byte, k))...)
	out = append(out, sect(secMemory, []byte{1, 0, 1})...)
	out = append(out, s.extra...)
	out = append(out, sect(secCode, uleb(k+1), body([]byte{0}, []byte{opUnreachable}), bytes.Repeat(body(s.locals, s.code), k))...)
	return append(out, s.tail...)
}

func repeat(n int, code ...byte) []byte { return bytes.Repeat(code, n) }

// nest is n loops within one another over l locals, all of which change.
func nest(n, l int) shape {
	code := repeat(n, opLoop, blockVoid)
	for i := range 4 * l {
		code = append(append(code, opLocalGet), uleb(i%l)...)
		code = append(append(code, opI32Const, 1, opI32Add, opLocalSet), uleb((5*i+1)%l)...)
	}
	for i := range n {
		code = append(append(code, opLocalGet), uleb(i%l)...)
		code = append(code, opBrIf, 0, opEnd)
	}
	return shape{locals: append(append([]byte{1}, uleb(l)...), typeI32), code: code}
}

const opI32Mul, opI32Store = 0x6c, 0x36

// row is n loops one behind the other over l locals.
func row(n, l int) shape {
	var code []byte
	for i := range n {
		code = append(append(code, opLoop, blockVoid, opLocalGet), uleb(i%l)...)
		code = append(append(code, opLocalGet), uleb((3*i+1)%l)...)
		code = append(append(code, opI32Add, opLocalTee), uleb((5*i+1)%l)...)
		code = append(code, opBrIf, 0, opEnd)
	}
	return shape{locals: append(append([]byte{1}, uleb(l)...), typeI32), code: code}
}

// merge is n ifs, each of which changes one of l locals.
func merge(n, l int) shape {
	var code []byte
	for i := range n {
		code = append(code, opLocalGet, 0, opIf, blockVoid, opLocalGet)
		code = append(append(code, uleb(i%l)...), opI32Const, 1, opI32Add, opLocalSet)
		code = append(append(code, uleb((i*7+3)%l)...), opEnd)
	}
	return shape{locals: append(append([]byte{1}, uleb(l)...), typeI32), code: code}
}

func bombs() map[string]func(n int) shape {
	two := []byte{1, 2, typeI32}
	return map[string]func(n int) shape{
		"calls": func(n int) shape { return shape{code: append(repeat(n, opCall, 0), opUnreachable)} },
		"branches": func(n int) shape {
			return shape{code: append(append([]byte{opBlock, 1, opCall, 0}, repeat(n, opI32Const, 0, opBrIf, 0)...), opEnd, opUnreachable)}
		},
		"br_table": func(n int) shape {
			return shape{code: append(append([]byte{opI32Const, 0, opBrTable}, uleb(n)...), make([]byte, n+1)...)}
		},
		"br_tables": func(n int) shape {
			return shape{code: repeat(n, opBlock, blockVoid, opI32Const, 0, opBrTable, 1, 0, 0, opEnd)}
		},
		"loops":     func(n int) shape { return shape{code: repeat(n, opLoop, blockVoid, opEnd)} },
		"nest 16":   func(n int) shape { return nest(n, 16) },
		"nest 240":  func(n int) shape { return nest(n, 240) },
		"merge 16":  func(n int) shape { return merge(n, 16) },
		"merge 100": func(n int) shape { return merge(n, 100) },
		"row 16":    func(n int) shape { return row(n, 16) },
		"row 240":   func(n int) shape { return row(n, 240) },
		"chain": func(n int) shape {
			return shape{locals: two, code: append(append([]byte{opI32Const, 0, opLocalGet, 0}, repeat(n, opLocalGet, 1, opI32Add, opI32Const, 9, opI32Mul)...), opI32Store, 0, 0)}
		},
		"wide": func(n int) shape {
			return shape{locals: two, code: append(append(append([]byte{opI32Const, 0}, repeat(n, opLocalGet, 0, opI32Const, 5, opI32Mul, opLocalTee, 0)...), repeat(n-1, opI32Add)...), opI32Store, 0, 0)}
		},
		"divs": func(n int) shape {
			return shape{locals: two, code: append(append([]byte{opI32Const, 0, opLocalGet, 0}, repeat(n, opLocalGet, 1, 0x6d)...), opI32Store, 0, 0)}
		},
		"fills": func(n int) shape {
			return shape{locals: two, code: repeat(n, opLocalGet, 0, opLocalGet, 0, opLocalGet, 0, opMisc, miscMemoryFill, 0)}
		},
		"loads": func(n int) shape {
			return shape{locals: two, code: repeat(n, opLocalGet, 0, opFirstLoad, 0, 0, opLocalSet, 0)}
		},
	}
}

// TestEffortIsBounded: what is small and slow to compile is refused, in one
// function and spread over many.
func TestEffortIsBounded(t *testing.T) {
	for _, c := range []struct {
		name string
		n, k int
		want string
	}{
		{"calls", 10_000, 1, "compiling the function"}, // 21 KB: 6 s and 2.9 GB
		{"calls", 300, 100, "for a module"},
		{"branches", 5_000, 1, "compiling the function"},
		{"branches", 100, 100, "for a module"},
		{"br_table", 100_000, 20, "for a module"},
		{"br_tables", 12_000, 1, "compiling the function"},
		{"br_tables", 1_000, 1_000, "for a module"},
		{"loops", 40_000, 1, "compiling the function"}, // 120 KB: minutes
		{"loops", 300, 1_000, "for a module"},
		{"nest 16", 1_000, 100, "for a module"},
		{"nest 240", 1_000, 1, "compiling the function"}, // 45 s
		{"nest 240", 60, 500, "for a module"},
		{"row 240", 1_000, 100, "for a module"},
		{"merge 16", 10_500, 1, "compiling the function"},
		{"merge 100", 2_400, 500, "for a module"},
		{"fills", 14_000, 1, "compiling the function"}, // 21 s
		{"fills", 300, 1_000, "for a module"},
		{"loads", 18_000, 100, "for a module"},
		{"divs", 30_000, 100, "for a module"},
		{"chain", 20_000, 100, "for a module"},
	} {
		mod := bombs()[c.name](c.n).module(c.k)
		_, r, err := Instrument(mod, Options{})
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %d in each of %d functions (%d bytes): %v, want %q; effort %d", c.name, c.n, c.k, len(mod), err, c.want, r.Effort)
		}
	}
}

// TestEntitiesAreBounded: entities that cost the compiler far more memory than
// they have bytes.
func TestEntitiesAreBounded(t *testing.T) {
	wide := func(n int, items []byte) []byte { return append(uleb(n), items...) }
	for name, mod := range map[string][]byte{
		"functions":        shape{}.module(MaxFunctions),
		"types":            shape{types: repeat(MaxTypes, 0x60, 0, 0), ntypes: MaxTypes}.module(1),
		"globals":          shape{extra: sect(secGlobal, wide(MaxGlobals+1, repeat(MaxGlobals+1, typeI32, 0, opI32Const, 0, opEnd)))}.module(1),
		"exports":          shape{extra: sect(secExport, wide(MaxExports+1, repeat(MaxExports+1, 0, 0, 0)))}.module(1),
		"element segments": shape{extra: sect(secElement, wide(MaxElements+1, repeat(MaxElements+1, 1, 0, 0)))}.module(1),
		"items":            shape{extra: sect(secElement, []byte{1, 1, 0}, wide(MaxItems+1, make([]byte, MaxItems+1)))}.module(1),
		"data segments":    shape{tail: sect(secData, wide(MaxData+1, repeat(MaxData+1, 1, 0)))}.module(1),
	} {
		if _, _, err := Instrument(mod, Options{}); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGoGuestIsFarFromTheLimits keeps room for honest guests.
func TestGoGuestIsFarFromTheLimits(t *testing.T) {
	mod := goGuest(t)
	_, r, err := Instrument(mod, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if perMB := r.Effort * (1 << 20) / int64(r.Size); r.EffortBody > MaxEffortBody/5 || perMB > MaxEffort/10 {
		t.Errorf("effort %d, %d for each MB, worst function %d", r.Effort, perMB, r.EffortBody)
	}
}

// BenchmarkCompile compares the estimate with what the compiler takes.
func BenchmarkCompile(b *testing.B) {
	for _, c := range []struct {
		name string
		n, k int
	}{
		{"calls", 1, 300}, {"calls", 300, 1}, {"branches", 10, 30}, {"branches", 300, 1}, {"br_table", 1000, 100}, {"br_table", 30_000, 1},
		{"br_tables", 300, 30}, {"br_tables", 3000, 1}, {"loops", 10, 1000}, {"loops", 1000, 1}, {"nest 16", 400, 2}, {"nest 240", 10, 30}, {"nest 240", 60, 10},
		{"row 16", 1000, 1}, {"row 240", 300, 5}, {"merge 16", 3000, 1}, {"merge 100", 2400, 1}, {"fills", 30, 100}, {"fills", 1000, 1},
		{"loads", 300, 100}, {"loads", 18_000, 2}, {"divs", 300, 100}, {"divs", 30_000, 1}, {"chain", 20_000, 1}, {"wide", 3000, 3},
	} {
		b.Run(fmt.Sprintf("%s/%dx%d", c.name, c.n, c.k), func(b *testing.B) {
			out, r, err := Instrument(bombs()[c.name](c.n).module(c.k), Options{})
			if err != nil {
				b.Fatal(err)
			}
			ctx := context.Background()
			for b.Loop() {
				rt := wazero.NewRuntime(ctx)
				if _, err := rt.CompileModule(ctx, out); err != nil {
					b.Fatal(err)
				}
				rt.Close(ctx)
			}
			b.ReportMetric(float64(r.Effort)*float64(b.N)/float64(b.Elapsed()), "units/ns")
		})
	}
}
