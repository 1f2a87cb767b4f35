package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// memoryLimit is the soft limit of the Go heap where GOMEMLIMIT is not set:
// garbage is collected harder rather than memory taken from the machine.
const memoryLimit = 320 << 20

// gcPercent collects garbage at a third over the live heap where GOGC is not
// set: a gateway has processor to spare and shares its memory with its store.
const gcPercent = 35

// spareMemory has the process that is a gateway, or measures one, collect its
// garbage accordingly.
func spareMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

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
