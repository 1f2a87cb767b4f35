package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

// config is the gateway under test: everything is known valid, so everything
// may be queued; direct delivery has little time, so both paths are taken.
const config = `
gateway {
  hostname       = "crash.weir.test"
  data_dir       = %q
  direct_inbound = "400ms"
  watermark      = "100MiB"
}

listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
  limits {
    connections = 1000
    per_client  = 1000
    commands    = 100000
    errors      = 1000
  }
}

retry "fast" {
  phase {
    until = "10h"
    every = "1s"
  }
}

tenant "crash" {
  domains = ["crash.test"]
  route {
    hosts       = [%q]
    connections = 20
  }
  recipients {
    verify = "local"
    local  = ["*@crash.test"]
  }
  inbound { retry = retry.fast }
}
`

// gateway is a process under test.
type gateway struct {
	bin, conf, dir string
	nosync         bool
	cmd            *exec.Cmd
	smtp           atomic.Pointer[string]
	log            *os.File
}

func newGateway(bin, dir, conf, destination string, nosync bool) (*gateway, error) {
	if err := os.WriteFile(conf, fmt.Appendf(nil, config, dir, destination), 0o600); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(conf+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return &gateway{bin: bin, conf: conf, dir: dir, nosync: nosync, log: log}, err
}

func (g *gateway) addr() string {
	if p := g.smtp.Load(); p != nil {
		return *p
	}
	return ""
}

// start runs the gateway and waits until it listens.
func (g *gateway) start() error {
	run := filepath.Join(g.dir, "run.json")
	os.Remove(run)
	args := []string{"serve", "--config", g.conf}
	if g.nosync {
		args = append(args, "--unsafe-no-sync")
	}
	g.cmd = exec.Command(g.bin, args...)
	g.cmd.Stdout, g.cmd.Stderr = g.log, g.log
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := g.cmd.Start(); err != nil {
		return err
	}
	var a struct {
		PID       int
		Listeners map[string]string
	}
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile(run)
		if err == nil && json.Unmarshal(b, &a) == nil && a.PID == g.cmd.Process.Pid {
			addr := a.Listeners["mx"]
			g.smtp.Store(&addr)
			return nil
		}
		if err := g.cmd.Process.Signal(syscall.Signal(0)); err != nil {
			break
		}
	}
	g.cmd.Process.Kill()
	g.cmd.Wait()
	return fmt.Errorf("the gateway did not come up; see %s", g.log.Name())
}

// kill ends it as a crash would.
func (g *gateway) kill() {
	g.smtp.Store(nil)
	if g.cmd != nil && g.cmd.Process != nil {
		g.cmd.Process.Kill()
		g.cmd.Wait()
		g.cmd = nil
	}
}

// live asks the gateway how many recipients it still holds.
func (g *gateway) live() (map[string]int, error) {
	out, err := exec.Command(g.bin, "queue", "summary", "--json", "--socket", filepath.Join(g.dir, "weir.sock")).Output()
	if err != nil {
		return nil, fmt.Errorf("weir queue summary: %w: %s", err, out)
	}
	var sum struct {
		Counts map[string]int `json:"counts"`
	}
	if err := json.Unmarshal(out, &sum); err != nil || sum.Counts == nil {
		return nil, fmt.Errorf("weir queue summary said %q: %w", out, err)
	}
	return sum.Counts, nil
}
