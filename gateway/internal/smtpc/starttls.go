package smtpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"
)

var errInjected = errors.New("the host sent data after its answer to STARTTLS, before TLS")

// maybeStartTLS starts TLS (RFC 3207) as the mode asks, and says EHLO again.
func (c *Conn) maybeStartTLS(ctx context.Context) error {
	if c.opt.TLS == TLSNone {
		return nil
	}
	if _, ok := c.Ext("STARTTLS"); !ok {
		if c.opt.TLS == TLSRequired {
			return ours(StageStartTLS, 451, "4.7.4", "TLS is required, but the host does not offer it", nil)
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
		ServerName:         c.opt.Host,
		InsecureSkipVerify: true, // RFC 7435: some protection rather than none; verify below only reports
		VerifyConnection:   c.verify,
		MinVersion:         tls.VersionTLS12,
	})
	if err := c.nc.SetDeadline(time.Now().Add(c.timeouts.StartTLS)); err != nil {
		return c.fail(ctx, StageStartTLS, err)
	}
	if err := t.HandshakeContext(ctx); err != nil {
		e := c.fail(ctx, StageStartTLS, err)
		if ctx.Err() == nil && !isTimeout(err) {
			e.Reply.Text, e.Reply.Enhanced = "TLS handshake failed: "+printable(err.Error()), [3]int{4, 7, 5}
		}
		return e
	}
	c.setConn(t)
	c.tr.Note("%s %s", c.TLSVersion(), tls.CipherSuiteName(t.ConnectionState().CipherSuite))
	return nil
}

// verify notes whether the certificate is good for the host; it never fails.
func (c *Conn) verify(s tls.ConnectionState) error {
	if c.opt.Host == "" || len(s.PeerCertificates) == 0 {
		return nil
	}
	between := x509.NewCertPool()
	for _, cert := range s.PeerCertificates[1:] {
		between.AddCert(cert)
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{
		DNSName: c.opt.Host, Roots: c.opt.Roots, Intermediates: between,
	})
	c.verified = err == nil
	return nil
}
