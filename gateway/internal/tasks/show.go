package tasks

import (
	"slices"
	"strings"
	"sync"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/scope"
)

// Shown is a task as operators see it, without its payload.
type Shown struct {
	Task
	State State
}

// List are the tasks there are, the next due first. Tasks belong to no
// address, so only an administrator sees them.
func (s *Service) List(sc scope.Scope) []Shown {
	if sc.Level != lifecycle.LevelAdmin {
		return nil
	}
	s.mu.Lock()
	out := make([]Shown, 0, len(s.idx.byID))
	for _, e := range s.idx.byID {
		if !e.done {
			out = append(out, Shown{e.Task, e.state()})
		}
	}
	s.mu.Unlock()
	slices.SortFunc(out, func(a, b Shown) int {
		if c := a.Next.Compare(b.Next); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

func (e *entry) state() State {
	switch {
	case !e.Failed.IsZero():
		return StateFailed
	case e.running:
		return StateRunning
	case !e.Missing.IsZero():
		return StateMissing
	}
	return StateWaiting
}

// Count is how many tasks of a plugin are in a state.
type Count struct {
	Plugin string
	State  State
	N      int
}

// Counts are the numbers of tasks by plugin and state.
func (s *Service) Counts() []Count {
	type key struct {
		plugin string
		state  State
	}
	by := map[key]int{}
	s.mu.Lock()
	for _, e := range s.idx.byID {
		by[key{e.Plugin, e.state()}]++
	}
	s.mu.Unlock()
	var out []Count
	for k, n := range by {
		out = append(out, Count{k.plugin, k.state, n})
	}
	return out
}

// Calls is how often calls of a kind came to a result: "ok", "failed",
// "given-up", "dropped", "refused".
type Calls struct {
	Plugin, Stage, Name, Result string // Name is "" for schedules: plugins choose theirs
	N                           uint64
}

// Calls are the numbers of calls since the start.
func (s *Service) Calls() []Calls { return s.count.all() }

type counters struct {
	mu sync.Mutex
	by map[Calls]uint64 // N is 0 in the key
}

func (c *counters) add(plugin, stage, name, result string) {
	if stage == Schedule {
		name = ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[Calls]uint64{}
	}
	c.by[Calls{Plugin: plugin, Stage: stage, Name: name, Result: result}]++
}

func (c *counters) all() []Calls {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Calls, 0, len(c.by))
	for k, n := range c.by {
		k.N = n
		out = append(out, k)
	}
	return out
}
