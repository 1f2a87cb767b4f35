package sink

import (
	"errors"
	"fmt"
	"io"
	"log"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

func (s *Sink) server() *smtp.Server {
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{s: s}, nil }))
	srv.Domain = "sink.weir.test"
	srv.LMTP = s.opt.LMTP
	srv.MaxMessageBytes = s.opt.Size
	srv.MaxLineLength = 1 << 20
	srv.ReadTimeout, srv.WriteTimeout = 5*time.Minute, time.Minute
	srv.EnableSMTPUTF8, srv.EnableDSN = true, s.opt.DSN
	srv.ErrorLog = log.New(io.Discard, "", 0)
	return srv
}

// session is one client's session.
type session struct {
	s    *Sink
	from string
	to   []string
	dsn  []string // what was asked about notices, a line each
}

func (x *session) Reset()        { x.from, x.to, x.dsn = "", nil, nil }
func (x *session) Logout() error { return nil }

func (x *session) Mail(from string, o *smtp.MailOptions) error {
	x.from, x.to, x.dsn = from, nil, nil
	if o != nil && (o.Return != "" || o.EnvelopeID != "") {
		x.dsn = append(x.dsn, fmt.Sprintf("RET=%s ENVID=%s", o.Return, o.EnvelopeID))
	}
	return nil
}

func (x *session) Rcpt(to string, asked *smtp.RcptOptions) error {
	o := x.s.opt
	switch {
	case matchAny(o.Unknown, to):
		return answer(550, smtp.EnhancedCode{5, 1, 1}, "No such user here")
	case matchAny(o.Refuse, to):
		x.s.tell(event{What: "refused", From: x.from, To: []string{to}})
		return answer(550, smtp.EnhancedCode{5, 7, 1}, "This recipient is refused here")
	case matchAny(o.Defer, to):
		x.s.tell(event{What: "deferred", From: x.from, To: []string{to}})
		return answer(451, smtp.EnhancedCode{4, 2, 0}, "This recipient is deferred, try again later")
	}
	x.to = append(x.to, to)
	if asked != nil && (asked.Notify != nil || asked.OriginalRecipient != "") {
		x.dsn = append(x.dsn, fmt.Sprintf("%s NOTIFY=%v ORCPT=%s;%s", to, asked.Notify, asked.OriginalRecipientType, asked.OriginalRecipient))
	}
	return nil
}

// Data answers the end of data as the mode says at that moment.
func (x *session) Data(r io.Reader) error {
	subject := &subjectReader{r: r}
	name, size, err := "", int64(0), error(nil)
	mode := x.s.mode()
	if mode != Accept || x.s.box == nil {
		size, err = io.Copy(io.Discard, subject)
	} else {
		name, size, err = x.s.box.deliver(x.from, x.to, x.dsn, subject)
	}
	var own *smtp.SMTPError
	if errors.As(err, &own) { // too large
		return own
	}
	if err != nil {
		x.s.tell(event{What: "failed", From: x.from, To: x.to, Error: err.Error()})
		return answer(451, smtp.EnhancedCode{4, 3, 0}, "The message could not be kept")
	}
	if x.s.opt.Delay > 0 {
		select {
		case <-time.After(x.s.opt.Delay):
		case <-x.s.ctx.Done():
		}
	}
	e := event{What: "accepted", From: x.from, To: x.to, Size: size, Subject: subject.subject(), File: name}
	switch mode {
	case Defer:
		e.What = "deferred"
		x.s.tell(e)
		return answer(451, smtp.EnhancedCode{4, 3, 0}, "Deferred by the sink's mode, try again later")
	case Refuse:
		e.What = "refused"
		x.s.tell(e)
		return answer(550, smtp.EnhancedCode{5, 7, 1}, "Refused by the sink's mode")
	case Down:
		return answer(421, smtp.EnhancedCode{4, 3, 2}, "The sink is going down")
	}
	x.s.tell(e)
	return nil
}

func answer(code int, enhanced smtp.EnhancedCode, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: text}
}

// subjectReader keeps the first bytes that pass, for the subject.
type subjectReader struct {
	r    io.Reader
	head []byte
}

func (s *subjectReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if room := 16<<10 - len(s.head); room > 0 {
		s.head = append(s.head, p[:min(n, room)]...)
	}
	return n, err
}

// subject is the Subject line's first line, as it came.
func (s *subjectReader) subject() string {
	for line := range strings.Lines(string(s.head)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		if name, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "Subject") {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func matchAny(patterns []string, addr string) bool {
	for _, p := range patterns {
		if match(strings.ToLower(p), strings.ToLower(addr)) {
			return true
		}
	}
	return false
}

// match compares s with a pattern in which * is any text and ? one byte.
func match(pattern, s string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, mark = i, j
			i++
		case i < len(pattern) && (pattern[i] == '?' || pattern[i] == s[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i] == '*' {
		i++
	}
	return i == len(pattern)
}
