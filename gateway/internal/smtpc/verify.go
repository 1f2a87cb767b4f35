package smtpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mailweir/weir/gateway/internal/dane"
)

// Results of TLS as RFC 8460 §4.3 names them, for TLSResult and CertError.
const (
	ResultNotOffered   = "starttls-not-supported"
	ResultHostMismatch = "certificate-host-mismatch"
	ResultExpired      = "certificate-expired"
	ResultNotTrusted   = "certificate-not-trusted"
	ResultInvalid      = "validation-failure" // whatever has no word of its own
	ResultTLSAInvalid  = "tlsa-invalid"
	ResultDNSSEC       = "dnssec-invalid" // no TLSA records could be had, not even that there are none
)

var (
	errNoTLS      = errors.New("there is no TLS")
	errNotOffered = errors.New("STARTTLS is not offered")
)

// CertError is a certificate that is not what was asked for.
type CertError struct {
	Result string // one of the results above
	Text   string // for an operator: what is wrong with which certificate
	Err    error  // the cause, may be nil
}

// Error is Text.
func (e *CertError) Error() string { return e.Text }

// Unwrap gives the cause.
func (e *CertError) Unwrap() error { return e.Err }

// TLSResult is the RFC 8460 §4.3 result type of an error of Dial or
// Conn.Unverified; "" for one that is not about TLS.
func TLSResult(err error) string {
	var bad *CertError
	if errors.As(err, &bad) {
		return bad.Result
	}
	if errors.Is(err, errNotOffered) {
		return ResultNotOffered
	}
	var se *Error
	if errors.As(err, &se) && se.Stage == StageStartTLS {
		return ResultInvalid
	}
	return ""
}

// NoChannel reports that an error of Dial means that the host has not the channel which
// is demanded: it offers no TLS, or its certificate or TLSA records will not do. That it
// was busy, hung up or answered with what is no SMTP, that records could not be looked
// up, or that we stopped, says nothing about the channel.
func NoChannel(err error) bool {
	var se *Error
	if !errors.As(err, &se) || se.Stage != StageStartTLS {
		return false
	}
	if se.Remote {
		return se.Reply.Permanent()
	}
	if bad := (*CertError)(nil); errors.As(err, &bad) {
		return bad.Result != ResultDNSSEC
	}
	var errno syscall.Errno
	lost := errors.Is(err, errProtocol) || errors.Is(err, errBudget) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &errno)
	return !lost && !isTimeout(err) && !errors.Is(err, context.Canceled)
}

// canVerify refuses demands that could never be met, before anybody is called.
func (c *Conn) canVerify() error {
	v := c.opt.Verify
	switch {
	case c.opt.TLS == TLSVerified && len(c.names()) == 0:
		return ours(StageStartTLS, 451, "4.3.5", "a verified channel is demanded, but the host has no name that a certificate could be for", nil)
	case c.opt.TLS == TLSDANE && (v == nil || len(v.TLSA) == 0):
		bad := &CertError{Result: "dane-required", Text: "DANE is required, but the host has no secure TLSA records"}
		return ours(StageStartTLS, 451, "4.7.5", bad.Text, bad)
	}
	return nil
}

// names are what the certificate may be for.
func (c *Conn) names() []string {
	if v := c.opt.Verify; v != nil && len(v.Names) > 0 {
		return v.Names
	}
	if c.opt.Host == "" {
		return nil
	}
	return []string{c.opt.Host}
}

// serverName is the name in SNI.
func (c *Conn) serverName() string {
	if n := c.names(); len(n) > 0 && !strings.HasPrefix(n[0], ".") {
		return strings.TrimSuffix(n[0], ".")
	}
	return c.opt.Host
}

// verify is called within the handshake: it notes whether the certificate is
// good, and ends the handshake where that is demanded and it is not.
func (c *Conn) verify(s tls.ConnectionState) error {
	v := c.opt.Verify
	if v == nil {
		v = &Verify{}
	}
	channel, demanded := "", false
	switch c.opt.TLS {
	case TLSVerified:
		channel, demanded = "pkix", true
	case TLSDANE:
		channel, demanded = "dane", v.Mandatory || len(dane.Usable(v.TLSA)) > 0
	}
	if c.opt.TLS == TLSDANE {
		c.verified = c.byTLSA(v, s.PeerCertificates)
		if len(v.Also) > 0 && (c.verified == nil || !demanded) {
			demanded, c.verified = true, c.byRoots(v, v.Also, s.PeerCertificates)
		}
	} else {
		c.verified = c.byRoots(v, c.names(), s.PeerCertificates)
	}
	if c.verified != nil {
		if demanded {
			return c.verified
		}
		return nil
	}
	if v.Channel != "" {
		channel = strings.TrimPrefix(v.Channel, "-")
	}
	if demanded {
		c.channel = channel
	}
	return nil
}

// byRoots checks the chain and the name against authorities (RFC 5280, RFC 6125).
func (c *Conn) byRoots(v *Verify, names []string, chain []*x509.Certificate) error {
	if len(names) == 0 || len(chain) == 0 {
		return &CertError{Result: ResultInvalid, Text: "the host has no name that a certificate could be for"}
	}
	roots := v.Roots
	if roots == nil {
		roots = c.opt.Roots
	}
	between := x509.NewCertPool()
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	if err == nil && !slices.ContainsFunc(names, func(n string) bool { return isFor(chain[0], n) }) {
		err = x509.HostnameError{Certificate: chain[0], Host: names[0]}
	}
	if err != nil {
		return certError(chain[0], names, err)
	}
	return nil
}

// byTLSA checks the chain against TLSA records.
func (c *Conn) byTLSA(v *Verify, chain []*x509.Certificate) error {
	names := c.names()
	err := dane.Verify(v.TLSA, chain, names, time.Now())
	switch {
	case err == nil:
		return nil
	case errors.Is(err, dane.ErrUnusable):
		return &CertError{Result: ResultTLSAInvalid, Text: "none of the TLSA records of " + name(names) + " can be used for SMTP", Err: err}
	case errors.Is(err, dane.ErrNoMatch):
		return &CertError{Result: ResultTLSAInvalid, Text: "no TLSA record of " + name(names) + " matches the host's certificate", Err: err}
	}
	return certError(chain[0], names, err)
}

func name(names []string) string {
	if len(names) == 0 {
		return "the host"
	}
	return names[0]
}

// isFor reports whether a certificate is for a name, or with a leading dot for
// some name below it.
func isFor(cert *x509.Certificate, name string) bool {
	if below, ok := strings.CutPrefix(strings.ToLower(name), "."); ok {
		return slices.ContainsFunc(cert.DNSNames, func(n string) bool {
			n, wild := strings.CutPrefix(strings.ToLower(n), "*.")
			return strings.HasSuffix(n, "."+below) || wild && n == below
		})
	}
	return cert.VerifyHostname(strings.TrimSuffix(name, ".")) == nil
}

// certError puts an error of crypto/x509 in an operator's words.
func certError(cert *x509.Certificate, names []string, err error) *CertError {
	e := &CertError{Result: ResultInvalid, Err: err, Text: "the host's certificate cannot be verified: " + err.Error()}
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var hostname x509.HostnameError
	switch {
	case errors.As(err, &hostname):
		e.Result = ResultHostMismatch
		e.Text = fmt.Sprintf("the host's certificate is for %s, not for %s", certNames(cert), wanted(names))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		e.Result = ResultExpired
		if time.Now().Before(cert.NotBefore) {
			e.Text = "the host's certificate is valid only from " + date(cert.NotBefore)
		} else {
			e.Text = "the host's certificate expired on " + date(cert.NotAfter)
		}
	case errors.As(err, &unknown):
		e.Result = ResultNotTrusted
		if selfSigned(cert) {
			e.Text = "the host's certificate is self-signed: no authority vouches for it"
		} else {
			e.Text = fmt.Sprintf("the host's certificate was issued by %q, which is not among the authorities that are trusted, or the host sends no intermediate certificate that leads to one", cert.Issuer.CommonName)
		}
	}
	return e
}

func wanted(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		if below, ok := strings.CutPrefix(n, "."); ok {
			n = "a host of " + below
		}
		out[i] = n
	}
	return strings.Join(out, " or ")
}

func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func selfSigned(c *x509.Certificate) bool {
	return string(c.RawIssuer) == string(c.RawSubject) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// maxNames is how many names of a certificate are told; some have hundreds.
const maxNames = 5

func certNames(c *x509.Certificate) string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name"
	}
	if more := len(names) - maxNames; more > 0 {
		names = append(names[:maxNames], fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}
