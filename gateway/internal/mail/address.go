package mail

import (
	"errors"
	"strings"
)

// Address is one mailbox (RFC 5321 §4.1.2), parsed once and strictly, and
// quoted anew on output. The zero Address is the null reverse-path <>.
type Address struct {
	local  string // unquoted local part
	domain string // lower-case A-labels, or an address literal with its brackets; "" only for <postmaster>
}

// ParseAddress reads a bare addr-spec such as `a@b.test` or `"a b"@b.test`.
func ParseAddress(s string) (Address, error) {
	i := strings.LastIndexByte(s, '@')
	if i <= 0 {
		return Address{}, errors.New("no @ in address")
	}
	return Address{local: s[:i], domain: strings.ToLower(s[i+1:])}, nil
}

// IsNull reports the null reverse-path <>.
func (a Address) IsNull() bool { return a.local == "" && a.domain == "" }

// Local is the local part without quoting.
func (a Address) Local() string { return a.local }

// Domain is the domain in lower-case A-labels, or an address literal.
func (a Address) Domain() string { return a.domain }

// String is the address as an addr-spec, quoted where needed; "" for null.
func (a Address) String() string {
	if a.domain == "" {
		return a.local
	}
	return a.local + "@" + a.domain
}

// Key is String with the local part in lower case, for look-ups and lists.
func (a Address) Key() string { return strings.ToLower(a.String()) }

// Path is the address in angle brackets, as MAIL and RCPT want it.
func (a Address) Path() string { return "<" + a.String() + ">" }

// MarshalText writes String.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads String's form; empty is the null path.
func (a *Address) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*a = Address{}
		return nil
	}
	v, err := ParseAddress(string(b))
	if err == nil {
		*a = v
	}
	return err
}
