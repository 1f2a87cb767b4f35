package smtpd

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// link is one connection with its clocks. Every read has a deadline, the
// earliest of those that apply; replies are gathered and written whole before
// a read that has to wait, so that pipelined commands are answered together.
type link struct {
	conn net.Conn // the TCP connection, or TLS over it
	tcp  net.Conn

	out          []byte // replies not yet written
	writeTimeout time.Duration
	writeErr     error // sticky

	stage       clock
	transaction clock
	body        *bodyClock // non-nil while a message is being read

	mu       sync.Mutex
	stopping bool // the server stops: reads outside a message fail with errStopping
	inBody   bool // mirrors body != nil
}

// clock is one absolute limit; the zero clock never runs out.
type clock struct {
	until time.Time
	what  string
}

// bodyClock limits the reading of one message.
type bodyClock struct {
	end     time.Time     // DataTimeout
	idle    time.Duration // IdleTimeout
	grace   time.Duration
	minRate int           // octets per second; negative: none
	waited  time.Duration // spent waiting for the client, not for ourselves
	octets  int64
}

// timeoutError is a limit of time that ran out.
type timeoutError struct{ what string }

func (e *timeoutError) Error() string { return e.what + " timeout" }

// errStopping ends sessions when the server stops.
var errStopping = errors.New("server is stopping")

// Read waits for input. It is called by the session's goroutine only.
func (l *link) Read(p []byte) (int, error) {
	if err := l.flush(); err != nil {
		return 0, err
	}
	start := time.Now()
	until := l.earliest(start)
	l.mu.Lock()
	if l.stopping && !l.inBody {
		l.mu.Unlock()
		return 0, errStopping
	}
	err := l.conn.SetReadDeadline(until.until)
	l.mu.Unlock()
	if err != nil {
		return 0, fmt.Errorf("set read deadline: %w", err)
	}
	n, err := l.conn.Read(p)
	if b := l.body; b != nil {
		b.waited += time.Since(start)
		b.octets += int64(n)
	}
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		l.mu.Lock()
		stopping := l.stopping && !l.inBody
		l.mu.Unlock()
		if stopping {
			return n, errStopping
		}
		return n, &timeoutError{until.what}
	}
	return n, err
}

// earliest is the next limit of time to run out.
func (l *link) earliest(now time.Time) clock {
	c := l.stage
	sooner := func(o clock) {
		if !o.until.IsZero() && (c.until.IsZero() || o.until.Before(c.until)) {
			c = o
		}
	}
	if b := l.body; b != nil {
		c = clock{now.Add(b.idle), "idle"}
		sooner(clock{b.end, "data"})
		if b.minRate > 0 {
			allowed := b.grace + time.Duration(float64(b.octets)/float64(b.minRate)*float64(time.Second))
			sooner(clock{now.Add(allowed - b.waited), "minimum rate"})
		}
	}
	sooner(l.transaction)
	return c
}

// beginBody switches to a message's clocks; endBody back.
func (l *link) beginBody(b *bodyClock) {
	l.body = b
	l.mu.Lock()
	l.inBody = b != nil
	l.mu.Unlock()
}

func (l *link) endBody() { l.beginBody(nil) }

// stop makes a read outside a message fail now, and any later one.
func (l *link) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopping = true
	if !l.inBody {
		_ = l.conn.SetReadDeadline(time.Unix(1, 0)) // a closed connection has ended anyway
	}
}

// allow sets the deadline of reads that do not go through Read.
func (l *link) allow(c clock) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopping {
		return errStopping
	}
	if err := l.conn.SetReadDeadline(c.until); err != nil {
		return fmt.Errorf("set read deadline: %w", err)
	}
	return nil
}

func (l *link) isStopping() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stopping
}

// replace puts TLS on top.
func (l *link) replace(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = c
}

// flush writes the gathered replies.
func (l *link) flush() error {
	if l.writeErr != nil || len(l.out) == 0 {
		return l.writeErr
	}
	err := l.conn.SetWriteDeadline(time.Now().Add(l.writeTimeout))
	if err == nil {
		_, err = l.conn.Write(l.out)
	}
	l.out = l.out[:0]
	if err != nil {
		l.writeErr = fmt.Errorf("write reply: %w", err)
	}
	return l.writeErr
}

// lingerFor and lingerOctets bound how long a closing session takes in input
// that nobody reads any more. Closing with unread input resets the connection,
// and the reset can overtake the last reply.
const (
	lingerFor    = time.Second
	lingerOctets = 256 << 10
)

// close ends the connection; linger when the client may still be sending.
func (l *link) close(linger bool) {
	flushed := l.flush() == nil
	if half, ok := l.tcp.(interface{ CloseWrite() error }); linger && flushed && ok {
		if t, ok := l.conn.(*tls.Conn); ok {
			_ = t.CloseWrite() // close_notify; the client may be gone
		}
		l.mu.Lock()
		err := l.tcp.SetReadDeadline(time.Now().Add(lingerFor))
		l.mu.Unlock()
		if err == nil && half.CloseWrite() == nil {
			var sink [4 << 10]byte
			for n := 0; n < lingerOctets; {
				k, err := l.tcp.Read(sink[:])
				if n += k; err != nil {
					break
				}
			}
		}
	}
	_ = l.conn.Close() // TLS sends its close_notify; nothing is left to lose
}
