package plugnet

import (
	"net/netip"
	"slices"
	"strings"
)

// The rule. A plugin reaches public addresses, and of the others
//
//   - those that an entry of its grant is written with: http =
//     ["http://10.1.2.3:8080/"] opens port 8080 of 10.1.2.3, also for a name in
//     the same grant that leads there;
//   - private ones (not metadata, not link-local) behind a name that cannot be
//     anybody else's: localhost, a name without a dot, and those of local-only
//     zones, "rspamd.internal".
//
// A granted public name that leads to a private address is refused: whoever
// runs its zone would choose what in our network it is.

// block is a range of addresses that are not to be reached.
type block struct {
	prefix netip.Prefix
	what   string
	local  bool // open to names of local zones
}

func b(prefix, what string, local bool) block {
	return block{netip.MustParsePrefix(prefix), what, local}
}

// blocks are from the IANA registries of special-purpose addresses (RFC 6890),
// with metadata services that hide among public ones.
var blocks = []block{
	b("0.0.0.0/8", "an address of this host", false),
	b("10.0.0.0/8", "a private address", true),
	b("100.100.100.200/32", "a metadata service", false),
	b("100.64.0.0/10", "a carrier's private address", true),
	b("127.0.0.0/8", "a loopback address", true),
	b("168.63.129.16/32", "a metadata service", false),
	b("169.254.0.0/16", "a link-local or metadata address", false),
	b("172.16.0.0/12", "a private address", true),
	b("192.0.0.0/24", "a protocol assignment", false),
	b("192.0.2.0/24", "an address for documentation", false),
	b("192.88.99.0/24", "a 6to4 relay", false),
	b("192.168.0.0/16", "a private address", true),
	b("198.18.0.0/15", "an address for benchmarking", false),
	b("198.51.100.0/24", "an address for documentation", false),
	b("203.0.113.0/24", "an address for documentation", false),
	b("224.0.0.0/4", "a multicast address", false),
	b("240.0.0.0/4", "a reserved address", false),

	b("::1/128", "a loopback address", true),
	b("fd00:ec2::/32", "a metadata service", false),
	b("fd20:ce::/32", "a metadata service", false),
	b("fc00::/7", "a unique local address", true),
	b("fe80::/10", "a link-local address", false),
	b("fec0::/10", "a site-local address", false),
	b("ff00::/8", "a multicast address", false),
	b("64:ff9b:1::/48", "an address of a local translator", false),
	b("2001::/23", "a protocol assignment", false), // Teredo, benchmarking, ORCHID
	b("2001:db8::/32", "an address for documentation", false),
	b("3fff::/20", "an address for documentation", false),
}

var (
	nat64  = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052 §2.1
	sixTo4 = netip.MustParsePrefix("2002::/16")    // RFC 3056 §2
	compat = netip.MustParsePrefix("::/96")        // RFC 4291 §2.5.5.1
	global = netip.MustParsePrefix("2000::/3")
)

// special says what an address is that is not simply public, "" if it is.
func special(a netip.Addr) string {
	what, _ := classify(a)
	return what
}

func classify(a netip.Addr) (what string, local bool) {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		raw := a.As16()
		switch {
		case nat64.Contains(a):
			return embedded(raw[12:])
		case sixTo4.Contains(a):
			return embedded(raw[2:6])
		case compat.Contains(a) && a != netip.IPv6Loopback():
			return "an IPv4 address in an old form", false
		}
	}
	for _, x := range blocks {
		if x.prefix.Contains(a) {
			return x.what, x.local
		}
	}
	if !a.IsValid() || a.Is6() && !global.Contains(a) {
		return "an address that is not public", false
	}
	return "", false
}

// embedded is for addresses that a translator leads to an IPv4 address.
func embedded(four []byte) (string, bool) {
	a, _ := netip.AddrFromSlice(four)
	if what := special(a); what != "" {
		return what + " in an IPv6 address", false
	}
	return "", false
}

// localZones are never delegated in the public DNS, or only ours to answer for:
// RFC 6761, 6762 (with its appendix G), 8375, and ICANN's .internal.
var localZones = []string{"localhost", "local", "internal", "home.arpa", "test", "intranet", "private", "corp", "home", "lan"}

// localName reports whether a name cannot be a stranger's.
func localName(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	if !strings.Contains(host, ".") {
		return true
	}
	return slices.ContainsFunc(localZones, func(z string) bool { return strings.HasSuffix(host, "."+z) })
}

// refused says what an address is that a plugin must not reach under this host
// name, "" if it may.
func refused(host string, to netip.AddrPort, named []netip.AddrPort) string {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	what, local := classify(to.Addr())
	if what == "" || slices.Contains(named, to) || local && localName(host) {
		return ""
	}
	return what
}

// Special says what an address is that is not simply public, "" if it is: for
// others who ask servers that strangers name.
func Special(a netip.Addr) string { return special(a) }
