package daemon_test

import (
	"context"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/daemon"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

// moved is a clock that runs, and that a test may put forward.
type moved struct {
	mu   sync.Mutex
	skip time.Duration
	news chan struct{} // closed when it is put forward
}

func newMoved(at time.Time) *moved {
	return &moved{skip: time.Until(at), news: make(chan struct{})}
}

func (c *moved) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.skip).UTC()
}

func (c *moved) to(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := time.Until(at); d > c.skip {
		c.skip = d
		close(c.news)
		c.news = make(chan struct{})
	}
}

// After fires when the clock has come so far, by itself or put forward.
func (c *moved) After(d time.Duration) <-chan time.Time {
	out := make(chan time.Time, 1)
	end := c.Now().Add(d)
	var wait func()
	wait = func() {
		c.mu.Lock()
		news, left := c.news, end.Sub(time.Now().Add(c.skip))
		c.mu.Unlock()
		if left <= 0 {
			out <- end
			return
		}
		timer := time.NewTimer(left)
		defer timer.Stop()
		select {
		case <-timer.C:
			out <- end
		case <-news:
			wait()
		case <-time.After(time.Minute): // the test is over
		}
	}
	go wait()
	return out
}

// gatewayAt runs a whole gateway in dir with a clock, until stop or the end of
// the test.
func gatewayAt(t *testing.T, dir string, clk *moved) (d *daemon.Daemon, c *client.Client, stop func()) {
	t.Helper()
	return gatewayLogging(t, dir, clk, io.Discard)
}

func gatewayLogging(t *testing.T, dir string, clk *moved, log io.Writer) (d *daemon.Daemon, c *client.Client, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	d, err := daemon.New(ctx, daemon.Options{Config: filepath.Join(dir, "config.hcl"), Log: log, Now: clk.Now, After: clk.After})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	c = client.New(client.Options{Socket: d.Addresses().Socket})
	stop = sync.OnceFunc(func() {
		c.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return d, c, stop
}

// logged keeps what a gateway logs.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// waitFor waits until a line has been logged n times.
func (l *logged) waitFor(t *testing.T, line string, n int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		l.mu.Lock()
		got := strings.Count(l.text.String(), line)
		l.mu.Unlock()
		if got >= n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%q is logged %d times, want %d", line, got, n)
		}
	}
}

func configDir(t *testing.T, policy string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "weir-d-") // short: a unix socket's path is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "config.hcl"), []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// arrivals waits until a destination has n messages.
func arrivals(t *testing.T, p *smtptest.Peer, n int) []smtptest.Message {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if m := p.Messages(); len(m) >= n {
			return m
		}
		if time.Now().After(end) {
			t.Fatalf("%d messages arrived, want %d", len(p.Messages()), n)
		}
	}
}

// quiet waits until nothing is on its way any more. A destination has a message
// before the gateway has written that down: a clock that is put forward in
// between ends the attempt's lease, and the message is sent once more.
func quiet(t *testing.T, c *client.Client) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		page, err := c.Search(t.Context(), client.Search{Q: "status:queued,accepted"})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s to %s is %s still", page.Items[0].ID, page.Items[0].Recipient, page.Items[0].Status)
		}
	}
}

func to(ms []smtptest.Message, rcpt string) (out []smtptest.Message) {
	for _, m := range ms {
		if len(m.To) == 1 && m.To[0] == rcpt {
			out = append(out, m)
		}
	}
	return out
}

// parts are a message's parts by type, decoded.
func parts(t *testing.T, m smtptest.Message) (*mail.Message, map[string]string) {
	t.Helper()
	msg, err := mail.ReadMessage(strings.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for r := multipart.NewReader(msg.Body, params["boundary"]); ; {
		p, err := r.NextPart()
		if err == io.EOF {
			return msg, out
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := strings.Cut(p.Header.Get("Content-Type"), ";")
		out[kind] = string(b)
	}
}
