// Package peers runs other mail servers beside the gateway, for tests and
// benchmarks: Postfix with its smtp-source and smtp-sink, Exim, and swaks,
// unpacked by .ci/peers (packages conflict, so they are not installed); and the
// scanners that plugins ask, clamd and rspamd, as Debian installs them.
//
// No part of the gateway itself uses it.
package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ErrMissing says that the peers were not unpacked. Tests skip on it, unless
// WEIR_CI is set: there a missing peer is a failure.
var ErrMissing = errors.New("no mail servers to test with: run .ci/peers as root, or set WEIR_PEERS")

// Dir is where the peers are.
func Dir() (string, error) {
	dir := os.Getenv("WEIR_PEERS")
	if dir == "" {
		dir = "/var/tmp/weir-peers"
	}
	if _, err := os.Stat(filepath.Join(dir, "postfix", "usr")); err != nil || os.Geteuid() != 0 {
		return "", ErrMissing
	}
	return dir, nil
}

// Required reports whether a missing peer is a failure.
func Required() bool { return os.Getenv("WEIR_CI") != "" }

func command(ctx context.Context, dir, path string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, filepath.Join(dir, path), args...)
	c.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Join(dir, "postfix/usr/lib/postfix")+":"+filepath.Join(dir, "libidn12/usr/lib/x86_64-linux-gnu"))
	return own(c)
}

// own gives a process a group of its own, so that what it forks ends with it.
func own(c *exec.Cmd) *exec.Cmd {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return c
}

// Process is a running peer.
type Process struct {
	Addr string // where it listens
	Dir  string // its files
	cmd  *exec.Cmd
	out  *bytes.Buffer
	done chan struct{}
}

// PID is the process's ID; its children are in the same process group.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop ends the process and everything it forked, and waits for it.
func (p *Process) Stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(3 * time.Second):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

func launch(cmd *exec.Cmd, addr, dir string) (*Process, error) {
	return launchAt(cmd, "tcp", addr, dir)
}

func launchAt(cmd *exec.Cmd, network, addr, dir string) (*Process, error) {
	p := &Process{Addr: addr, Dir: dir, cmd: cmd, out: &bytes.Buffer{}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.out, p.out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait()
		close(p.done)
	}()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		c, err := net.DialTimeout(network, addr, time.Second)
		if err == nil {
			c.Close()
			return p, nil
		}
		select {
		case <-p.done:
			return nil, fmt.Errorf("%s ended at once: %s", cmd.Path, p.out)
		default:
		}
	}
	p.Stop()
	return nil, fmt.Errorf("%s does not listen on %s: %s", cmd.Path, addr, p.out)
}

// FreeAddr is a loopback address whose port the kernel chose. Another process
// may take it before the peer does; the peers cannot be given a socket.
func FreeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// Sink starts smtp-sink, which takes everything. Extra arguments are its own
// options; with "-d template" it writes each message to a file under cwd.
func Sink(ctx context.Context, cwd string, args ...string) (*Process, error) {
	dir, err := Dir()
	if err != nil {
		return nil, err
	}
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	cmd := command(ctx, dir, "postfix/usr/sbin/smtp-sink", append(append([]string{"-u", "nobody"}, args...), addr, "1000")...)
	cmd.Dir = cwd
	return launch(cmd, addr, cwd)
}

// Source runs smtp-source to its end and returns how long it took.
func Source(ctx context.Context, addr string, args ...string) (time.Duration, error) {
	dir, err := Dir()
	if err != nil {
		return 0, err
	}
	cmd := command(ctx, dir, "postfix/usr/sbin/smtp-source", append(args, addr)...)
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("smtp-source: %w: %s", err, out)
	}
	return time.Since(start), nil
}

// Swaks runs swaks against a server to its end and returns the dialogue; an
// error when it reports one.
func Swaks(ctx context.Context, addr string, args ...string) (string, error) {
	dir, err := Dir()
	if err != nil {
		return "", err
	}
	cmd := command(ctx, dir, "swaks/usr/bin/swaks", append([]string{"--server", addr}, args...)...)
	if _, err := os.Stat(cmd.Path); err != nil {
		return "", fmt.Errorf("%w (%w)", ErrMissing, err)
	}
	libs, err := filepath.Glob(filepath.Join(dir, "libnet-ssleay-perl/usr/lib/*/perl5/*"))
	if err != nil {
		return "", err
	}
	cmd.Env = append(cmd.Env, "PERL5LIB="+strings.Join(libs, ":"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("swaks: %w: %s", err, out)
	}
	return string(out), nil
}

// chownAll gives a tree to a user and group.
func chownAll(root string, uid, gid int) error {
	return filepath.Walk(root, func(p string, _ os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(p, uid, gid)
	})
}

// traversable lets other users reach a temporary directory's files.
func traversable(dir string) error {
	for d := dir; strings.HasPrefix(d, os.TempDir()+"/"); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			return err
		}
	}
	return nil
}
