// Package heap keeps the process's heap small: a gateway shares its machine's
// memory with the cache of its store's files. It is not about the memory of
// plugins, which package filter bounds.
package heap

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// limit is the soft limit of the heap where GOMEMLIMIT is not set: garbage is
// collected harder rather than memory taken from the machine.
const limit = 296 << 20

// Where GOGC is not set, garbage is collected when this much of the live heap
// has come on top, in percent, but not before room octets have: a small heap
// would be collected again and again, for nothing.
const (
	percent = 35
	room    = 80 << 20
)

// Spare has the process collect its garbage accordingly, until stop.
func Spare() (stop func()) {
	memory, gc := int64(-1), percent
	if os.Getenv("GOMEMLIMIT") == "" {
		memory = debug.SetMemoryLimit(limit)
	}
	if os.Getenv("GOGC") != "" {
		return func() { debug.SetMemoryLimit(memory) }
	}
	gc = debug.SetGCPercent(percent)
	p := &pace{now: percent}
	p.arm()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.over = true
		debug.SetGCPercent(gc)
		debug.SetMemoryLimit(memory)
	}
}

// pace sets, after each collection, how far the heap may grow until the next.
type pace struct {
	mu   sync.Mutex
	now  int // percent
	over bool
}

// arm has set called after the next collection.
func (p *pace) arm() {
	mark := new([64]byte) // found dead by it
	runtime.AddCleanup(mark, func(p *pace) {
		if p.set() {
			p.arm()
		}
	}, p)
}

func (p *pace) set() (again bool) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || live[0].Value.Kind() != metrics.KindUint64 {
		return false
	}
	want := percentFor(live[0].Value.Uint64())
	if d := want - p.now; d*d > 16 { // a change stops the world for a moment
		debug.SetGCPercent(want)
		p.now = want
	}
	return true
}

// percentFor is Go's percentage for a live heap of so many octets.
func percentFor(live uint64) int {
	return int(min(max(percent, room*100/max(live, 1)), 1000))
}

// How often GiveBack looks whether the heap holds memory that it does not use,
// and how much of it is worth a collection.
const (
	giveBackEvery = 15 * time.Second
	giveBackFrom  = 12 << 20
)

// GiveBack returns unused memory to the system until ctx ends. Go's own
// scavenger keeps about a tenth more than the heap's peak, and a peak of a
// reload or a burst would stay for hours on a quiet machine.
func GiveBack(ctx context.Context) {
	free := []metrics.Sample{{Name: "/memory/classes/heap/free:bytes"}}
	tick := time.NewTicker(giveBackEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(free)
		if free[0].Value.Kind() == metrics.KindUint64 && free[0].Value.Uint64() >= giveBackFrom {
			debug.FreeOSMemory()
		}
	}
}
