package smtpd

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// panicError is a panic of the Gate, or of the session itself.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// call runs one call of the Gate. A panic becomes an error and, since nobody
// knows what state it left behind, ends the session with 421.
func (s *session) call(stage string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = s.fail(stage, &panicError{v, debug.Stack()})
		}
	}()
	return f()
}

// callFor is call with a context that ends after d.
func (s *session) callFor(stage string, d time.Duration, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(s.ctx, d, &timeoutError{stage})
	defer cancel()
	return s.call(stage, func() error { return f(ctx) })
}

// fail logs an internal error under a fresh reference and returns the reply
// that carries it: the error's own text never leaves. A panic's is 421.
func (s *session) fail(stage string, err error) *mail.Reply {
	ref := mail.NewID(time.Now()).String()
	attrs := []any{"stage", stage, "ref", ref, "err", err}
	r := mail.NewReply(451, "4.3.0", "Temporary failure, please try again later (ref "+ref+")")
	if p := (*panicError)(nil); errors.As(err, &p) {
		attrs = append(attrs, "stack", string(p.stack))
		r.Code = 421
	}
	s.server.failures.Add(1)
	s.log.Error("internal error", attrs...)
	return r
}

// answer is the reply for an error of the Gate. A *mail.Reply in its chain
// passes if it is a refusal; anything else is an internal error. The result is
// the caller's to change.
func (s *session) answer(stage string, err error) *mail.Reply {
	r, ok := mail.AsReply(err)
	if ok && r != nil {
		if clean, ok := sane(*r); ok && !clean.Success() {
			return &clean
		}
		err = fmt.Errorf("gate refused with the reply %q: %w", r.Error(), err)
	}
	return s.fail(stage, err)
}

// ask asks the Gate and answers for it; it reports whether the Gate agreed.
func (s *session) ask(stage string, f func(ctx context.Context) error) bool {
	err := s.callFor(stage, s.cfg.Limits.StageTimeout, f)
	if err != nil {
		s.reply(s.answer(stage, err))
		return false
	}
	return true
}
