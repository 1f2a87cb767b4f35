package smtpd

import (
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Replies are at most 512 octets a line (RFC 5321 §4.5.3.1.5) with code,
// enhanced code and CRLF; a foreign text also has a limit of lines.
const (
	maxReplyText  = 480
	maxReplyLines = 20
)

// appendReply writes r with its enhanced code on each line (RFC 2034 §4),
// lines of Text becoming lines of the reply.
func appendReply(out []byte, r *mail.Reply) []byte {
	var enhanced string
	if r.Enhanced != (mail.Enhanced{}) {
		enhanced = r.Enhanced.String() + " "
	}
	rest, more := r.Text, true
	for more {
		var line string
		line, rest, more = strings.Cut(rest, "\n")
		out = strconv.AppendInt(out, int64(r.Code), 10)
		if more {
			out = append(out, '-')
		} else {
			out = append(out, ' ')
		}
		out = append(out, enhanced...)
		out = append(out, line...)
		out = append(out, '\r', '\n')
	}
	return out
}

// sane makes a reply that came from outside fit to be sent: printable ASCII
// only, lines not too long nor too many, an enhanced code whose class equals
// the code's (RFC 2034 §4), some text. It reports false for a code that is not
// 2yz, 4yz or 5yz.
func sane(r mail.Reply) (mail.Reply, bool) {
	class := r.Code / 100
	if r.Code < 200 || r.Code > 599 || class == 3 {
		return r, false
	}
	if r.Code != 220 { // the greeting has no enhanced code
		r.Enhanced[0] = class
	}
	for _, n := range r.Enhanced[1:] {
		if n < 0 || n > 999 {
			r.Enhanced = mail.Enhanced{class}
		}
	}
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(r.Text, "\r\n", "\n"), "\n") {
		line = strings.TrimSpace(strings.Map(printable, line))
		for len(line) > maxReplyText {
			lines, line = append(lines, line[:maxReplyText]), line[maxReplyText:]
		}
		if line != "" {
			lines = append(lines, line)
		}
		if len(lines) >= maxReplyLines {
			lines = lines[:maxReplyLines]
			break
		}
	}
	if len(lines) == 0 {
		lines = []string{defaultText(class)}
	}
	r.Text = strings.Join(lines, "\n")
	return r, true
}

func printable(c rune) rune {
	switch {
	case c < ' ' || c == 0x7f:
		return ' '
	case c > 0x7f:
		return '?'
	}
	return c
}

func defaultText(class int) string {
	switch class {
	case 2:
		return "OK"
	case 4:
		return "Temporary failure, please try again later"
	}
	return "Refused"
}
