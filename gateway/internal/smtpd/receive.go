package smtpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

var (
	goAhead       = &mail.Reply{Code: 354, Text: "End data with <CR><LF>.<CR><LF>"}
	errNotGranted = mail.NewReply(421, "4.5.0", "Input behind a DATA that was not granted, closing connection")
	errInDoubt    = mail.NewReply(421, "4.7.0", "Line ends of the message are in doubt, closing connection")
	errAbsurd     = mail.NewReply(552, "5.3.4", "Chunk is far too large, closing connection")

	faultReplies = map[fault]*mail.Reply{
		faultBareCR: mail.NewReply(550, "5.6.0", "Message has a carriage return without a line feed"),
		faultBareLF: mail.NewReply(550, "5.6.0", "Message has a line feed without a carriage return"),
		faultNUL:    mail.NewReply(550, "5.6.0", "Message has a NUL character"),
	}

	errReset = errors.New("message given up by the client")
)

// chunkState is a message coming in chunks (RFC 3030).
type chunkState struct {
	begun  bool        // a BDAT was answered in this transaction
	failed *mail.Reply // what every further chunk gets until RSET
	clock  *bodyClock
}

// intake is one message on its way to the Gate.
type intake struct {
	message Message
	decoder decoder
	limit   int64
	octets  int64       // message octets so far, as RFC 1870 counts them
	refusal *mail.Reply // why the rest is read and thrown away
	closed  bool        // Commit or Abort was called
}

// data answers DATA (RFC 5321 §4.1.1.4).
func (s *session) data(arg string) {
	msg, refusal := s.grant(arg)
	if refusal != nil {
		s.reply(refusal)
		// A client that did not wait for 354 is about to have its message
		// read as commands. (Behind a DATA that was granted, RFC 2920
		// pipelining is honoured.)
		if len(s.in.window()) > 0 || pending(s.link.tcp) {
			s.replyEnd(errNotGranted)
		}
		s.wary = true
		return
	}
	s.say(goAhead)
	s.mail.msg = msg
	msg.decoder.dots = true
	s.link.beginBody(s.bodyClock())
	err := s.readData(msg)
	s.link.endBody()
	if err != nil {
		s.abandonMessage(err)
		s.end(err)
		return
	}
	s.settle(msg)
	if msg.decoder.fault != faultNone {
		// The client may disagree with us on where this message ended, CR CR
		// LF . CR LF for one, and still be sending it.
		s.replyEnd(errInDoubt)
	}
}

// grant asks the Gate for a place to put a message.
func (s *session) grant(arg string) (*intake, *mail.Reply) {
	switch {
	case arg != "":
		return nil, errNoArg
	case !s.mail.open:
		return nil, errMailFirst
	case s.mail.chunks.begun:
		return nil, errInBDAT
	case s.mail.recipients == 0:
		return nil, errRcptFirst
	}
	var m Message
	err := s.callFor("data", s.cfg.Limits.StageTimeout, func(ctx context.Context) (err error) {
		m, err = s.gate.Data(ctx)
		if err == nil && m == nil {
			err = errors.New("gate granted DATA without a message")
		}
		return err
	})
	if err != nil {
		return nil, s.answer("data", err)
	}
	return &intake{
		message: m, limit: s.cfg.Limits.MessageSize,
		decoder: decoder{normalise: s.cfg.BareLF == BareLFNormalise},
	}, nil
}

func (s *session) bodyClock() *bodyClock {
	l := s.cfg.Limits
	return &bodyClock{end: time.Now().Add(l.DataTimeout), idle: s.patience(l.IdleTimeout), grace: l.RateGrace, minRate: l.MinRate}
}

// readData reads to the end of data. Only trouble with the connection is an
// error; a refused message is read to its end all the same.
func (s *session) readData(msg *intake) error {
	for {
		win := s.in.window()
		if len(win) == 0 {
			if err := s.in.fill(); err != nil {
				return fmt.Errorf("read message: %w", unexpected(err))
			}
			continue
		}
		b, n, done := msg.decoder.decode(win)
		s.in.discard(n)
		s.put(msg, b)
		if done {
			return nil
		}
	}
}

// put hands bytes to the Gate until something speaks against the message.
func (s *session) put(msg *intake, b []byte) {
	if msg.refusal != nil || len(b) == 0 {
		if f := msg.decoder.fault; f != faultNone && msg.refusal == nil {
			s.spurn(msg, faultReplies[f])
		}
		return
	}
	if msg.octets += int64(len(b)); msg.octets > msg.limit {
		s.spurn(msg, errSizeLarge)
		return
	}
	err := s.call("write", func() error {
		n, err := msg.message.Write(b)
		if err == nil && n < len(b) {
			err = io.ErrShortWrite
		}
		return err
	})
	if err != nil {
		s.spurn(msg, s.answer("write", err))
	}
}

// spurn gives up a message whose remaining bytes still have to be read.
func (s *session) spurn(msg *intake, r *mail.Reply) {
	msg.refusal = r
	s.abort(msg, r)
}

// abort tells the Gate once that a message will not be committed.
func (s *session) abort(msg *intake, cause error) {
	if msg.closed {
		return
	}
	msg.closed = true
	if err := s.call("abort", func() error { msg.message.Abort(cause); return nil }); err != nil {
		msg.refusal, _ = mail.AsReply(err)
	}
}

// settle answers a message that was read to its end.
func (s *session) settle(msg *intake) {
	if f := msg.decoder.fault; f != faultNone && msg.refusal == nil {
		s.spurn(msg, faultReplies[f])
	}
	s.mail.msg = nil
	r := msg.refusal
	if r == nil {
		r = s.commit(msg)
	}
	s.reply(r) // first: what the Gate took is taken, whatever Reset does
	s.reset()
}

// commit asks the Gate to take the message.
func (s *session) commit(msg *intake) *mail.Reply {
	msg.closed = true
	// What was gathered must not wait for the Gate, which may be delivering.
	// If it cannot be written the client is gone, but its message is complete.
	_ = s.link.flush()
	var given mail.Reply
	err := s.callFor("commit", s.cfg.Limits.CommitTimeout, func(ctx context.Context) error {
		given = msg.message.Commit(ctx)
		return nil
	})
	if err != nil {
		return s.answer("commit", err)
	}
	r, ok := sane(given)
	if !ok {
		return s.fail("commit", fmt.Errorf("gate answered a message with the reply %q", given.String()))
	}
	if e, ok := msg.message.(Ender); ok && e.Ends() {
		s.last = true
	}
	if r.Success() {
		s.errors, s.junk = 0, 0
		s.server.messages.Add(1)
	}
	return &r
}

// bdat answers BDAT (RFC 3030). Whatever the answer, the chunk's octets are
// read first: they would be taken for commands otherwise.
func (s *session) bdat(arg string) {
	size, last, ok := parseBDAT(arg)
	switch {
	case !ok:
		s.replyEnd(errBDATForm) // nobody knows how much follows
		return
	case size > s.absurd():
		s.abandonMessage(errAbsurd)
		s.replyEnd(errAbsurd)
		return
	}
	c := &s.mail.chunks
	refusal := c.failed
	if !c.begun {
		var msg *intake
		if msg, refusal = s.grant(""); refusal == nil {
			s.mail.msg = msg
		}
		// A transaction that is not open has no state to keep.
		c.begun, c.failed = s.mail.open, refusal
	}
	msg := s.mail.msg
	if refusal != nil {
		msg = nil
	}
	if err := s.readChunk(msg, size); err != nil {
		s.abandonMessage(err)
		s.end(err)
		return
	}
	switch {
	case refusal != nil:
		s.reply(refusal)
		if last {
			s.reset()
		}
	case last:
		s.put(msg, msg.decoder.finish())
		s.settle(msg)
	case msg.refusal != nil:
		c.failed = msg.refusal
		s.reply(c.failed)
	default:
		s.reply(mail.NewReply(250, "2.0.0", strconv.FormatInt(size, 10)+" octets received"))
	}
}

// absurd is the chunk size that is not worth reading to its end.
func (s *session) absurd() int64 {
	return max(256<<20, min(s.cfg.Limits.MessageSize, 1<<60)*4)
}

// readChunk reads size octets into msg, or into nothing when msg is nil.
func (s *session) readChunk(msg *intake, size int64) error {
	if size == 0 {
		return nil
	}
	if msg != nil && msg.octets+size > msg.limit && msg.refusal == nil {
		s.spurn(msg, errSizeLarge)
	}
	s.link.beginBody(s.chunkClock())
	defer s.link.endBody()
	for size > 0 {
		win := s.in.window()
		if len(win) == 0 {
			if err := s.in.fill(); err != nil {
				return fmt.Errorf("read chunk: %w", unexpected(err))
			}
			continue
		}
		win = win[:min(int64(len(win)), size)]
		size -= int64(len(win))
		s.in.discard(len(win))
		if msg != nil {
			b, _, _ := msg.decoder.decode(win)
			s.put(msg, b)
		}
	}
	return nil
}

// chunkClock is the message's one clock, however many chunks it comes in.
func (s *session) chunkClock() *bodyClock {
	c := &s.mail.chunks
	if !s.mail.open {
		return s.bodyClock()
	}
	if c.clock == nil {
		c.clock = s.bodyClock()
	}
	return c.clock
}

// abandonMessage aborts the message that is being received, if there is one.
func (s *session) abandonMessage(cause error) {
	if msg := s.mail.msg; msg != nil {
		s.mail.msg = nil
		s.abort(msg, cause)
	}
}

// unexpected: the end of input inside a message is never a normal end.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
