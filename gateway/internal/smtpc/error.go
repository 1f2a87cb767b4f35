package smtpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Stage names where in the dialogue something happened.
type Stage string

// The stages, in the order of a session.
const (
	StageConnect  Stage = "connect"
	StageGreeting Stage = "greeting"
	StageEHLO     Stage = "ehlo"
	StageStartTLS Stage = "starttls"
	StageAuth     Stage = "auth"
	StageMail     Stage = "mail"
	StageRcpt     Stage = "rcpt"
	StageData     Stage = "data" // DATA itself and the body, before the final dot
	StageDot      Stage = "dot"  // from sending the final dot on: the peer may have taken the message
	StageReset    Stage = "reset"
	StageQuit     Stage = "quit"
)

// waitingFor is how a timeout at a stage reads to an operator.
var waitingFor = map[Stage]string{
	StageGreeting: "the greeting",
	StageEHLO:     "the answer to EHLO",
	StageStartTLS: "the TLS handshake",
	StageAuth:     "the answer to AUTH",
	StageMail:     "the answer to MAIL",
	StageRcpt:     "the answer to RCPT",
	StageData:     "the message to be taken",
	StageDot:      "the answer to the final dot",
	StageReset:    "the answer to RSET",
	StageQuit:     "the answer to QUIT",
}

// Error is how every failure of this package is told. Reply is always set: the
// peer's own when Remote, otherwise ours, a 451 or (for a message that the
// peer can never take) a 5xx.
type Error struct {
	Stage  Stage
	Remote bool
	Reply  mail.Reply
	Err    error // the cause, when not Remote; may be nil
}

// Error is stage and reply on one line.
func (e *Error) Error() string {
	if e.Err != nil && !e.Remote {
		return fmt.Sprintf("smtp %s: %s (%v)", e.Stage, e.Reply, e.Err)
	}
	return fmt.Sprintf("smtp %s: %s", e.Stage, e.Reply)
}

// Unwrap gives the reply, for mail.AsReply, and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{&e.Reply}
	}
	return []error{&e.Reply, e.Err}
}

// errProtocol marks a peer that does not speak SMTP.
var errProtocol = errors.New("not an SMTP reply")

// errBudget marks a reply beyond its budget.
var errBudget = errors.New("reply too long")

// remote is a refusal by the peer. A 2yz or 3yz that does not belong at the
// stage is no refusal, and must never be read as success either: the peer does
// not speak SMTP.
func remote(stage Stage, r mail.Reply) *Error {
	if r.Code < 400 {
		return ours(stage, 451, "4.5.0", "the host gave an answer that does not belong here: "+r.String(), errProtocol)
	}
	return &Error{Stage: stage, Remote: true, Reply: r}
}

func ours(stage Stage, code int, enhanced, text string, cause error) *Error {
	return &Error{Stage: stage, Reply: *mail.NewReply(code, enhanced, text), Err: cause}
}

// broken turns an I/O failure into our reply: what an operator reads in the
// delivery log (B122).
func broken(ctx context.Context, stage Stage, err error) *Error {
	if ctx.Err() != nil {
		cause := context.Cause(ctx)
		if errors.Is(cause, context.DeadlineExceeded) {
			return ours(stage, 451, "4.4.2", timedOut(stage), cause)
		}
		return ours(stage, 451, "4.4.2", "stopped by the gateway", cause)
	}
	if stage == StageConnect {
		return ours(stage, 451, "4.4.1", connectText(err), err)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) || isTimeout(err):
		return ours(stage, 451, "4.4.2", timedOut(stage), err)
	case errors.Is(err, errProtocol):
		return ours(stage, 451, "4.5.0", "the host does not speak SMTP", err)
	case errors.Is(err, errBudget):
		return ours(stage, 451, "4.5.0", "the host's reply is too long", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ours(stage, 451, "4.4.2", "the host closed the connection"+atStage(stage), err)
	}
	return ours(stage, 451, "4.4.2", "connection lost"+atStage(stage), err)
}

func atStage(stage Stage) string {
	if w := waitingFor[stage]; w != "" {
		return " before " + w
	}
	return ""
}

func timedOut(stage Stage) string {
	if w := waitingFor[stage]; w != "" {
		return "timed out waiting for " + w
	}
	return "connection timed out"
}

// connectText is B122's wording for a host that cannot be reached.
func connectText(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EHOSTUNREACH):
		return "no route to host"
	case errors.Is(err, syscall.ENETUNREACH):
		return "network is unreachable"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "the address to call from is not one of this machine's"
	case isTimeout(err):
		return "connection timed out"
	}
	return "connection failed"
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &ne) && ne.Timeout())
}
