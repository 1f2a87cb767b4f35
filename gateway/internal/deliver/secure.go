package deliver

import (
	"context"
)

// secKey is what a connection's security must have been for another message
// with the same demands to go over it.
type secKey struct {
	mode    string // as smtpc has them
	channel string // "dane", "mta-sts", "pkix", "" nobody is authenticated
	names   string // reference names, joined
	records string // digest of the TLSA records
}

// TLSA is one TLSA record (RFC 6698 §2.1).
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      []byte
}

// DANE asks for a mail server's TLSA records (RFC 7672). Safe in parallel.
type DANE interface {
	// TLSA gives the records of a host's port. secure: the answer was validated
	// by DNSSEC, its absence included. An error means that nothing is known, and
	// that the host must not be used without it.
	TLSA(ctx context.Context, host string, port int) (records []TLSA, secure bool, err error)
}

// STS asks for a domain's MTA-STS policy (RFC 8461). Safe in parallel.
type STS interface {
	// Policy gives the mode of the domain's policy ("enforce", "testing", "none",
	// "" there is no policy) and tells whether a mail server's name matches it.
	Policy(ctx context.Context, domain string) (mode string, matches func(mx string) bool, err error)
}

// TLSResult is what one connection to a mail server of a recipient's domain
// brought, for reports (RFC 8460 §4.3).
type TLSResult struct {
	Domain string // the recipients'
	Policy string // "tlsa", "sts" or "no-policy-found"
	MX     string
	Addr   string // IP address and port
	Result string // "" success, else the result type of RFC 8460 §4.3
	Reason string // in words, "" success
}
