package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// load sends n messages of size octets over sessions connections and returns
// how long it took until the last 250. Every message is like smtp-source's:
// one transaction after the other, connections kept.
func load(addr string, sessions, n, size int, attach bool) (time.Duration, error) {
	return loadTo(addr, sessions, n, message(size, attach), func(int) string { return "bench.test" })
}

// loadTo is load of one message to someone at the domain that each one's number gives.
func loadTo(addr string, sessions, n int, body string, domain func(i int) string) (time.Duration, error) {
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	errs := make(chan error, sessions)
	start := time.Now()
	for range sessions {
		wg.Go(func() {
			if err := session(addr, body, domain, &left); err != nil {
				errs <- err
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	select {
	case err := <-errs:
		return took, err
	default:
		return took, nil
	}
}

func session(addr, body string, domain func(int) string, left *atomic.Int64) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	r := bufio.NewReader(c)
	say := func(code, text string) error {
		if text != "" {
			if _, err := c.Write([]byte(text)); err != nil {
				return err
			}
		}
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return err
			}
			if len(line) > 3 && line[3] == '-' {
				continue
			}
			if !strings.HasPrefix(line, code) {
				return fmt.Errorf("%.20q was answered %q", text, line)
			}
			return nil
		}
	}
	if err := say("220", ""); err != nil {
		return err
	}
	if err := say("250", "EHLO bench.test\r\n"); err != nil {
		return err
	}
	for i := left.Add(-1); i >= 0; i = left.Add(-1) {
		for _, step := range [][2]string{{"250", "MAIL FROM:<sender@client.test>\r\n"}, {"250", "RCPT TO:<someone@" + domain(int(i)) + ">\r\n"}, {"354", "DATA\r\n"}, {"250", body}} {
			if err := say(step[0], step[1]); err != nil {
				return err
			}
		}
	}
	return say("221", "QUIT\r\n")
}

// message is a plain message of about size octets with its final dot, or one
// whose content is a base64 attachment.
func message(size int, attach bool) string {
	var b strings.Builder
	b.WriteString("From: Sender <sender@client.test>\r\nTo: someone@bench.test\r\nSubject: a message of the usual kind\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <bench@client.test>\r\nMIME-Version: 1.0\r\n")
	line := "The quick brown fox jumps over the lazy dog, and the dog does not mind at all.\r\n"
	if attach {
		b.WriteString("Content-Type: multipart/mixed; boundary=b1\r\n\r\n--b1\r\nContent-Type: text/plain\r\n\r\nSee the attachment.\r\n--b1\r\nContent-Type: application/octet-stream; name=data.bin\r\nContent-Disposition: attachment; filename=data.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n")
		line = "VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZywgYW5kIHRoZSBkb2cg\r\n"
	} else {
		b.WriteString("Content-Type: text/plain; charset=us-ascii\r\n\r\n")
	}
	for b.Len()+len(line) < size {
		b.WriteString(line)
	}
	if attach {
		b.WriteString("--b1--\r\n")
	}
	return b.String() + ".\r\n"
}
