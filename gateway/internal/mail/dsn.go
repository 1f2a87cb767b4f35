package mail

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Longest values of the DSN parameters as they go on the wire, in octets
// (RFC 3461 §4.2, §4.4).
const (
	MaxEnvID = 100
	MaxORcpt = 500
)

// EncodeXtext writes s as xtext (RFC 3461 §4): "+", "=" and all that is not
// printable ASCII become "+" and two hexadecimal digits.
func EncodeXtext(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c > ' ' && c < 0x7f && c != '+' && c != '=' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "+%02X", c)
		}
	}
	return b.String()
}

// DecodeXtext takes xtext off. false: it is malformed. Octets above 126 are
// taken as they are (RFC 6533 §3 has them with SMTPUTF8); whoever calls says
// whether they may be there.
func DecodeXtext(s string) (string, bool) {
	if !strings.Contains(s, "+") {
		return s, xchars(s)
	}
	var b strings.Builder
	for {
		plain, rest, more := strings.Cut(s, "+")
		if !xchars(plain) {
			return "", false
		}
		b.WriteString(plain)
		if !more {
			return b.String(), true
		}
		if len(rest) < 2 {
			return "", false
		}
		// Lower case is none of the grammar's digits; Postfix reads it too.
		c, err := strconv.ParseUint(rest[:2], 16, 8)
		if err != nil || c >= utf8.RuneSelf {
			return "", false
		}
		b.WriteByte(byte(c))
		s = rest[2:]
	}
}

// xchars reports octets that stand for themselves in xtext.
func xchars(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c == 0x7f || c == '=' || c == '+' {
			return false
		}
	}
	return true
}

// ParseNotify reads the value of NOTIFY (RFC 3461 §4.1), in any case: NEVER,
// or a list of SUCCESS, FAILURE and DELAY.
func ParseNotify(s string) (n Notify, ok bool) {
	for word := range strings.SplitSeq(s, ",") {
		switch strings.ToUpper(word) {
		case "NEVER":
			n |= NotifyNever
		case "SUCCESS":
			n |= NotifySuccess
		case "FAILURE":
			n |= NotifyFailure
		case "DELAY":
			n |= NotifyDelay
		default:
			return 0, false
		}
	}
	return n, n == NotifyNever || n&NotifyNever == 0
}

// String is the value of NOTIFY; "" for none.
func (n Notify) String() string {
	if n&NotifyNever != 0 {
		return "NEVER"
	}
	var words []string
	for _, w := range []struct {
		bit  Notify
		name string
	}{{NotifySuccess, "SUCCESS"}, {NotifyFailure, "FAILURE"}, {NotifyDelay, "DELAY"}} {
		if n&w.bit != 0 {
			words = append(words, w.name)
		}
	}
	return strings.Join(words, ",")
}

// Success reports that the sender wants to hear of success.
func (n Notify) Success() bool { return n&NotifySuccess != 0 }

// Failure reports that the sender wants to hear of failure: also without a
// word about it (RFC 3461 §4.1).
func (n Notify) Failure() bool { return n == 0 || n&NotifyFailure != 0 }

// Delay reports that the sender may be told of delay.
func (n Notify) Delay() bool { return n == 0 || n&NotifyDelay != 0 }

// Or is what is asked for when one of two askings is enough. Nothing said
// counts as failure and delay.
func (n Notify) Or(o Notify) Notify {
	if n == o {
		return n
	}
	both := Notify(0)
	for _, x := range []Notify{n, o} {
		if x == 0 {
			x = NotifyFailure | NotifyDelay
		}
		both |= x &^ NotifyNever
	}
	return both
}

// WithoutSuccess is what to ask of a next hop once success was told already:
// the rest, or NEVER where there was nothing else (RFC 3461 §5.2.7.3).
func (n Notify) WithoutSuccess() Notify {
	if !n.Success() {
		return n
	}
	if n &^= NotifySuccess; n == 0 {
		return NotifyNever
	}
	return n
}

// ParseORcpt reads the value of ORCPT, "type;xtext" (RFC 3461 §4.2, RFC 6533
// §3), into the form of RcptParams. unicode tells that the transaction has
// SMTPUTF8.
func ParseORcpt(s string, unicode bool) (string, bool) {
	kind, text, ok := strings.Cut(s, ";")
	if !ok || !isAtom(kind) || text == "" || len(s) > MaxORcpt {
		return "", false
	}
	addr, ok := DecodeXtext(text)
	if !ok || !utf8.ValidString(addr) {
		return "", false
	}
	for _, r := range addr {
		if r < ' ' || r == 0x7f || r >= utf8.RuneSelf && (!unicode || !strings.EqualFold(kind, "utf-8")) || r >= 0x80 && r < 0xa0 {
			return "", false
		}
	}
	return kind + ";" + addr, true
}

// ORcptOf is the original recipient that an address makes.
func ORcptOf(a Address) string {
	if a.IsASCII() {
		return "rfc822;" + a.String()
	}
	return "utf-8;" + a.String()
}

// WireORcpt is an original recipient as ORCPT has it, in ASCII; "" for one
// that does not fit.
func WireORcpt(orcpt string) string {
	kind, addr, ok := strings.Cut(orcpt, ";")
	if !ok {
		return ""
	}
	s := kind + ";" + EncodeXtext(EscapeUnicode(addr))
	if len(s) > MaxORcpt {
		return ""
	}
	return s
}

// EscapeUnicode writes an address that is not ASCII where only ASCII may stand:
// as a utf-8-addr-xtext of RFC 6533 §3, with \x{…} for what may not stand there,
// "+", "=" and "\" among it. What is written so already stays.
func EscapeUnicode(s string) string {
	if isASCII(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		if r > ' ' && r < 0x7f && r != '+' && r != '=' && (r != '\\' || embedded.MatchString(s[i:])) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\x{%02X}`, r)
		}
	}
	return b.String()
}

// embedded is what begins with a character in RFC 6533's form.
var embedded = regexp.MustCompile(`^\\x\{[0-9A-Fa-f]{2,6}\}`)

// isAtom reports an atom (RFC 5322 §3.2.3), as the type of an address is one.
func isAtom(s string) bool {
	if s == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>[]:;@\,."`, c) >= 0 {
			return false
		}
	}
	return true
}
