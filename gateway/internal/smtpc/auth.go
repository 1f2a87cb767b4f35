package smtpc

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"
)

// authenticate does AUTH PLAIN or AUTH LOGIN (RFC 4954, RFC 4616), only
// through TLS. Whatever we send is "redacted" in the transcript.
func (c *Conn) authenticate(ctx context.Context) error {
	if c.opt.Auth == nil {
		return nil
	}
	if c.TLSState() == nil {
		return ours(StageAuth, 451, "4.7.4", "credentials are not sent without TLS", nil)
	}
	offered, _ := c.Ext("AUTH")
	client := c.mechanism(strings.Fields(strings.ToUpper(offered)))
	if client == nil {
		return ours(StageAuth, 451, "4.7.4", "the host offers neither AUTH PLAIN nor AUTH LOGIN", nil)
	}
	mech, initial, err := client.Start()
	if err != nil {
		return ours(StageAuth, 451, "4.7.0", "authentication could not be started", err)
	}
	c.keepSecret(c.opt.Auth.Password)
	c.keepSecret(base64.StdEncoding.EncodeToString([]byte(c.opt.Auth.Password)))
	line := "AUTH " + mech
	if initial != nil {
		word := base64.StdEncoding.EncodeToString(initial)
		c.keepSecret(word)
		line += " " + word
	}
	c.tr.sent("AUTH " + mech + " (redacted)")
	for range 4 { // PLAIN needs one round, LOGIN three
		if err := c.write(ctx, StageAuth, []byte(line+"\r\n"), c.timeouts.Auth); err != nil {
			return err
		}
		r, err := c.readReply(ctx, StageAuth)
		if err != nil {
			return err
		}
		if r.Code == 235 {
			return nil
		}
		if r.Code != 334 {
			return remote(StageAuth, r)
		}
		challenge, err := base64.StdEncoding.DecodeString(r.Text)
		if err != nil {
			return c.fail(ctx, StageAuth, errProtocol)
		}
		answer, err := client.Next(challenge)
		if err != nil {
			return c.fail(ctx, StageAuth, errProtocol)
		}
		line = base64.StdEncoding.EncodeToString(answer)
		c.tr.sent("(redacted)")
	}
	return c.fail(ctx, StageAuth, errProtocol)
}

// keepSecret takes a credential, in the way it goes over the wire, out of
// whatever the peer says from now on: there are servers that repeat what they
// do not accept.
func (c *Conn) keepSecret(s string) {
	if s = strings.TrimRight(s, "="); len(s) >= minSecret {
		c.secrets = append(c.secrets, s)
	}
}

// minSecret is the length from which a word is no chance match in a reply.
const minSecret = 4

func (c *Conn) scrub(line string) string {
	for _, s := range c.secrets {
		line = strings.ReplaceAll(line, s, "(redacted)")
	}
	return line
}

func (c *Conn) mechanism(offered []string) sasl.Client {
	switch {
	case slices.Contains(offered, "PLAIN"):
		return sasl.NewPlainClient("", c.opt.Auth.User, c.opt.Auth.Password)
	case slices.Contains(offered, "LOGIN"):
		return &login{answers: []string{c.opt.Auth.User, c.opt.Auth.Password}}
	}
	return nil
}

// login is AUTH LOGIN without an initial response and without reading the
// prompts, whose words differ between servers: user first, then password.
type login struct{ answers []string }

func (l *login) Start() (string, []byte, error) { return "LOGIN", nil, nil }

func (l *login) Next([]byte) ([]byte, error) {
	if len(l.answers) == 0 {
		return nil, errProtocol
	}
	a := l.answers[0]
	l.answers = l.answers[1:]
	return []byte(a), nil
}
