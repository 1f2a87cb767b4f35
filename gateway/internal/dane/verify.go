package dane

import (
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// ErrNoMatch: none of the usable records matches the chain.
var ErrNoMatch = errors.New("no TLSA record matches the certificate")

// ErrUnusable: there is no record that SMTP could authenticate with.
var ErrUnusable = errors.New("no TLSA record is usable for SMTP")

// Verify checks a chain as the server sent it, its own certificate first,
// against records (RFC 7672 §3.1, §3.2). One match is enough.
//
//   - DANE-EE(3): the server's own certificate or key is the one named; its
//     names, dates and issuer do not matter (§3.1.1).
//   - DANE-TA(2): the certificate named, which the server sends along or the
//     record holds whole, has issued the server's, and that is in its time and
//     for one of names (§3.1.2, §3.2.2).
//
// The error is ErrUnusable, ErrNoMatch, or where an authority matched and the
// certificate below it is not good, that of crypto/x509. now is for dates.
func Verify(records []TLSA, chain []*x509.Certificate, names []string, now time.Time) error {
	usable := Usable(records)
	if len(usable) == 0 {
		return ErrUnusable
	}
	if len(chain) == 0 {
		return ErrNoMatch
	}
	var anchors []*x509.Certificate
	for _, r := range usable {
		if r.Usage == UsageEE {
			if r.matches(chain[0]) {
				return nil
			}
			continue
		}
		for _, c := range chain[1:] {
			if r.matches(c) {
				anchors = append(anchors, c)
			}
		}
		if r.Selector == SelectorCert && r.Matching == MatchFull {
			if c, err := x509.ParseCertificate(r.Data); err == nil {
				anchors = append(anchors, c)
			}
		}
		// An authority may run the server with its own certificate.
		if c := chain[0]; c.IsCA && r.matches(c) {
			anchors = append(anchors, c)
		}
	}
	if len(anchors) == 0 {
		return ErrNoMatch
	}
	return verifyBelow(anchors, chain, names, now)
}

func verifyBelow(anchors, chain []*x509.Certificate, names []string, now time.Time) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, a := range anchors {
		roots.AddCert(a)
	}
	for _, c := range chain[1:] {
		if !slices.ContainsFunc(anchors, c.Equal) {
			between.AddCert(c)
		}
	}
	var first error
	for _, name := range names {
		_, err := chain[0].Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: between, CurrentTime: now})
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		return ErrNoMatch
	}
	return first
}
