package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

var (
	bin      = flag.String("weir", "bin/weir", "the gateway's binary")
	rounds   = flag.Int("rounds", 50, "kills, or power cuts")
	clients  = flag.Int("clients", 12, "sessions at one time")
	power    = flag.Bool("powercut", false, "cut the power instead (needs root, mkfs.xfs and loop devices)")
	keep     = flag.Bool("keep", false, "keep the directory")
	drainFor = flag.Duration("drain", 3*time.Minute, "how long the last gateway may take to drain")
)

func main() {
	flag.Parse()
	abs, err := filepath.Abs(*bin)
	if err != nil {
		fatal(err)
	}
	*bin = abs
	if *power {
		err = cutPower()
	} else {
		err = crash()
	}
	if err != nil {
		fatal(err)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "crash:", err)
	os.Exit(1)
}

// crash kills the loaded gateway *rounds times and checks the ledger.
func crash() error {
	dir, err := os.MkdirTemp("", "weir-crash-")
	if err != nil {
		return err
	}
	if !*keep {
		defer os.RemoveAll(dir)
	}
	d, err := startDestination()
	if err != nil {
		return err
	}
	g, err := newGateway(*bin, filepath.Join(dir, "data"), filepath.Join(dir, "config.hcl"), d.addr, false)
	if err != nil {
		return err
	}
	if err := g.start(); err != nil {
		return err
	}
	defer g.kill()
	l := newLedger()
	stop, wait := startClients(g.addr, l)
	flapStop := make(chan struct{})
	var flapping sync.WaitGroup
	flapping.Go(func() { d.flap(flapStop) })
	var kills []time.Time
	for i := range *rounds {
		time.Sleep(time.Duration(100+rand.IntN(900)) * time.Millisecond)
		g.kill()
		kills = append(kills, time.Now())
		if err := g.start(); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
	}
	close(stop)
	wait()
	close(flapStop)
	flapping.Wait()
	left, err := drain(g)
	if err != nil {
		return err
	}
	return report(d, l, kills, left)
}

func startClients(where func() string, l *ledger) (chan struct{}, func()) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range *clients {
		wg.Go(func() { client(i, where, l, 30*time.Millisecond, stop) })
	}
	return stop, wg.Wait
}

// drain waits until the gateway holds nothing that is due.
func drain(g *gateway) (map[string]int, error) {
	var left map[string]int
	for deadline := time.Now().Add(*drainFor); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		var err error
		if left, err = g.live(); err != nil {
			return nil, err
		}
		if left["queued"]+left["accepted"] == 0 {
			return left, nil
		}
	}
	return left, nil
}

// report compares the ledger with what arrived. What is still queued is
// counted too: it is late, not lost.
func report(d *destination, l *ledger, kills []time.Time, left map[string]int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	keys := l.keys()
	var missing []string
	dup, explained := 0, 0
	for _, k := range keys {
		if len(d.taken[k]) == 0 {
			missing = append(missing, k)
		}
	}
	for _, rs := range d.taken {
		for i := 1; i < len(rs); i++ {
			dup++
			if explains(rs[i-1], rs[i], kills) {
				explained++
			}
		}
	}
	queued := left["queued"] + left["accepted"]
	fmt.Printf("kills=%d sent=%d acknowledged=%d arrived=%d queued=%d missing=%d duplicates=%d explained=%d other=%v\n",
		len(kills), l.sent.Load(), len(keys), len(d.taken), queued, max(0, len(missing)-queued), dup, explained, left)
	if len(missing) > queued {
		slices.Sort(missing)
		return fmt.Errorf("acknowledged mail is missing: %v", missing[:min(len(missing), 20)])
	}
	if len(keys) == 0 {
		return fmt.Errorf("nothing was acknowledged: the test is wrong")
	}
	if explained < dup {
		return fmt.Errorf("%d of %d duplicates have no explanation", dup-explained, dup)
	}
	return nil
}

// explains tells whether a second copy had to come: the gateway was killed
// between the first copy's arrival and the second's (its 250 was not yet
// recorded), or the destination hung up before its reply, or replied so late
// that the gateway may have been gone.
func explains(first, second receipt, kills []time.Time) bool {
	if first.mode == ambiguous {
		return true
	}
	for _, k := range kills {
		// the kill falls into the first copy's transaction, which may have
		// begun to answer a little before it
		if k.After(first.at.Add(-2*time.Second)) && k.Before(second.at) {
			return true
		}
	}
	return false
}
