package resolver

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// Resolver is what other rooms ask. Every method waits at most for ctx and
// the client's own budget; every error is an *Error. All are safe in parallel.
type Resolver interface {
	// MX returns a domain's mail exchangers, best preference first. A domain
	// without MX records but with a name gives none and no error (the caller
	// uses the domain's own addresses, RFC 5321 §5.1). A null MX (RFC 7505)
	// is one entry with an empty Host.
	MX(ctx context.Context, domain string) ([]MX, error)
	// Addrs returns a host's addresses, IPv6 and IPv4 in turn. At least one,
	// or an error.
	Addrs(ctx context.Context, host string) ([]netip.Addr, error)
	// PTR returns the name of an address, only when that name's addresses
	// hold the address again (forward-confirmed, RFC 8601 §3).
	PTR(ctx context.Context, addr netip.Addr) (string, error)
}

// MX is one mail exchanger.
type MX struct {
	Host string // without the final dot; "" is the null MX
	Pref uint16
}

// Error is every failure of a look-up.
type Error struct {
	Name string
	Type string // "MX", "A", "PTR"
	// Temporary: no answer now; a later try may have one.
	Temporary bool
	// NotFound: there is an answer, and it is that no such record exists.
	NotFound bool
	// NoDomain, with NotFound: not even the name exists (NXDOMAIN).
	NoDomain bool
	// TTL is how long the answer holds, zero where unknown: B107 tries again after it.
	TTL time.Duration
	Err error
}

// Error says what was looked up and what came.
func (e *Error) Error() string {
	what := "look-up failed"
	switch {
	case e.NoDomain:
		what = "no such domain"
	case e.NotFound:
		what = "no such record"
	}
	if e.Err != nil {
		return fmt.Sprintf("dns %s %s: %s: %v", e.Type, e.Name, what, e.Err)
	}
	return fmt.Sprintf("dns %s %s: %s", e.Type, e.Name, what)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }
