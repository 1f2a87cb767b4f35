package smtpd

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// handshakeTimeout bounds the TLS handshake where the stage's limit is longer.
const handshakeTimeout = time.Minute

var (
	okTLS       = mail.NewReply(220, "2.0.0", "Ready to start TLS")
	errTLSTwice = mail.NewReply(503, "5.5.1", "TLS is already active")
	errTLSPipe  = mail.NewReply(554, "5.5.1", "Nothing may be pipelined behind STARTTLS")
)

// startTLS answers STARTTLS (RFC 3207). Plaintext that was sent behind the
// command ends the session, for it could have come from anyone; so does a
// handshake that fails. Afterwards nothing said before counts any more.
func (s *session) startTLS(arg string) {
	switch {
	case s.cfg.TLS == nil:
		s.reply(errNotOffered)
		return
	case s.peer.TLS != nil:
		s.reply(errTLSTwice)
		return
	case len(s.in.window()) > 0:
		s.replyEnd(errTLSPipe)
		return
	case arg != "":
		s.reply(errNoArg)
		return
	}
	s.reset()
	if s.ending != nil {
		return
	}
	s.say(okTLS)
	if err := s.link.flush(); err != nil {
		s.end(err)
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, min(handshakeTimeout, s.cfg.Limits.StageTimeout))
	defer cancel()
	// The deadline of the last read must not cut the handshake short.
	if err := s.link.allow(clock{}); err != nil {
		s.end(err)
		return
	}
	conn := tls.Server(s.link.tcp, s.cfg.TLS)
	if err := conn.HandshakeContext(ctx); err != nil {
		s.log.Info("TLS handshake failed", "err", err)
		s.ending = fmt.Errorf("TLS handshake: %w", err) // no reply: the client expects TLS
		return
	}
	state := conn.ConnectionState()
	s.link.replace(conn)
	s.peer.TLS, s.peer.Helo, s.peer.ESMTP, s.greeted = &state, "", false, false
}
