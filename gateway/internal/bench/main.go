package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/peers"
)

var (
	bin          = flag.String("weir", "bin/weir", "the gateway's binary")
	sessions     = flag.Int("sessions", 10, "connections at one time")
	rounds       = flag.Int("rounds", 3, "rounds; the figures are medians")
	scale        = flag.Float64("scale", 1, "of the number of messages")
	only         = flag.String("only", "", "one system: direct, queued or postfix")
	size         = flag.String("size", "", "one size: 4KiB, 50KiB or 1MiB")
	tenants      = flag.Int("tenants", 0, "instead: memory with so many tenants, each with its own configuration of rules, attachments and stall")
	backlogN     = flag.Int("backlog", 0, "instead: so many messages in the queue, how the gateway does with them, and how fast they drain, beside Postfix; at the end a verdict, and from 200000 on exit status 1 where a bound is not held")
	destinations = flag.Int("destinations", 2000, "of the backlog")
	standing     = flag.Duration("standing", 30*time.Second, "how long a tenant floods while the backlog stands")
	memoryMiB    = flag.Int64("memory", 0, "with -backlog: MiB of memory the kernel lets the gateway have, the cache of its files included; 0 as much as it takes")
	direct       = flag.String("direct", "30s", "direct_outbound of the gateway with the backlog; 0s queues everything")
	profile      = flag.String("profile", "", "folder for the gateway's profiles (with -only)")
)

// sizes and how many messages of each a round sends.
var sizes = []struct {
	name   string
	octets int
	n      int
	attach bool
}{
	{"4KiB", 4 << 10, 3000, false},
	{"50KiB", 50 << 10, 1000, true},
	{"1MiB", 1 << 20, 100, true},
}

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// figure is one measurement.
type figure struct {
	accepted  float64 // messages a second, to the last 250
	delivered float64 // messages a second, to the last arrival
	cpu       float64 // seconds per 1,000 messages
}

func run() error {
	dir, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path, err := filepath.Abs(*bin)
	if err != nil {
		return err
	}
	if *backlogN > 0 {
		return backlog(path, dir, *backlogN)
	}
	s, err := startSink()
	if err != nil {
		return err
	}
	if *tenants > 0 {
		return manyTenants(path, dir, s, *tenants)
	}
	systems, stop, err := start(path, dir, s)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Printf("%-8s %-14s %10s %10s %12s %9s %9s\n", "size", "system", "accepted/s", "arrived/s", "CPU s/1000", "RSS MiB", "anon MiB")
	for _, sz := range sizes {
		if *size != "" && *size != sz.name {
			continue
		}
		got := map[string][]figure{}
		for range *rounds { // in turns, so that a busy machine is busy for all
			for _, sys := range systems {
				f, err := measure(sys, s, sz.octets, max(int(float64(sz.n)**scale), *sessions), sz.attach)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", sys.name, sz.name, err)
				}
				got[sys.name] = append(got[sys.name], f)
			}
		}
		for _, sys := range systems {
			m := median(got[sys.name])
			all, anon := sys.rss()
			fmt.Printf("%-8s %-14s %10.0f %10.0f %12.2f %9d %9d\n", sz.name, sys.name, m.accepted, m.delivered, m.cpu, all>>20, anon>>20)
		}
		if base, ok := got["postfix"]; ok {
			b := median(base)
			for _, sys := range systems[:len(systems)-1] {
				m := median(got[sys.name])
				fmt.Printf("%-8s %-14s %9.2fx %9.2fx %11.2fx   of postfix\n", sz.name, sys.name, m.accepted/b.accepted, m.delivered/b.delivered, m.cpu/b.cpu)
			}
		}
	}
	return nil
}

func start(path, dir string, s *sink) ([]*system, func(), error) {
	var systems []*system
	stop := func() {
		for _, sys := range systems {
			sys.stop()
		}
	}
	for _, mode := range []struct{ name, budget string }{{"weir direct", "30s"}, {"weir queued", "0s"}} {
		if *only != "" && mode.name != "weir "+*only {
			continue
		}
		sys, err := weir(path, filepath.Join(dir, mode.name), mode.name, mode.budget, s.addr)
		if err != nil {
			stop()
			return nil, nil, err
		}
		systems = append(systems, sys)
	}
	if *only != "" && *only != "postfix" {
		return systems, stop, nil
	}
	pdir := filepath.Join(dir, "postfix")
	if err := os.MkdirAll(pdir, 0o755); err != nil {
		return nil, stop, err
	}
	sys, err := postfix(context.Background(), pdir, s.addr)
	switch {
	case errors.Is(err, peers.ErrMissing):
		fmt.Println("without Postfix:", err)
	case err != nil:
		stop()
		return nil, nil, err
	default:
		systems = append(systems, sys)
	}
	return systems, stop, nil
}

// measure loads one system and waits until everything has arrived.
func measure(sys *system, s *sink, size, n int, attach bool) (figure, error) {
	before, cpu := s.n.Load(), sys.cpu()
	start := time.Now()
	took, err := load(sys.addr, *sessions, n, size, attach)
	if err != nil {
		return figure{}, err
	}
	for s.n.Load() < before+int64(n) {
		if time.Since(start) > 5*time.Minute {
			return figure{}, fmt.Errorf("only %d of %d arrived", s.n.Load()-before, n)
		}
		time.Sleep(2 * time.Millisecond)
	}
	all := time.Since(start)
	time.Sleep(300 * time.Millisecond) // what is written behind
	return figure{float64(n) / took.Seconds(), float64(n) / all.Seconds(), (sys.cpu() - cpu) / float64(n) * 1000}, nil
}

func median(fs []figure) figure {
	pick := func(get func(figure) float64) float64 {
		var v []float64
		for _, f := range fs {
			v = append(v, get(f))
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	return figure{
		pick(func(f figure) float64 { return f.accepted }),
		pick(func(f figure) float64 { return f.delivered }),
		pick(func(f figure) float64 { return f.cpu }),
	}
}
