package policy

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/idna"
)

// parseDuration reads "30s", "1h30m", "4d", "1w". Units: ms, s, m, h, d, w.
func parseDuration(s string) (time.Duration, error) {
	units := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute,
		"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
	if s == "" {
		return 0, errors.New("it is empty")
	}
	var total time.Duration
	for rest := s; rest != ""; {
		i := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if i == 0 {
			return 0, fmt.Errorf("there is no number before %q", clip(rest))
		}
		if i < 0 {
			return 0, fmt.Errorf("%q has no unit", clip(rest))
		}
		j := i + strings.IndexFunc(rest[i:]+"0", func(r rune) bool { return r >= '0' && r <= '9' || r == '.' })
		n, err := strconv.ParseFloat(rest[:i], 64)
		unit, ok := units[rest[i:j]]
		if err != nil || !ok {
			return 0, fmt.Errorf("the unit %q is not known", clip(rest[i:j]))
		}
		d := n * float64(unit)
		if d > math.MaxInt64/4 || total > math.MaxInt64/4 {
			return 0, errors.New("it is too long")
		}
		total += time.Duration(d)
		rest = rest[j:]
	}
	return total, nil
}

// formatDuration is the shortest form parseDuration reads.
func formatDuration(d time.Duration) string {
	for _, u := range []struct {
		d time.Duration
		s string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d >= u.d && d%u.d == 0 {
			return strconv.FormatInt(int64(d/u.d), 10) + u.s
		}
	}
	if d == 0 {
		return "0s"
	}
	return d.String()
}

// parseBytes reads "1024", "50MiB", "1.5GB". Units of 1000: kB, MB, GB, TB;
// of 1024: KiB, MiB, GiB, TiB.
func parseBytes(s string) (int64, error) {
	units := map[string]float64{"": 1, "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
	i := strings.IndexFunc(s+"x", func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	n, err := strconv.ParseFloat(s[:i], 64)
	if err != nil {
		return 0, errors.New("it does not start with a number")
	}
	u, ok := units[strings.TrimSpace(s[i:])]
	if !ok {
		return 0, fmt.Errorf("the unit %q is not known", clip(strings.TrimSpace(s[i:])))
	}
	if n*u > math.MaxInt64/2 {
		return 0, errors.New("it is too large")
	}
	return int64(n * u), nil
}

// formatBytes is the shortest form parseBytes reads.
func formatBytes(n int64) string {
	for _, u := range []struct {
		n int64
		s string
	}{{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.n && n%u.n == 0 {
			return strconv.FormatInt(n/u.n, 10) + u.s
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

// parseDomain gives a host or domain name in lower-case A-labels (RFC 5890).
func parseDomain(s string) (string, error) {
	d := strings.ToLower(strings.TrimSuffix(s, "."))
	if d == "" {
		return "", errors.New("it is empty")
	}
	for i := 0; i < len(d); i++ {
		if d[i] >= 0x80 {
			a, err := idna.Lookup.ToASCII(d)
			if err != nil {
				return "", errors.New("it is not a valid internationalised name")
			}
			d = a
			break
		}
	}
	if len(d) > 253 {
		return "", errors.New("it is longer than 253 characters")
	}
	labels := strings.Split(d, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return "", fmt.Errorf("%q is not a label of a domain name (letters, digits and - inside, 1 to 63)", clip(l))
		}
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return "", errors.New("its last label is a number")
	}
	return d, nil
}

// parseAddress gives an addr-spec with its domain in A-labels. Quoted local
// parts are not taken in a configuration.
func parseAddress(s string) (string, error) {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return "", errors.New("it has no @")
	}
	local := s[:i]
	if local == "" || len(local) > 64 {
		return "", errors.New("the part before the @ must have 1 to 64 characters")
	}
	for _, r := range local {
		if r <= ' ' || r == 0x7f || r == 0xfffd || strings.ContainsRune(`()<>[]:;@\,"`, r) {
			return "", fmt.Errorf("%q may not stand before the @", r)
		}
	}
	if local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return "", errors.New("there is a misplaced dot before the @")
	}
	d, err := parseDomain(s[i+1:])
	if err != nil {
		return "", fmt.Errorf("its domain: %w", err)
	}
	return local + "@" + d, nil
}

// parseParty gives an address, a domain or a wildcard pattern, lower case.
func parseParty(s string) (string, error) {
	s = strings.ToLower(s)
	if strings.ContainsAny(s, "*?") {
		if strings.ContainsAny(s, " \t\r\n<>") || strings.Count(s, "@") > 1 || len(s) > 320 {
			return "", errors.New("it is no pattern of an address or a domain")
		}
		return s, nil
	}
	if strings.Contains(s, "@") && !strings.HasPrefix(s, "@") {
		return parseAddress(s)
	}
	return parseDomain(strings.TrimPrefix(s, "@"))
}

// nullSender is how the null path is written in a via block.
const nullSender = "<>"

// parseSender is parseParty, and the null path.
func parseSender(s string) (string, error) {
	if s == nullSender {
		return s, nil
	}
	return parseParty(s)
}

// parseDomainPattern gives a domain or a pattern of domains, lower case.
func parseDomainPattern(s string) (string, error) {
	if !strings.ContainsAny(s, "*?") {
		return parseDomain(strings.TrimPrefix(s, "@"))
	}
	if len(s) > 253 || strings.ContainsAny(s, " \t\r\n<>@/:") {
		return "", errors.New("it is no pattern of a domain")
	}
	return strings.ToLower(strings.TrimSuffix(s, ".")), nil
}

// ownMX is how "the MX hosts of each recipient's own domain" is written.
const ownMX = "*"

func parseMX(s string) (string, error) {
	if s == ownMX {
		return s, nil
	}
	return parseDomain(s)
}

// rate is so many messages within a time; n 0 is no limit.
type rate struct {
	n   int
	per time.Duration
}

func parseRate(s string) (any, *problem) {
	if s == "none" {
		return rate{}, nil
	}
	const form = `Write messages and a time such as "600/1m" or "10/1s", or "none"`
	num, per, ok := strings.Cut(s, "/")
	if !ok {
		return nil, wrong("%q has no /. %s.", clip(s), form)
	}
	n, err := strconv.Atoi(strings.TrimSpace(num))
	if err != nil || n < 1 || n > 1_000_000_000 {
		return nil, wrong("%q is not a number of messages. %s.", clip(num), form)
	}
	d, err := parseDuration(strings.TrimSpace(per))
	if err != nil {
		return nil, wrong("%q is not a time: %v. %s.", clip(per), err, form)
	}
	if d < time.Second || d > 24*time.Hour {
		return nil, wrong("%q is not between 1s and 1d. %s.", clip(per), form)
	}
	return rate{n, d}, nil
}

// isParty reports whether an address is meant by what parseParty gave. The
// null path is never.
func isParty(party, addr string) bool {
	addr = strings.ToLower(addr)
	i := strings.LastIndexByte(addr, '@')
	if i < 0 {
		return false
	}
	if strings.Contains(party, "@") {
		return wildcard(party, addr)
	}
	return wildcard(party, addr[i+1:])
}

func isAnyParty(parties []string, addr string) bool {
	for _, p := range parties {
		if isParty(p, addr) {
			return true
		}
	}
	return false
}

// wildcard matches * (any run) and ? (any one byte) in linear space and at
// worst quadratic time.
func wildcard(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// parseHost gives host or host:port; IPv6 addresses stand in brackets.
func parseHost(s string) (string, error) {
	if h, err := netip.ParseAddr(s); err == nil && h.Is6() {
		return "[" + h.String() + "]", nil
	}
	var host, port string
	if strings.HasPrefix(s, "[") {
		i := strings.IndexByte(s, ']')
		if i < 0 {
			return "", errors.New("the bracket is not closed")
		}
		a, err := netip.ParseAddr(s[1:i])
		if err != nil || !a.Is6() {
			return "", errors.New("there is no IPv6 address in the brackets")
		}
		host = "[" + a.String() + "]"
		if s[i+1:] == "" {
			return host, nil
		}
		if s[i+1] != ':' {
			return "", errors.New("after the bracket only :port may follow")
		}
		port = s[i+2:]
	} else if i := strings.LastIndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i+1:]
	} else {
		return parseHostName(s)
	}
	if _, err := parsePort(port, 1); err != nil {
		return "", err
	}
	if host[0:min(1, len(host))] != "[" {
		h, err := parseHostName(host)
		if err != nil {
			return "", err
		}
		host = h
	}
	return host + ":" + port, nil
}

// unixPrefix is in front of the path of a socket.
const unixPrefix = "unix:"

// parseRouteHost is parseHost, and the path of a socket.
func parseRouteHost(s string) (string, error) {
	path, ok := strings.CutPrefix(s, unixPrefix)
	if !ok {
		return parseHost(s)
	}
	if !strings.HasPrefix(path, "/") || strings.ContainsRune(path, 0) || len(path) > 107 {
		return "", errors.New("after unix: there must be an absolute path of at most 107 octets")
	}
	return s, nil
}

// parseHostLabel is parseRouteHost for the label of a host block.
func parseHostLabel(s string) (string, error) {
	h, err := parseRouteHost(s)
	if err != nil {
		return "", fmt.Errorf("%w. Write host \"mail.acme.test:25\" { … }", err)
	}
	return h, nil
}

func parseHostName(s string) (string, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.String(), nil
	}
	return parseDomain(s)
}

func parsePort(s string, least uint64) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n < least {
		return 0, fmt.Errorf("%q is not a port", clip(s))
	}
	return int(n), nil
}

// withPort adds a port to what parseHost gave, where it has none.
func withPort(host, port string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") { // also unix:/path
		return host
	}
	return host + ":" + port
}

// parseListen gives an address to listen on. Port 0 lets the kernel choose.
func parseListen(s string) (string, error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", errors.New("it has no port")
	}
	if _, err := parsePort(s[i+1:], 0); err != nil {
		return "", err
	}
	host := s[:i]
	if host == "" || host == "localhost" {
		return s, nil
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	if err != nil || a.Is6() != strings.HasPrefix(host, "[") {
		return "", errors.New("its host is not an IP address of this machine")
	}
	return s, nil
}

// parsePrefix gives a network; an address is one of its own.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, errors.New("it is neither an IP address nor a network such as 10.0.0.0/8")
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("it has bits set beyond its length; the network is %s", p.Masked())
	}
	return p, nil
}
