package filter

import (
	"context"
	"reflect"
	"sync"

	"github.com/tetratelabs/wazero"
)

// engines are those in use, by the cache entry of their machine code. wazero
// counts who has compiled a module in an engine, so one serves all runtimes of
// the same metered module.
type engines struct {
	mu   sync.Mutex
	open map[string]*engine
}

type engine struct {
	cache wazero.CompilationCache
	users int
}

// take gives the engine of a cache entry, and what to call when done with it:
// the last one's call frees it.
func (e *engines) take(dir string) (wazero.CompilationCache, func() error, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := e.open[dir]
	if n == nil {
		c, err := wazero.NewCompilationCacheWithDir(dir)
		if err != nil {
			return nil, nil, err
		}
		n = &engine{cache: c}
		if e.open == nil {
			e.open = map[string]*engine{}
		}
		e.open[dir] = n
	}
	n.users++
	return n.cache, func() error {
		e.mu.Lock()
		defer e.mu.Unlock()
		if n.users--; n.users > 0 {
			return nil
		}
		delete(e.open, dir)
		return n.cache.Close(context.Background())
	}, nil
}

// forgetBodies drops the functions' Wasm that a compiled module keeps: some 4 MiB
// for a large Go guest, and of no use once there is machine code. wazero has no
// way to ask for it, so it is done by reflection; where the implementation is
// another than is known, nothing happens (TestBodiesAreForgotten tells).
func forgetBodies(m wazero.CompiledModule) (dropped int) {
	v := reflect.ValueOf(m)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return 0
	}
	module := v.Elem().FieldByName("module")
	if module.Kind() != reflect.Pointer || module.Type().Elem().Kind() != reflect.Struct {
		return 0
	}
	code := reflect.NewAt(module.Type().Elem(), module.UnsafePointer()).Elem().FieldByName("CodeSection")
	if code.Kind() != reflect.Slice || code.Type().Elem().Kind() != reflect.Struct {
		return 0
	}
	for i := range code.Len() {
		body := code.Index(i).FieldByName("Body")
		if body.Kind() != reflect.Slice || body.Type().Elem().Kind() != reflect.Uint8 || !body.CanSet() {
			return dropped
		}
		dropped += body.Len()
		body.SetZero()
	}
	return dropped
}
