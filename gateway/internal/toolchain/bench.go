package toolchain

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
)

// Bench is what calls of one scenario cost.
type Bench struct {
	Scenario string        `json:"scenario"`
	Calls    int           `json:"calls"` // of hooks
	P50      time.Duration `json:"p50_ns"`
	P99      time.Duration `json:"p99_ns"`
	Max      time.Duration `json:"max_ns"`
	Fuel     uint64        `json:"fuel"`   // cost units of the meter a call
	Memory   int64         `json:"memory"` // octets of the instance at the end
	Grown    int64         `json:"grown"`  // octets it grew by over the second half
	Growth   string        `json:"growth"` // "" steady; else why it is growth
}

// OK says that memory does not grow with calls.
func (b *Bench) OK() bool { return b.Growth == "" }

const samples = 64 // of memory, over the calls of a round

// Bench plays a scenario until it has made that many calls of hooks, in one
// instance, and measures them. It plays as many again before, to warm up, and
// where memory still grew then, once more: a guest's heap takes a while to
// find its size, but a leak never ends.
func (t *Tester) Bench(ctx context.Context, sc *Scenario, calls int) (*Bench, error) {
	r, err := t.start(ctx, sc, false, 1)
	if err != nil {
		return nil, err
	}
	defer r.stop() //nolint:errcheck // nothing runs
	p := &play{t: t, r: r, sc: sc}
	if _, _, err := t.round(ctx, p, calls); err != nil {
		return nil, err
	}
	out := &Bench{Scenario: sc.Name}
	for range 3 {
		before := r.status()
		took, memory, err := t.round(ctx, p, calls)
		if err != nil {
			return nil, err
		}
		after := r.status()
		slices.Sort(took)
		out.Calls, out.P50, out.P99, out.Max = len(took), quantile(took, 0.5), quantile(took, 0.99), took[len(took)-1]
		out.Fuel = (after.Fuel - before.Fuel) / uint64(len(took))
		out.Memory, out.Grown = memory[len(memory)-1], memory[len(memory)-1]-memory[len(memory)/2]
		out.Growth = growth(memory, len(took), t.limit())
		if out.Growth == "" {
			return out, nil
		}
	}
	return out, nil
}

func (t *Tester) limit() int64 { return filter.DefaultMemory }

func (r *rig) status() filter.Status { return r.host.Plugins()[0] }

// round plays the scenario over and over for that many calls, and samples the
// instance's memory.
func (t *Tester) round(ctx context.Context, p *play, calls int) (took []time.Duration, memory []int64, err error) {
	every := max(1, calls/samples)
	for len(took) < calls {
		p.r.reset(p.sc)
		was := len(took)
		p.took = func(d time.Duration) { took = append(took, d) }
		for _, st := range p.sc.Steps {
			cs, err := p.step(ctx, st)
			if err != nil {
				return nil, nil, err
			}
			for _, c := range cs {
				if c.Failure != nil && crashed(c.Failure) {
					return nil, nil, fmt.Errorf("scenario %q: %w", p.sc.Name, c.Failure)
				}
			}
		}
		if len(took) == was {
			return nil, nil, fmt.Errorf("scenario %q makes no calls", p.sc.Name)
		}
		if len(took) >= (len(memory)+1)*every {
			memory = append(memory, p.r.status().Memory)
		}
	}
	if len(memory) == 0 {
		memory = append(memory, p.r.status().Memory)
	}
	return took, memory, nil
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// growth looks at memory over a round: it grows when the line through the
// samples would take an instance to half its limit, where it is recycled,
// within the calls of its life, and when it went on to the end.
func growth(memory []int64, calls int, limit int64) string {
	for i := 1; i < len(memory); i++ {
		if memory[i] < memory[i-1] {
			return fmt.Sprintf("the instance was thrown away at %d KiB", memory[i-1]>>10)
		}
	}
	n := len(memory)
	if n < 4 || memory[n-1] == memory[n*3/4] || memory[n*3/4] == memory[n/4] {
		return "" // it stood still at the end, or in the middle
	}
	slope := slopeOf(memory) * float64(n) / float64(calls) // octets a call
	const life = 100_000                                   // calls of an instance
	if slope*life < float64(limit)/4 {
		return ""
	}
	return fmt.Sprintf("memory grows by %.0f octets a call", slope)
}

// slopeOf is the least-squares slope of samples at even distances, in units
// of a sample.
func slopeOf(y []int64) float64 {
	n := float64(len(y))
	var sx, sy, sxx, sxy float64
	for i, v := range y {
		x := float64(i)
		sx, sy, sxx, sxy = sx+x, sy+float64(v), sxx+x*x, sxy+x*float64(v)
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}
