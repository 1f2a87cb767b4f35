package smtpd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

const (
	smtpHello    = "HELO c.test\r\n"
	smtpEnvelope = "MAIL FROM:<a@c.test>\r\nRCPT TO:<b@mx.test>\r\n"
	smuggled     = "MAIL FROM:<admin@c.test>\r\nRCPT TO:<victim@mx.test>\r\nDATA\r\nFrom: admin\r\n\r\nsmuggled\r\n.\r\nQUIT\r\n"
)

// Everything that some server somewhere takes for an end of data. In all of
// them but the control the smuggled commands are part of the one message.
func TestNoEndOfDataButCRLFDotCRLF(t *testing.T) {
	ends := []string{"\n.\n", "\n.\r", "\r.\n", "\r.\r", "\n.\r\n", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\r\n\x00.\r\n", "\r\n.\x00\r\n",
		"\r\n.\r\r\n", "\r\r\n.\r\r\n", "\r\r\n.\r\n", "\n\r\n.\r\n", "\r\n.\rX\r\n", "\r\n..\r\n", "\r\n.\x00\n", "\r\n.\v\r\n", "\n\n.\n\n", "\r\n.\x85\r\n", "\r\n. \r\n"}
	for _, mode := range []string{BareLFRefuse, BareLFNormalise} {
		for _, end := range ends {
			for _, pieces := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%q/pieces=%v", mode, end, pieces), func(t *testing.T) {
					t.Parallel()
					b := serve(t, Config{BareLF: mode})
					c := b.dial()
					c.expect("220 *")
					c.send(smtpHello + smtpEnvelope + "DATA\r\n")
					c.expect("250 *", "250 *", "250 *", "354 *")
					body := "Subject: x\r\n\r\nbody" + end + smuggled
					if pieces {
						for _, r := range body {
							c.send(string(r))
						}
					} else {
						c.send(body)
					}
					c.rest()
					c.conn.Close()
					b.waitClosed()
					for _, e := range b.gate.log() {
						if strings.Contains(e, "mail <admin") || strings.Contains(e, "rcpt <victim") {
							// "\n\r\n.\r\n" holds a true end of data behind a bare LF that is
							// content when normalising: what follows is RFC 2920 pipelining.
							if end == "\n\r\n.\r\n" && mode == BareLFNormalise {
								continue
							}
							t.Errorf("smuggled: %s", e)
						}
					}
					for _, m := range b.gate.messages() {
						if mode == BareLFRefuse && strings.ContainsAny(strings.ReplaceAll(m, "\r\n", ""), "\r\n\x00") {
							t.Errorf("stray characters came through: %q", m)
						}
					}
				})
			}
		}
	}
	t.Run("control", func(t *testing.T) {
		b := serve(t, Config{})
		c := b.dial()
		c.expect("220 *")
		c.send(smtpHello + smtpEnvelope + "DATA\r\n")
		c.expect("250 *", "250 *", "250 *", "354 *")
		c.send("Subject: x\r\n\r\nbody\r\n.\r\n" + smuggled)
		c.rest()
		c.conn.Close()
		if m := b.gate.messages(); len(m) != 2 {
			t.Errorf("%d messages, want the 2 that were sent; this test cannot fail", len(m))
		}
	})
}

// go-smtp's read timeout was one deadline for the whole of DATA.
func TestHoleSteadySenderIsNotCutByTheIdleTimeout(t *testing.T) {
	b := serve(t, Config{Limits: Limits{IdleTimeout: 500 * time.Millisecond, StageTimeout: 500 * time.Millisecond}})
	c := b.dial()
	c.expect("220 *")
	c.send(smtpHello + smtpEnvelope + "DATA\r\n")
	c.expect("250 *", "250 *", "250 *", "354 *")
	for range 40 {
		c.send("steady\r\n")
		time.Sleep(20 * time.Millisecond) // the subject of the test: 0.8 s in all
	}
	c.send(".\r\n")
	c.expect("250 2.0.0 Taken")
}

// A client that drips is dropped though it is never idle.
func TestDrippingClientIsDropped(t *testing.T) {
	b := serve(t, Config{Limits: Limits{RateGrace: 300 * time.Millisecond, MinRate: 500}})
	c := b.dial()
	c.expect("220 *")
	c.send(smtpHello + smtpEnvelope + "DATA\r\n")
	c.expect("250 *", "250 *", "250 *", "354 *")
	go func() {
		for {
			if _, err := io.WriteString(c.conn, "x"); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	c.expect("421 4.4.2 Timeout (minimum rate)*")
	c.conn.Close()
	b.waitClosed()
}

// The time the Gate takes to write is not the client's.
func TestSlowDiskDoesNotCountAgainstTheMinimumRate(t *testing.T) {
	b := serve(t, Config{Limits: Limits{RateGrace: 250 * time.Millisecond, MinRate: 1 << 20}})
	var writes atomic.Int64
	b.gate.writing(func(p []byte) int {
		time.Sleep(20 * time.Millisecond)
		writes.Add(1)
		return len(p)
	})
	c := b.dial()
	c.expect("220 *")
	c.send(smtpHello + smtpEnvelope + "DATA\r\n")
	c.expect("250 *", "250 *", "250 *", "354 *")
	c.send(strings.Repeat(strings.Repeat("x", 70)+"\r\n", 1<<20/72))
	c.send(".\r\n")
	c.expect("250 2.0.0 Taken")
	if n := writes.Load(); n < 20 {
		t.Errorf("only %d slow writes: this test cannot fail", n)
	}
}

func TestConnectionLimits(t *testing.T) {
	for name, c := range map[string]struct {
		limits Limits
		reply  string
	}{
		"in_all":     {Limits{Connections: 2}, "421 4.3.2 mx.test *"},
		"per_client": {Limits{PerClient: 2}, "421 4.7.0 mx.test *"},
	} {
		t.Run(name, func(t *testing.T) {
			b := serve(t, Config{Limits: c.limits})
			one, two := b.dial(), b.dial()
			one.expect("220 *")
			two.expect("220 *")
			three := b.dial()
			three.expect(c.reply)
			three.expectClosed()
			if s := b.server.Stats(); s.Open != 2 || s.Accepted != 2 || s.Refused != 1 {
				t.Errorf("stats %+v", s)
			}
			one.send("QUIT\r\n")
			one.rest()
			b.waitClosed()
			// The session leaves the count just after the gate has seen it end.
			for b.server.Stats().Open > 1 {
				time.Sleep(time.Millisecond)
			}
			b.dial().expect("220 *")
		})
	}
}

func TestClientsAreCountedByIPv4AddressAndIPv6Subnet(t *testing.T) {
	key := func(s string) netip.Prefix { return clientKey(netip.MustParseAddr(s)) }
	if key("192.0.2.1") == key("192.0.2.2") || key("2001:db8::1") != key("2001:db8::2") || key("2001:db8::1") == key("2001:db8:0:1::1") {
		t.Error("wrong grouping")
	}
	mapped := addrPort(&net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1"), Port: 25})
	if mapped.Addr() != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("mapped address stays %v", mapped)
	}
}

func TestReloadIsForNewSessions(t *testing.T) {
	var mu sync.Mutex
	cfg := &Config{Hostname: "old.test"}
	g := newRecorder()
	s := NewServer(g, slog.New(slog.DiscardHandler), func() *Config { mu.Lock(); defer mu.Unlock(); return cfg })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	b := &bench{t: t, addr: l.Addr().String()}
	old := b.dial()
	old.expect("220 old.test *")
	mu.Lock()
	cfg = &Config{Hostname: "new.test"}
	mu.Unlock()
	b.dial().expect("220 new.test *")
	old.send(smtpHello)
	old.expect("250 old.test")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// lateListener lets a connection through only once its client has talked.
type lateListener struct{ net.Listener }

func (l lateListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	for err == nil && !pending(c) {
		time.Sleep(time.Millisecond)
	}
	return c, err
}

func TestEarlyTalkerWithoutDelay(t *testing.T) {
	g := newRecorder()
	s := NewServer(g, slog.New(slog.DiscardHandler), func() *Config { return &Config{Hostname: "mx.test"} })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, lateListener{l}) }()
	c := (&bench{t: t, addr: l.Addr().String()}).dial()
	c.send("EHLO c.test\r\n")
	c.expect("554 5.5.1 *")
	c.expectClosed()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(g.log()) != 0 {
		t.Errorf("gate saw %q", g.log())
	}
}

func TestStopAnswers421ToWhoWaits(t *testing.T) {
	b := serve(t, Config{})
	idle, inMail := b.dial(), b.dial()
	idle.expect("220 *")
	inMail.expect("220 *")
	inMail.send(smtpHello + smtpEnvelope)
	inMail.expect("250 *", "250 *", "250 *")
	b.stop()
	for _, c := range []*client{idle, inMail} {
		c.expect("421 4.3.2 *")
		c.expectClosed()
	}
	if err := <-b.served; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", b.addr); err == nil {
		t.Error("connections are still accepted")
	}
}

func TestStopLetsAMessageFinish(t *testing.T) {
	b := serve(t, Config{})
	b.gate.when("commit", "wait")
	inData, inCommit := b.dial(), b.dial()
	for _, c := range []*client{inData, inCommit} {
		c.expect("220 *")
		c.send(smtpHello + smtpEnvelope + "DATA\r\n")
		c.expect("250 *", "250 *", "250 *", "354 *")
		c.send("half\r\n")
	}
	inCommit.send(".\r\n")
	<-b.gate.reached
	b.stop()
	for b.server.Stats().Open != 2 {
		t.Fatal("a session ended")
	}
	// Piece by piece, so that the server has to wait again after the stop.
	arrived := make(chan struct{}, 10)
	b.gate.writing(func(p []byte) int { arrived <- struct{}{}; return len(p) })
	inData.send("wh")
	<-arrived
	inData.send("ole\r\n.\r\n")
	<-b.gate.reached
	close(b.gate.proceed)
	for _, c := range []*client{inData, inCommit} {
		c.expect("250 2.0.0 Taken", "421 4.3.2 *")
		c.expectClosed()
	}
	if err := <-b.served; err != nil {
		t.Error(err)
	}
	if m := b.gate.messages(); len(m) != 2 || !slices.Contains(m, "half\r\nwhole\r\n") {
		t.Errorf("messages %q", m)
	}
}

func TestStopHasAnEnd(t *testing.T) {
	b := serve(t, Config{})
	b.server.grace = 50 * time.Millisecond // before the first connection, so before any use
	b.gate.when("commit", "hang")
	inData, inCommit := b.dial(), b.dial()
	for _, c := range []*client{inData, inCommit} {
		c.expect("220 *")
		c.send(smtpHello + smtpEnvelope + "DATA\r\n")
		c.expect("250 *", "250 *", "250 *", "354 *")
	}
	inCommit.send(".\r\n")
	<-b.gate.reached
	b.stop()
	if err := <-b.served; err != nil {
		t.Error(err)
	}
	for _, e := range b.gate.log() {
		if e == "close" {
			t.Error("a session that was cut ended as if by QUIT")
		}
	}
}

func TestPanicIsLoggedAndCounted(t *testing.T) {
	b := serve(t, Config{})
	b.gate.when("helo c.test", "panic")
	b.gate.when("mail a@c.test", "secret path /var/q")
	c, other := b.dial(), b.dial()
	c.expect("220 *")
	other.expect("220 *")
	c.send(smtpHello)
	reply, err := c.line()
	if err != nil || !strings.HasPrefix(reply, "421 4.3.0 ") {
		t.Fatalf("reply %q, %v", reply, err)
	}
	ref := reply[strings.Index(reply, "ref ")+4 : len(reply)-1]
	c.rest()
	log := b.log.String()
	if !strings.Contains(log, "ref="+ref) || !strings.Contains(log, "told to panic at helo") || !strings.Contains(log, "gate_test.go") {
		t.Errorf("log has not the ref %s, the panic and its stack:\n%s", ref, log)
	}
	other.send("HELO d.test\r\nMAIL FROM:<a@c.test>\r\n")
	other.expect("250 *")
	reply, _ = other.line()
	if strings.Contains(reply, "secret") || !strings.Contains(b.log.String(), "secret path /var/q") {
		t.Errorf("reply %q; the cause belongs in the log only", reply)
	}
	if f := b.server.Stats().Failures; f != 2 {
		t.Errorf("%d failures counted, want 2", f)
	}
}

func TestBodiesAndTextsOfMessagesAreNotLogged(t *testing.T) {
	b := serve(t, Config{})
	c := b.dial()
	c.expect("220 *")
	c.send(smtpHello + smtpEnvelope + "DATA\r\n")
	c.expect("250 *", "250 *", "250 *", "354 *")
	c.send("Subject: confidential\r\n\r\nconfidential\r\n.\r\nXCONFIDENTIAL\r\nQUIT\r\n")
	c.rest()
	b.waitClosed()
	if strings.Contains(strings.ToLower(b.log.String()), "confidential") {
		t.Errorf("log has what the client said:\n%s", b.log)
	}
}

func TestPeerIsKeptUpToDate(t *testing.T) {
	b := serve(t, Config{Listener: "mx", Direction: mail.Outbound, TLS: selfSigned()})
	c := b.dial()
	c.expect("220 *")
	c.send(smtpHello + "STARTTLS\r\n")
	c.expect("250 *", "220 *")
	c.startTLS()
	c.send("EHLO d.test\r\nQUIT\r\n")
	c.rest()
	b.waitClosed()
	b.gate.mu.Lock()
	p := b.gate.peers["helo"]
	b.gate.mu.Unlock()
	if p.Listener != "mx" || p.Direction != mail.Outbound || p.Helo != "d.test" || !p.ESMTP || p.TLS == nil || !p.TLS.HandshakeComplete ||
		p.Remote.String() != c.conn.LocalAddr().String() || p.Local.String() != b.addr || len(p.Session) != 26 {
		t.Errorf("peer %+v", p)
	}
}

// A client that never reads its replies must not hold a session for ever.
func TestClientThatDoesNotReadIsDropped(t *testing.T) {
	b := serve(t, Config{Limits: Limits{StageTimeout: 200 * time.Millisecond, Commands: 1 << 30, Junk: 1 << 30}})
	c := b.dial()
	c.expect("220 *")
	if err := c.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	noops := bytes.Repeat([]byte("NOOP\r\n"), 10000)
	for {
		if _, err := c.conn.Write(noops); err != nil {
			break // dropped
		}
	}
	b.waitClosed()
	if log := b.gate.log(); !strings.Contains(log[len(log)-1], "write reply") {
		t.Errorf("gate saw %q", log)
	}
}

func TestPipelinedRepliesComeInOneWrite(t *testing.T) {
	b := serve(t, Config{})
	c := b.dial()
	c.expect("220 *")
	c.send(smtpHello + strings.Repeat("NOOP\r\n", 50))
	c.expect("250 *")
	// Everything else was written with the first line, so it is here already.
	if n := c.in.Buffered(); n != 50*len("250 2.0.0 OK\r\n") {
		t.Errorf("%d octets came with the first reply", n)
	}
}

func TestManySessionsAtOnce(t *testing.T) {
	b := serve(t, Config{})
	const sessions, each = 20, 20
	var wg sync.WaitGroup
	for i := range sessions {
		c := b.dial()
		c.expect("220 *")
		wg.Go(func() {
			text := "250 mx.test\r\n"
			io.WriteString(c.conn, smtpHello)
			for j := range each {
				text += "250 2.1.0 Sender OK\r\n250 2.1.5 Recipient OK\r\n354 End data with <CR><LF>.<CR><LF>\r\n250 2.0.0 Taken\r\n"
				fmt.Fprintf(c.conn, smtpEnvelope+"DATA\r\nSubject: %d %d\r\n\r\n%s\r\n.\r\n", i, j, strings.Repeat("x", i*j*10))
			}
			io.WriteString(c.conn, "QUIT\r\n")
			if got := c.rest(); got != text+"221 2.0.0 Bye\r\n" {
				t.Errorf("session %d got %q", i, got)
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, m := range b.gate.messages() {
		seen[m] = true
	}
	if len(seen) != sessions*each || b.server.Stats().Messages != sessions*each {
		t.Errorf("%d different messages, %d counted, want %d", len(seen), b.server.Stats().Messages, sessions*each)
	}
}
