package dane

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"fmt"
)

// Certificate usages (RFC 6698 §2.1.1, names of RFC 7218).
const (
	UsagePKIXTA = 0
	UsagePKIXEE = 1
	UsageTA     = 2 // DANE-TA: the certificate of an authority
	UsageEE     = 3 // DANE-EE: the server's own
)

// Selectors and matching types (RFC 6698 §2.1.2, §2.1.3).
const (
	SelectorCert = 0 // the whole certificate
	SelectorSPKI = 1 // its public key

	MatchFull   = 0 // the octets themselves
	MatchSHA256 = 1
	MatchSHA512 = 2
)

// TLSA is one TLSA record.
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      []byte // association data, binary
}

// String is the record as zone files write it, "3 1 1 hex", the form that
// RFC 8460 §4.2 wants in a report.
func (r TLSA) String() string {
	return fmt.Sprintf("%d %d %d %s", r.Usage, r.Selector, r.Matching, hex.EncodeToString(r.Data))
}

// Usable reports whether SMTP can authenticate with the record: usages 0 and 1
// cannot be (RFC 7672 §3.1.3), nor anything that is unknown or malformed
// (§2.1.1: such records are as good as absent, but for what AnyUsable says).
func (r TLSA) Usable() bool {
	if r.Usage != UsageTA && r.Usage != UsageEE || r.Selector > SelectorSPKI {
		return false
	}
	switch r.Matching {
	case MatchSHA256:
		return len(r.Data) == sha256.Size
	case MatchSHA512:
		return len(r.Data) == sha512.Size
	case MatchFull:
		var err error
		if r.Selector == SelectorCert {
			_, err = x509.ParseCertificate(r.Data)
		} else {
			_, err = x509.ParsePKIXPublicKey(r.Data)
		}
		return err == nil
	}
	return false
}

// Usable are the records that can authenticate, after digest agility: of the
// digests under one usage and selector only the strongest counts (RFC 7671 §9).
func Usable(records []TLSA) []TLSA {
	type group struct{ usage, selector uint8 }
	strongest := map[group]uint8{}
	for _, r := range records {
		if g := (group{r.Usage, r.Selector}); r.Usable() {
			strongest[g] = max(strongest[g], r.Matching)
		}
	}
	var out []TLSA
	for _, r := range records {
		if r.Usable() && (r.Matching == MatchFull || r.Matching == strongest[group{r.Usage, r.Selector}]) {
			out = append(out, r)
		}
	}
	return out
}

// matches reports whether a certificate is what the record names.
func (r TLSA) matches(c *x509.Certificate) bool {
	data := c.Raw
	if r.Selector == SelectorSPKI {
		data = c.RawSubjectPublicKeyInfo
	}
	switch r.Matching {
	case MatchSHA256:
		sum := sha256.Sum256(data)
		data = sum[:]
	case MatchSHA512:
		sum := sha512.Sum512(data)
		data = sum[:]
	}
	return bytes.Equal(data, r.Data)
}
