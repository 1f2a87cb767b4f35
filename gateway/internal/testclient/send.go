package testclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpc"
)

// Options say where to send and how.
type Options struct {
	Server string // "host:port" or "unix:/path"
	Helo   string
	TLS    string // as smtpc has it
	LMTP   bool
	Auth   *smtpc.Credentials

	Timeout time.Duration // for each stage; 0 means smtpc's own
	Out     io.Writer     // the dialogue; nil none
}

// ErrRefused: at least one recipient did not get the message.
var ErrRefused = errors.New("the message was not accepted for every recipient")

// Send sends a message once and writes the dialogue to Options.Out: "C:" for
// us, "S:" for the server, "--" for remarks. It returns each recipient's last
// reply; the error is nil when all of them are 2yz, ErrRefused when one is
// not, or what broke.
func Send(ctx context.Context, m *Message, o Options) ([]mail.Reply, error) {
	tr := &smtpc.Transcript{Max: 1, Tee: func(line string) { show(o.Out, line) }}
	c, err := dial(ctx, o, tr)
	if err != nil {
		return nil, fmt.Errorf("sending to %s: %w", o.Server, err)
	}
	defer c.Quit()
	replies, err := transact(ctx, c, m, o.Helo)
	if err != nil {
		return replies, fmt.Errorf("sending to %s: %w", o.Server, err)
	}
	for _, r := range replies {
		if !r.Success() {
			return replies, ErrRefused
		}
	}
	return replies, nil
}

func show(w io.Writer, line string) {
	if w == nil || len(line) < 2 {
		return
	}
	prefix := map[byte]string{'>': "C: ", '<': "S: ", '*': "-- "}[line[0]]
	fmt.Fprintln(w, prefix+line[2:])
}

func dial(ctx context.Context, o Options, tr *smtpc.Transcript) (*smtpc.Conn, error) {
	so := smtpc.Options{Addr: o.Server, Helo: o.Helo, TLS: o.TLS, LMTP: o.LMTP, Auth: o.Auth, Transcript: tr}
	if path, ok := strings.CutPrefix(o.Server, "unix:"); ok {
		so.Network, so.Addr = "unix", path
	} else if i := strings.LastIndexByte(o.Server, ':'); i > 0 {
		so.Host = strings.Trim(o.Server[:i], "[]")
	}
	if d := o.Timeout; d > 0 {
		so.Timeouts = smtpc.Timeouts{Connect: d, Greeting: d, EHLO: d, StartTLS: d, Auth: d, Mail: d, Rcpt: d, Data: d, Block: d, Dot: d, Reset: d}
	}
	return smtpc.Dial(ctx, so)
}

// transact sends one copy of m and returns each recipient's last reply.
func transact(ctx context.Context, c *smtpc.Conn, m *Message, helo string) ([]mail.Reply, error) {
	body := m.copy(time.Now(), helo)
	answers, err := c.Begin(ctx, smtpc.Envelope{From: m.From, To: m.To, Rcpts: m.rcpts(), Params: m.params(), Size: int64(len(body))})
	if err == nil && c.AwaitsData() {
		var final []smtpc.Answer
		final, err = c.Data(ctx, bytes.NewReader(body), nil)
		for i := range answers {
			if answers[i].Reply.Success() {
				answers[i] = final[i]
			}
		}
	}
	var refused *smtpc.Error
	if errors.As(err, &refused) && refused.Remote { // MAIL or DATA was refused: for everyone
		for i := range answers {
			if answers[i].Reply.IsZero() || answers[i].Reply.Success() {
				answers[i].Reply = refused.Reply
			}
		}
		err = nil
	}
	replies := make([]mail.Reply, len(answers))
	for i, a := range answers {
		replies[i] = a.Reply
	}
	return replies, err
}
