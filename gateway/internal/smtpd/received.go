package smtpd

import (
	"crypto/tls"
	"net/netip"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Received is the trace header field of a message (RFC 5321 §4.4): CRLF-ended,
// folded, with the recipient only if there is just one. The protocol is named
// as RFC 3848 and RFC 6531 §4.3 say; it is one of the UTF8SMTP family when an
// address of the envelope needs that. It is pure, and whatever p.Helo, p.Name, p.User,
// hostname and id hold, they cannot add a field, a line or a comment.
func Received(p *Peer, hostname, id string, from mail.Address, to []mail.Address, now time.Time) string {
	utf8 := !from.IsASCII()
	for _, a := range to {
		utf8 = utf8 || !a.IsASCII()
	}
	var b strings.Builder
	b.WriteString("Received: from ")
	b.WriteString(traceHost(p.Helo))
	b.WriteString(" (")
	if p.Name != "" {
		b.WriteString(traceHost(p.Name))
		b.WriteByte(' ')
	}
	b.WriteString(literal(p.Remote.Addr()))
	b.WriteString(")\r\n")
	if p.TLS != nil {
		b.WriteString("\t(using ")
		b.WriteString(strings.ReplaceAll(tls.VersionName(p.TLS.Version), " ", ""))
		b.WriteString(" with cipher ")
		b.WriteString(tls.CipherSuiteName(p.TLS.CipherSuite))
		b.WriteString(")\r\n")
	}
	b.WriteString("\tby ")
	b.WriteString(traceHost(hostname))
	b.WriteString(" (Weir) with ")
	b.WriteString(protocol(p, utf8))
	if id = strings.Map(atomOnly, id); id != "" {
		b.WriteString(" id ")
		b.WriteString(id)
	}
	if len(to) == 1 && !to[0].IsNull() {
		b.WriteString("\r\n\tfor ")
		b.WriteString(to[0].Path())
	}
	b.WriteString(";\r\n\t")
	b.WriteString(now.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	b.WriteString("\r\n")
	return b.String()
}

// protocol is the "with" keyword.
func protocol(p *Peer, utf8 bool) string {
	s := "SMTP"
	switch {
	case utf8:
		s = "UTF8SMTP"
	case p.ESMTP:
		s = "ESMTP"
	default:
		return s // HELO: RFC 3848 has no more names
	}
	if p.TLS != nil {
		s += "S"
	}
	if p.User != "" {
		s += "A"
	}
	return s
}

// traceHost is a name fit for from and by.
func traceHost(s string) string {
	if !validHelo(s) {
		return "unknown"
	}
	return s
}

// literal is an address literal (RFC 5321 §4.1.3).
func literal(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	switch {
	case !a.IsValid():
		return "unknown"
	case a.Is4():
		return "[" + a.String() + "]"
	}
	return "[IPv6:" + a.String() + "]"
}

func atomOnly(c rune) rune {
	if c < 0x80 && isAlnum(byte(c)) || c == '.' || c == '-' || c == '_' {
		return c
	}
	return -1
}
