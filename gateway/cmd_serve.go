package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"syscall"

	"github.com/mailweir/weir/gateway/internal/daemon"
)

// ServeCmd runs the gateway.
type ServeCmd struct {
	Var          map[string]string `help:"Value of a variable block of the policy." placeholder:"NAME=VALUE"`
	CPUProfile   string            `hidden:"" placeholder:"FILE" help:"Write a CPU profile until the gateway ends."`
	UnsafeNoSync bool              `hidden:"" help:"Do not sync to disk: a power cut loses mail. For the control of the power-cut test."`
}

// memoryLimit is the soft limit of the Go heap where GOMEMLIMIT is not set:
// garbage is collected harder rather than memory taken from the machine.
const memoryLimit = 512 << 20

// Run serves until the context ends (SIGINT, SIGTERM); SIGHUP reloads the policy.
func (c *ServeCmd) Run(ctx context.Context, g *Globals) error {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if c.CPUProfile != "" {
		f, err := os.Create(c.CPUProfile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	level := new(slog.LevelVar)
	d, err := daemon.New(ctx, daemon.Options{
		Config: g.Config, Vars: c.Var, Log: os.Stderr, Level: level, Version: buildVersion(), NoSync: c.UnsafeNoSync,
	})
	if err != nil {
		return fmt.Errorf("the gateway cannot start: %w", err)
	}
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
