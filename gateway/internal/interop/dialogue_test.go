package interop_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for an answer.
const patience = 20 * time.Second

// dialogue is a raw SMTP client.
type dialogue struct {
	t testing.TB
	c *net.TCPConn
	r *bufio.Reader
}

// call connects and reads the greeting.
func call(t testing.TB, addr string) *dialogue {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	d := &dialogue{t, c.(*net.TCPConn), bufio.NewReader(c)}
	if r := d.reply(); !strings.HasPrefix(r, "220") {
		t.Fatalf("greeting %q", r)
	}
	return d
}

// reply reads one reply, with its lines joined by LF.
func (d *dialogue) reply() string {
	d.t.Helper()
	var lines []string
	for {
		l, err := d.r.ReadString('\n')
		if err != nil {
			d.t.Fatalf("read a reply: %v (behind %q)", err, lines)
		}
		l = strings.TrimRight(l, "\r\n")
		lines = append(lines, l)
		if len(l) < 4 || l[3] != '-' {
			return strings.Join(lines, "\n")
		}
	}
}

// say writes one command and reads its reply.
func (d *dialogue) say(line string) string {
	d.t.Helper()
	if _, err := io.WriteString(d.c, line+"\r\n"); err != nil {
		d.t.Fatal(err)
	}
	return d.reply()
}

// must is say for a command that has to be answered with a code.
func (d *dialogue) must(code, line string) string {
	d.t.Helper()
	r := d.say(line)
	if !strings.HasPrefix(r, code) {
		d.t.Fatalf("%s: %q, want %s", line, r, code)
	}
	return r
}

// rest writes bytes, some of them with a pause in front, and reads everything
// that comes back until the gateway closes or says no more.
func (d *dialogue) rest(writes ...write) string {
	d.t.Helper()
	for _, w := range writes {
		time.Sleep(w.after)
		if w.end != stays {
			d.hangUp(w.end)
			continue
		}
		if _, err := io.WriteString(d.c, w.bytes); err != nil {
			break // the gateway closed: what it said before is still to be read
		}
	}
	b, err := io.ReadAll(d.r)
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		d.t.Errorf("the session hangs behind %q", b)
	}
	return string(b)
}

func (d *dialogue) hangUp(e end) {
	if e == resets {
		// With this Close sends RST.
		if err := d.c.SetLinger(0); err != nil {
			d.t.Fatal(err)
		}
		d.c.Close()
		return
	}
	if err := d.c.CloseWrite(); err != nil {
		d.t.Log(err) // closed by the other side already
	}
}

// write is one write of a client, or the end of its connection.
type write struct {
	after time.Duration
	bytes string
	end   end
}

type end int

const (
	stays  end = iota
	closes     // FIN
	resets     // RST
)

// send sends one message and returns the reply to it. content ends with CRLF
// and has its dots stuffed.
func send(t testing.TB, addr string, to []string, content string) string {
	t.Helper()
	d := call(t, addr)
	defer d.c.Close()
	d.must("250", "EHLO client.test")
	d.must("250", "MAIL FROM:<sender@client.test>")
	for _, r := range to {
		d.must("250", "RCPT TO:<"+r+">")
	}
	d.must("354", "DATA")
	r := d.say(content + ".")
	d.must("221", "QUIT")
	return r
}
