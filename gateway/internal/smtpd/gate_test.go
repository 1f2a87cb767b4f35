package smtpd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// recorder is a Gate that writes down what it was asked, and answers as told:
// "rcpt b@mx.test" -> "550 5.1.1 no such user", a plain error text, "panic",
// or "hang", which waits for ctx. "commit" without an answer gives 250.
type recorder struct {
	mu      sync.Mutex
	events  []string
	answers map[string]string
	closed  chan struct{}      // one value per session closed
	reached chan string        // one value per call that has the answer "hang"
	proceed chan struct{}      // ends a "wait"
	peers   map[string]Peer    // by stage, the peer as it was then
	params  []mail.MailParams  // of each Mail
	from    []mail.Address     // of each Mail
	onWrite func(b []byte) int // nil: takes everything
}

func newRecorder() *recorder {
	return &recorder{answers: map[string]string{}, closed: make(chan struct{}, 1000), reached: make(chan string, 100), proceed: make(chan struct{}), peers: map[string]Peer{}}
}

func (g *recorder) note(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = append(g.events, fmt.Sprintf(format, args...))
}

func (g *recorder) log() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.events...)
}

// when makes the Gate answer call so from now on.
func (g *recorder) when(call, answer string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers[call] = answer
}

// writing makes f take the octets of messages.
func (g *recorder) writing(f func(b []byte) int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.onWrite = f
}

// messages are the texts that were committed.
func (g *recorder) messages() []string {
	var m []string
	for _, e := range g.log() {
		if text, ok := strings.CutPrefix(e, "commit "); ok {
			s, err := strconv.Unquote(text)
			if err != nil {
				panic(err)
			}
			m = append(m, s)
		}
	}
	return m
}

func (g *recorder) answer(ctx context.Context, call string) error {
	g.mu.Lock()
	a := g.answers[call]
	g.mu.Unlock()
	switch a {
	case "":
		return nil
	case "panic":
		panic("told to panic at " + call)
	case "hang":
		g.reached <- call
		<-ctx.Done()
		return fmt.Errorf("%s: %w", call, context.Cause(ctx))
	case "wait":
		g.reached <- call
		select {
		case <-g.proceed:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if r, ok := parseTestReply(a); ok {
		return fmt.Errorf("wrapped: %w", r)
	}
	return errors.New(a)
}

// parseTestReply reads "550 5.1.1 text"; "\n" in the text is a line break.
func parseTestReply(s string) (*mail.Reply, bool) {
	f := strings.SplitN(s, " ", 3)
	code, err := strconv.Atoi(f[0])
	if err != nil || len(f) < 3 {
		return nil, false
	}
	r := &mail.Reply{Code: code, Text: strings.ReplaceAll(f[2], `\n`, "\n")}
	if e, ok := mail.ParseEnhanced(f[1]); ok {
		r.Enhanced = e
	} else {
		r.Text = f[1] + " " + r.Text
	}
	return r, true
}

func (g *recorder) Connect(ctx context.Context, p *Peer) (Transaction, error) {
	g.note("connect")
	if err := g.answer(ctx, "connect"); err != nil {
		return nil, err
	}
	return &recording{g, p}, nil
}

type recording struct {
	g *recorder
	p *Peer
}

func (t *recording) seen(stage string) {
	t.g.mu.Lock()
	defer t.g.mu.Unlock()
	t.g.peers[stage] = *t.p
}

func (t *recording) Helo(ctx context.Context) error {
	t.seen("helo")
	kind := "helo"
	if t.p.ESMTP {
		kind = "ehlo"
	}
	if t.p.TLS != nil {
		kind += "/tls"
	}
	t.g.note("%s %s", kind, t.p.Helo)
	return t.g.answer(ctx, "helo "+t.p.Helo)
}

func (t *recording) Mail(ctx context.Context, from mail.Address, p mail.MailParams) error {
	t.g.mu.Lock()
	t.g.params, t.g.from = append(t.g.params, p), append(t.g.from, from)
	t.g.mu.Unlock()
	s := "mail " + from.Path()
	if p.Size != 0 {
		s += fmt.Sprintf(" SIZE=%d", p.Size)
	}
	if p.Body != "" {
		s += " BODY=" + p.Body
	}
	if p.SMTPUTF8 {
		s += " SMTPUTF8"
	}
	if p.Ret != "" {
		s += " RET=" + p.Ret
	}
	if p.EnvID != "" {
		s += fmt.Sprintf(" ENVID=%q", p.EnvID)
	}
	t.g.note("%s", s)
	return t.g.answer(ctx, "mail "+from.String())
}

func (t *recording) Rcpt(ctx context.Context, to mail.Address, p mail.RcptParams) error {
	s := "rcpt " + to.Path()
	if p.Notify != 0 {
		s += " NOTIFY=" + p.Notify.String()
	}
	if p.ORcpt != "" {
		s += fmt.Sprintf(" ORCPT=%q", p.ORcpt)
	}
	t.g.note("%s", s)
	return t.g.answer(ctx, "rcpt "+to.String())
}

func (t *recording) Data(ctx context.Context) (Message, error) {
	t.g.note("data")
	if err := t.g.answer(ctx, "data"); err != nil {
		return nil, err
	}
	return &recordedMessage{g: t.g}, nil
}

func (t *recording) Reset() {
	t.g.note("reset")
	_ = t.g.answer(context.Background(), "reset")
}

func (t *recording) Close(cause error) {
	if cause == nil {
		t.g.note("close")
	} else {
		t.g.note("close: %v", cause)
	}
	t.g.closed <- struct{}{}
}

type recordedMessage struct {
	ends bool
	g    *recorder
	b    bytes.Buffer
	over bool
}

func (m *recordedMessage) Write(b []byte) (int, error) {
	if m.over {
		m.g.note("WRITE AFTER THE END")
	}
	if err := m.g.answer(context.Background(), "write"); err != nil {
		return 0, err
	}
	m.g.mu.Lock()
	f := m.g.onWrite
	m.g.mu.Unlock()
	n := len(b)
	if f != nil {
		n = f(b)
	}
	return m.b.Write(b[:n])
}

func (m *recordedMessage) Commit(ctx context.Context) mail.Reply {
	m.end()
	m.g.note("commit %q", m.b.String())
	err := m.g.answer(ctx, "commit")
	if err == nil {
		return *mail.NewReply(250, "2.0.0", "Taken")
	}
	if r, ok := mail.AsReply(err); ok {
		m.ends = strings.HasSuffix(r.Text, "good bye")
		return *r
	}
	return mail.Reply{} // the Gate's mistake
}

func (m *recordedMessage) Ends() bool { return m.ends }

func (m *recordedMessage) Abort(cause error) {
	m.end()
	m.g.note("abort: %v", cause)
	_ = m.g.answer(context.Background(), "abort")
}

func (m *recordedMessage) end() {
	if m.over {
		m.g.note("ENDED TWICE")
	}
	m.over = true
}

// discardTransaction agrees to everything.
type discardTransaction struct{}

func (discardTransaction) Helo(context.Context) error                                { return nil }
func (discardTransaction) Mail(context.Context, mail.Address, mail.MailParams) error { return nil }
func (discardTransaction) Rcpt(context.Context, mail.Address, mail.RcptParams) error { return nil }
func (discardTransaction) Data(context.Context) (Message, error)                     { return discardMessage{}, nil }
func (discardTransaction) Reset()                                                    {}
func (discardTransaction) Close(error)                                               {}

type discardMessage struct{}

func (discardMessage) Write(b []byte) (int, error)       { return len(b), nil }
func (discardMessage) Commit(context.Context) mail.Reply { return *mail.NewReply(250, "2.0.0", "OK") }
func (discardMessage) Abort(error)                       {}
