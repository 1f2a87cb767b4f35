package filter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter/compile"
	"github.com/mailweir/weir/gateway/internal/filter/meter"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/tetratelabs/wazero"
)

const pageSize = 64 << 10

// digestOf is how digests are written.
func digestOf(module []byte) string {
	d := sha256.Sum256(module)
	return "sha256:" + hex.EncodeToString(d[:])
}

// generationKey tells generations apart: only a changed module, grant or limit
// makes another one. Deadlines and waits are looked at for each call.
func generationKey(s *Spec, digest string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %d %d %v %v", s.Name, digest, s.Limits.memory(), s.Limits.Instances, s.Isolated, s.Trusted)
	kinds := make([]string, 0, len(s.Grants))
	for k := range s.Grants {
		kinds = append(kinds, k)
	}
	sort.Strings(kinds)
	for _, k := range kinds {
		fmt.Fprintf(&b, " %q=%q", k, s.Grants[k])
	}
	return b.String()
}

// load runs the pipeline: size, digest, manifest, grants, shape and metering,
// compile, imports and exports, one instance, a conformance call. A broken
// plugin fails here and not at a message.
func (h *Host) load(ctx context.Context, s *Spec, key, digest string, st *stats) (_ *generation, err error) {
	begin := time.Now()
	if len(s.Module) > meter.MaxModule {
		return nil, fmt.Errorf("the module has %d octets; at most %d", len(s.Module), meter.MaxModule)
	}
	if s.Digest != "" && !strings.EqualFold(s.Digest, digest) {
		return nil, fmt.Errorf("the module is %s, and the policy pins %s: it was changed, or the pin is old", digest, s.Digest)
	}
	m, err := ReadManifest(s.Module)
	if err != nil {
		return nil, err
	}
	if m.Minor > abi.Minor {
		return nil, fmt.Errorf("needs ABI %d.%d; this version of weir has %d.%d", m.ABI, m.Minor, abi.Major, abi.Minor)
	}
	grants, err := effective(m, s.Grants)
	if err != nil {
		return nil, err
	}
	metered, report, err := meter.Instrument(s.Module, meter.Options{Image: s.Isolated})
	if err != nil {
		return nil, err
	}
	memory := s.Limits.memory()
	if least := int64(report.MemoryMin) * pageSize; least > memory {
		return nil, fmt.Errorf("needs %d MiB of memory to start, and its limit is %d MiB", (least+1<<20-1)>>20, memory>>20)
	}

	g := &generation{
		name: s.Name, key: key, digest: digest, manifest: m, grants: grants, limits: s.Limits, memory: memory, isolated: s.Isolated, initTimeout: h.initTimeout,
		opts: &h.opts, log: h.opts.Logger.With("plugin", s.Name), loaded: h.opts.Clock(),
		image: report.Image, restorable: report.Restorable,
		stats: st, gone: make(chan struct{}), sets: map[setKey]patternSet{}, counters: map[string]bool{},
	}
	g.pool.start, g.pool.max = g.newInstance, s.Limits.instances(g.net())
	defer func() {
		if err != nil {
			g.retire()
		}
	}()
	if err := g.compile(ctx, metered, s.Trusted, h); err != nil {
		return nil, err
	}
	in, err := g.pool.get(ctx, "", 0)
	if err != nil {
		return nil, err
	}
	if err := in.conform(ctx); err != nil {
		g.pool.put(in, "", false, h.opts.Clock())
		return nil, err
	}
	g.pool.put(in, "", !in.spent(), h.opts.Clock())
	g.loadTime = time.Since(begin)
	g.log.Info("plugin loaded", "version", m.Version, "digest", digest, "took", g.loadTime, "loops", report.Loops, "memory", memory)
	return g, nil
}

// compile makes the generation's runtime. Generations of one program (plugins
// that differ in their manifests, a plugin whose grants changed) share an engine,
// and so its machine code, which goes with the last of them.
//
// The compiler runs in a process of its own (package compile), for the
// gateway's own plugins as well, whose compilation takes memory too. Where no
// process can be started those are compiled here; a stranger's is refused.
func (g *generation) compile(ctx context.Context, metered []byte, trusted bool, h *Host) (err error) {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	c := compile.Compiler{Dir: g.opts.CacheDir, Log: g.log, Program: h.program}
	if c.Dir == "" {
		if c.Dir, err = os.MkdirTemp("", "weir-compile-"); err != nil {
			return fmt.Errorf("a folder to compile in: %w", err)
		}
		defer os.RemoveAll(c.Dir)
	}
	var cache wazero.CompilationCache
	dir, err := c.Entry(ctx, metered)
	switch {
	case err == nil:
		g.code = dir
		cache, g.release, err = h.engines.take(dir)
	case errors.Is(err, compile.ErrNoProcess) && trusted:
		g.log.Warn("compiling a plugin in this process", "error", err)
		cache, err = wazero.NewCompilationCache(), nil
		g.release = func() error { return cache.Close(context.Background()) }
	}
	if err != nil {
		return err
	}
	g.runtime = wazero.NewRuntimeWithConfig(ctx, compile.Config().
		WithMemoryLimitPages(uint32(g.memory/pageSize)).WithCompilationCache(cache))
	if g.compiled, err = g.runtime.CompileModule(ctx, metered); err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return fmt.Errorf("compiling it: %s", first)
	}
	forgetBodies(g.compiled)
	if err := checkExports(g.compiled); err != nil {
		return err
	}
	if err := checkImports(g.compiled, g.manifest, g.grants, trusted); err != nil {
		return err
	}
	return link(ctx, g.runtime, g.manifest, g.grants, trusted)
}

func checkExports(cm wazero.CompiledModule) error {
	if _, ok := cm.ExportedMemories()[abi.ExportMemory]; !ok {
		return errors.New(`does not export its memory as "memory"`)
	}
	have := cm.ExportedFunctions()
	if _, ok := have["_start"]; ok {
		return errors.New("is a command (it exports _start) and no plugin; a Go plugin is built with -buildmode=c-shared")
	}
	for _, e := range []struct {
		name, params, results string
		optional              bool
	}{
		{abi.ExportVersion, "", "", false},
		{abi.ExportHook, "ii", "i", false},
		{abi.ExportInit, "i", "i", true},
		{"_initialize", "", "", true},
	} {
		f, ok := have[e.name]
		switch {
		case !ok && e.optional:
		case !ok:
			return fmt.Errorf("does not export %s; is it a plugin of ABI version %d?", e.name, abi.Major)
		case string(f.ParamTypes()) != string(types(e.params)) || string(f.ResultTypes()) != string(types(e.results)):
			return fmt.Errorf("exports %s with another type than (%s) -> (%s)", e.name, e.params, e.results)
		}
	}
	return nil
}
