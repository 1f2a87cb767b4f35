package dane

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
)

// Resolver is what Lookup asks; *resolver.Client is one. "Secure" is what a
// validating name server says of an answer, and is only true where that server
// is trusted (RFC 7672 §2.1.1). That a record does not exist is no error: an
// error means that there is no answer to go by, a bogus one included.
type Resolver interface {
	// Canonical is the name at the end of a host's aliases, and whether the
	// host's addresses and all the aliases are secure.
	Canonical(ctx context.Context, host string) (name string, secure bool, err error)
	// AliasSecure reports whether a host's own CNAME record is secure.
	AliasSecure(ctx context.Context, host string) (bool, error)
	// TLSA are the records of _PORT._tcp.HOST.
	TLSA(ctx context.Context, host string, port int) (records []TLSA, secure bool, err error)
}

// State is what TLSA records mean for one host.
type State int

// The states.
const (
	Absent   State = iota // no secure TLSA records: whatever else is demanded of the channel holds
	Present               // TLS is required, authenticated by the records
	Unusable              // records, none of which can be used: TLS is required, unauthenticated (RFC 7672 §2.2)
	Failed                // it cannot be told: the host must not be used now (RFC 7672 §2.1.2)
)

// String is the state's name.
func (s State) String() string {
	return [...]string{"absent", "present", "unusable", "failed"}[s]
}

// Found is what Lookup found.
type Found struct {
	State State
	TLSA  []TLSA // all records, in the order of the answer; with Present and Unusable
	// Names are what a certificate under DANE-TA may be for: the name the
	// records were found at, which also goes into SNI (RFC 7672 §8.1), then the
	// host's (§3.2.2). The caller appends the next hop's domain where the MX
	// records that led to the host are secure.
	Names []string
	Err   error // with Failed
}

// Lookup finds the TLSA records of a mail server (RFC 7672 §2.2.2). A host
// whose addresses are not secure is not asked for them, so that name servers
// which break on TLSA do no harm to domains without DNSSEC.
//
// Whether the MX records that named the host are secure is not looked at: where
// they are not, its TLSA records still protect (§2.2.1), but the outcome must
// not be told as secure.
func Lookup(ctx context.Context, r Resolver, host string, port int) Found {
	if _, err := netip.ParseAddr(host); err == nil {
		return Found{}
	}
	canonical, secure, err := r.Canonical(ctx, host)
	if err != nil {
		return failed(host, "addresses", err)
	}
	bases := []string{canonical, host}
	if canonical == host {
		bases = bases[:1]
	}
	if !secure {
		if len(bases) == 1 {
			return Found{}
		}
		// The alias may be secure although what it leads to is not.
		own, err := r.AliasSecure(ctx, host)
		if err != nil {
			return failed(host, "alias", err)
		}
		if !own {
			return Found{}
		}
		bases = bases[1:]
	}
	for _, base := range bases {
		records, secure, err := r.TLSA(ctx, base, port)
		if err != nil {
			return failed(base, "TLSA records", err)
		}
		if !secure || len(records) == 0 {
			continue
		}
		f := Found{State: Present, TLSA: records, Names: []string{base}}
		if !slices.Contains(f.Names, host) {
			f.Names = append(f.Names, host)
		}
		if len(Usable(records)) == 0 {
			f.State = Unusable
		}
		return f
	}
	return Found{}
}

func failed(name, what string, err error) Found {
	return Found{State: Failed, Err: fmt.Errorf("looking up the %s of %s: %w", what, name, err)}
}
