package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"syscall"

	"github.com/mailweir/weir/gateway/internal/daemon"
	"github.com/mailweir/weir/gateway/internal/heap"
)

// ServeCmd runs the gateway.
type ServeCmd struct {
	Var          map[string]string `help:"Value of a variable block of the policy." placeholder:"NAME=VALUE"`
	Profile      string            `hidden:"" placeholder:"DIR" help:"Write cpu.prof and heap.prof there when the gateway ends."`
	UnsafeNoSync bool              `hidden:"" help:"Do not sync to disk: a power cut loses mail. For the control of the power-cut test."`
}

// Run serves until the context ends (SIGINT, SIGTERM); SIGHUP reloads the policy.
func (c *ServeCmd) Run(ctx context.Context, g *Globals) error {
	defer heap.Spare()()
	if c.Profile != "" {
		stop, err := profile(ctx, c.Profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	level := new(slog.LevelVar)
	d, err := daemon.New(ctx, daemon.Options{
		Config: g.Config, Vars: c.Var, Log: os.Stderr, Level: level, Version: buildVersion(), NoSync: c.UnsafeNoSync,
	})
	if err != nil {
		return fmt.Errorf("the gateway cannot start: %w", err)
	}
	debug.FreeOSMemory() // what loading the plugins took
	go heap.GiveBack(ctx)
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hup:
				d.Reload(ctx)
			}
		}
	}()
	return d.Run(ctx)
}

// profile starts a CPU profile, which stop ends; one of the heap is taken
// when ctx ends, while everything is still open.
func profile(ctx context.Context, dir string) (stop func(), err error) {
	cpu, err := os.Create(filepath.Join(dir, "cpu.prof"))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() {
		if heap, err := os.Create(filepath.Join(dir, "heap.prof")); err == nil {
			runtime.GC()
			_ = pprof.WriteHeapProfile(heap)
			heap.Close()
		}
	})
	return func() {
		pprof.StopCPUProfile()
		cpu.Close()
	}, nil
}
