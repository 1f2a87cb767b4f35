package smtpd

import (
	"bytes"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Limits of a command line in octets, with its CRLF (RFC 5321 §4.5.3.1.4; RFC
// 1870, 6152 and 6531 add 26, 17 and 10 to MAIL; we are generous to peers that
// send parameters we do not know, and answer those with 555).
const (
	maxLine     = 512
	maxPathLine = 1024
	hardMaxLine = 4096 // beyond this nothing is parsed and the session ends
)

// command is one parsed command line.
type command struct {
	verb string // upper case
	arg  string // without the space in front and spaces at the end
}

// lineFault is a command line that ends the session, because what sent it is
// not speaking SMTP, or not to us.
type lineFault struct{ reply *mail.Reply }

func (e *lineFault) Error() string { return e.reply.Error() }

var (
	errBareLFCommand = &lineFault{mail.NewReply(521, "5.5.2", "Lines must end with CRLF")}
	errNotSMTP       = &lineFault{mail.NewReply(521, "5.5.1", "This is not SMTP")}

	errSyntax    = mail.NewReply(500, "5.5.2", "Command line has a character that is not allowed")
	errLong      = mail.NewReply(500, "5.5.2", "Command line is too long")
	errUnknown   = mail.NewReply(500, "5.5.2", "Command not recognised")
	errNoArg     = mail.NewReply(501, "5.5.4", "This command takes no argument")
	errParam     = mail.NewReply(501, "5.5.4", "Malformed parameter")
	errParamTwo  = mail.NewReply(501, "5.5.4", "Parameter given twice")
	errNotParam  = mail.NewReply(555, "5.5.4", "Parameter not recognised")
	errMailForm  = mail.NewReply(501, "5.5.4", "Syntax: MAIL FROM:<address>")
	errRcptForm  = mail.NewReply(501, "5.5.4", "Syntax: RCPT TO:<address>")
	errNotUTF8   = mail.NewReply(553, "5.6.7", "Address needs SMTPUTF8")
	errHeloForm  = mail.NewReply(501, "5.5.4", "Syntax: EHLO hostname")
	errBDATForm  = mail.NewReply(501, "5.5.4", "Syntax: BDAT size [LAST]")
	errSizeLarge = mail.NewReply(552, "5.3.4", "Message is too large")
)

// verbs are the commands known to the server; the map gives parse its strings
// without allocating them.
var verbs = map[string]string{}

func init() {
	for _, v := range []string{"HELO", "EHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT", "VRFY", "EXPN", "HELP", "STARTTLS", "AUTH"} {
		verbs[v] = v
	}
}

// foreign are the first words of other protocols that a browser or a server
// can be tricked into speaking to a mail server.
var foreign = map[string]bool{
	"GET": true, "HEAD": true, "POST": true, "PUT": true, "DELETE": true, "OPTIONS": true,
	"CONNECT": true, "PATCH": true, "TRACE": true, "PRI": true, "HTTP/1.1": true,
}

// parseCommand reads one line with its LF. The error is a *mail.Reply to give,
// or a *lineFault, after which the session must end. A verb that is not known
// comes back with errUnknown.
func parseCommand(line []byte, bareLF bool) (command, error) {
	size := len(line)
	line = line[:len(line)-1] // LF
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	} else if !bareLF {
		return command{}, errBareLFCommand
	}
	word, arg, _ := bytes.Cut(line, []byte{' '})
	var upper [12]byte
	var verb string
	if len(word) <= len(upper) {
		u := upper[:copy(upper[:], word)]
		for i, c := range u {
			if c >= 'a' && c <= 'z' {
				u[i] = c - 'a' + 'A'
			}
		}
		verb = verbs[string(u)]
		if verb == "" && foreign[string(u)] {
			return command{}, errNotSMTP
		}
	}
	// A header field where a command should be: a message is being read as
	// commands. Nothing of what follows may be believed.
	if verb == "" && bytes.IndexByte(word, ':') > 0 {
		return command{}, errNotSMTP
	}
	for _, c := range line {
		if c < ' ' || c == 0x7f {
			return command{}, errSyntax
		}
	}
	if !utf8.Valid(line) {
		return command{}, errSyntax
	}
	limit := maxLine
	if verb == "MAIL" || verb == "RCPT" {
		limit = maxPathLine
	}
	if size > limit {
		return command{}, errLong
	}
	if verb == "" {
		return command{}, errUnknown
	}
	return command{verb, strings.TrimRight(string(arg), " ")}, nil
}

// bearsContent tells whether a line that was not understood may be a BDAT or a
// DATA: then what follows may be a message, of nobody knows how many octets,
// and must not be read as commands.
func bearsContent(line []byte) bool {
	line = bytes.TrimLeftFunc(line, func(r rune) bool { return r <= ' ' })
	return len(line) >= 4 && (bytes.EqualFold(line[:4], []byte("BDAT")) || bytes.EqualFold(line[:4], []byte("DATA")))
}

// cutPrefixFold cuts a keyword such as "FROM:" and the spaces that some
// clients put behind it.
func cutPrefixFold(arg, prefix string) (string, bool) {
	if len(arg) < len(prefix) || !strings.EqualFold(arg[:len(prefix)], prefix) {
		return "", false
	}
	return strings.TrimLeft(arg[len(prefix):], " "), true
}

// parseMail reads MAIL's argument (RFC 5321 §4.1.1.2). esmtp tells that the
// client said EHLO: without it there are no parameters.
func parseMail(arg string, esmtp bool) (from mail.Address, p mail.MailParams, bad *mail.Reply) {
	s, ok := cutPrefixFold(arg, "FROM:")
	if !ok {
		return from, p, errMailForm
	}
	from, rest, err := mail.ParsePath(s, mail.PathOptions{Null: true, UTF8: true})
	if err != nil {
		return mail.Address{}, p, mail.NewReply(501, "5.1.7", "Bad sender address: "+err.Error())
	}
	if p, bad = parseMailParams(rest, esmtp); bad != nil {
		return mail.Address{}, mail.MailParams{}, bad
	}
	if !p.SMTPUTF8 {
		// Also a domain in U-labels, though we could write it in A-labels:
		// what the client said is what it meant.
		if _, _, err := mail.ParsePath(s, mail.PathOptions{Null: true}); err != nil {
			return mail.Address{}, mail.MailParams{}, errNotUTF8
		}
	}
	return from, p, nil
}

// parseMailParams reads SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531),
// RET and ENVID (RFC 3461).
func parseMailParams(s string, esmtp bool) (p mail.MailParams, bad *mail.Reply) {
	var seen [5]bool
	for key, value := range params(s, &bad) {
		n := -1
		switch strings.ToUpper(key) {
		case "SIZE":
			n = 0
			size, ok := parseOctets(value)
			if !ok {
				return p, errParam
			}
			p.Size = size
		case "BODY":
			n = 1
			p.Body = strings.ToUpper(value)
			if p.Body != "7BIT" && p.Body != "8BITMIME" {
				return p, errParam
			}
		case "SMTPUTF8":
			n = 2
			p.SMTPUTF8 = true
			if value != "" {
				return p, errParam
			}
		case "RET":
			n = 3
			p.Ret = strings.ToUpper(value)
			if p.Ret != "FULL" && p.Ret != "HDRS" {
				return p, errParam
			}
		case "ENVID":
			n = 4
			var ok bool
			if p.EnvID, ok = mail.DecodeXtext(value); !ok || len(value) > mail.MaxEnvID || !isGraphic(p.EnvID) {
				return p, errParam
			}
		}
		switch {
		case n < 0 || !esmtp:
			return p, errNotParam
		case seen[n]:
			return p, errParamTwo
		}
		seen[n] = true
	}
	return p, bad
}

// isGraphic reports printable ASCII and spaces, as an envelope's name has to
// be (RFC 3461 §4.4).
func isGraphic(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != ""
}

// parseRcpt reads RCPT's argument (RFC 5321 §4.1.1.3), with NOTIFY and ORCPT
// (RFC 3461).
func parseRcpt(arg string, esmtp, smtputf8 bool) (to mail.Address, p mail.RcptParams, bad *mail.Reply) {
	s, ok := cutPrefixFold(arg, "TO:")
	if !ok {
		return to, p, errRcptForm
	}
	to, rest, err := mail.ParsePath(s, mail.PathOptions{Postmaster: true, UTF8: smtputf8})
	switch {
	case errors.Is(err, mail.ErrNotASCII):
		return mail.Address{}, p, errNotUTF8
	case err != nil:
		return mail.Address{}, p, mail.NewReply(501, "5.1.3", "Bad recipient address: "+err.Error())
	}
	if p, bad = parseRcptParams(rest, esmtp, smtputf8); bad != nil {
		return mail.Address{}, mail.RcptParams{}, bad
	}
	return to, p, nil
}

func parseRcptParams(s string, esmtp, smtputf8 bool) (p mail.RcptParams, bad *mail.Reply) {
	for key, value := range params(s, &bad) {
		ok, again := false, false
		switch strings.ToUpper(key) {
		case "NOTIFY":
			again = p.Notify != 0
			p.Notify, ok = mail.ParseNotify(value)
		case "ORCPT":
			again = p.ORcpt != ""
			p.ORcpt, ok = mail.ParseORcpt(value, smtputf8)
		default:
			return p, errNotParam
		}
		switch {
		case !esmtp:
			return p, errNotParam
		case again:
			return p, errParamTwo
		case !ok:
			return p, errParam
		}
	}
	return p, bad
}

// params yields esmtp-keyword and esmtp-value pairs (RFC 5321 §4.1.2); it
// stops at a malformed one and sets bad.
func params(s string, bad **mail.Reply) func(yield func(key, value string) bool) {
	return func(yield func(key, value string) bool) {
		for field := range strings.SplitSeq(s, " ") {
			if field == "" {
				continue
			}
			key, value, has := strings.Cut(field, "=")
			if !isKeyword(key) || has && !isValue(value) {
				*bad = errParam
				return
			}
			if !yield(key, value) {
				return
			}
		}
	}
}

func isKeyword(s string) bool {
	if s == "" || s[0] == '-' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !isAlnum(s[i]) && s[i] != '-' {
			return false
		}
	}
	return true
}

func isValue(s string) bool { return s != "" && !strings.Contains(s, "=") }

// parseOctets reads 1 to 20 digits; what does not fit an int64 is the largest one.
func parseOctets(s string) (int64, bool) {
	if s == "" || len(s) > 20 {
		return 0, false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 1<<63 - 1, true
	}
	return n, true
}

// parseBDAT reads "size [LAST]" (RFC 3030 §2).
func parseBDAT(arg string) (size int64, last, ok bool) {
	num, rest, spaced := strings.Cut(arg, " ")
	if size, ok = parseOctets(num); !ok {
		return 0, false, false
	}
	if spaced {
		last = strings.EqualFold(strings.TrimLeft(rest, " "), "LAST")
		if !last {
			return 0, false, false
		}
	}
	return size, last, true
}

// validHelo accepts a host name or an address literal, and the underscores and
// colons that real clients send; never anything that could end a header field,
// a comment or a log line.
func validHelo(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	if s[0] == '[' {
		if s[len(s)-1] != ']' {
			return false
		}
		in := s[1 : len(s)-1]
		if len(in) > 5 && strings.EqualFold(in[:5], "IPv6:") {
			in = in[5:]
		}
		ip, err := netip.ParseAddr(in)
		return err == nil && ip.Zone() == ""
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isAlnum(c) && c != '.' && c != '-' && c != '_' && c != ':' {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
