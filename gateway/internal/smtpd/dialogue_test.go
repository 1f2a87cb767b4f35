package smtpd

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mailweir/weir/gateway/internal/mail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come; never for what must not.
const patience = 20 * time.Second

// bench is a server over loopback with a recording Gate.
type bench struct {
	t      testing.TB
	gate   *recorder
	server *Server
	cfg    *Config
	addr   string
	log    *logBuffer
	stop   func() // ends Serve's ctx
	served chan error
}

func serve(t testing.TB, cfg Config) *bench {
	t.Helper()
	if cfg.Hostname == "" {
		cfg.Hostname = "mx.test"
	}
	if cfg.Listener == "" {
		cfg.Listener = "test"
	}
	b := &bench{t: t, gate: newRecorder(), cfg: &cfg, log: &logBuffer{}, served: make(chan error, 1)}
	log := slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b.server = NewServer(b.gate, log, func() *Config { return b.cfg })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	b.stop = cancel
	go func() { b.served <- b.server.Serve(ctx, l); close(b.served) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-b.served:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(patience):
			t.Error("Serve does not return")
		}
	})
	return b
}

// waitClosed waits until the Gate has seen the end of one session.
func (b *bench) waitClosed() {
	b.t.Helper()
	select {
	case <-b.gate.closed:
	case <-time.After(patience):
		b.t.Fatalf("session does not end; gate saw %q", b.gate.log())
	}
}

type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// client is the other end.
type client struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func (b *bench) dial() *client {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	return &client{b.t, conn, bufio.NewReader(conn)}
}

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, s); err != nil {
		c.t.Fatalf("send %.60q: %v", s, err)
	}
}

// line reads one line without CRLF; io.EOF if the server has closed.
func (c *client) line() (string, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	s, err := c.in.ReadString('\n')
	if err != nil {
		return s, err
	}
	if !strings.HasSuffix(s, "\r\n") {
		return s, fmt.Errorf("reply line %q does not end with CRLF", s)
	}
	return s[:len(s)-2], nil
}

// expect reads lines and compares them; a trailing * matches any rest.
func (c *client) expect(want ...string) {
	c.t.Helper()
	for _, w := range want {
		got, err := c.line()
		if err != nil {
			c.t.Fatalf("waiting for %q: %v (%q)", w, err, got)
		}
		if !matches(got, w) {
			c.t.Fatalf("reply %q, want %q", got, w)
		}
	}
}

func matches(got, want string) bool {
	if p, ok := strings.CutSuffix(want, "*"); ok {
		return strings.HasPrefix(got, p)
	}
	return got == want
}

// expectClosed wants the end of the connection, without a reset.
func (c *client) expectClosed() {
	c.t.Helper()
	if s, err := c.line(); !errors.Is(err, io.EOF) || s != "" {
		c.t.Fatalf("connection gives %q, %v; want its end", s, err)
	}
}

// rest is everything the server still says.
func (c *client) rest() string {
	c.t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	s, err := io.ReadAll(c.in)
	if err != nil {
		c.t.Fatalf("after %q: %v", s, err)
	}
	return string(s)
}

func (c *client) fin() {
	c.t.Helper()
	if err := c.conn.(*net.TCPConn).CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) startTLS() {
	c.t.Helper()
	t := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true})
	if err := t.Handshake(); err != nil {
		c.t.Fatalf("handshake: %v", err)
	}
	c.conn, c.in = t, bufio.NewReader(t)
}

var selfSigned = sync.OnceValue(func() *tls.Config {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"mx.test"}}
	d, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		panic(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{d}, PrivateKey: k}}, MinVersion: tls.VersionTLS12}
})

// TestDialogues runs testdata/*.dlg. A file is:
//
//	set KEY VALUE         a setting of Config or Limits (see setting)
//	gate CALL => ANSWER   how the recording Gate answers (see recorder)
//	C: text               the client sends text and CRLF
//	C| "text\n"           the client sends a Go string as it is
//	S: text               the server says this line; a trailing * matches any rest
//	fin                   the client ends its side
//	tls                   the client starts TLS
//	closed                the server closes the connection
//	G: event              what the Gate saw, all of it, in order
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/*.dlg")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d dialogues, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".dlg"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			runDialogue(t, f, string(text))
		})
	}
}

func runDialogue(t *testing.T, file, text string) {
	cfg := Config{TLS: selfSigned(), Direction: mail.Inbound}
	answers := map[string]string{}
	var want []string
	var steps []func(c *client)
	for i, line := range strings.Split(text, "\n") {
		where := fmt.Sprintf("%s:%d", file, i+1)
		word, rest, _ := strings.Cut(line, " ")
		step := func(f func(c *client)) {
			steps = append(steps, func(c *client) { t.Helper(); t.Log(where, line); f(c) })
		}
		switch word {
		case "", "#":
		case "set":
			key, value, _ := strings.Cut(rest, " ")
			setting(t, &cfg, key, value)
		case "gate":
			call, answer, _ := strings.Cut(rest, " => ")
			answers[call] = answer
		case "C:":
			step(func(c *client) { c.send(rest + "\r\n") })
		case "C|":
			raw, err := strconv.Unquote(rest)
			if err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			step(func(c *client) { c.send(raw) })
		case "S:":
			step(func(c *client) { c.expect(rest) })
		case "fin":
			step((*client).fin)
		case "tls":
			step((*client).startTLS)
		case "closed":
			step((*client).expectClosed)
		case "G:":
			want = append(want, rest)
		default:
			t.Fatalf("%s: what is %q?", where, line)
		}
	}
	b := serve(t, cfg)
	for call, answer := range answers {
		b.gate.when(call, answer)
	}
	c := b.dial()
	for _, s := range steps {
		s(c)
	}
	c.conn.Close()
	if slices.ContainsFunc(want, func(e string) bool { return strings.HasPrefix(e, "close") }) {
		b.waitClosed()
	}
	got := b.gate.log()
	if len(got) != len(want) || !slices.EqualFunc(got, want, matches) {
		t.Errorf("gate saw\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func setting(t *testing.T, cfg *Config, key, value string) {
	t.Helper()
	number := func() int {
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	duration := func() time.Duration {
		d, err := time.ParseDuration(value)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	l := &cfg.Limits
	switch key {
	case "bare_lf":
		cfg.BareLF = value
	case "tls":
		cfg.TLS = nil
	case "allow":
		cfg.Allow = []netip.Prefix{}
		if value != "nobody" {
			cfg.Allow = append(cfg.Allow, netip.MustParsePrefix(value))
		}
	case "greet_delay":
		cfg.GreetDelay = duration()
	case "message_size":
		l.MessageSize = int64(number())
	case "recipients":
		l.Recipients = number()
	case "errors":
		l.Errors = number()
	case "commands":
		l.Commands = number()
	case "junk":
		l.Junk = number()
	case "stage_timeout":
		l.StageTimeout = duration()
	case "idle_timeout":
		l.IdleTimeout = duration()
	case "data_timeout":
		l.DataTimeout = duration()
	case "transaction_timeout":
		l.TransactionTimeout = duration()
	case "commit_timeout":
		l.CommitTimeout = duration()
	case "min_rate":
		l.MinRate = number()
	case "rate_grace":
		l.RateGrace = duration()
	default:
		t.Fatalf("no setting %q", key)
	}
}
