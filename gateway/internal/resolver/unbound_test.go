package resolver_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/dane"
	"github.com/mailweir/weir/gateway/internal/dnstest"
	"github.com/mailweir/weir/gateway/internal/resolver"
)

// unbound runs one that validates zones of s by their anchors, and asks s for
// everything under test. Where somebody takes its port first, it gets another one.
func unbound(t *testing.T, s *dnstest.Server, anchors ...string) string {
	t.Helper()
	path, err := exec.LookPath("unbound")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/unbound"); err != nil {
			if os.Getenv("WEIR_CI") != "" {
				t.Fatal("unbound is not installed, and CI must have it")
			}
			t.Skip("unbound is not installed")
		}
	}
	const tries = 10
	for try := 1; ; try++ {
		addr, said, err := startUnbound(t, path, s, anchors)
		if err == nil {
			return addr
		}
		if !strings.Contains(strings.ToLower(said), "address already in use") || try == tries {
			t.Fatalf("%v; it said:\n%s", err, said)
		}
	}
}

// freePort is one that nothing has now, neither by UDP nor by TCP. Somebody else
// may take it before unbound does.
func freePort(t *testing.T) (port string) {
	t.Helper()
	for range 100 {
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := pc.LocalAddr().String()
		l, err := net.Listen("tcp", addr)
		pc.Close()
		if err != nil {
			continue
		}
		l.Close()
		_, port, _ = net.SplitHostPort(addr)
		return port
	}
	t.Fatal("no port is free by UDP and TCP alike")
	return ""
}

// startUnbound gives the address of one that serves, or what it said when it ended.
func startUnbound(t *testing.T, path string, s *dnstest.Server, anchors []string) (addr, said string, err error) {
	t.Helper()
	port := freePort(t)
	addr = net.JoinHostPort("127.0.0.1", port)
	_, authority, _ := net.SplitHostPort(s.Addr)
	dir := t.TempDir()
	var conf strings.Builder
	fmt.Fprintf(&conf, `server:
  interface: 127.0.0.1@%[1]s
  port: %[1]s
  do-ip6: no
  do-daemonize: no
  use-syslog: no
  logfile: ""
  verbosity: 1
  val-log-level: 2
  username: ""
  chroot: ""
  directory: %[2]q
  pidfile: %[3]q
  num-threads: 1
  do-not-query-localhost: no
  module-config: "validator iterator"
  local-zone: "test." nodefault
  qname-minimisation: no
`, port, dir, filepath.Join(dir, "pid"))
	for _, a := range anchors {
		fmt.Fprintf(&conf, "  trust-anchor: %q\n", strings.ReplaceAll(a, "\t", " "))
	}
	for _, zone := range []string{"dest.test", "plain.test"} {
		fmt.Fprintf(&conf, "stub-zone:\n  name: %q\n  stub-addr: 127.0.0.1@%s\n", zone, authority)
	}
	conf.WriteString("remote-control:\n  control-enable: no\n")
	file := filepath.Join(dir, "unbound.conf")
	if err := os.WriteFile(file, []byte(conf.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	read := func() string {
		b, _ := os.ReadFile(log.Name())
		return string(b)
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "-d", "-c", file)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		stop()
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = cmd.Wait() }()
	t.Cleanup(func() {
		stop()
		<-done
		log.Close()
		if t.Failed() {
			t.Logf("unbound said:\n%s", read())
		}
	})
	// Its own word is waited for: whoever else has the port would take a connection, too.
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if strings.Contains(read(), "start of service") {
			return addr, "", nil
		}
		select {
		case <-done:
			return "", read(), errors.New("unbound ended at once")
		default:
		}
		if time.Now().After(end) {
			return "", read(), errors.New("unbound does not answer")
		}
	}
}

// TestDANE_behind_a_real_validating_resolver: what this package makes of the AD
// bit and of SERVFAIL is what unbound means by them.
func TestDANE_behind_a_real_validating_resolver(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	s := dnstest.Start(t, `
		dest.test.                 SOA ns.dest.test. root.dest.test. 1 60 60 60 30
		dest.test.                 NS ns.dest.test.
		dest.test.                 MX 10 mx.dest.test.
		ns.dest.test.              A 127.0.0.1
		mx.dest.test.              A 127.0.0.1
		_25._tcp.mx.dest.test.     TLSA 3 1 1 `+hash+`
		none.dest.test.            A 127.0.0.1
		alias.dest.test.           CNAME mx.dest.test.
		away.dest.test.            CNAME mx.plain.test.
		_25._tcp.away.dest.test.   TLSA 3 1 1 `+hash+`
		forged.dest.test.          A 127.0.0.1
		_25._tcp.forged.dest.test. TLSA 3 1 1 `+hash+`
		plain.test.                SOA ns.plain.test. root.plain.test. 1 60 60 60 30
		plain.test.                MX 10 mx.plain.test.
		mx.plain.test.             A 127.0.0.1
		_25._tcp.mx.plain.test.    TLSA 3 1 1 `+hash)
	anchor := s.SignFor(t, "dest.test")
	s.Set("_25._tcp.forged.dest.test", dnstest.Spoilt)
	c := resolver.New(resolver.Options{Servers: []string{unbound(t, s, anchor)}, HostsFile: "none"})
	for domain, want := range map[string]bool{"dest.test": true, "plain.test": false} {
		if mx, secure, err := c.MXSecure(t.Context(), domain); len(mx) != 1 || secure != want || err != nil {
			t.Errorf("%s: %v, secure %v, %v", domain, mx, secure, err)
		}
	}
	for host, want := range map[string]struct {
		state dane.State
		base  string
	}{
		"mx.dest.test": {dane.Present, "mx.dest.test"}, "alias.dest.test": {dane.Present, "mx.dest.test"}, "away.dest.test": {dane.Present, "away.dest.test"},
		"none.dest.test": {dane.Absent, ""}, "mx.plain.test": {dane.Absent, ""}, "forged.dest.test": {dane.Failed, ""},
	} {
		f := dane.Lookup(t.Context(), c, host, 25)
		if f.State != want.state || want.base != "" && f.Names[0] != want.base {
			t.Errorf("%s: %s %v %v, want %s", host, f.State, f.Names, f.Err, want.state)
		}
	}
	var e *resolver.Error
	if _, _, err := c.TLSA(t.Context(), "forged.dest.test", 25); !errors.As(err, &e) || !e.Temporary || !strings.Contains(err.Error(), "SERVFAIL") {
		t.Errorf("forged: %v", err)
	}
}
