package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mailweir/weir/gateway/internal/api/client"
)

// addresses are where the gateway of the moment listens; empty while there is
// none.
type addresses struct{ mx, submission string }

// gateway is the process under test, one life after the other.
type gateway struct {
	bin, conf, dir string
	args           []string // of weir serve
	cmd            *exec.Cmd
	ended          chan struct{} // closed when the process has
	listens        atomic.Pointer[addresses]
	log            *os.File
}

// newGateway prepares a gateway with its data in dir and its configuration
// and log beside conf.
func newGateway(bin, dir, conf, destination, watermark string, args ...string) (*gateway, error) {
	if err := writeConfig(conf, dir, destination, watermark); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(conf+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return &gateway{bin: bin, conf: conf, dir: dir, args: args, log: log}, err
}

func (g *gateway) where() addresses {
	if p := g.listens.Load(); p != nil {
		return *p
	}
	return addresses{}
}

// launch starts the process and does not wait for anything.
func (g *gateway) launch() error {
	if err := os.Remove(filepath.Join(g.dir, "run.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	g.cmd = exec.Command(g.bin, append([]string{"serve", "--config", g.conf}, g.args...)...)
	g.cmd.Stdout, g.cmd.Stderr = g.log, g.log
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := g.cmd.Start(); err != nil {
		g.cmd = nil
		return err
	}
	ended := make(chan struct{})
	g.ended = ended
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait() // how it ended is in its ProcessState
		close(ended)
	}(g.cmd)
	return nil
}

// start runs the gateway and waits until it listens.
func (g *gateway) start() error {
	if err := g.launch(); err != nil {
		return err
	}
	var a struct {
		PID       int
		Listeners map[string]string
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && g.alive(); time.Sleep(5 * time.Millisecond) {
		b, err := os.ReadFile(filepath.Join(g.dir, "run.json"))
		if err == nil && json.Unmarshal(b, &a) == nil && a.PID == g.cmd.Process.Pid {
			g.listens.Store(&addresses{a.Listeners["mx"], a.Listeners["submission"]})
			return nil
		}
	}
	g.kill()
	return fmt.Errorf("the gateway did not come up; see %s", g.log.Name())
}

// alive reports whether the process runs.
func (g *gateway) alive() bool {
	if g.cmd == nil {
		return false
	}
	select {
	case <-g.ended:
		return false
	default:
		return true
	}
}

// kill ends it as a crash would.
func (g *gateway) kill() span {
	s := span{from: time.Now()}
	g.listens.Store(nil)
	if g.cmd != nil {
		_ = g.cmd.Process.Kill() // an error means that it is gone
		<-g.ended
		g.cmd = nil
	}
	s.to = time.Now()
	return s
}

// patience is how long a gateway may take to stop: an attempt past its final
// dot may finish.
const patience = slowest + 20*time.Second

// terminate asks it to stop, as an operator does; it has to end by itself and
// without complaint.
func (g *gateway) terminate() error {
	g.listens.Store(nil)
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("the gateway had ended before it was asked to: %w", err)
	}
	select {
	case <-g.ended:
	case <-time.After(patience):
		_ = g.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines go to the log
		<-g.ended
		return fmt.Errorf("the gateway did not stop within %v of SIGTERM; see %s", patience, g.log.Name())
	}
	state := g.cmd.ProcessState
	g.cmd = nil
	if !state.Success() {
		return fmt.Errorf("the gateway ended with %v after SIGTERM; see %s", state, g.log.Name())
	}
	return nil
}

// stillborn starts a gateway and kills it while it opens its store, or soon
// after.
func (g *gateway) stillborn() (span, error) {
	if err := g.launch(); err != nil {
		return span{}, err
	}
	time.Sleep(rand.N(400 * time.Millisecond))
	return g.kill(), nil
}

func (g *gateway) client() *client.Client {
	return client.New(client.Options{Socket: filepath.Join(g.dir, "weir.sock")})
}
