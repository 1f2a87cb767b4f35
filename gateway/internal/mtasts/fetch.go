package mtasts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// Results of RFC 8460 §4.3 that this package gives.
const (
	ResultFetch   = "sts-policy-fetch-error"
	ResultInvalid = "sts-policy-invalid"
	ResultWebPKI  = "sts-webpki-invalid"
)

// Error is why a domain that announces a policy has none that could be used.
type Error struct {
	Domain string
	Result string // one of those above
	Err    error
}

// Error says what was wanted and what came.
func (e *Error) Error() string {
	return fmt.Sprintf("MTA-STS policy of %s: %v", e.Domain, e.Err)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

const (
	maxBody   = 64 << 10 // RFC 8461 §3.3
	maxHeader = 16 << 10
	maxAddrs  = 4 // addresses tried of a policy host
)

// fetch gets the policy of a domain now. The error is an *Error.
func (c *Checker) fetch(ctx context.Context, domain, id string) (*Policy, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.o.Timeout, errors.New("the policy host took too long"))
	defer cancel()
	body, err := c.get(ctx, "mta-sts."+domain)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		result := ResultFetch
		var cert *tls.CertificateVerificationError
		if errors.As(err, &cert) {
			result = ResultWebPKI
		}
		return nil, &Error{Domain: domain, Result: result, Err: err}
	}
	p, err := Parse(body)
	if err != nil {
		return nil, &Error{Domain: domain, Result: ResultInvalid, Err: err}
	}
	p.Domain, p.ID, p.Fetched = domain, id, c.o.Now()
	return p, nil
}

// get asks the policy host (RFC 8461 §3.3): HTTPS with a certificate for its
// name, no redirect, no cache, no proxy. ctx is to end with the fetch: it
// closes the connection, also one that net/http would go on to open for a
// request to come.
func (c *Checker) get(ctx context.Context, host string) ([]byte, error) {
	t := &http.Transport{
		TLSClientConfig:        &tls.Config{RootCAs: c.o.Roots, MinVersion: tls.VersionTLS12, ServerName: host},
		DialContext:            func(context.Context, string, string) (net.Conn, error) { return c.dial(ctx, host) },
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/.well-known/mta-sts.txt", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "weir")
	res, err := t.RoundTrip(req) // a Client would follow redirects
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %d", host, res.StatusCode)
	}
	if kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || kind != "text/plain" {
		return nil, fmt.Errorf("%s answered with %q, not text/plain", host, short(res.Header.Get("Content-Type")))
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err == nil {
		err = ctx.Err() // a server that hears that we give up may end the body as if that were all
	}
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", host, err)
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("the answer of %s is longer than %d octets", host, maxBody)
	}
	return body, nil
}

// dial connects to an address of the policy host that may be asked. The
// address dialled is the one looked at: nobody resolves the name again.
func (c *Checker) dial(ctx context.Context, host string) (net.Conn, error) {
	addrs, err := c.o.Resolver.Addrs(ctx, host)
	if err != nil {
		return nil, err
	}
	var errs []error
	tried := 0
	for _, a := range addrs {
		if what := c.o.Refuse(a); what != "" {
			errs = append(errs, fmt.Errorf("%s is at %s, which is not asked: %s", host, a, what))
			continue
		}
		if tried++; tried > maxAddrs {
			break
		}
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(a.String(), strconv.Itoa(c.o.Port)))
		if err == nil {
			context.AfterFunc(ctx, func() { conn.Close() })
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// notPublic refuses what is no address of the public network. The daemon has a
// longer list.
func notPublic(a netip.Addr) string {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return "it is not a public address"
	}
	return ""
}

// mayAnnounce reports whether a domain could have a policy: one of the DNS, not
// an address literal and not a bare label.
func mayAnnounce(domain string) bool {
	return strings.Contains(domain, ".") && !strings.ContainsAny(domain, "[]:/@ ") && len(domain) <= 240
}
