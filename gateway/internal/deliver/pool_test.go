package deliver

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

func TestConnections_are_used_again(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Ext: pipelining})
	e := engine(t, nil)
	for i := range 5 {
		res := run(t, e, request(t, static(p.Addr), "a@b.test"))
		if res.Rcpts[0].Outcome != Delivered || res.Attempts[0].Reused != (i > 0) {
			t.Fatalf("%d: %s\n%s", i, show(res), transcripts(res))
		}
	}
	if p.Accepted() != 1 {
		t.Errorf("%d connections", p.Accepted())
	}
	r := static(p.Addr)
	r.TLS = "none"
	run(t, e, request(t, r, "a@b.test"))
	if p.Accepted() != 2 {
		t.Error("a connection was shared between TLS policies")
	}
}

func TestConnection_is_worn_after_so_many_messages(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{})
	r := static(p.Addr)
	r.PerConn = 2
	e := engine(t, nil)
	for range 6 {
		run(t, e, request(t, r, "a@b.test"))
	}
	if p.Accepted() != 3 {
		t.Errorf("%d connections for 6 messages, 2 each", p.Accepted())
	}
}

func TestIdle_connection_is_closed(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{})
	e := engine(t, func(o *Options) { o.IdleTimeout = 30 * time.Millisecond })
	run(t, e, request(t, static(p.Addr), "a@b.test"))
	waitFor(t, "the goodbye", func() bool { return p.Open() == 0 })
	if l := p.Lines(); l[len(l)-1] != "QUIT" {
		t.Errorf("%q", l)
	}
	e.pool.mu.Lock()
	defer e.pool.mu.Unlock()
	if len(e.pool.hops) != 0 {
		t.Errorf("hops are remembered for ever: %v", e.pool.hops)
	}
}

// TestStale_connection_is_no_failure: the peer closed it while idle, with or
// without a 421, and the message goes over a fresh one in the same attempt.
func TestStale_connection_is_no_failure(t *testing.T) {
	for _, ext := range [][]string{nil, pipelining} {
		p := smtptest.Start(t, smtptest.Script{Ext: ext})
		e := engine(t, nil)
		run(t, e, request(t, static(p.Addr), "a@b.test"))
		p.Hup()
		waitFor(t, "the hangup", func() bool { return p.Open() == 0 })
		res := run(t, e, request(t, static(p.Addr), "a@b.test"))
		if res.Rcpts[0].Outcome != Delivered || len(res.Attempts) != 1 || res.Attempts[0].Reused || p.Accepted() != 2 {
			t.Errorf("%s over %d connections\n%s", show(res), p.Accepted(), transcripts(res))
		}
		p.Set(smtptest.Script{Ext: ext, After: 1})
		res = run(t, e, request(t, static(p.Addr), "a@b.test"))
		if res.Rcpts[0].Outcome != Delivered || len(res.Attempts) != 1 || p.Accepted() != 3 || len(p.Messages()) != 3 {
			t.Errorf("421 on reuse: %s over %d connections, %d messages\n%s", show(res), p.Accepted(), len(p.Messages()), transcripts(res))
		}
		// A fresh connection that says 421 is a failure.
		p.Set(smtptest.Script{Ext: ext, Reply: map[string]string{"MAIL": "421 4.3.2 closing"}})
		res = run(t, e, request(t, static(p.Addr), "a@b.test"))
		if show(res) != "1 deferred 421 4.3.2 closing" {
			t.Errorf("%s", show(res))
		}
	}
}

// TestReply_too_many is not taken for the answer to the next message.
func TestReply_too_many(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Reply: map[string]string{"DOT": "250 ok\r\n550 5.7.1 by the way"}})
	e := engine(t, nil)
	for range 3 {
		res := run(t, e, request(t, static(p.Addr), "a@b.test"))
		if res.Rcpts[0].Outcome != Delivered {
			t.Errorf("%s\n%s", show(res), transcripts(res))
		}
	}
	if p.Accepted() != 3 {
		t.Errorf("%d connections", p.Accepted())
	}
}

func TestConnections_to_a_next_hop_are_limited(t *testing.T) {
	var now, most atomic.Int32
	p := smtptest.Start(t, smtptest.Script{Rcpt: func(string) string {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(5 * time.Millisecond)
		now.Add(-1)
		return ""
	}})
	e := engine(t, nil)
	r := static(p.Addr)
	r.MaxConns = 3
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if res := run(t, e, request(t, r, "a@b.test")); res.Rcpts[0].Outcome != Delivered {
				t.Errorf("%s", show(res))
			}
		})
	}
	wg.Wait()
	if most.Load() > 3 || p.Accepted() > 3 {
		t.Errorf("%d at a time over %d connections", most.Load(), p.Accepted())
	}
}

func TestWait_for_a_connection_counts_against_the_context(t *testing.T) {
	p := smtptest.Start(t, smtptest.Script{Reply: map[string]string{"MAIL": smtptest.Hang}})
	e := engine(t, nil)
	r := static(p.Addr)
	r.MaxConns = 1
	first := e.Start(context.Background(), request(t, r, "a@b.test"))
	waitFor(t, "MAIL", func() bool { return len(p.Lines()) == 2 })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	second := e.Start(ctx, request(t, r, "a@b.test"))
	third := e.Start(context.Background(), request(t, r, "a@b.test"))
	<-second.Done()
	if res := second.Result(); !res.Aborted || len(res.Attempts) != 0 {
		t.Errorf("%+v", res)
	}
	p.Set(smtptest.Script{})
	first.Abort()
	<-third.Done()
	if res := third.Result(); res.Rcpts[0].Outcome != Delivered {
		t.Errorf("the waiting one: %s", show(res))
	}
	<-first.Done()
}

// honest is an SMTP server of another make.
type honest struct {
	mu   sync.Mutex
	got  []string
	lmtp bool
}

func (h *honest) NewSession(*smtp.Conn) (smtp.Session, error) { return &honestSession{h: h}, nil }

type honestSession struct{ h *honest }

func (s *honestSession) Reset()                               {}
func (s *honestSession) Logout() error                        { return nil }
func (s *honestSession) Mail(string, *smtp.MailOptions) error { return nil }
func (s *honestSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "no@") {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	}
	return nil
}

func (s *honestSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	s.h.mu.Lock()
	defer s.h.mu.Unlock()
	s.h.got = append(s.h.got, string(b))
	return err
}

func serveHonest(t testing.TB, h *honest, network string) string {
	t.Helper()
	s := smtp.NewServer(h)
	s.Domain, s.LMTP, s.EnableSMTPUTF8 = "honest.test", h.lmtp, true
	addr := "127.0.0.1:0"
	if network == "unix" {
		addr = t.TempDir() + "/s"
	}
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return l.Addr().String()
}

func TestHonest_peer_of_another_make(t *testing.T) {
	for _, lmtp := range []bool{false, true} {
		t.Run(fmt.Sprintf("lmtp=%v", lmtp), func(t *testing.T) {
			h := &honest{lmtp: lmtp}
			network, prefix := "tcp", ""
			if lmtp {
				network, prefix = "unix", "unix:"
			}
			r := static(prefix + serveHonest(t, h, network))
			r.LMTP = lmtp
			e := engine(t, nil)
			want := "Subject: x\r\n\r\n.\r\n..a\r\n" + strings.Repeat("0123456789\r\n", 20_000)
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					req := request(t, r, "a@b.test", "no@b.test", "c@b.test")
					req.Open = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(want)), nil }
					req.Size = int64(len(want))
					res := run(t, e, req)
					if res.Rcpts[0].Outcome != Delivered || res.Rcpts[1].Outcome != Failed || res.Rcpts[2].Outcome != Delivered {
						t.Errorf("%s\n%s", show(res), transcripts(res))
					}
				})
			}
			wg.Wait()
			if len(h.got) != 20 {
				t.Fatalf("%d messages", len(h.got))
			}
			for _, g := range h.got {
				if g != want {
					t.Fatalf("a message was changed: %d bytes, want %d", len(g), len(want))
				}
			}
		})
	}
}

func BenchmarkDelivery(b *testing.B) {
	for _, size := range []int{4 << 10, 50 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			text := "Subject: x\r\n\r\n" + strings.Repeat(strings.Repeat("x", 74)+"\r\n", size/76)
			r := static(serveHonest(b, &honest{}, "tcp"))
			e := engine(b, nil)
			b.SetBytes(int64(len(text)))
			b.SetParallelism(5)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					req := request(b, r, "a@b.test")
					req.Open = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
					req.Size = int64(len(text))
					if res := run(b, e, req); res.Rcpts[0].Outcome != Delivered {
						b.Fatal(show(res))
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}
