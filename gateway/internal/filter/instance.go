package filter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter/meter"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// instance is one guest with its memory. One goroutine at a time uses it.
type instance struct {
	gen  *generation
	mod  api.Module
	mem  experimental.LinearMemory
	img  *image // of an isolated plugin
	hook api.Function
	ctx  context.Context // carries the instance to the host functions
	call *call           // the one that runs, nil between calls

	calls int
	depth stackSize       // of the function that was called
	deep  stackSize       // of hook
	size  int64           // of its memory when last weighed
	epoch int             // of the pool, when it was started
	idle  time.Time       // since when
	seen  map[uint64]bool // configurations it has read
	stack [2]uint64
}

// Starting an instance.
const (
	initTimeout  = 5 * time.Second
	initialize   = "_initialize" // of a wasip1 reactor
	recycleCalls = 100_000
)

// newInstance instantiates the module and runs _initialize and weir_init.
func (g *generation) newInstance(ctx context.Context) (*instance, error) {
	in := &instance{gen: g}
	var memory experimental.LinearMemory
	in.ctx = experimental.WithMemoryAllocator(context.WithValue(context.Background(), instanceKey{}, in),
		experimental.MemoryAllocatorFunc(func(capacity, limit uint64) experimental.LinearMemory {
			memory = mmapped(capacity, limit)
			return memory
		}))
	init := abi.Init{HostMinor: abi.Minor, MemoryLimit: uint64(g.memory), DeadlineMs: uint64(g.limits.deadline(abi.StageMessage, g.net()).Milliseconds()), Plugin: g.manifest.Name}
	for kind := range g.grants {
		init.Features = append(init.Features, kind)
	}
	c := newCall(ctx, g.initTimeout, init.Append(nil))
	in.call = c
	defer func() { in.call = nil }()
	defer c.end()

	// What runs at the start is called like any other function: see meter.Start.
	mod, err := g.runtime.InstantiateModule(in.ctx, g.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		cr := in.explain(c, "starting", err)
		if memory != nil { // wazero leaves it to nobody when instantiation fails
			memory.Free()
		}
		return nil, cr
	}
	in.mem = memory
	in.mod, in.hook = mod, mod.ExportedFunction(abi.ExportHook)
	in.deep = stackOf(in.hook)
	in.weigh()
	err = in.begin(c)
	in.flush(c)
	if err != nil {
		in.close()
		return nil, err
	}
	g.stats.fuel.Add(c.ticks)
	if g.isolated && g.restorable {
		in.img = in.takeImage()
	}
	return in, nil
}

// begin runs the start function, _initialize and weir_init.
func (in *instance) begin(c *call) error {
	for _, f := range []struct {
		name, says string
		arg        bool
	}{{meter.Start, "start function", false}, {initialize, initialize, false}, {abi.ExportInit, abi.ExportInit, true}} {
		fn := in.mod.ExportedFunction(f.name)
		if fn == nil {
			continue
		}
		in.depth = stackOf(fn)
		in.stack[0] = uint64(len(c.input))
		if err := fn.CallWithStack(in.ctx, in.stack[:]); err != nil {
			return in.explain(c, f.says, err)
		}
		if n := api.DecodeI32(in.stack[0]); f.arg && n < 0 {
			return &crash{KindResult, errors.New("weir_init reported a failure: " + c.words(n))}
		}
	}
	return nil
}

// close frees the memory. It must not be called while the guest runs.
func (in *instance) close() {
	if in.mod != nil {
		_ = in.mod.Close(context.Background()) // gives the exit code, not an error
		in.gen.stats.grew(-in.size)
		in.size = 0
	}
}

// weigh notes how much linear memory there is now.
func (in *instance) weigh() {
	size := int64(in.mod.Memory().Size())
	in.gen.stats.grew(size - in.size)
	in.size = size
}

// spent says that the instance should not be used again, for its age or size,
// or because a plugin that is isolated cannot be put back to its beginning.
func (in *instance) spent() bool {
	return in.gen.isolated && !in.restore() || in.calls >= recycleCalls || in.size > in.gen.memory/2 || in.deep.octets() > keepStack
}

// run calls weir_hook. After an error that is not of KindResult the instance
// must be closed.
func (in *instance) run(c *call) *crash {
	in.call = c
	in.calls++
	in.stack = [2]uint64{uint64(c.stage), uint64(len(c.input))}
	in.depth = in.deep
	err := in.hook.CallWithStack(in.ctx, in.stack[:])
	in.flush(c)
	in.call = nil
	c.end()
	in.weigh()
	in.gen.stats.fuel.Add(c.ticks)
	if err != nil {
		return in.explain(c, "", err)
	}
	if n := api.DecodeI32(in.stack[0]); n < 0 {
		return &crash{KindResult, errors.New("the plugin reported a failure: " + c.words(n))}
	}
	return nil
}

// words is what the guest said about its failure.
func (c *call) words(n int32) string {
	if c.said != "" {
		return c.said[:min(len(c.said), maxErrText)]
	}
	return fmt.Sprintf("result %d, and no log line of level error", n)
}

// crash is a failed call before it is known whose.
type crash struct {
	kind Kind
	err  error
}

func (c *crash) Error() string { return c.err.Error() }
func (c *crash) Unwrap() error { return c.err }

// explain finds out why a guest was ended, and logs all there is to know.
func (in *instance) explain(c *call, doing string, err error) *crash {
	in.flush(c)
	cr := &crash{KindTrap, nil}
	var exit exitError
	var t trap
	switch {
	case errors.Is(err, errDeadline):
		cr.kind, cr.err = KindDeadline, errDeadline
	case errors.Is(err, errCancelled):
		cr.kind, cr.err = KindDeadline, fmt.Errorf("%w: %w", errCancelled, context.Cause(c.ctx))
	case errors.As(err, &t):
		cr.err = t
	case errors.As(err, &exit):
		cr.err = exit
	default:
		first, _, _ := strings.Cut(err.Error(), "\n")
		cr.err = errors.New(first)
	}
	if cr.kind == KindTrap {
		line := panicLine(c.stderr)
		if line == "" && len(c.stderr) == 0 { // a guest without WASI logs why it ends
			line = c.said[:min(len(c.said), maxErrText)]
		}
		if line != "" {
			cr.err = fmt.Errorf("%s (%w)", line, cr.err)
		}
		if in.outOfMemory(c) {
			cr.kind = KindMemory
			cr.err = fmt.Errorf("out of memory at a limit of %d MiB: %w", in.gen.memory>>20, cr.err)
		}
	}
	if doing != "" {
		cr.err = fmt.Errorf("%s: %w", doing, cr.err)
	}
	stderr := strings.ToValidUTF8(string(c.stderr), "?")
	level, what := slog.LevelError, "plugin crashed"
	if cr.kind == KindDeadline {
		level, what = slog.LevelWarn, "plugin stopped"
	}
	in.gen.log.Log(c.ctx, level, what, "kind", string(cr.kind), "stage", c.stageName(), "message", c.id(), "error", err.Error(), "stderr", stderr)
	return cr
}

func (c *call) stageName() string {
	if c.stage == 0 {
		return "init"
	}
	return c.stage.String()
}

func (c *call) id() string {
	if c.ev == nil {
		return ""
	}
	return c.ev.ID
}

// panicLine finds the line of a Go, Rust or C runtime that says why.
func panicLine(stderr []byte) string {
	for line := range strings.Lines(string(stderr)) {
		for _, mark := range []string{"panic", "fatal error:", "runtime:", "abort"} {
			if strings.Contains(line, mark) {
				return clean([]byte(line), maxErrText)
			}
		}
	}
	return ""
}

// outOfMemory guesses whether a trap came of a refused memory.grow: guests
// grow in steps, so near the limit is at it.
func (in *instance) outOfMemory(c *call) bool {
	if strings.Contains(string(c.stderr), "out of memory") {
		return true
	}
	return in.mod != nil && int64(in.mod.Memory().Size()) >= in.gen.memory-in.gen.memory/8
}
