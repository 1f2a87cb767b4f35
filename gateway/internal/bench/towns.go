package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"regexp"
	"sync"
	"sync/atomic"
	"time"
)

// towns are many destinations on one port: each has an address of its own in
// 127.0.0.0/8. Those of the backlog are down until they are opened; one hangs
// and one refuses everybody for ever; the healthy ones always take mail.
type towns struct {
	port   int
	open   atomic.Bool
	n      atomic.Int64 // taken by the backlog's destinations
	tried  atomic.Int64 // connections turned away
	mu     sync.Mutex
	probes map[string]chan<- time.Time // by token
}

const (
	hangs   = 0 // number of the destination that says nothing
	refuses = 1 // number of the one that refuses every recipient
)

// backlogAddr is the address of the backlog's destination number i.
func backlogAddr(i int) string { return fmt.Sprintf("127.7.%d.%d", i/250, i%250+1) }

// healthyAddr is the address of the healthy destination number i.
func healthyAddr(i int) string { return fmt.Sprintf("127.9.%d.%d", i/250, i%250+1) }

func startTowns() (*towns, error) {
	t := &towns{probes: map[string]chan<- time.Time{}}
	addr, err := accept("0.0.0.0:0", t.serve)
	if err != nil {
		return nil, err
	}
	t.port = addr.Port
	return t, nil
}

// expect gives a channel that gets the time at which a probe arrives.
func (t *towns) expect(token string) <-chan time.Time {
	ch := make(chan time.Time, 1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.probes[token] = ch
	return ch
}

func (t *towns) arrived(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ch := t.probes[token]; ch != nil {
		ch <- time.Now()
		delete(t.probes, token)
	}
}

var probeLine = regexp.MustCompile(`(?m)^X-Probe: (\S+)\r$`)

// serve is one connection, as fast as it can.
func (t *towns) serve(c net.Conn) {
	defer c.Close()
	ip := c.LocalAddr().(*net.TCPAddr).IP.To4()
	backlog, number := ip[1] == 7, int(ip[2])*250+int(ip[3])-1
	if !backlog && ip[1] != 9 {
		return // not one of ours: the machine's other addresses
	}
	if backlog && number == hangs {
		time.Sleep(10 * time.Minute)
		return
	}
	r := bufio.NewReaderSize(c, 32<<10)
	w := bufio.NewWriter(c)
	say := func(s string) { _, _ = w.WriteString(s + "\r\n") }
	if backlog && number != refuses && !t.open.Load() {
		t.tried.Add(1)
		say("421 4.3.2 town.test closed for now")
		_ = w.Flush()
		return
	}
	say("220 town.test ESMTP")
	for {
		if r.Buffered() == 0 && w.Flush() != nil {
			return
		}
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		switch string(bytes.ToUpper(line[:min(4, len(line))])) {
		case "EHLO":
			say("250-town.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE")
		case "RCPT":
			if backlog && number == refuses {
				say("451 4.7.1 not now")
				continue
			}
			say("250 ok")
		case "DATA":
			if backlog && number == refuses {
				say("503 5.5.1 no recipients")
				continue
			}
			say("354 go")
			if w.Flush() != nil {
				return
			}
			head, ok := letter(r)
			if !ok {
				return
			}
			if backlog {
				t.n.Add(1)
			} else if m := probeLine.FindSubmatch(head); m != nil {
				t.arrived(string(m[1]))
			}
			say("250 ok")
		case "QUIT":
			say("221 bye")
			_ = w.Flush()
			return
		default:
			say("250 ok")
		}
	}
}

// letter reads to the final dot and returns the beginning.
func letter(r *bufio.Reader) (head []byte, ok bool) {
	start := true
	for {
		line, err := r.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			return nil, false
		}
		if start && len(line) == 3 && line[0] == '.' {
			return head, true
		}
		if len(head) < 4<<10 {
			head = append(head, line...)
		}
		start = err == nil
	}
}
