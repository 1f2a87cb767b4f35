package smtpd

import (
	"context"
	"crypto/tls"
	"io"
	"net/netip"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Gate is what the server asks about every session; package flow implements
// it. Each method returns nil to accept. An error that is (or wraps) a
// *mail.Reply is the reply to give; any other error becomes a 451 4.3.0 with
// an id that the log has too, and its text never leaves the gateway.
type Gate interface {
	// Connect opens a transaction holder for one session. A 421 or 5xx reply
	// is given as the greeting and ends the session.
	Connect(ctx context.Context, p *Peer) (Transaction, error)
}

// Transaction is one session's view of the gateway. Calls come from one
// goroutine, in SMTP order; ctx ends with the session or with the stage's
// time limit.
type Transaction interface {
	// Helo follows each accepted HELO or EHLO (again after STARTTLS).
	Helo(ctx context.Context) error
	// Mail starts a mail transaction. The server has refused a second one.
	Mail(ctx context.Context, from mail.Address, p mail.MailParams) error
	// Rcpt is called for each recipient, whatever became of the others.
	Rcpt(ctx context.Context, to mail.Address, p mail.RcptParams) error
	// Data is called before 354 is given (or before the first BDAT chunk is
	// read), with at least one accepted recipient.
	Data(ctx context.Context) (Message, error)
	// Reset drops the mail transaction: RSET, a new EHLO, STARTTLS, or after
	// Commit or Abort of its message. It is not called when the session ends
	// with the transaction: Close is.
	Reset()
	// Close ends the session; cause is nil after QUIT.
	Close(cause error)
}

// Message takes one message's bytes: exactly those between DATA and the final
// dot, unstuffed, lines ended by CRLF only.
type Message interface {
	io.Writer
	// Commit is called once, after a valid end of data. Its reply goes to the
	// client; a 2xx is given only when the gateway has taken the message.
	// ctx does not end when the client leaves: the message is complete.
	Commit(ctx context.Context) mail.Reply
	// Abort is called instead of Commit when the data broke or was refused, a
	// Write failed included; nothing is written after it.
	Abort(cause error)
}

// Ender is a Message that may end its session with the reply of Commit,
// whatever its code; asked once, after Commit.
type Ender interface{ Ends() bool }

// Peer is the other end of a session, kept up to date by the server.
type Peer struct {
	Listener  string
	Direction mail.Direction
	Remote    netip.AddrPort
	Local     netip.AddrPort
	Name      string               // confirmed reverse DNS name, when the Gate has found it; only it writes this
	Helo      string               // last accepted HELO/EHLO argument
	ESMTP     bool                 // it was EHLO
	TLS       *tls.ConnectionState // nil in plaintext
	User      string               // authenticated user
	Session   string               // id of the session, for logs
}
