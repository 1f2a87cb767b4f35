package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// giveBackEvery is how often it is looked whether the heap holds memory that it
// does not use, and giveBackFrom how much of it is worth a collection.
const (
	giveBackEvery = 15 * time.Second
	giveBackFrom  = 12 << 20
)

// giveBack returns unused memory to the system until ctx ends. Go's own
// scavenger keeps about a tenth more than the heap's peak, and a peak of a
// reload or a burst would stay for hours on a quiet machine.
func giveBack(ctx context.Context) {
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
