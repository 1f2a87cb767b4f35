package smtpc

import (
	"context"
	"crypto/tls"
	"errors"
	"time"
)

var errInjected = errors.New("the host sent data after its answer to STARTTLS, before TLS")

// maybeStartTLS starts TLS (RFC 3207) as the mode asks, and says EHLO again.
func (c *Conn) maybeStartTLS(ctx context.Context) error {
	demanded := c.opt.TLS == TLSRequired || c.opt.TLS == TLSVerified || c.opt.TLS == TLSDANE
	if c.opt.TLS == TLSNone {
		return nil
	}
	if _, ok := c.Ext("STARTTLS"); !ok {
		if demanded {
			e := ours(StageStartTLS, 451, "4.7.4", "TLS is required, but the host does not offer it", errNotOffered)
			c.tr.Note("%s", e.Reply.Text)
			return e
		}
		return nil
	}
	r, err := c.command(ctx, StageStartTLS, "STARTTLS")
	if err != nil {
		return err
	}
	if r.Code != 220 {
		return remote(StageStartTLS, r)
	}
	// What arrived in plaintext behind the 220 must not be read as if it had
	// come through TLS (CVE-2011-0411 and its kin).
	if c.br.Buffered() > 0 {
		c.Close()
		c.tr.Note("%v", errInjected)
		return ours(StageStartTLS, 451, "4.7.5", "the host broke the TLS handshake", errInjected)
	}
	if err := c.handshake(ctx); err != nil {
		return err
	}
	return c.hello(ctx)
}

func (c *Conn) handshake(ctx context.Context) error {
	t := tls.Client(c.nc, &tls.Config{
		ServerName:         c.serverName(),
		InsecureSkipVerify: true, // verify below does what the mode asks, TLSA records included
		VerifyConnection:   c.verify,
		MinVersion:         tls.VersionTLS12,
	})
	if err := c.nc.SetDeadline(time.Now().Add(c.timeouts.StartTLS)); err != nil {
		return c.fail(ctx, StageStartTLS, err)
	}
	if err := t.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		e := broken(ctx, StageStartTLS, err)
		var bad *CertError
		switch {
		case ctx.Err() != nil || isTimeout(err):
		case errors.As(err, &bad):
			e.Reply.Text, e.Reply.Enhanced = printable(bad.Error()), [3]int{4, 7, 5}
		default:
			e.Reply.Text, e.Reply.Enhanced = "TLS handshake failed: "+printable(err.Error()), [3]int{4, 7, 5}
		}
		c.tr.Note("%s", e.Reply.Text)
		return e
	}
	c.setConn(t)
	c.tr.Note("%s %s%s", c.TLSVersion(), tls.CipherSuiteName(t.ConnectionState().CipherSuite), c.authenticity())
	return nil
}

// authenticity is what the transcript says of the peer's certificate.
func (c *Conn) authenticity() string {
	switch {
	case c.verified != nil:
		return ", not verified: " + c.verified.Error()
	case c.channel != "":
		return ", verified by " + c.channel
	}
	return ", verified"
}
