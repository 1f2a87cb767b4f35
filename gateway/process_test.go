package main

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// process is a program that runs beside the script.
type process struct {
	cmd    *exec.Cmd
	out    lines
	exited chan struct{} // closed when it has ended
	err    error         // how; read it after exited
}

// lines keeps what a process says.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs this binary as weir in the script's folder and environment.
func start(ts *testscript.TestScript, args ...string) *process {
	p := &process{cmd: exec.Command(weirPath(ts), args...), exited: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = ts.MkAbs("."), environment(ts)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	ts.Check(p.cmd.Start())
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	ts.Defer(func() {
		_ = p.cmd.Process.Kill() // ended already, as a rule
		<-p.exited
		if t := stateOf(ts).t; t != nil && strings.Contains(p.out.String(), "DATA RACE") {
			t.Errorf("%s: %s", ts.Name(), p.out.String())
		}
	})
	return p
}

func weirPath(ts *testscript.TestScript) string {
	path, err := exec.LookPath("weir") // TestMain has put it in front of PATH
	ts.Check(err)
	return path
}

// environment is the script's, as far as weir looks at it.
func environment(ts *testscript.TestScript) []string {
	env := slices.Clone(stateOf(ts).vars)
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TZ", "GOCOVERDIR", "WEIR_CONFIG"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

// end sends a signal and waits for the process to be gone.
func (p *process) end(ts *testscript.TestScript, sig syscall.Signal) {
	ts.Check(p.cmd.Process.Signal(sig))
	select {
	case <-p.exited:
	case <-time.After(patience):
		ts.Fatalf("it does not end; it said:\n%s", p.out.String())
	}
	if sig == syscall.SIGTERM && p.err != nil {
		ts.Fatalf("it ended with %v; it said:\n%s", p.err, p.out.String())
	}
}

// until waits for something to be so.
func until(ts *testscript.TestScript, what string, ok func() bool) {
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			st := stateOf(ts)
			if st.gateway != nil {
				ts.Logf("the gateway said:\n%s", st.gateway.out.String())
			}
			ts.Fatalf("in vain: %s", what)
		}
	}
}
