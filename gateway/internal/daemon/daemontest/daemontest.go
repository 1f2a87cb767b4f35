// Package daemontest runs whole gateways within tests: the policy in a folder of
// its own, all of it started, and ended with the test.
//
// It says nothing about what a gateway is to do: that is the tests'. What runs in
// a process of its own is started by the tests of the command line.
package daemontest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/daemon"
)

// Gateway is one that runs.
type Gateway struct {
	*daemon.Daemon
	At     daemon.Addresses
	Config string // the policy: a file, or a folder where there are several
	Log    *Log
}

// Log is a log that tests read while it is written.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is all of it so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Folder makes a folder that is gone once the test has ended. Its name is short,
// because a unix socket's path is.
func Folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "weir-t-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Start runs a gateway to the end of the test. files are its policy, by name,
// and are written below dir: one of them is the policy, several stand in the
// folder "policy". o.Config and o.Log are filled in.
func Start(t testing.TB, dir string, files map[string]string, o daemon.Options) *Gateway {
	t.Helper()
	g := &Gateway{Log: &Log{}, Config: filepath.Join(dir, "policy")}
	in := g.Config
	if len(files) == 1 {
		in = dir
	}
	if err := os.MkdirAll(in, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(in, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if len(files) == 1 {
			g.Config = path
		}
	}
	o.Config, o.Log = g.Config, g.Log
	ctx, stop := context.WithCancel(context.Background())
	d, err := daemon.New(ctx, o)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	g.Daemon, g.At = d, d.Addresses()
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the gateway ended with %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("the gateway does not end")
		}
		if t.Failed() {
			const end = 6000
			s := g.Log.String()
			t.Logf("the end of its log:\n%s", s[max(0, len(s)-end):])
		}
	})
	return g
}

// Listeners are those of a policy: "mx" and "submission", for all of this machine.
const Listeners = `
listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
  limits {
    connections = 200
    per_client  = 200
  }
}
listener "submission" {
  address   = "127.0.0.1:0"
  direction = "outbound"
  allow     = ["127.0.0.0/8"]
  limits {
    connections = 200
    per_client  = 200
  }
}
`
