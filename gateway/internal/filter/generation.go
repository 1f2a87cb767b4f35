package filter

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
	"github.com/tetratelabs/wazero"
)

// generation is one (module, grants, limits) of a plugin: a runtime of its own
// and a pool. It is counted: retire closes it when the last call has returned.
type generation struct {
	name        string
	key         string // what makes it another generation
	digest      string
	manifest    *manifest.Manifest
	grants      map[string][]string // in effect
	limits      Limits
	memory      int64
	isolated    bool
	image       []string // exported globals that an image has
	restorable  bool     // an image of memory and globals is all there is
	initTimeout time.Duration
	opts        *Options
	log         *slog.Logger
	loaded      time.Time
	loadTime    time.Duration

	code     string       // folder of its machine code in the cache
	release  func() error // gives the engine back
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	pool     pool
	breaker  breaker
	stats    *stats    // of the plugin
	took     histogram // calls of this generation

	mu       sync.Mutex
	refs     int
	retired  bool
	gone     chan struct{} // closed when all is freed
	sets     map[setKey]patternSet
	setsSize int
	counters map[string]bool
}

func (g *generation) net() bool {
	for _, kind := range []string{"dns", "http", "dial"} {
		if _, ok := g.grants[kind]; ok {
			return true
		}
	}
	return false
}

// subscribes reports whether there is a hook for a stage.
func (g *generation) subscribes(s abi.Stage) bool { return g.manifest.Subscribes(s) }

// enter counts a call in; false once the generation is retired.
func (g *generation) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.retired {
		return false
	}
	g.refs++
	return true
}

func (g *generation) leave() {
	g.mu.Lock()
	g.refs--
	last := g.retired && g.refs == 0
	g.mu.Unlock()
	if last {
		g.free()
	}
}

// retire lets no more calls in, and frees everything once the last is out.
func (g *generation) retire() {
	g.mu.Lock()
	last := !g.retired && g.refs == 0
	g.retired = true
	g.mu.Unlock()
	if last {
		g.free()
	}
}

// free closes pool, runtime and compiled code. No guest runs any more.
func (g *generation) free() {
	ctx := context.Background()
	g.pool.close()
	if g.runtime != nil {
		if err := g.runtime.Close(ctx); err != nil {
			g.log.Warn("closing a plugin's runtime", "error", err)
		}
	}
	if g.compiled != nil {
		if err := g.compiled.Close(ctx); err != nil {
			g.log.Warn("closing a plugin's compiled code", "error", err)
		}
	}
	if g.release != nil {
		if err := g.release(); err != nil {
			g.log.Warn("closing a plugin's engine", "error", err)
		}
	}
	close(g.gone)
}
