package main

import (
	"bufio"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"
)

// mode is how the destination behaves at the moment.
type mode int32

const (
	accepting mode = iota
	deferring      // 451 to RCPT
	dropping       // hangs up at once
	slow           // takes its time before the reply to the final dot
	ambiguous      // takes the message and hangs up before its reply
)

// destination is an SMTP server that remembers what it took.
type destination struct {
	addr string
	mode atomic.Int32
	srv  *smtp.Server

	mu    sync.Mutex
	taken map[string][]receipt // by token and recipient
}

// receipt is one copy that arrived.
type receipt struct {
	at   time.Time
	mode mode
}

func startDestination() (*destination, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &destination{addr: ln.Addr().String(), taken: map[string][]receipt{}}
	d.srv = smtp.NewServer(d)
	d.srv.Domain = "destination.test"
	d.srv.ReadTimeout, d.srv.WriteTimeout = time.Minute, time.Minute
	d.srv.MaxMessageBytes, d.srv.MaxRecipients = 64<<20, 1000
	d.srv.ErrorLog = log.New(io.Discard, "", 0)
	go func() {
		if err := d.srv.Serve(ln); err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			log.Println("destination:", err)
		}
	}()
	return d, nil
}

// flap changes the mode at random until stop is closed; half of the time the
// destination accepts.
func (d *destination) flap(stop <-chan struct{}) {
	for {
		m := accepting
		if rand.IntN(2) == 0 {
			m = []mode{deferring, dropping, slow, ambiguous}[rand.IntN(4)]
		}
		d.mode.Store(int32(m))
		select {
		case <-stop:
			d.mode.Store(int32(accepting))
			return
		case <-time.After(time.Duration(50+rand.IntN(400)) * time.Millisecond):
		}
	}
}

func (d *destination) now() mode { return mode(d.mode.Load()) }

// NewSession implements smtp.Backend.
func (d *destination) NewSession(c *smtp.Conn) (smtp.Session, error) {
	if d.now() == dropping {
		c.Conn().Close()
		return nil, errors.New("dropped")
	}
	return &visit{d: d, c: c}, nil
}

type visit struct {
	d  *destination
	c  *smtp.Conn
	to []string
}

func (v *visit) Reset()        { v.to = nil }
func (v *visit) Logout() error { return nil }

func (v *visit) Mail(string, *smtp.MailOptions) error { return nil }

func (v *visit) Rcpt(to string, _ *smtp.RcptOptions) error {
	if v.d.now() == deferring {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "later"}
	}
	v.to = append(v.to, to)
	return nil
}

var tokenLine = regexp.MustCompile(`(?i)^X-Token: (\S+)`)

func (v *visit) Data(r io.Reader) error {
	token := ""
	br := bufio.NewReader(r)
	for {
		line, err := br.ReadString('\n')
		if m := tokenLine.FindStringSubmatch(line); m != nil {
			token = m[1]
		}
		if err != nil || strings.TrimRight(line, "\r\n") == "" {
			break
		}
	}
	if _, err := io.Copy(io.Discard, br); err != nil {
		return err
	}
	m := v.d.now()
	if m == slow {
		time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
	}
	v.d.mu.Lock()
	for _, to := range v.to {
		k := token + " " + to
		v.d.taken[k] = append(v.d.taken[k], receipt{time.Now(), m})
	}
	v.d.mu.Unlock()
	if m == ambiguous {
		v.c.Conn().Close()
	}
	return nil
}
