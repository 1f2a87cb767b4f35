package smtpd

import (
	"context"
	"strconv"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

var (
	ok250      = mail.NewReply(250, "2.0.0", "OK")
	okMail     = mail.NewReply(250, "2.1.0", "Sender OK")
	okRcpt     = mail.NewReply(250, "2.1.5", "Recipient OK")
	bye        = mail.NewReply(221, "2.0.0", "Bye")
	cannotVRFY = mail.NewReply(252, "2.5.0", "Cannot VRFY, but will take mail and try")
	help       = mail.NewReply(214, "2.0.0", "See RFC 5321")

	errNotOffered = mail.NewReply(502, "5.5.1", "Command not implemented")
	errHeloFirst  = mail.NewReply(503, "5.5.1", "Send EHLO first")
	errMailFirst  = mail.NewReply(503, "5.5.1", "Send MAIL first")
	errRcptFirst  = mail.NewReply(503, "5.5.1", "No valid recipients")
	errNested     = mail.NewReply(503, "5.5.1", "Sender already given")
	errInBDAT     = mail.NewReply(503, "5.5.1", "Only BDAT and RSET may follow BDAT")
	errManyRcpts  = mail.NewReply(452, "4.5.3", "Too many recipients")
	errManyJunk   = mail.NewReply(421, "4.7.0", "Too many commands without a message")
)

// dispatch answers one command.
func (s *session) dispatch(c command) {
	switch c.verb {
	case "HELO", "EHLO":
		s.helo(c)
	case "MAIL":
		s.mailFrom(c.arg)
	case "RCPT":
		s.rcptTo(c.arg)
	case "DATA":
		s.data(c.arg)
	case "BDAT":
		s.bdat(c.arg)
	case "STARTTLS":
		s.startTLS(c.arg)
	case "RSET":
		if c.arg != "" {
			s.reply(errNoArg)
		} else if s.fuel() {
			s.reset()
			s.reply(ok250)
		}
	case "NOOP":
		if s.fuel() {
			s.reply(ok250)
		}
	case "VRFY":
		if s.fuel() {
			s.reply(cannotVRFY)
		}
	case "HELP":
		if s.fuel() {
			s.reply(help)
		}
	case "QUIT":
		s.say(bye)
		s.ending = errQuit
	default: // EXPN; AUTH, until it is offered
		s.reply(errNotOffered)
	}
}

// fuel counts commands that bring no message nearer; when there were too many
// it ends the session and reports false.
func (s *session) fuel() bool {
	if s.junk++; s.junk > s.bearable(s.cfg.Limits.Junk) {
		s.replyEnd(errManyJunk)
		return false
	}
	return true
}

// helo answers HELO and EHLO (RFC 5321 §4.1.1.1). Either ends a transaction.
func (s *session) helo(c command) {
	if !validHelo(c.arg) {
		s.reply(errHeloForm)
		return
	}
	if s.greeted && !s.fuel() {
		return
	}
	s.reset()
	s.greeted = false
	s.peer.Helo, s.peer.ESMTP = c.arg, c.verb == "EHLO"
	if !s.ask("helo", s.gate.Helo) {
		return
	}
	s.greeted = true
	if !s.peer.ESMTP {
		s.reply(&mail.Reply{Code: 250, Text: s.cfg.Hostname})
		return
	}
	text := s.cfg.Hostname +
		"\nPIPELINING\nSIZE " + strconv.FormatInt(s.cfg.Limits.MessageSize, 10) +
		"\n8BITMIME\nSMTPUTF8\nDSN\nCHUNKING"
	if s.cfg.TLS != nil && s.peer.TLS == nil {
		text += "\nSTARTTLS"
	}
	s.reply(&mail.Reply{Code: 250, Text: text + "\nENHANCEDSTATUSCODES"})
}

// mailFrom answers MAIL.
func (s *session) mailFrom(arg string) {
	switch {
	case !s.greeted:
		s.reply(errHeloFirst)
		return
	case s.mail.open:
		s.reply(errNested) // RFC 5321 §4.1.4; also after BDAT
		return
	}
	from, p, bad := parseMail(arg, s.peer.ESMTP)
	if bad == nil && p.Size > s.cfg.Limits.MessageSize {
		bad = errSizeLarge
	}
	if bad != nil {
		s.reply(bad)
		return
	}
	if !s.ask("mail", func(ctx context.Context) error { return s.gate.Mail(ctx, from, p) }) {
		return
	}
	s.mail = mailState{open: true, params: p}
	s.link.transaction = clock{time.Now().Add(s.cfg.Limits.TransactionTimeout), "transaction"}
	s.reply(okMail)
}

// rcptTo answers RCPT.
func (s *session) rcptTo(arg string) {
	switch {
	case !s.mail.open:
		s.reply(errMailFirst)
		return
	case s.mail.chunks.begun:
		s.reply(errInBDAT)
		return
	}
	to, p, bad := parseRcpt(arg, s.peer.ESMTP, s.mail.params.SMTPUTF8)
	if bad == nil && s.mail.recipients >= s.cfg.Limits.Recipients {
		bad = errManyRcpts
	}
	if bad != nil {
		s.reply(bad)
		return
	}
	if !s.ask("rcpt", func(ctx context.Context) error { return s.gate.Rcpt(ctx, to, p) }) {
		return
	}
	s.mail.recipients++
	s.reply(okRcpt)
}

// reset drops the mail transaction, if there is one.
func (s *session) reset() {
	if !s.mail.open {
		return
	}
	s.abandonMessage(errReset)
	s.mail = mailState{}
	s.link.transaction = clock{}
	if r := s.call("reset", func() error { s.gate.Reset(); return nil }); r != nil {
		s.replyEnd(r.(*mail.Reply))
	}
}
