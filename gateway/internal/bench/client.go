package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// letterOf is one message to send: its envelope and its text with the final dot.
type letterOf struct{ from, to, text string }

// sender is an SMTP session that sends one message after the other.
type sender struct {
	c net.Conn
	r *bufio.Reader
}

func dial(addr string) (*sender, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &sender{c, bufio.NewReader(c)}
	err = s.expect("", "220")
	if err == nil {
		err = s.expect("EHLO bench.test\r\n", "250")
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return s, nil
}

func (s *sender) expect(text, code string) error {
	if text != "" {
		if _, err := s.c.Write([]byte(text)); err != nil {
			return err
		}
	}
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			return err
		}
		if len(line) > 3 && line[3] == '-' {
			continue
		}
		if !strings.HasPrefix(line, code) {
			return &refusal{line[0] == '4', fmt.Sprintf("%.20q was answered %q", text, line)}
		}
		return nil
	}
}

// refusal is an answer that was not hoped for.
type refusal struct {
	later bool // it begins with a 4
	text  string
}

func (r *refusal) Error() string { return r.text }

// patience is how often a message is tried that the server puts off: a machine
// that is loaded by others may well.
const patience = 20

// send has one message taken.
func (s *sender) send(l letterOf) error {
	for try := 1; ; try++ {
		err := s.try(l)
		var r *refusal
		if !errors.As(err, &r) || !r.later || try == patience {
			return err
		}
		time.Sleep(time.Duration(try) * 50 * time.Millisecond)
		if err := s.expect("RSET\r\n", "250"); err != nil {
			return err
		}
	}
}

func (s *sender) try(l letterOf) error {
	for _, step := range [][2]string{{"MAIL FROM:<" + l.from + ">\r\n", "250"}, {"RCPT TO:<" + l.to + ">\r\n", "250"}, {"DATA\r\n", "354"}, {l.text, "250"}} {
		if err := s.expect(step[0], step[1]); err != nil {
			return err
		}
	}
	return nil
}

func (s *sender) close() { s.c.Close() }

// pour sends n messages over sessions connections and returns how long it took
// to the last 250.
func pour(addr string, sessions, n int, letter func(i int) letterOf) (time.Duration, error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, sessions)
	start := time.Now()
	for range sessions {
		wg.Go(func() {
			s, err := dial(addr)
			for i := next.Add(1) - 1; err == nil && i < int64(n); i = next.Add(1) - 1 {
				err = s.send(letter(int(i)))
			}
			if s != nil {
				s.close()
			}
			if err != nil {
				errs <- err
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return 0, err
	default:
		return time.Since(start), nil
	}
}
