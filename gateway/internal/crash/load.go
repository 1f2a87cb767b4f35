package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// claim is what a 250 promised about one recipient.
type claim struct {
	token, to string
	id        string // of the message, as the 250 says
	want      want
	at        time.Time
}

// ledger is what clients know for sure: the 250s.
type ledger struct {
	mu     sync.Mutex
	claims []claim

	sent, direct, queued, refused, full atomic.Int64 // messages by the reply after DATA
}

// add enters an acknowledged message.
func (l *ledger) add(p parcel, to []string, reply string) {
	if strings.Contains(reply, "delivered as") {
		l.direct.Add(1)
	} else {
		l.queued.Add(1)
	}
	now := time.Now()
	id := reply[strings.LastIndexByte(reply, ' ')+1:]
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range to {
		l.claims = append(l.claims, claim{p.token, a, id, p.wants(a), now})
	}
}

// all is what was acknowledged until now.
func (l *ledger) all() []claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.claims[:len(l.claims):len(l.claims)]
}

// load is clients that send to the gateway of the moment, a third of them
// through submission. Each message is sent once: no 250, no claim.
type load struct {
	where  func() addresses
	ledger *ledger
	pace   time.Duration // at most between two messages of a client
	make   func(token string, outbound bool) parcel

	stop chan struct{}
	wg   sync.WaitGroup
}

func startLoad(clients int, where func() addresses, l *ledger, pace time.Duration) *load {
	d := &load{where: where, ledger: l, pace: pace, make: newParcel, stop: make(chan struct{})}
	d.run(clients)
	return d
}

func (d *load) run(clients int) {
	for i := range clients {
		d.wg.Go(func() { d.client(i) })
	}
}

// end stops the clients and waits for them.
func (d *load) end() {
	close(d.stop)
	d.wg.Wait()
}

// pause waits, and reports whether to go on.
func (d *load) pause(t time.Duration) bool {
	select {
	case <-d.stop:
		return false
	case <-time.After(t):
		return true
	}
}

func (d *load) client(id int) {
	outbound := id%3 == 2
	for n := 0; d.pause(time.Millisecond); {
		addr := d.where().mx
		if outbound {
			addr = d.where().submission
		}
		if addr == "" {
			d.pause(20 * time.Millisecond)
			continue
		}
		if d.session(id, &n, addr, outbound) != nil {
			d.pause(10 * time.Millisecond)
		}
	}
}

// dialogue is the client's end of an SMTP session.
type dialogue struct {
	*textproto.Conn
	raw net.Conn
}

// step sends a command and wants a reply; an *textproto.Error is another one.
func (c dialogue) step(want int, format string, args ...any) (string, error) {
	if err := c.raw.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return "", err
	}
	if format != "" {
		if err := c.PrintfLine(format, args...); err != nil {
			return "", err
		}
	}
	_, text, err := c.ReadResponse(want)
	return text, err
}

// session sends some messages over one connection.
func (d *load) session(id int, n *int, addr string, outbound bool) error {
	raw, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	c := dialogue{textproto.NewConn(raw), raw}
	defer func() { _ = c.Close() }()
	if _, err := c.step(220, ""); err != nil {
		return err
	}
	if _, err := c.step(250, "EHLO client%d.test", id); err != nil {
		return err
	}
	for range 1 + rand.IntN(20) {
		*n++
		if err := d.message(c, d.make(fmt.Sprintf("c%d-%d", id, *n), outbound)); err != nil {
			return err
		}
		if !d.pause(time.Duration(rand.Int64N(int64(d.pace) + 1))) {
			break
		}
	}
	_, err = c.step(221, "QUIT")
	return err
}

// message sends one message and enters it into the ledger if it is taken.
func (d *load) message(c dialogue, p parcel) error {
	d.ledger.sent.Add(1)
	if _, err := c.step(250, "MAIL FROM:<%s>", p.from); err != nil {
		return d.refused(&c, err)
	}
	var took []string
	for _, a := range p.to {
		_, err := c.step(250, "RCPT TO:<%s>", a)
		if err == nil {
			took = append(took, a)
		} else if err := d.refused(nil, err); err != nil {
			return err
		}
	}
	if len(took) == 0 {
		_, err := c.step(250, "RSET")
		return err
	}
	if _, err := c.step(354, "DATA"); err != nil {
		return d.refused(&c, err)
	}
	reply, err := c.step(250, "%s", p.data)
	if err != nil {
		return d.refused(nil, err)
	}
	d.ledger.add(p, took, reply)
	return nil
}

// refused counts a refusal, and resets the transaction over c if there is
// still one; any other error it returns.
func (d *load) refused(c *dialogue, err error) error {
	var r *textproto.Error
	if !errors.As(err, &r) || r.Code == 421 {
		return err
	}
	d.ledger.refused.Add(1)
	if r.Code == 452 {
		d.ledger.full.Add(1)
	}
	if c != nil {
		_, err := c.step(250, "RSET")
		return err
	}
	return nil
}
