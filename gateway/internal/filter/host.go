package filter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter/compile"
	"github.com/mailweir/weir/sdk/abi"
)

// Host runs the plugins of one gateway. It is safe in parallel.
type Host struct {
	opts    Options
	current atomic.Pointer[snapshot]
	swap    sync.Mutex
	closed  bool

	initTimeout time.Duration // for an instance to start
	engines     engines
	program     string // compiles instead of this one, in tests
}

// snapshot is what calls see: replaced as a whole, never changed.
type snapshot struct {
	plugins map[string]*plugin
}

// plugin is a generation with what may change without another one.
type plugin struct {
	spec    Spec // without the module
	gen     *generation
	configs map[uint64][]byte // encoded, by ID
}

// NewHost makes a host without plugins.
func NewHost(o Options) *Host {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	h := &Host{opts: o, initTimeout: initTimeout}
	h.current.Store(&snapshot{})
	return h
}

var errClosed = errors.New("the plugin host is closed")

// Swap makes specs and configs the current ones. Generations that did not
// change are kept, with their instances; new ones are built beside the old,
// which then drain and close. It is all or nothing: on an error, which names
// every plugin that is broken, the old state stays.
func (h *Host) Swap(ctx context.Context, specs []Spec, configs []Config) error {
	h.swap.Lock()
	defer h.swap.Unlock()
	if h.closed {
		return errClosed
	}
	old := h.current.Load()
	next := &snapshot{plugins: map[string]*plugin{}}
	var built []*generation
	var errs []error
	for i := range specs {
		s := specs[i]
		if next.plugins[s.Name] != nil {
			errs = append(errs, fmt.Errorf("plugin %q stands twice", s.Name))
			continue
		}
		digest := digestOf(s.Module)
		key := generationKey(&s, digest)
		p := &plugin{spec: s, configs: map[uint64][]byte{}}
		p.spec.Module = nil
		o := old.plugins[s.Name]
		if o != nil && o.gen.key == key && (s.Digest == "" || strings.EqualFold(s.Digest, digest)) {
			p.gen = o.gen
		} else {
			st := new(stats)
			if o != nil {
				st = o.gen.stats
			}
			g, err := h.load(ctx, &s, key, digest, st)
			if err != nil {
				errs = append(errs, fmt.Errorf("plugin %q (%s): %w", s.Name, s.Source, err))
				continue
			}
			p.gen = g
			built = append(built, g)
		}
		next.plugins[s.Name] = p
	}
	for _, c := range configs {
		if p := next.plugins[c.Plugin]; p != nil {
			p.configs[c.ID] = c.Value.Append(nil)
		} else if len(errs) == 0 {
			errs = append(errs, fmt.Errorf("a filter is configured for plugin %q, which does not exist", c.Plugin))
		}
	}
	for _, p := range next.plugins {
		var known map[uint64][]byte
		if o := old.plugins[p.spec.Name]; o != nil && o.gen == p.gen {
			known = o.configs
		}
		if err := p.checkConfigs(ctx, known, configs); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		for _, g := range built {
			g.retire()
		}
		for _, o := range old.plugins {
			o.gen.forgetSets(o.configs) // those of configurations that were only checked
		}
		return errors.Join(errs...)
	}
	h.current.Store(next)
	for _, o := range old.plugins {
		if n := next.plugins[o.spec.Name]; n == nil || n.gen != o.gen {
			o.gen.retire()
		} else {
			o.gen.forgetSets(n.configs)
		}
	}
	h.pruneCode(next)
	return nil
}

// pruneCode bounds what the cache keeps of plugins that are gone.
func (h *Host) pruneCode(now *snapshot) {
	if h.opts.CacheDir == "" {
		return
	}
	var used []string
	for _, p := range now.plugins {
		used = append(used, p.gen.code)
	}
	c := compile.Compiler{Dir: h.opts.CacheDir}
	if err := c.Prune(used); err != nil {
		h.opts.Logger.Warn("old compiled code of plugins stays", "error", err)
	}
}

// Hooks reports whether a plugin subscribes to a stage; false for no plugin.
func (h *Host) Hooks(name string, s abi.Stage) bool {
	p := h.current.Load().plugins[name]
	return p != nil && p.gen.subscribes(s)
}

// Loaded reports whether there is such a plugin now. A policy that a reload
// has replaced may name one that is gone: Call tells then, Hooks does not.
func (h *Host) Loaded(name string) bool { return h.current.Load().plugins[name] != nil }

// Call runs a plugin's hook for ev.Stage. msg is nil where there is no message
// yet. Every error is a *Failure; with none, the verdict has been checked. A
// stage the plugin does not subscribe to gives an empty verdict.
func (h *Host) Call(ctx context.Context, name string, ev *abi.Event, msg MessageView) (*abi.Verdict, error) {
	v, _, err := h.Run(ctx, name, ev, msg)
	return v, err
}

// Run is what a call was: the record has it.
type Run struct {
	Digest string        // "sha256:…" of the module that was called; "" there was none to call
	Took   time.Duration // with the wait for an instance
}

// Run is Call, and tells which module it called and how long that took.
func (h *Host) Run(ctx context.Context, name string, ev *abi.Event, msg MessageView) (_ *abi.Verdict, run Run, _ error) {
	begin := time.Now()
	defer func() { run.Took = time.Since(begin) }()
	for {
		p := h.current.Load().plugins[name]
		if p == nil {
			return nil, run, &Failure{Plugin: name, Stage: ev.Stage, Kind: KindLoad, OnError: Tempfail, Err: errors.New("it is not loaded")}
		}
		if !p.gen.subscribes(ev.Stage) {
			return new(abi.Verdict), run, nil
		}
		if !p.gen.enter() {
			continue // it was swapped out just now
		}
		run.Digest = p.gen.digest
		v, cr := p.call(ctx, ev, msg)
		p.gen.leave()
		if cr == nil {
			return v, run, nil
		}
		f := &Failure{Plugin: name, Stage: ev.Stage, Kind: cr.kind, OnError: Tempfail, Err: cr.err}
		if p.spec.OnError != nil {
			if o := p.spec.OnError(ev.Stage); o != "" {
				f.OnError = o
			}
		}
		return nil, run, f
	}
}

// call is one counted call.
func (p *plugin) call(ctx context.Context, ev *abi.Event, msg MessageView) (v *abi.Verdict, cr *crash) {
	g := p.gen
	now := g.opts.Clock
	g.stats.calls.Add(1)
	defer func() {
		if cr != nil {
			g.stats.fail(cr.kind)
		}
	}()
	input := ev.Append(nil)
	if len(input) > maxEvent {
		return nil, &crash{KindResult, fmt.Errorf("the event has %d octets; at most %d", len(input), maxEvent)}
	}
	ok, probe := g.breaker.allow(now())
	if !ok {
		return nil, &crash{KindBreaker, fmt.Errorf("it failed too often; tried again in %v", g.breaker.remaining(now()).Round(time.Second))}
	}
	o := neutral
	defer func() {
		if g.breaker.done(now(), ev.Stage, probe, o) {
			g.pool.renew()
			g.log.Error("plugin is not called for a while: it failed too often", "pause", g.breaker.remaining(now()), "error", cr.err)
		}
	}()
	in, err := g.pool.get(ctx, ev.Tenant, p.spec.Limits.wait())
	if err != nil {
		if errors.As(err, &cr) {
			o = blame(ctx, cr)
			return nil, cr
		}
		return nil, &crash{KindUnavailable, err}
	}
	begin := time.Now()
	c := newCall(ctx, p.spec.Limits.deadline(ev.Stage, g.net()), input)
	c.stage, c.ev, c.msg, c.configs = ev.Stage, ev, msg, p.configs
	cr = in.run(c)
	g.took.add(time.Since(begin))
	fit := cr == nil || cr.kind == KindResult
	g.pool.put(in, ev.Tenant, fit && !in.spent(), now())
	if cr == nil {
		v, err = c.verdict(g)
		if err != nil {
			cr = &crash{KindResult, fmt.Errorf("its verdict is not valid: %w", err)}
			o = bad
			g.log.Error("plugin verdict refused", "stage", ev.Stage.String(), "message", ev.ID, "error", err)
			return nil, cr
		}
		o = good
		g.stats.judged(v.Action)
		return v, nil
	}
	o = blame(ctx, cr)
	return nil, cr
}

// blame says whether a crash counts against the plugin. A failure that the
// plugin reports in order (a configuration it cannot use, say) does not: one
// tenant's mistake must not take the plugin from all others.
func blame(ctx context.Context, cr *crash) outcome {
	if cr.kind == KindResult || ctx.Err() != nil {
		return neutral
	}
	return bad
}

// Plugins is the state of all plugins, by name.
func (h *Host) Plugins() []Status {
	now := h.opts.Clock()
	var out []Status
	for _, p := range h.current.Load().plugins {
		out = append(out, p.status(now))
	}
	slices.SortFunc(out, func(a, b Status) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (p *plugin) status(now time.Time) Status {
	g := p.gen
	s := Status{
		Name: g.name, Source: p.spec.Source, Version: g.manifest.Version, Description: g.manifest.Description,
		Digest: g.digest, Hooks: g.manifest.Hooks, Calls: g.stats.calls.Load(), Failures: g.stats.failed(),
		P50: g.took.quantile(0.5), P99: g.took.quantile(0.99), Fuel: g.stats.fuel.Load() * fuelPerTick,
		Breaker: g.breaker.state(now), Loaded: g.loaded, LoadTime: g.loadTime,
		Traps: g.stats.traps(), Verdicts: g.stats.byAction(), Memory: g.stats.memory.Load(), MemoryPeak: g.stats.peak.Load(), MemoryLimit: g.memory,
		Actions: g.manifest.Actions, Took: g.took.durations(),
	}
	for kind := range g.grants {
		s.Grants = append(s.Grants, kind)
	}
	slices.Sort(s.Grants)
	s.Instances, s.Idle = g.pool.size()
	return s
}

// Close lets no more calls in and waits for those that run, at most until ctx
// is done. Guests end at their deadlines, so it never has to wait for ever.
func (h *Host) Close(ctx context.Context) error {
	h.swap.Lock()
	h.closed = true
	old := h.current.Swap(&snapshot{})
	h.swap.Unlock()
	for _, p := range old.plugins {
		p.gen.retire()
	}
	for _, p := range old.plugins {
		select {
		case <-p.gen.gone:
		case <-ctx.Done():
			return fmt.Errorf("waiting for plugin %q to end: %w", p.spec.Name, context.Cause(ctx))
		}
	}
	return nil
}
