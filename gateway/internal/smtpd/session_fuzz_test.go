package smtpd

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// FuzzSession sends any bytes to a whole session and then leaves. Whatever
// they are: the session ends, nothing in it panics, the Gate sees calls in
// their order, and every message it gets holds lines ended by CRLF only.
func FuzzSession(f *testing.F) {
	for _, s := range []string{
		smtpHello + smtpEnvelope + "DATA\r\nx\r\n.\r\n" + smuggled,
		smtpHello + smtpEnvelope + "BDAT 3\r\nx\r\nBDAT 5 LAST\r\nabc\r\nNOOP\r\nQUIT\r\n",
		smtpHello + smtpEnvelope + "DATA\r\nx\n.\n" + smuggled,
		"EHLO x\r\nSTARTTLS\r\n", "RSET\r\nNOOP\r\nVRFY\r\nHELP\r\n", "DATA\r\n", "BDAT 9\r\n", "\n\r\x00",
		smtpHello + smtpEnvelope + "BDAT 2\r\nx\rRSET\r\nBDAT 1 LAST\r\nx",
	} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, input string, normalise bool) {
		g := newRecorder()
		cfg := &Config{Hostname: "mx.test", Limits: Limits{MessageSize: 1000, StageTimeout: 5 * time.Second}}
		if normalise {
			cfg.BareLF = BareLFNormalise
		}
		s := NewServer(g, slog.New(slog.DiscardHandler), func() *Config { return cfg })
		here, there := net.Pipe()
		done := make(chan struct{})
		go func() {
			newSession(s, cfg.withDefaults(), there, netip.AddrPort{}).serve(context.Background(), context.Background())
			close(done)
		}()
		go func() {
			_, _ = io.WriteString(here, input) // the session may end before it has read all
			_ = here.Close()
		}()
		_, _ = io.Copy(io.Discard, here)
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatalf("the session does not end")
		}
		if n := s.Stats().Failures; n != 0 {
			t.Fatalf("%d internal errors", n)
		}
		checkOrder(t, g.log())
		for _, m := range g.messages() {
			if strings.ContainsAny(strings.ReplaceAll(m, "\r\n", ""), "\r\n\x00") || m != "" && !strings.HasSuffix(m, "\r\n") || len(m) > 1000 {
				t.Fatalf("message %q", m)
			}
		}
	})
}

// checkOrder holds what the Gate saw to what Transaction promises.
func checkOrder(t *testing.T, events []string) {
	t.Helper()
	state, rcpts := "new", 0
	for i, e := range events {
		word, _, _ := strings.Cut(strings.ReplaceAll(e, ":", " "), " ")
		ok := false
		switch word {
		case "connect":
			ok, state = state == "new", "connected"
		case "helo", "ehlo":
			ok, state = state == "connected" || state == "greeted", "greeted"
		case "mail":
			ok, state, rcpts = state == "greeted", "mail", 0
		case "rcpt":
			ok = state == "mail"
			rcpts++
		case "data":
			ok, state = state == "mail" && rcpts > 0, "data"
		case "commit", "abort":
			ok, state = state == "data", "mail"
			rcpts = 0
		case "reset":
			ok, state = state == "mail", "greeted"
		case "close":
			ok, state = i == len(events)-1, "closed"
		}
		if !ok {
			t.Fatalf("event %d, %q, is out of order in %q", i, e, events)
		}
	}
	if state != "closed" {
		t.Fatalf("the transaction was not closed: %q", events)
	}
}

// discardGate takes everything and keeps nothing.
type discardGate struct{}

func (discardGate) Connect(context.Context, *Peer) (Transaction, error) {
	return discardTransaction{}, nil
}

func benchmarkReceive(b *testing.B, size int) {
	s := NewServer(discardGate{}, slog.New(slog.DiscardHandler), func() *Config { return &Config{Limits: Limits{Commands: 1 << 40}} })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	c := (&bench{t: b, addr: l.Addr().String()}).dial()
	c.expect("220 *")
	c.send(smtpHello)
	c.expect("250 *")
	line := strings.Repeat("y", 70) + "\r\n"
	body := strings.Repeat(line, size/len(line)) + ".\r\n"
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		c.send(smtpEnvelope + "DATA\r\n")
		c.expect("250 *", "250 *", "354 *")
		c.send(body)
		c.expect("250 *")
	}
	c.conn.Close()
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

func BenchmarkReceive4KiB(b *testing.B) { benchmarkReceive(b, 4<<10) }
func BenchmarkReceive1MiB(b *testing.B) { benchmarkReceive(b, 1<<20) }
