package compile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// ErrNoProcess says that the child could not be started, so nothing is known
// of the module.
var ErrNoProcess = errors.New("the compiler process cannot be started")

// maxErrors is how much of what a child says is kept, in octets.
const maxErrors = 8 << 10

// run compiles a metered module into dir, in a child.
func (c *Compiler) run(ctx context.Context, dir string, module []byte) error {
	exe, err := c.program()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoProcess, err)
	}
	limit, cancel := context.WithTimeout(ctx, c.deadline())
	defer cancel()
	said := &words{}
	cmd := exec.CommandContext(limit, exe)
	cmd.Args, cmd.Env, cmd.Dir = []string{argv0}, []string{}, dir
	cmd.Stdin, cmd.Stderr = bytes.NewReader(module), said
	cmd.SysProcAttr, cmd.WaitDelay = attributes(), 5*time.Second

	// The child ends with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w (%w); it needs /proc and room for one more process", ErrNoProcess, err)
	}
	err = cmd.Wait()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("compiling it: %w", context.Cause(ctx))
	case limit.Err() != nil:
		return fmt.Errorf("compiling it took longer than %v; it was stopped", c.deadline())
	}
	return c.explain(err, said.String())
}

func (c *Compiler) program() (string, error) {
	if c.Program != "" {
		return c.Program, nil
	}
	return self()
}

// explain says what became of a child that did not end well.
func (c *Compiler) explain(err error, said string) error {
	first, _, _ := strings.Cut(strings.TrimSpace(said), "\n")
	first = strings.Map(func(c rune) rune { // it may quote names of the module
		if unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, first[:min(len(first), 300)])
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("compiling it: %w", err) // its input broke off, say
	}
	status, _ := exit.Sys().(syscall.WaitStatus) // its signal is -1 if it was none
	switch {
	case exit.ExitCode() == 1 && first != panicked("cannot allocate memory"): // which is how it ends where it maps, and not allocates
		return fmt.Errorf("compiling it: %s", first)
	case strings.Contains(said, "out of memory") || strings.Contains(said, "cannot allocate memory"):
		return fmt.Errorf("compiling it took more than %d MiB of memory; it was stopped", maxMemory>>20)
	case strings.Contains(said, "SIGXCPU") || status.Signal() == syscall.SIGKILL || int(status.Signal()) == sigXCPU:
		return fmt.Errorf("compiling it took more than %d s of processor time, or the machine's memory; it was stopped", maxCPU)
	}
	return fmt.Errorf("compiling it ended the compiler: %v: %s", exit, first)
}

// words keeps the beginning of what is written to it.
type words struct{ b []byte }

func (w *words) Write(p []byte) (int, error) {
	w.b = append(w.b, p[:min(len(p), maxErrors-len(w.b))]...)
	return len(p), nil
}

func (w *words) String() string { return strings.ToValidUTF8(string(w.b), "?") }
