package smtpd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// errQuit ends a session as the client asked.
var errQuit = errors.New("quit")

// session is one connection. Its methods run on one goroutine.
type session struct {
	server *Server
	cfg    *Config
	log    *slog.Logger
	ctx    context.Context // ends with the session

	link *link
	in   *buffer
	peer Peer

	gate    Transaction // nil until Connect has let the client in
	greeted bool
	mail    mailState

	errors, commands, junk int
	// wary follows a DATA that was not granted: the client may not have waited
	// and its message may be coming. The first line that is no command ends
	// the session.
	wary bool

	// ending is set when the session is to end after the replies gathered so
	// far: errQuit, or why else.
	ending error
	linger bool // a last reply was said that the client should get to see
	last   bool // the next reply is the last (Ender)
}

// mailState is one mail transaction.
type mailState struct {
	open       bool // MAIL was accepted
	params     mail.MailParams
	recipients int     // accepted ones
	msg        *intake // being received
	chunks     chunkState
}

func newSession(s *Server, cfg *Config, conn net.Conn, remote netip.AddrPort) *session {
	id := mail.NewID(time.Now()).String()
	l := &link{conn: conn, tcp: conn, writeTimeout: cfg.Limits.StageTimeout}
	return &session{
		server: s, cfg: cfg, link: l, in: newBuffer(l),
		log: s.log.With("session", id, "client", remote.Addr().String(), "listener", cfg.Listener),
		peer: Peer{
			Listener: cfg.Listener, Direction: cfg.Direction, Session: id,
			Remote: remote, Local: addrPort(conn.LocalAddr()),
		},
	}
}

// serve runs the session to its end. stop ends with the server's wish to stop,
// hard when its patience is over.
func (s *session) serve(stop, hard context.Context) {
	ctx, cancel := context.WithCancelCause(hard)
	s.ctx = ctx
	undoStop := context.AfterFunc(stop, s.link.stop)
	undoHard := context.AfterFunc(hard, func() { _ = s.link.tcp.Close() })
	defer func() {
		if v := recover(); v != nil {
			s.ending = nil
			s.replyEnd(s.fail("session", &panicError{v, debug.Stack()}))
		}
		s.abandonMessage(s.ending)
		_ = s.link.flush() // close reports nothing either: the session is over
		cause := s.ending
		if cause == errQuit {
			cause = nil
		}
		if s.gate != nil {
			_ = s.call("close", func() error { s.gate.Close(cause); return nil }) // logged by call
		}
		s.link.close(s.linger)
		undoStop()
		undoHard()
		cancel(cause)
		s.in.release()
		s.log.Debug("session ended", "cause", cause)
	}()
	s.link.stage = clock{time.Now().Add(s.cfg.Limits.StageTimeout), "greeting"}
	if !s.greet() {
		return
	}
	for s.ending == nil {
		s.step()
	}
}

// step reads and answers one command.
func (s *session) step() {
	if s.link.isStopping() {
		s.end(errStopping)
		return
	}
	s.link.stage = clock{time.Now().Add(s.patience(s.cfg.Limits.StageTimeout)), "command"}
	line, err := s.in.line(hardMaxLine)
	if err != nil {
		s.end(err)
		return
	}
	if s.commands++; s.commands > s.cfg.Limits.Commands {
		s.replyEnd(mail.NewReply(421, "4.7.0", "Too many commands in one session"))
		return
	}
	cmd, err := parseCommand(line, s.cfg.BareLF == BareLFNormalise)
	if fatal := (*lineFault)(nil); errors.As(err, &fatal) {
		s.replyEnd(fatal.reply)
		return
	}
	if err != nil {
		switch {
		case s.wary:
			s.replyEnd(errNotSMTP.reply)
		case bearsContent(line):
			s.replyEnd(err.(*mail.Reply))
		default:
			s.reply(err.(*mail.Reply))
		}
		return
	}
	s.wary = false
	s.dispatch(cmd)
	if len(s.link.out) > 4<<10 {
		if err := s.link.flush(); err != nil {
			s.end(err)
		}
	}
}

// patience is how long to wait for the client, of d.
func (s *session) patience(d time.Duration) time.Duration {
	if s.server.stressed(s.cfg) {
		return min(d, s.server.haste)
	}
	return d
}

// bearable is how many of n errors or idle commands are borne.
func (s *session) bearable(n int) int {
	if s.server.stressed(s.cfg) {
		return 1
	}
	return n
}

// end ends the session for a reason that is not the client's QUIT, with a 421
// where the client can still read it.
func (s *session) end(cause error) {
	if s.ending != nil {
		return
	}
	s.ending = cause
	var timeout *timeoutError
	switch {
	case errors.As(cause, &timeout):
		s.say(mail.NewReply(421, "4.4.2", "Timeout ("+timeout.what+"), closing connection"))
		s.linger = true
	case errors.Is(cause, errStopping):
		s.say(mail.NewReply(421, "4.3.2", s.cfg.Hostname+" is shutting down"))
	case errors.Is(cause, errLineLong):
		s.say(errLong)
		s.linger = true
	}
}

// replyEnd answers with r and ends the session.
func (s *session) replyEnd(r *mail.Reply) {
	if s.ending == nil {
		s.say(r)
		s.ending, s.linger = r, true
	}
}

// reply answers with r, and counts it if it is an error of the client. 421
// ends the session.
func (s *session) reply(r *mail.Reply) {
	if s.ending != nil {
		return // a 421 has been said; nothing comes behind it
	}
	s.say(r)
	if r.Code == 421 || s.last {
		s.ending, s.linger = r, true
		return
	}
	if !r.Permanent() {
		return
	}
	if s.errors++; s.errors >= s.bearable(s.cfg.Limits.Errors) {
		s.replyEnd(mail.NewReply(421, "4.7.0", "Too many errors"))
	}
}

// say gathers a reply to be written.
func (s *session) say(r *mail.Reply) {
	s.link.out = appendReply(s.link.out, r)
	if r.Code >= 400 {
		s.log.Debug("reply", "code", r.Code, "text", r.Text)
	}
}

// greet does everything before the first command.
func (s *session) greet() bool {
	if d := s.cfg.GreetDelay; d > 0 {
		s.link.stage = clock{time.Now().Add(d), "greet delay"}
		err := s.in.fill()
		var early *timeoutError
		switch {
		case err == nil: // it talked: below
		case errors.As(err, &early):
			s.in.err = nil // as hoped for
		default:
			s.end(err)
			return false
		}
		s.link.stage = clock{time.Now().Add(s.cfg.Limits.StageTimeout), "greeting"}
	}
	if len(s.in.window()) > 0 || pending(s.link.tcp) {
		s.log.Info("client talked before the greeting")
		s.replyEnd(mail.NewReply(554, "5.5.1", s.cfg.Hostname+" You must wait for the greeting"))
		return false
	}
	err := s.callFor("connect", s.cfg.Limits.StageTimeout, func(ctx context.Context) (err error) {
		s.gate, err = s.server.gate.Connect(ctx, &s.peer)
		if err == nil && s.gate == nil {
			err = errors.New("gate let the client in without a transaction")
		}
		return err
	})
	if err != nil {
		r := s.answer("connect", err)
		if r.Temporary() {
			r.Code = 421 // no other temporary code greets (RFC 5321 §4.3.2)
		}
		r.Text = s.cfg.Hostname + " " + r.Text
		s.replyEnd(r)
		return false
	}
	s.say(&mail.Reply{Code: 220, Text: s.cfg.Hostname + " ESMTP Weir"})
	return true
}
