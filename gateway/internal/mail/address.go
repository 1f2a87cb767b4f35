package mail

import (
	"errors"
	"strings"
)

// Address is one mailbox (RFC 5321 §4.1.2), parsed once and strictly, and
// quoted anew on output. The zero Address is the null reverse-path <>.
// Addresses are equal (==) when they name the same mailbox by RFC 5321: case
// of the local part counts, needless quoting and the domain's case do not.
type Address struct {
	local  string // unquoted local part
	domain string // lower-case A-labels, or an address literal with its brackets; "" only for <postmaster>
}

// The longest parts of an address, in octets (RFC 5321 §4.5.3.1). A path has
// 256 with its brackets, which leaves 254 to the address.
const (
	maxLocal   = 64
	maxDomain  = 255
	maxAddress = 254
)

// postmaster is the one local part that may stand without a domain
// (RFC 5321 §4.1.1.3), in any case.
const postmaster = "postmaster"

// Errors of ParseAddress and ParsePath that a caller tells apart. Every error
// they give is one plain sentence without the input, fit for a reply.
var (
	// ErrNotASCII: the address needs SMTPUTF8, which was not asked for
	// (RFC 6531 §3.5; 553 5.6.7).
	ErrNotASCII = errors.New("address is not ASCII and SMTPUTF8 was not asked for")
	// ErrNullPath: <> where an address is required.
	ErrNullPath = errors.New("the null path <> is not allowed here")
)

// ParseAddress reads a bare addr-spec such as `a@b.test` or `"a b"@b.test`,
// in ASCII or UTF-8. It is the inverse of String for every address that has a
// domain. Percent signs and exclamation marks in the local part are ordinary
// characters; nothing is ever read into them.
func ParseAddress(s string) (Address, error) {
	if len(s) > 2*maxAddress {
		return Address{}, errTooLong
	}
	a, rest, err := parseMailbox(s, true)
	if err != nil {
		return Address{}, err
	}
	if rest != "" {
		return Address{}, errDomain
	}
	return a, nil
}

// IsNull reports the null reverse-path <>.
func (a Address) IsNull() bool { return a.local == "" && a.domain == "" }

// Local is the local part without quoting. Never put it on the wire or in
// front of an "@": String does that.
func (a Address) Local() string { return a.local }

// Domain is the domain in lower-case A-labels, or an address literal.
func (a Address) Domain() string { return a.domain }

// IsASCII reports that the address can be sent without SMTPUTF8 (RFC 6531).
func (a Address) IsASCII() bool { return isASCII(a.local) }

// String is the address as an addr-spec, quoted where needed; "" for null.
func (a Address) String() string {
	if a.domain == "" {
		return a.local
	}
	if isDotString(a.local) {
		return a.local + "@" + a.domain
	}
	return quote(a.local) + "@" + a.domain
}

// Key is String with the local part in lower case, for look-ups and lists.
func (a Address) Key() string { return strings.ToLower(a.String()) }

// Path is the address in angle brackets, as MAIL and RCPT want it.
func (a Address) Path() string { return "<" + a.String() + ">" }

// MarshalText writes String.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads String's form; empty is the null path.
func (a *Address) UnmarshalText(b []byte) error {
	switch s := string(b); s {
	case "":
		*a = Address{}
	case postmaster:
		*a = Address{local: postmaster}
	default:
		v, err := ParseAddress(s)
		if err != nil {
			return err
		}
		*a = v
	}
	return nil
}

// quote makes a Quoted-string of an unquoted local part.
func quote(local string) string {
	var b strings.Builder
	b.Grow(len(local) + 4)
	b.WriteByte('"')
	for i := 0; i < len(local); i++ {
		if c := local[i]; c == '"' || c == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(local[i])
	}
	b.WriteByte('"')
	return b.String()
}
