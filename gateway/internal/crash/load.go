package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/textproto"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ledger is what clients know for sure: the 250s.
type ledger struct {
	mu   sync.Mutex
	acks map[string]ack // by token and recipient
	file *os.File       // nil, or where acknowledgements are appended
	sent atomic.Int64
}

type ack struct{ at time.Time }

func newLedger() *ledger { return &ledger{acks: map[string]ack{}} }

func (l *ledger) add(token string, to []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range to {
		l.acks[token+" "+a] = ack{time.Now()}
	}
}

func (l *ledger) keys() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]string, 0, len(l.acks))
	for k := range l.acks {
		out = append(out, k)
	}
	return out
}

// client sends messages to the gateway of the moment until stop is closed.
// Each token is sent once: no 250, no claim.
func client(id int, where func() string, l *ledger, pace time.Duration, stop <-chan struct{}) {
	n := 0
	for {
		select {
		case <-stop:
			return
		default:
		}
		addr := where()
		if addr == "" {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		if session(id, &n, addr, l, pace, stop) != nil {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// session sends a few messages over one connection.
func session(id int, n *int, addr string, l *ledger, pace time.Duration, stop <-chan struct{}) error {
	raw, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer raw.Close()
	c := textproto.NewConn(raw)
	step := func(want int, format string, args ...any) error {
		raw.SetDeadline(time.Now().Add(30 * time.Second))
		if format != "" {
			if err := c.PrintfLine(format, args...); err != nil {
				return err
			}
		}
		_, _, err := c.ReadResponse(want)
		return err
	}
	if err := step(220, ""); err != nil {
		return err
	}
	if err := step(250, "EHLO client%d.test", id); err != nil {
		return err
	}
	for range 1 + rand.IntN(20) {
		select {
		case <-stop:
			return nil
		default:
		}
		*n++
		token := fmt.Sprintf("c%d-%d", id, *n)
		to := []string{fmt.Sprintf("u%d@crash.test", rand.IntN(50))}
		if rand.IntN(4) == 0 {
			to = append(to, fmt.Sprintf("v%d@crash.test", rand.IntN(50)))
		}
		l.sent.Add(1)
		if err := step(250, "MAIL FROM:<sender%d@client.test>", id); err != nil {
			return err
		}
		took := to[:0:0]
		for _, a := range to {
			if err := step(250, "RCPT TO:<%s>", a); err == nil {
				took = append(took, a)
			} else if _, ok := err.(*textproto.Error); !ok {
				return err
			}
		}
		if len(took) == 0 {
			if err := step(250, "RSET"); err != nil {
				return err
			}
			continue
		}
		if err := step(354, "DATA"); err != nil {
			return err
		}
		err := step(250, "%s", message(token))
		if err == nil {
			l.add(token, took)
		} else if _, ok := err.(*textproto.Error); !ok {
			return err
		}
		if pace > 0 {
			time.Sleep(time.Duration(rand.Int64N(int64(pace))))
		}
	}
	return step(221, "QUIT")
}

// message is one message with its final dot, of 1 to 200 KiB, most small.
func message(token string) string {
	lines := 10 + rand.IntN(60)
	if rand.IntN(10) == 0 {
		lines = rand.IntN(2600)
	}
	return "X-Token: " + token + "\r\nFrom: s@client.test\r\nSubject: " + token + "\r\n\r\n" +
		strings.Repeat("0123456789012345678901234567890123456789012345678901234567890123456789012\r\n", lines) + "."
}
