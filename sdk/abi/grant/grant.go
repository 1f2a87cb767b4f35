// Package grant says what the entries of the grants dns, http and dial mean: how
// they are written, and what they allow.
//
//	dns  = ["dbl.spamhaus.org", ".zen.spamhaus.org"]  # a name; with a dot in front it and all below
//	http = ["https://hooks.example.com/weir/"]        # scheme, host, port and the beginning of the path
//	dial = ["unix:/run/clamd.ctl", "10.1.2.3:3310"]   # just these
//
// It is for the host, the policy checker and tools. It resolves nothing:
// whether the address behind an allowed name may be reached is the host's
// matter. Guests do not import it.
package grant

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// Check says what is wrong with an entry of a grant; grants of other kinds than
// dns, http and dial have no syntax.
func Check(kind, entry string) error {
	var err error
	switch kind {
	case "dns":
		err = checkName(strings.TrimPrefix(entry, "."))
	case "http":
		_, err = parsePrefix(entry)
	case "dial":
		_, err = ParseAddress(entry)
	}
	return err
}

// Form says how an entry of a grant of this kind is written, after "write".
func Form(kind string) string {
	switch kind {
	case "dns":
		return `a name, "dbl.example.org", or with a dot in front all below it too, ".zen.example.org"`
	case "http":
		return `the beginning of a URL, such as "https://hooks.example.com/weir/"`
	case "dial":
		return `"unix:/path/of/a.socket" or "host:port"`
	}
	return "a name"
}

// Example is a grant of this kind as HCL has it.
func Example(kind string) string {
	switch kind {
	case "http":
		return `http = ["https://hooks.example.com/weir/"]`
	case "dial":
		return `dial = ["host:port"]`
	}
	return kind + " = true"
}

// NeedsList reports whether a grant of this kind without a list grants nothing.
func NeedsList(kind string) bool { return kind == "http" || kind == "dial" }

// Name reports whether a dns grant allows to ask for a name. Without entries it
// allows all.
func Name(entries []string, name string) bool {
	name = plain(name)
	for _, e := range entries {
		if below, ok := strings.CutPrefix(plain(e), "."); name == below || ok && strings.HasSuffix(name, "."+below) {
			return true
		}
	}
	return len(entries) == 0
}

// plain is how names are compared: lower case, no final dot.
func plain(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// URL reports whether an http grant allows a URL that ParseURL gave.
func URL(entries []string, u *url.URL) bool {
	for _, e := range entries {
		if p, err := parsePrefix(e); err == nil && p.Scheme == u.Scheme && p.Host == u.Host && under(p.Path, u.Path) {
			return true
		}
	}
	return false
}

// under compares whole segments: /x allows /x and /x/y, /x/ only what is below.
func under(prefix, p string) bool {
	rest, ok := strings.CutPrefix(p, prefix)
	return ok && (rest == "" || strings.HasSuffix(prefix, "/") || rest[0] == '/')
}

// Address reports whether a dial grant names an address.
func Address(entries []string, a Addr) bool {
	for _, e := range entries {
		if have, err := ParseAddress(e); err == nil && have == a {
			return true
		}
	}
	return false
}

// Literals are the IP addresses, each with its port, that the entries of an
// http or dial grant are written with.
func Literals(kind string, entries []string) []netip.AddrPort {
	var out []netip.AddrPort
	for _, e := range entries {
		if kind == "http" {
			u, err := parsePrefix(e)
			if err != nil {
				continue
			}
			e = u.Host // with its port
		}
		a, err := ParseAddress(e)
		if err != nil {
			continue
		}
		if ip, err := netip.ParseAddr(a.Host); err == nil {
			out = append(out, netip.AddrPortFrom(ip, a.Port))
		}
	}
	return out
}

// Addr is an address to dial: a socket's path, or host and port.
type Addr struct {
	Path string
	Host string // a lower-case name or an IP address in its canonical form
	Port uint16
}

// String is the address as a grant has it.
func (a Addr) String() string {
	if a.Path != "" {
		return "unix:" + a.Path
	}
	return join(a.Host, strconv.Itoa(int(a.Port)))
}

func join(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// ParseAddress reads an address to dial.
func ParseAddress(s string) (Addr, error) {
	if p, ok := strings.CutPrefix(s, "unix:"); ok {
		if !strings.HasPrefix(p, "/") || path.Clean(p) != p || p == "/" || hasControl(p) {
			return Addr{}, errors.New("it is not the absolute path of a socket")
		}
		return Addr{Path: p}, nil
	}
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return Addr{}, errors.New("it has no port")
	}
	host, err := parseHost(s[:i])
	if err != nil {
		return Addr{}, err
	}
	port, err := parsePort(s[i+1:])
	if err != nil {
		return Addr{}, err
	}
	return Addr{Host: host, Port: port}, nil
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || s[0] == '+' {
		return 0, errors.New("the port is 1 to 65535")
	}
	return uint16(n), nil
}

// parseHost reads a host of an address or URL: a name, an IPv4 address, or an
// IPv6 address in brackets.
func parseHost(s string) (string, error) {
	if in, ok := strings.CutPrefix(s, "["); ok {
		ip, err := netip.ParseAddr(strings.TrimSuffix(in, "]"))
		if err != nil || !strings.HasSuffix(in, "]") || !ip.Is6() || ip.Zone() != "" {
			return "", errors.New("what stands in brackets is no IPv6 address")
		}
		return ip.Unmap().String(), nil
	}
	if ip, err := netip.ParseAddr(s); err == nil {
		if ip.Is6() {
			return "", errors.New("an IPv6 address stands in brackets")
		}
		return ip.String(), nil
	}
	if err := checkName(s); err != nil {
		return "", err
	}
	return plain(s), nil
}

// checkName checks the name of a host or of a DNS record: ASCII, as an IDN is
// written in the DNS. Names that some software reads as an IPv4 address
// ("127.1", "0x7f000001") are none.
func checkName(s string) error {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 {
		return errors.New("a name has 1 to 253 octets")
	}
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.Trim(strings.ToLower(l), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return fmt.Errorf("%q is no name of a host (letters, digits, hyphens and dots; others in their xn-- form)", s)
		}
	}
	last := labels[len(labels)-1]
	if _, err := strconv.ParseUint(last, 0, 64); err == nil || strings.Trim(last, "0123456789") == "" {
		return fmt.Errorf("%q is neither a name nor an IP address", s)
	}
	return nil
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
