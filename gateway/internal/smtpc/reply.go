package smtpc

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// readReply reads one whole reply within its stage's time and budget. A 421
// says that the peer is closing (RFC 5321 §3.8), so it closes our side too;
// it is returned like any other reply.
func (c *Conn) readReply(ctx context.Context, stage Stage) (mail.Reply, error) {
	lines, code, err := c.readLines(ctx, stage)
	if err != nil {
		return mail.Reply{}, err
	}
	return makeReply(code, lines), nil
}

func (c *Conn) readLines(ctx context.Context, stage Stage) ([]string, int, error) {
	if c.closed {
		return nil, 0, c.fail(ctx, stage, net.ErrClosed)
	}
	if err := c.nc.SetReadDeadline(time.Now().Add(c.timeouts.of(stage))); err != nil {
		return nil, 0, c.fail(ctx, stage, err)
	}
	var lines []string
	code, total := 0, 0
	for {
		line, err := c.readLine()
		if err != nil {
			return nil, 0, c.fail(ctx, stage, err)
		}
		c.tr.got(line)
		n, text, last, ok := parseReplyLine(line)
		if !ok || (code != 0 && n != code) {
			return nil, 0, c.fail(ctx, stage, errProtocol)
		}
		code = n
		lines = append(lines, text)
		total += len(line)
		if last {
			break
		}
		if len(lines) >= maxReplyLines || total > maxReplyBytes {
			return nil, 0, c.fail(ctx, stage, errBudget)
		}
	}
	if code == 421 {
		c.Close()
	}
	return lines, code, nil
}

// readLine reads one line without its end; a bare LF ends one too, for a
// reply is only read, never passed on.
func (c *Conn) readLine() (string, error) {
	b, err := c.br.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || len(b) > maxReplyLine {
		return "", errBudget
	}
	if err != nil {
		if errors.Is(err, io.EOF) && len(b) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return "", err
	}
	return c.scrub(strings.TrimRight(string(b), "\r\n")), nil
}

// parseReplyLine reads "250-text" or "250 text" or "250" (RFC 5321 §4.2).
func parseReplyLine(s string) (code int, text string, last, ok bool) {
	if len(s) < 3 || s[0] < '2' || s[0] > '5' {
		return 0, "", false, false
	}
	for i := range 3 {
		if s[i] < '0' || s[i] > '9' {
			return 0, "", false, false
		}
		code = code*10 + int(s[i]-'0')
	}
	switch {
	case len(s) == 3:
		return code, "", true, true
	case s[3] == ' ':
		return code, s[4:], true, true
	case s[3] == '-':
		return code, s[4:], false, true
	}
	return 0, "", false, false
}

// maxReplyText is how much of a reply's text is kept with each recipient, in
// bytes; the transcript has more.
const maxReplyText = 2 << 10

// makeReply joins a reply's lines and takes the enhanced code off each. The
// enhanced code is kept even where its class contradicts the code: servers
// pair them wrongly, and the code alone decides.
func makeReply(code int, lines []string) mail.Reply {
	r := mail.Reply{Code: code}
	for i, l := range lines {
		word, rest, _ := strings.Cut(l, " ")
		if e, ok := mail.ParseEnhanced(word); ok && (i == 0 || e == r.Enhanced) {
			r.Enhanced = e
			l = rest
		}
		lines[i] = printable(l)
	}
	r.Text = strings.TrimSpace(strings.Join(lines, "\n"))
	if len(r.Text) > maxReplyText {
		r.Text = strings.ToValidUTF8(r.Text[:maxReplyText], "") + " …"
	}
	return r
}
