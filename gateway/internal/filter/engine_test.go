package filter

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// TestBodiesAreForgotten tells when wazero has become another one.
func TestBodiesAreForgotten(t *testing.T) {
	ctx := context.Background()
	// (module (func (export "f") (result i32) (i32.const 42)))
	module := []byte("\x00asm\x01\x00\x00\x00\x01\x05\x01\x60\x00\x01\x7f\x03\x02\x01\x00\x07\x05\x01\x01f\x00\x00\x0a\x06\x01\x04\x00\x41\x2a\x0b")
	cache := wazero.NewCompilationCache()
	defer cache.Close(ctx)
	for range 2 { // the second finds the code in the engine
		r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCompilationCache(cache))
		m, err := r.CompileModule(ctx, module)
		if err != nil {
			t.Fatal(err)
		}
		if n := forgetBodies(m); n != 3 {
			t.Errorf("%d octets of code were dropped, want 3", n)
		}
		in, err := r.InstantiateModule(ctx, m, wazero.NewModuleConfig())
		if err != nil {
			t.Fatal(err)
		}
		res, err := in.ExportedFunction("f").Call(ctx)
		if err != nil || api.DecodeI32(res[0]) != 42 {
			t.Error(res, err)
		}
		if err := r.Close(ctx); err != nil {
			t.Error(err)
		}
	}
}

func TestEnginesAreShared(t *testing.T) {
	var e engines
	dir := t.TempDir()
	a, giveA, err := e.take(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, giveB, err := e.take(dir)
	if err != nil || a != b {
		t.Fatal("two engines for one code", err)
	}
	other, giveOther, err := e.take(t.TempDir())
	if err != nil || other == a {
		t.Fatal("one engine for two codes", err)
	}
	for _, give := range []func() error{giveA, giveB, giveOther} {
		if err := give(); err != nil {
			t.Error(err)
		}
	}
	if len(e.open) != 0 {
		t.Errorf("%d engines stay", len(e.open))
	}
}
