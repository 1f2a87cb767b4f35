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
	busy           // 451 to the final dot
	dropping       // hangs up at once
	hanging        // does not answer RCPT for now
	slow           // takes its time before the reply to the final dot
	ambiguous      // takes the message and hangs up before its reply
	closed         // greets and answers 421 to everything: the gateway leaves it alone for a while
	crowded        // 452 to MAIL
	cutting        // hangs up in the middle of the message
	modes
)

// slowest is the longest that a mode keeps the gateway waiting.
const slowest = 1500 * time.Millisecond

// destination is an SMTP server that remembers what it took. Recipients that
// begin with "no-" it refuses for good.
type destination struct {
	addr string
	mode atomic.Int32
	srv  *smtp.Server

	mu    sync.Mutex
	taken map[key][]receipt
}

// key names what has to arrive: a copy for a recipient, or a DSN about it.
type key struct {
	token, to string
	dsn       bool
}

// receipt is one copy that arrived.
type receipt struct {
	id   string // the gateway's ID of the message
	to   string // envelope recipient
	from time.Time
	at   time.Time // taken; the reply follows
	mode mode
}

func startDestination() (*destination, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &destination{addr: ln.Addr().String(), taken: map[key][]receipt{}}
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

func (d *destination) close() { _ = d.srv.Close() }

// flap changes the mode at random until stop is closed; half of the time the
// destination accepts.
func (d *destination) flap(stop <-chan struct{}) {
	for {
		m := accepting
		if rand.IntN(2) == 0 {
			m = 1 + rand.N(modes-1)
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

// copies are the receipts of k until a moment; the zero one: all.
func (d *destination) copies(k key, until time.Time) []receipt {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []receipt
	for _, r := range d.taken[k] {
		if until.IsZero() || r.at.Before(until) {
			out = append(out, r)
		}
	}
	return out
}

// keys is everything that arrived.
func (d *destination) keys() []key {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []key
	for k := range d.taken {
		out = append(out, k)
	}
	return out
}

// NewSession implements smtp.Backend.
func (d *destination) NewSession(c *smtp.Conn) (smtp.Session, error) {
	if d.now() == dropping {
		c.Conn().Close()
		return nil, errors.New("dropped")
	}
	if d.now() == closed {
		return nil, &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "closed for now"}
	}
	return &visit{d: d, c: c}, nil
}

type visit struct {
	d    *destination
	c    *smtp.Conn
	null bool // MAIL FROM:<>
	to   []string
}

func (v *visit) Reset()        { v.to = nil }
func (v *visit) Logout() error { return nil }

func (v *visit) Mail(from string, _ *smtp.MailOptions) error {
	v.null = from == ""
	if v.d.now() == crowded {
		return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "no room"}
	}
	return nil
}

func (v *visit) Rcpt(to string, _ *smtp.RcptOptions) error {
	for end := time.Now().Add(slowest); v.d.now() == hanging && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	switch {
	case v.d.now() == deferring:
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "later"}
	case strings.HasPrefix(to, "no-"):
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	}
	v.to = append(v.to, to)
	return nil
}

// Data is called after 354 was given: whoever sends a whole message was alive
// at that time.
func (v *visit) Data(r io.Reader) error {
	got := receipt{from: time.Now()}
	if v.d.now() == cutting {
		_, _ = io.CopyN(io.Discard, r, 40)
		v.c.Conn().Close()
		return errors.New("cut")
	}
	m, err := read(r, v.null)
	if err != nil {
		return err
	}
	got.mode, got.id = v.d.now(), m.id
	if got.mode == busy {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "busy"}
	}
	if got.mode == slow {
		time.Sleep(rand.N(slowest))
	}
	v.d.mu.Lock()
	got.at = time.Now()
	for _, to := range v.to {
		got.to = to
		for _, k := range m.keys(to, v.null) {
			v.d.taken[k] = append(v.d.taken[k], got)
		}
	}
	v.d.mu.Unlock()
	if got.mode == ambiguous {
		v.c.Conn().Close()
	}
	return nil
}

// arrived is what the destination reads of a message.
type arrived struct {
	id, token string
	about     []string // of a DSN: whom it reports
}

// keys are what a copy for an envelope recipient counts as.
func (m arrived) keys(to string, null bool) []key {
	if !null {
		return []key{{m.token, to, false}}
	}
	token, _, _ := strings.Cut(strings.TrimPrefix(to, "s."), "@")
	var out []key
	for _, a := range m.about {
		out = append(out, key{token, a, true})
	}
	return out
}

var (
	tokenLine  = regexp.MustCompile(`(?i)^X-Token: (\S+)`)
	idOfTrace  = regexp.MustCompile(`\bid ([0-9a-z]{26})\b`)
	idOfNotice = regexp.MustCompile(`(?i)^Message-ID: <([0-9a-z]{26})@`)
	aboutLine  = regexp.MustCompile(`(?i)^Final-Recipient: rfc822; *(\S+)`)
)

// read takes a whole message; only that of a DSN is looked at below its header.
func read(r io.Reader, dsn bool) (arrived, error) {
	var m arrived
	header := true
	first := func(dst *string, line string, re *regexp.Regexp) {
		if x := re.FindStringSubmatch(line); x != nil && *dst == "" {
			*dst = x[1]
		}
	}
	br := bufio.NewReader(r)
	for {
		if !header && !dsn {
			_, err := io.Copy(io.Discard, br)
			return m, err
		}
		line, err := br.ReadString('\n')
		header = header && strings.TrimRight(line, "\r\n") != ""
		if header {
			first(&m.token, line, tokenLine)
			first(&m.id, line, idOfTrace)
			first(&m.id, line, idOfNotice)
		} else if x := aboutLine.FindStringSubmatch(line); x != nil {
			m.about = append(m.about, x[1])
		}
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return m, err
		}
	}
}
