package smtpc

import (
	"context"
	"strings"
)

// hello says EHLO, or HELO where the peer does not know EHLO (RFC 5321 §3.2),
// or LHLO.
func (c *Conn) hello(ctx context.Context) error {
	verb := "EHLO "
	if c.opt.LMTP {
		verb = "LHLO "
	}
	c.tr.sent(verb + c.opt.Helo)
	if err := c.write(ctx, StageEHLO, []byte(verb+c.opt.Helo+"\r\n"), c.timeouts.EHLO); err != nil {
		return err
	}
	lines, code, err := c.readLines(ctx, StageEHLO)
	if err != nil {
		return err
	}
	c.ext = map[string]string{}
	if code/100 == 2 {
		c.extensions(lines)
		return nil
	}
	if code/100 != 5 || c.opt.LMTP || c.TLSState() != nil {
		return remote(StageEHLO, makeReply(code, lines))
	}
	r, err := c.command(ctx, StageEHLO, "HELO "+c.opt.Helo)
	if err != nil {
		return err
	}
	if !r.Success() {
		return remote(StageEHLO, r)
	}
	return nil
}

// extensions reads the keywords from the second line on. "AUTH=LOGIN" is an
// old spelling of "AUTH LOGIN".
func (c *Conn) extensions(lines []string) {
	for _, l := range lines[min(1, len(lines)):] {
		name, param, _ := strings.Cut(strings.TrimSpace(l), " ")
		if n, p, ok := strings.Cut(name, "="); ok && strings.EqualFold(n, "AUTH") {
			name, param = n, p+" "+param
		}
		if name != "" {
			c.ext[strings.ToUpper(name)] = strings.TrimSpace(param)
		}
	}
}

// validHelo accepts a domain or an address literal: printable ASCII, no blank.
func validHelo(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
