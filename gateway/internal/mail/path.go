package mail

import (
	"errors"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// PathOptions says which paths a command takes.
type PathOptions struct {
	Null       bool // the null path <>: MAIL (RFC 5321 §4.5.5)
	Postmaster bool // <postmaster> without a domain: RCPT (RFC 5321 §4.1.1.3)
	UTF8       bool // SMTPUTF8 was asked for in this transaction (RFC 6531)
}

var (
	errBrackets  = errors.New("address must be in angle brackets")
	errUnclosed  = errors.New("address has no closing bracket")
	errTrailing  = errors.New("text after the closing bracket")
	errControl   = errors.New("control character in address")
	errUTF8      = errors.New("address is not valid UTF-8")
	errNoAt      = errors.New("address has no domain")
	errEmpty     = errors.New("address has an empty local part")
	errLocal     = errors.New("character in local part that needs quoting")
	errQuoted    = errors.New("malformed quoted local part")
	errDots      = errors.New("misplaced dot in local part")
	errLocalLong = errors.New("local part is longer than 64 octets")
	errTooLong   = errors.New("address is longer than 254 octets")
	errDomain    = errors.New("malformed domain")
	errLiteral   = errors.New("malformed address literal")
	errNumeric   = errors.New("domain is a bare IP address; address literals stand in square brackets")
	errRoute     = errors.New("malformed source route")
)

// ParsePath reads the argument of MAIL or RCPT behind its colon: a path in
// angle brackets and whatever follows it (ESMTP parameters), which it returns
// without the spaces in front. A source route is checked and dropped (RFC
// 5321 §3.3, appendix C). A domain in U-labels is taken when UTF8 is set.
//
// Stricter than the grammar, on purpose: an empty quoted local part, the
// general address literal, leading zeros in an IPv4 literal and a domain whose
// last label is a number are refused, because peers disagree on their meaning.
func ParsePath(arg string, o PathOptions) (a Address, rest string, err error) {
	if arg == "" || arg[0] != '<' {
		return Address{}, "", errBrackets
	}
	s := arg[1:]
	if strings.HasPrefix(s, "@") {
		if s, err = skipRoute(s, o.UTF8); err != nil {
			return Address{}, "", err
		}
	}
	switch {
	case strings.HasPrefix(s, ">") && len(s) == len(arg)-1:
		if !o.Null {
			return Address{}, "", ErrNullPath
		}
	case o.Postmaster && len(s) > len(postmaster) && s[len(postmaster)] == '>' && strings.EqualFold(s[:len(postmaster)], postmaster):
		a, s = Address{local: postmaster}, s[len(postmaster):]
	default:
		if a, s, err = parseMailbox(s, o.UTF8); err != nil {
			return Address{}, "", err
		}
	}
	if s == "" || s[0] != '>' {
		return Address{}, "", errUnclosed
	}
	s = s[1:]
	if s != "" && s[0] != ' ' {
		return Address{}, "", errTrailing
	}
	return a, strings.TrimLeft(s, " "), nil
}

// parseMailbox reads local-part "@" domain and returns what follows the
// domain: "" or something that starts with ">".
func parseMailbox(s string, utf8ok bool) (a Address, rest string, err error) {
	a.local, s, err = scanLocal(s, utf8ok)
	if err != nil {
		return Address{}, "", err
	}
	if s == "" || s[0] != '@' {
		return Address{}, "", errNoAt
	}
	s = s[1:]
	end := strings.IndexByte(s, '>')
	if end < 0 {
		end = len(s)
	}
	if a.domain, err = parseDomain(s[:end], utf8ok); err != nil {
		return Address{}, "", err
	}
	switch full := a.String(); {
	case len(full)-1-len(a.domain) > maxLocal:
		return Address{}, "", errLocalLong
	case len(full) > maxAddress:
		return Address{}, "", errTooLong
	}
	return a, s[end:], nil
}

// scanLocal reads a Dot-string or Quoted-string and returns it unquoted.
func scanLocal(s string, utf8ok bool) (local, rest string, err error) {
	if strings.HasPrefix(s, `"`) {
		return scanQuoted(s[1:], utf8ok)
	}
	i := 0
	for i < len(s) && s[i] != '@' && s[i] != '>' {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			n, err := checkRune(s[i:], utf8ok)
			if err != nil {
				return "", "", err
			}
			i += n
			continue
		case c < ' ' || c == 0x7f:
			return "", "", errControl
		case c == '.' && (i == 0 || s[i-1] == '.'):
			return "", "", errDots
		case c != '.' && !isAtext(c):
			return "", "", errLocal
		}
		i++
	}
	switch {
	case i == 0:
		return "", "", errEmpty
	case s[i-1] == '.':
		return "", "", errDots
	}
	return s[:i], s[i:], nil
}

// scanQuoted reads the rest of a Quoted-string behind its first quote.
func scanQuoted(s string, utf8ok bool) (local, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"':
			if b.Len() == 0 {
				return "", "", errEmpty
			}
			return b.String(), s[i+1:], nil
		case c == '\\': // quoted-pairSMTP: a backslash and one printable ASCII character
			if i++; i == len(s) || s[i] < ' ' || s[i] >= 0x7f {
				return "", "", errQuoted
			}
			b.WriteByte(s[i])
			i++
		case c >= utf8.RuneSelf:
			n, err := checkRune(s[i:], utf8ok)
			if err != nil {
				return "", "", err
			}
			b.WriteString(s[i : i+n])
			i += n
		case c < ' ' || c == 0x7f:
			return "", "", errControl
		default:
			b.WriteByte(c)
			i++
		}
	}
	return "", "", errQuoted
}

// checkRune judges the non-ASCII character at the start of s (RFC 6531 §3.3:
// UTF8-non-ascii) and returns its length.
func checkRune(s string, utf8ok bool) (int, error) {
	if !utf8ok {
		return 0, ErrNotASCII
	}
	r, n := utf8.DecodeRuneInString(s)
	switch {
	case r == utf8.RuneError && n <= 1:
		return 0, errUTF8
	case unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp):
		return 0, errControl
	}
	return n, nil
}

// parseDomain returns a domain as lower-case A-labels, or an address literal
// in one canonical spelling.
func parseDomain(s string, utf8ok bool) (string, error) {
	if strings.HasPrefix(s, "[") {
		return parseLiteral(s)
	}
	if len(s) > 4*maxDomain { // U-labels may shrink; nothing shrinks that much
		return "", errDomain
	}
	ascii := isASCII(s)
	if !ascii && !utf8ok {
		return "", ErrNotASCII
	}
	d := strings.ToLower(s)
	if !ascii || strings.HasPrefix(d, "xn--") || strings.Contains(d, ".xn--") {
		a, err := idna.Lookup.ToASCII(s)
		if err != nil {
			return "", errDomain
		}
		// An A-label that is not the image of its own U-label is a disguise.
		if again, err := idna.Lookup.ToASCII(a); err != nil || again != a {
			return "", errDomain
		}
		d = a
	}
	return d, checkLabels(d)
}

// checkLabels enforces letters, digits and hyphens (RFC 5321 §2.3.5), labels
// of 1 to 63 octets, and that the last one is no number.
func checkLabels(d string) error {
	if d == "" || len(d) > maxDomain {
		return errDomain
	}
	start, numeric := 0, true
	for i := 0; i <= len(d); i++ {
		if i < len(d) && d[i] != '.' {
			c := d[i]
			if !isAlnum(c) && c != '-' {
				return errDomain
			}
			numeric = numeric && c >= '0' && c <= '9'
			continue
		}
		if i == start || i-start > 63 || d[start] == '-' || d[i-1] == '-' {
			return errDomain
		}
		if i < len(d) {
			start, numeric = i+1, true
		}
	}
	if numeric {
		return errNumeric
	}
	return nil
}

// parseLiteral reads [192.0.2.1] or [IPv6:2001:db8::1] (RFC 5321 §4.1.3).
func parseLiteral(s string) (string, error) {
	if len(s) < 3 || s[len(s)-1] != ']' {
		return "", errLiteral
	}
	in, tag := s[1:len(s)-1], "IPv6:"
	if len(in) > len(tag) && strings.EqualFold(in[:len(tag)], tag) {
		ip, err := netip.ParseAddr(in[len(tag):])
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return "", errLiteral
		}
		return "[" + tag + ip.String() + "]", nil
	}
	ip, err := netip.ParseAddr(in)
	if err != nil || !ip.Is4() {
		return "", errLiteral
	}
	return "[" + ip.String() + "]", nil
}

// skipRoute checks a source route "@a,@b:" and returns what it leads to.
func skipRoute(s string, utf8ok bool) (string, error) {
	// No character of a route can be quoted, so the first colon outside a
	// literal ends it.
	for {
		if !strings.HasPrefix(s, "@") {
			return "", errRoute
		}
		s = s[1:]
		end := strings.IndexAny(s, ",:")
		if strings.HasPrefix(s, "[") {
			if end = strings.IndexByte(s, ']') + 1; end == len(s) || s[end] != ',' && s[end] != ':' {
				return "", errRoute
			}
		}
		if end < 0 {
			return "", errRoute
		}
		if _, err := parseDomain(s[:end], utf8ok); err != nil {
			return "", err
		}
		sep := s[end]
		s = s[end+1:]
		if sep == ':' {
			return s, nil
		}
	}
}

// isDotString reports that an unquoted local part needs no quotes.
func isDotString(s string) bool {
	if s == "" || s[0] == '.' || s[len(s)-1] == '.' {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '.' {
			if s[i-1] == '.' {
				return false
			}
		} else if c < utf8.RuneSelf && !isAtext(c) {
			return false
		}
	}
	return true
}

func isAtext(c byte) bool {
	return isAlnum(c) || strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
