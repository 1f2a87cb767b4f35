// Package smtptest is a mail server for tests that does what it is told,
// mostly wrong: it hangs, drips, babbles, lies and closes at any stage.
//
// It is not for anything but tests, and it shares no code with the client.
package smtptest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// Actions that may stand in place of a reply.
const (
	Hang    = "!hang"    // say nothing, keep the connection
	Close   = "!close"   // close without a word
	Drip    = "!drip"    // one byte of an endless reply every few milliseconds
	Flood   = "!flood"   // reply lines without end, as fast as they go
	LongOne = "!long"    // one line without end
	Garbage = "!garbage" // something that is not SMTP
	Mixed   = "!mixed"   // a multi-line reply whose codes differ
	Bell    = "!bell"    // a 250 with terminal escapes in it
	Refuse  = "!refuse"  // in place of DATA's data: take 354, some data, then say 552 and close
	Cut     = "!cut"     // in place of DATA's data: take 354, some data, then close
	Stop    = "!stop"    // in place of DATA's data: take 354, then read nothing
	Inject  = "!inject"  // 220 to STARTTLS with a further reply behind it in the same write
)

// Script says how a Peer behaves. The zero Script is an honest server without
// extensions.
type Script struct {
	Greeting string            // default "220 fake ESMTP"
	Ext      []string          // EHLO keywords
	Reply    map[string]string // by verb (EHLO, MAIL, DATA, DOT …): a reply without line end, or an action
	// Rcpt answers RCPT by address (without brackets); "" is 250.
	Rcpt func(addr string) string
	// LMTP gives one answer after the dot per recipient, by address; "" is 250.
	LMTP func(addr string) string
	// TLS is offered when set (add STARTTLS to Ext yourself).
	TLS *tls.Config
	// Login, when set, does AUTH LOGIN: 235 when the client says "user" and the
	// password (in base64, as it comes over the wire, joined by a blank).
	Login string
	// Plain, when set, does AUTH PLAIN: 235 for this initial response, in base64.
	Plain string
	// After, when positive, closes each connection with a 421 once it has
	// carried so many messages.
	After int
}

// Message is one message that was taken: its dot was answered with 2yz.
type Message struct {
	From, Helo string
	To         []string
	Body       string // unstuffed, without the dot
	TLS        bool
}

// Peer is a running server.
type Peer struct {
	Addr string

	mu       sync.Mutex
	script   Script
	l        net.Listener
	conns    map[net.Conn]bool
	accepted int
	clients  []string
	lines    []string
	raw      bytes.Buffer
	messages []Message
	stop     chan struct{}
	wg       sync.WaitGroup
}

// Start runs a Peer on the loopback until the test ends.
func Start(t testing.TB, s Script) *Peer {
	t.Helper()
	return StartAt(t, "127.0.0.1:0", s)
}

// StartAt is Start at an address, for hosts that share a port: the mail
// servers of domains.
func StartAt(t testing.TB, addr string, s Script) *Peer {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	p := &Peer{Addr: l.Addr().String(), script: s, l: l, conns: map[net.Conn]bool{}, stop: make(chan struct{})}
	p.wg.Add(1)
	go p.accept()
	t.Cleanup(p.Shut)
	return p
}

// Closed gives an address that refuses connections.
func Closed(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Shut closes everything and waits.
func (p *Peer) Shut() {
	p.mu.Lock()
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
	p.l.Close()
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

// Set changes the behaviour from the next command on.
func (p *Peer) Set(s Script) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script = s
}

// Hup closes all connections that are open now.
func (p *Peer) Hup() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// Messages are those taken so far.
func (p *Peer) Messages() []Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Message(nil), p.messages...)
}

// Lines are all command lines received so far.
func (p *Peer) Lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.lines...)
}

// Raw is everything received as data, with its stuffing, dots included.
func (p *Peer) Raw() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.raw.String()
}

// Accepted is how many connections there were.
func (p *Peer) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// Clients are the IP addresses that connections came from, in order.
func (p *Peer) Clients() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.clients...)
}

// HasIPv6 reports whether this machine has the IPv6 loopback.
func HasIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// Open is how many connections there are.
func (p *Peer) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

func (p *Peer) accept() {
	defer p.wg.Done()
	for {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.accepted++
		if host, _, err := net.SplitHostPort(c.RemoteAddr().String()); err == nil {
			p.clients = append(p.clients, host)
		}
		p.conns[c] = true
		p.mu.Unlock()
		p.wg.Add(1)
		go func() {
			defer p.wg.Done()
			s := &session{p: p, c: c, br: bufio.NewReaderSize(c, 64<<10)}
			s.run()
			c.Close()
			p.mu.Lock()
			delete(p.conns, c)
			p.mu.Unlock()
		}()
	}
}

func (p *Peer) get() Script {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.script
}

type session struct {
	p     *Peer
	c     net.Conn
	br    *bufio.Reader
	msg   Message
	count int
	tls   bool
}

func (s *session) run() {
	g := s.p.get().Greeting
	if g == "" {
		g = "220 fake ESMTP"
	}
	if !s.say(g) {
		return
	}
	for {
		line, err := s.br.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.p.mu.Lock()
		s.p.lines = append(s.p.lines, line)
		s.p.mu.Unlock()
		if !s.command(line) {
			return
		}
	}
}

func (s *session) command(line string) bool {
	script := s.p.get()
	verb, arg, _ := strings.Cut(line, " ")
	verb = strings.ToUpper(verb)
	reply, scripted := script.Reply[verb]
	switch verb {
	case "EHLO", "LHLO":
		s.msg.Helo = arg
		if !scripted {
			reply = strings.Join(append([]string{"fake"}, script.Ext...), "\n")
			lines := strings.Split(reply, "\n")
			for i, l := range lines {
				sep := "-"
				if i == len(lines)-1 {
					sep = " "
				}
				lines[i] = "250" + sep + l
			}
			reply = strings.Join(lines, "\r\n")
		}
	case "STARTTLS":
		if scripted || script.TLS == nil {
			break
		}
		if !s.say("220 go on") {
			return false
		}
		t := tls.Server(s.c, script.TLS)
		if t.Handshake() != nil {
			return false
		}
		s.c, s.br, s.tls = t, bufio.NewReader(t), true
		return true
	case "AUTH":
		if mech, initial, _ := strings.Cut(arg, " "); !scripted && script.Plain != "" && mech == "PLAIN" {
			reply = "535 5.7.8 wrong"
			if initial == script.Plain {
				reply = "235 2.7.0 welcome"
			}
			break
		}
		if scripted || script.Login == "" {
			break
		}
		var got []string
		for _, prompt := range []string{"334 VXNlciBOYW1lAA==", "334 UGFzc3dvcmQA"} {
			if !s.say(prompt) {
				return false
			}
			answer, err := s.br.ReadString('\n')
			if err != nil {
				return false
			}
			got = append(got, strings.TrimRight(answer, "\r\n"))
		}
		reply = "535 5.7.8 wrong"
		if strings.Join(got, " ") == script.Login {
			reply = "235 2.7.0 welcome"
		}
	case "MAIL":
		if !scripted && script.After > 0 && s.count >= script.After {
			s.say("421 4.7.0 that will do")
			return false
		}
		s.msg.From, s.msg.To, s.msg.TLS = path(arg), nil, s.tls
	case "RCPT":
		addr := path(arg)
		if !scripted && script.Rcpt != nil {
			reply = script.Rcpt(addr)
		}
		if reply == "" || strings.HasPrefix(reply, "2") {
			s.msg.To = append(s.msg.To, addr)
		}
	case "DATA":
		return s.data(script, reply)
	case "QUIT":
		s.say("221 bye")
		return false
	}
	if reply == "" {
		reply = "250 ok"
	}
	return s.say(reply)
}

func path(arg string) string {
	_, arg, _ = strings.Cut(arg, "<")
	i := strings.LastIndex(arg, ">")
	if i < 0 {
		return arg
	}
	return arg[:i]
}

func (s *session) data(script Script, reply string) bool {
	switch reply {
	case "", Refuse, Cut, Stop:
		if len(s.msg.To) == 0 && reply == "" {
			return s.say("554 5.5.1 no valid recipients")
		}
		if !s.say("354 go on") {
			return false
		}
	default:
		if !s.say(reply) || !strings.HasPrefix(reply, "354") {
			return !strings.HasPrefix(reply, "!")
		}
	}
	switch reply {
	case Stop:
		<-s.p.stop
		return false
	case Cut, Refuse:
		_, _ = io.CopyN(io.Discard, s.br, 1000)
		if reply == Refuse {
			s.say("552 5.3.4 far too much")
		}
		return false
	}
	body, ok := s.body()
	if !ok {
		return false
	}
	s.msg.Body = body
	return s.dot(script)
}

// body reads up to the dot and undoes the stuffing.
func (s *session) body() (string, bool) {
	var b strings.Builder
	for {
		line, err := s.br.ReadString('\n')
		s.p.mu.Lock()
		s.p.raw.WriteString(line)
		s.p.mu.Unlock()
		if err != nil {
			return "", false
		}
		if line == ".\r\n" {
			return b.String(), true
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
}

func (s *session) dot(script Script) bool {
	s.count++
	if script.LMTP != nil {
		var took []string
		for _, to := range s.msg.To {
			r := script.LMTP(to)
			if r == "" || strings.HasPrefix(r, "2") {
				took = append(took, to)
			}
			if r == "" {
				r = "250 2.1.5 ok"
			}
			if !s.say(r) {
				return false
			}
		}
		if len(took) > 0 {
			s.take(took)
		}
		return true
	}
	reply := script.Reply["DOT"]
	if reply == "" {
		reply = fmt.Sprintf("250 2.0.0 taken as %d", s.count)
	}
	if strings.HasPrefix(reply, "2") || strings.HasPrefix(reply, "!") {
		s.take(s.msg.To) // a peer that closes or hangs after the dot has the message
	}
	return s.say(reply)
}

func (s *session) take(to []string) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	m := s.msg
	m.To = append([]string(nil), to...)
	s.p.messages = append(s.p.messages, m)
}

// say sends a reply or acts; false ends the session.
func (s *session) say(reply string) bool {
	switch reply {
	case Hang:
		<-s.p.stop
		return false
	case Close:
		return false
	case Drip:
		for {
			if _, err := s.c.Write([]byte("2")); err != nil {
				return false
			}
			select {
			case <-s.p.stop:
				return false
			case <-time.After(5 * time.Millisecond):
			}
		}
	case Flood, LongOne:
		b := []byte(strings.Repeat("250-"+strings.Repeat("a", 1500)+"\r\n", 40))
		if reply == LongOne {
			b = bytes.Repeat([]byte("2"), 64<<10)
		}
		for {
			if _, err := s.c.Write(b); err != nil {
				return false
			}
		}
	case Garbage:
		reply = "HTTP/1.1 400 Bad Request"
	case Mixed:
		reply = "250-one\r\n550 two"
	case Bell:
		reply = "250 \x1b[2J\x07ok \xff"
	case Inject:
		reply = "220 go on\r\n250 injected"
	}
	_, err := io.WriteString(s.c, reply+"\r\n")
	return err == nil
}
