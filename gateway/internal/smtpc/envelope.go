package smtpc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Envelope is one transaction's envelope.
type Envelope struct {
	From   mail.Address // the null address is <>
	To     []mail.Address
	Rcpts  []mail.RcptParams // of To, by index; nil none. They go out where the peer offers DSN (RFC 3461)
	Params mail.MailParams   // Body and SMTPUTF8 say what the message needs
	Size   int64             // octets of the message, 0 unknown
	// Probe asks about the recipients only: no DATA follows, and the
	// transaction is reset (a callout).
	Probe bool
}

// Answer is what one recipient got. Remote tells that Reply is the peer's; a
// zero Reply means that none was given.
type Answer struct {
	Reply  mail.Reply
	Remote bool
}

// Begin sends MAIL, the RCPTs and DATA, in one write where the peer offers
// PIPELINING (RFC 2920). It returns an answer per recipient, in order. When at
// least one was accepted and the error is nil (and Probe is not set), Data
// must follow; otherwise the transaction is over and Usable tells whether the
// connection is still good.
//
// The error is an *Error: MAIL or DATA was refused, the message needs
// something that the peer lacks (SIZE, RFC 1870; 8BITMIME, RFC 6152; SMTPUTF8,
// RFC 6531; then Reply is ours and permanent), or the connection broke.
// 552 at RCPT is read as 452 (RFC 5321 §4.5.3.1.10).
func (c *Conn) Begin(ctx context.Context, e Envelope) ([]Answer, error) {
	answers := make([]Answer, len(e.To))
	if !c.Usable() {
		_ = c.Close()
		return answers, ours(StageMail, 451, "4.4.2", "connection lost", nil)
	}
	line, err := c.mailLine(e)
	if err != nil {
		return answers, err
	}
	defer c.watch(ctx)()
	t := transaction{conn: c, probe: e.Probe, mail: line, answers: answers}
	for i, a := range e.To {
		if path, err := wirePath(a, c.utf8(e)); err != nil {
			answers[i] = Answer{Reply: *mail.NewReply(553, "5.1.3", err.Error())}
			if errors.Is(err, errNeedsUTF8) {
				answers[i].Reply.Enhanced = mail.Enhanced{5, 6, 7}
			}
		} else {
			t.lines = append(t.lines, "RCPT TO:"+path+c.rcptParams(e, i))
			t.index = append(t.index, i)
		}
	}
	if len(t.lines) == 0 {
		return answers, nil
	}
	if _, ok := c.Ext("PIPELINING"); ok {
		return answers, t.pipelined(ctx)
	}
	return answers, t.stepwise(ctx)
}

// mailLine is the MAIL command, or the reason why this peer cannot take the message.
func (c *Conn) mailLine(e Envelope) (string, error) {
	path, err := wirePath(e.From, true)
	if err != nil {
		return "", ours(StageMail, 553, "5.1.7", err.Error(), nil)
	}
	line := "MAIL FROM:" + path
	if limit, ok := c.Ext("SIZE"); ok {
		if n, err := strconv.ParseInt(limit, 10, 64); err == nil && n > 0 && e.Size > n {
			return "", ours(StageMail, 552, "5.3.4", fmt.Sprintf("the message has %d bytes, the host takes %d", e.Size, n), nil)
		}
		if e.Size > 0 {
			line += " SIZE=" + strconv.FormatInt(e.Size, 10)
		}
	}
	if strings.EqualFold(e.Params.Body, "8BITMIME") {
		if _, ok := c.Ext("8BITMIME"); !ok {
			return "", ours(StageMail, 554, "5.6.3", "the message has 8-bit content, which the host does not take", nil)
		}
		line += " BODY=8BITMIME"
	}
	if e.Params.SMTPUTF8 || !isASCII(path) {
		if _, ok := c.Ext("SMTPUTF8"); !ok {
			return "", ours(StageMail, 554, "5.6.7", "the message needs SMTPUTF8, which the host does not offer", nil)
		}
		line += " SMTPUTF8"
	}
	if c.DSN() && !e.Probe {
		if e.Params.Ret != "" {
			line += " RET=" + e.Params.Ret
		}
		if id := mail.EncodeXtext(e.Params.EnvID); id != "" && len(id) <= mail.MaxEnvID {
			line += " ENVID=" + id
		}
	}
	return line, nil
}

// DSN reports that the peer offers delivery status notifications: it takes
// over what the sender asked about them (RFC 3461 §5.2.1).
func (c *Conn) DSN() bool {
	_, ok := c.Ext("DSN")
	return ok
}

// rcptParams are the parameters of RCPT for one recipient, each with a space
// in front. An original recipient goes out in ASCII, whatever the transaction
// could carry (RFC 6533 §3).
func (c *Conn) rcptParams(e Envelope, i int) string {
	if i >= len(e.Rcpts) || e.Probe || !c.DSN() {
		return ""
	}
	s := ""
	if n := e.Rcpts[i].Notify.String(); n != "" {
		s += " NOTIFY=" + n
	}
	if o := mail.WireORcpt(e.Rcpts[i].ORcpt); o != "" {
		s += " ORCPT=" + o
	}
	return s
}

// utf8 reports whether the transaction runs with SMTPUTF8.
func (c *Conn) utf8(e Envelope) bool {
	_, ok := c.Ext("SMTPUTF8")
	return ok && (e.Params.SMTPUTF8 || !isASCII(e.From.String()))
}

var errNeedsUTF8 = errors.New("the address needs SMTPUTF8, which the transaction does not have")

// wirePath is an address as it goes on the wire. mail.Address is strict; this
// is the last look before the wire, where an address that could be read as a
// parameter or a second command would make an open relay.
func wirePath(a mail.Address, utf8 bool) (string, error) {
	s := a.String()
	quoted, escaped := false, false
	for i := 0; i < len(s); i++ {
		ch := s[i]
		switch {
		case ch < ' ' || ch == 0x7f:
			return "", fmt.Errorf("the address has a control character")
		case ch >= 0x80 && !utf8:
			return "", errNeedsUTF8
		case escaped:
			escaped = false
		case quoted && ch == '\\':
			escaped = true
		case ch == '"':
			quoted = !quoted
		case !quoted && (ch == ' ' || ch == '<' || ch == '>'):
			return "", fmt.Errorf("the address is not quoted as it must be")
		}
	}
	if quoted || escaped || len(s) > 512 {
		return "", fmt.Errorf("the address is malformed")
	}
	return "<" + s + ">", nil
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// transaction is the work of one Begin.
type transaction struct {
	conn    *Conn
	probe   bool
	mail    string
	lines   []string // RCPT commands
	index   []int    // lines[i] is about answers[index[i]]
	answers []Answer
	taken   int
}

// stepwise waits for each reply before the next command.
func (t *transaction) stepwise(ctx context.Context) error {
	c := t.conn
	r, err := c.command(ctx, StageMail, t.mail)
	if err != nil {
		return err
	}
	if err := t.mailReply(ctx, r); err != nil {
		return err
	}
	for i, line := range t.lines {
		r, err := c.command(ctx, StageRcpt, line)
		if err != nil {
			return err
		}
		if err := t.rcptReply(ctx, i, r); err != nil {
			return err
		}
	}
	if t.probe || t.taken == 0 {
		t.end(ctx)
		return nil
	}
	r, err = c.command(ctx, StageData, "DATA")
	if err != nil {
		return err
	}
	return t.dataReply(ctx, r, nil)
}

// pipelined sends everything at once and then reads every reply, whatever the
// ones before it said (RFC 2920 §3.1).
func (t *transaction) pipelined(ctx context.Context) error {
	c := t.conn
	lines := append([]string{t.mail}, t.lines...)
	if !t.probe {
		lines = append(lines, "DATA")
	}
	for _, l := range lines {
		c.tr.sent(l)
	}
	out := []byte(strings.Join(lines, "\r\n") + "\r\n")
	if err := c.write(ctx, StageMail, out, c.timeouts.Mail); err != nil {
		return err
	}
	r, err := c.readReply(ctx, StageMail)
	if err != nil {
		return err
	}
	refused := t.mailReply(ctx, r)
	if c.closed {
		return refused
	}
	for i := range t.lines {
		r, err := c.readReply(ctx, StageRcpt)
		if err != nil {
			return err
		}
		if refused != nil { // RCPT without MAIL: its reply says nothing about the recipient
			if c.closed {
				return refused
			}
			continue
		}
		if err := t.rcptReply(ctx, i, r); err != nil {
			return err
		}
	}
	if t.probe {
		t.end(ctx)
		return refused
	}
	r, err = c.readReply(ctx, StageData)
	if err != nil {
		return err
	}
	return t.dataReply(ctx, r, refused)
}

func (t *transaction) mailReply(ctx context.Context, r mail.Reply) error {
	switch {
	case r.Success():
		return nil
	case r.Code/100 == 3:
		return t.conn.fail(ctx, StageMail, errProtocol)
	}
	return remote(StageMail, r)
}

func (t *transaction) rcptReply(ctx context.Context, i int, r mail.Reply) error {
	if r.Code/100 == 3 {
		return t.conn.fail(ctx, StageRcpt, errProtocol)
	}
	if r.Code == 552 {
		r.Code = 452
		if r.Enhanced[0] == 5 {
			r.Enhanced[0] = 4
		}
	}
	t.answers[t.index[i]] = Answer{Reply: r, Remote: true}
	if r.Code == 421 { // the peer is closing; the others will get no answer of their own
		return remote(StageRcpt, r)
	}
	if r.Success() {
		t.taken++
	}
	return nil
}

// dataReply handles the reply to DATA. refused is the error of MAIL that goes
// before it in a pipeline.
func (t *transaction) dataReply(ctx context.Context, r mail.Reply, refused error) error {
	c := t.conn
	if r.Code == 354 {
		if refused == nil && t.taken > 0 {
			c.inData = true
			c.taken = make([]bool, len(t.answers))
			for i, a := range t.answers {
				c.taken[i] = a.Remote && a.Reply.Success()
			}
			return nil
		}
		// The peer wants data though it accepted no recipient: end it at once
		// (RFC 2920 §3.1). Nothing may be delivered, so a 2xx is a broken peer.
		c.tr.Note("no recipient was accepted: nothing to send")
		if r, err := c.command(ctx, StageData, "."); err == nil && r.Success() {
			c.Close()
		}
		t.end(ctx)
		return refused
	}
	if r.Code/100 < 4 {
		return c.fail(ctx, StageData, errProtocol)
	}
	if refused == nil && t.taken > 0 {
		refused = remote(StageData, r)
	}
	t.end(ctx)
	return refused
}

// end resets what was begun, so that the connection can be used again. A
// failure only closes it: every recipient has its answer already.
func (t *transaction) end(ctx context.Context) {
	if !t.conn.closed {
		_ = t.conn.reset(ctx) // Usable tells the caller
	}
}
