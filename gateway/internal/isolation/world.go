package isolation

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/daemon"
	"github.com/mailweir/weir/gateway/internal/dnstest"
	"github.com/mailweir/weir/gateway/internal/filter/builtin"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

// World is a gateway with three tenants that have one of everything.
type World struct {
	Addr              string // of the admin listener
	Socket            string
	Dir               string // of the world: its files
	Plugins           bool   // whether plugins are loaded
	Callers           []Caller
	Operator, Mailbox *Caller // of Beta, from Callers

	at         daemon.Addresses
	peer       *smtptest.Peer
	tcp        *http.Client
	admin      *http.Client
	log        *journal
	acmeToken  string              // of Acme's operator
	acme, beta map[string][]string // what there is, by kind
}

// journal is a log that tests read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

// end is the last of it.
func (j *journal) end(n int) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.b.String()
	return s[max(0, len(s)-n):]
}

// Start makes a world, which lasts until the test ends. Nothing in it changes
// by itself once it is there.
func Start(t testing.TB) *World {
	t.Helper()
	if _, err := builtin.Module("bayes"); err != nil && os.Getenv("WEIR_CI") != "" {
		t.Fatal(err)
	} else if err != nil {
		t.Logf("without plugins: %v", err)
	}
	w := &World{Plugins: len(builtin.Names()) > 0, log: &journal{}, acme: map[string][]string{}, beta: map[string][]string{}}
	dir, err := os.MkdirTemp("", "weir-iso-") // short: a unix socket's path is
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	w.Dir = dir
	w.peer = smtptest.Start(t, smtptest.Script{Rcpt: answer})
	dns := dnstest.Start(t, "")
	config := filepath.Join(dir, "policy")
	check(t, os.Mkdir(config, 0o700))
	for name, text := range files(dns.Addr, w.peer.Addr, w.Plugins) {
		check(t, os.WriteFile(filepath.Join(config, name), []byte(text), 0o600))
	}
	w.run(t, config)
	w.settle(t)
	return w
}

// answer is what destinations say of a recipient.
func answer(addr string) string {
	local, domain, _ := strings.Cut(addr, "@")
	word := "word"
	for _, t := range tenants {
		for _, d := range t.domains {
			if d == domain {
				word = t.mark
			}
		}
	}
	switch {
	case strings.HasPrefix(local, "later"):
		return "451 4.2.0 " + word + " mailbox busy"
	case strings.HasPrefix(local, "never"):
		return "550 5.1.1 " + word + " nobody of that name"
	}
	return ""
}

func (w *World) run(t testing.TB, config string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	d, err := daemon.New(ctx, daemon.Options{Config: config, Log: w.log, NoSync: true, Version: api.VersionInfo{Version: "isolation"}})
	if err != nil {
		stop()
		t.Fatal(err)
	}
	w.at = d.Addresses()
	w.Addr, w.Socket = w.at.Admin, w.at.Socket
	w.tcp = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	w.admin = &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", w.Socket)
		},
	}}
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		w.tcp.CloseIdleConnections()
		w.admin.CloseIdleConnections()
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
			t.Logf("the end of its log:\n%s", w.log.end(6000))
		}
	})
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await polls until ok.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}
