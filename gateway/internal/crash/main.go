package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"
)

var (
	bin      = flag.String("weir", "bin/weir", "the gateway's binary")
	rounds   = flag.Int("rounds", 50, "kills and stops")
	clients  = flag.Int("clients", 12, "sessions at one time")
	keep     = flag.Bool("keep", false, "keep the directory, and say which it is")
	drainFor = flag.Duration("drain", 2*time.Minute, "how long the last gateway may take to drain")
	profile  = flag.String("profile", "", "write the last gateway's cpu.prof and heap.prof to this directory")
)

func main() {
	flag.Parse()
	abs, err := filepath.Abs(*bin)
	if err == nil {
		err = crash(context.Background(), abs)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
		os.Exit(1)
	}
}

// crash ends the loaded gateway *rounds times and checks the ledger.
func crash(ctx context.Context, bin string) error {
	began := time.Now()
	dir, err := os.MkdirTemp("", "weir-crash-")
	if err != nil {
		return err
	}
	if *keep {
		fmt.Println("data, configuration and log are in", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	d, err := startDestination()
	if err != nil {
		return err
	}
	defer d.close()
	g, err := newGateway(bin, filepath.Join(dir, "data"), filepath.Join(dir, "config.hcl"), d.addr, "100MiB")
	if err != nil {
		return err
	}
	defer g.kill()
	if err := g.start(); err != nil {
		return err
	}
	l := new(ledger)
	load := startLoad(*clients, g.where, l, 30*time.Millisecond)
	calm := flapping(d)
	idle := operating(ctx, g)
	lives, err := g.endure(ctx, *rounds)
	load.end()
	calm()
	orders := idle()
	if err != nil {
		return err
	}
	draining := time.Now()
	released, err := drain(ctx, g, *drainFor)
	if err != nil {
		return err
	}
	drained := time.Since(draining)
	arrived := func(k key) []receipt { return d.copies(k, time.Time{}) }
	seen := d.keys()
	v := judge(l.all(), arrived, seen, released)
	c := g.client()
	defer c.Close()
	if err := v.explain(ctx, seen, arrived, lives.kills, c); err != nil {
		return err
	}
	copies, unkept := inArchive(ctx, l.all(), c)
	if err := g.terminate(); err != nil {
		return err
	}
	fmt.Printf("kills=%d (while starting %d) stops=%d orders=%d sent=%d direct=%d queued=%d refused=%d %v archived=%d drained-in=%v took=%v\n",
		len(lives.kills), lives.stillborn, lives.stops, orders, l.sent.Load(), l.direct.Load(), l.queued.Load(), l.refused.Load(),
		v, copies, drained.Round(100*time.Millisecond), time.Since(began).Round(time.Second))
	if l.direct.Load() == 0 || l.queued.Load() == 0 {
		return fmt.Errorf("the test is wrong: both ways have to be taken")
	}
	if orders == 0 {
		return fmt.Errorf("the test is wrong: no operator's order was carried out")
	}
	return errors.Join(v.err(), unkept)
}

// flapping changes the destination's mode until the function is called.
func flapping(d *destination) (calm func()) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { d.flap(stop) })
	return func() {
		close(stop)
		wg.Wait()
	}
}

// lives is how a gateway's lives ended.
type lives struct {
	kills            []span
	stops, stillborn int
}

// endure ends the gateway n times: three of four by SIGKILL, the others by
// SIGTERM, some of the new ones at once.
func (g *gateway) endure(ctx context.Context, n int) (lives, error) {
	var out lives
	for i := range n {
		time.Sleep(100*time.Millisecond + rand.N(900*time.Millisecond))
		if i%4 == 3 {
			if err := g.terminate(); err != nil {
				return out, fmt.Errorf("round %d: %w", i+1, err)
			}
			out.stops++
		} else {
			out.kills = append(out.kills, g.kill())
		}
		if i%8 == 5 {
			s, err := g.stillborn()
			if err != nil {
				return out, fmt.Errorf("round %d: %w", i+1, err)
			}
			out.kills, out.stillborn = append(out.kills, s), out.stillborn+1
		}
		if i == n-1 && *profile != "" {
			g.args = append(g.args, "--profile", *profile)
		}
		if err := g.start(); err != nil {
			return out, fmt.Errorf("round %d: %w", i+1, err)
		}
		if err := g.archiveFits(ctx); err != nil {
			return out, fmt.Errorf("round %d: %w", i+1, err)
		}
	}
	return out, nil
}
