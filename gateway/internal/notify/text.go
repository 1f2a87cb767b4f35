package notify

import (
	"bytes"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// date is RFC 5322's, in UTC.
func date(t time.Time) string { return t.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700") }

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func addresses(as []mail.Address) string { return join(as, ", ") }

func join(as []mail.Address, sep string) string {
	out := make([]string, len(as))
	for i, a := range as {
		out[i] = noBreaks.Replace(a.String())
	}
	return strings.Join(out, sep)
}

// noBreaks guards a header against an address that should not exist.
var noBreaks = strings.NewReplacer("\r", "", "\n", "")

// oneLine makes foreign text safe for a line of ours: white space and
// controls become a space, and it is no longer than limit bytes.
func oneLine(s string, limit int) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), func(r rune) bool {
		return r <= ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029'
	}), " ")
	if len(s) > limit {
		cut := limit - 3
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "..."
	}
	return s
}

// printable is oneLine for fields that are ASCII only: the rest becomes "?".
func printable(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return oneLine(s, limit)
}

// field writes a header field, folded at white space near column 76. A word
// longer than that keeps its line; values are bounded by who calls.
func field(b *bytes.Buffer, name, value string) {
	line := name + ":"
	for i, w := range strings.Fields(value) {
		if i > 0 && len(line)+1+len(w) > 76 {
			b.WriteString(line + "\r\n")
			line = ""
		}
		line += " " + w
	}
	b.WriteString(line + "\r\n")
}

// encoded is a header value with RFC 2047 words where it is not ASCII.
func encoded(s string) string { return mime.QEncoding.Encode("utf-8", oneLine(s, 400)) }

// paragraph writes text wrapped at column 72, the first line after indent
// and the others as far in.
func paragraph(b *strings.Builder, indent, text string) {
	line := indent
	indent = strings.Repeat(" ", len(indent))
	for _, w := range strings.Fields(text) {
		if len(line) > len(indent) && len(line)+1+len(w) > 72 {
			b.WriteString(line + "\n")
			line = indent
		}
		if len(line) > len(indent) {
			line += " "
		}
		line += w
	}
	b.WriteString(line + "\n")
}

// maxLine is RFC 5322's limit on a line, in octets without CRLF.
const maxLine = 998

// part writes one MIME part of a type whose content may be encoded: as it is
// where that is ASCII in short lines, else quoted-printable.
func part(b *bytes.Buffer, boundary, contentType, description, language string, content []byte) {
	fmt.Fprintf(b, "--%s\r\n", boundary)
	content = crlf(content)
	charset := ""
	if strings.HasPrefix(contentType, "text/") {
		charset = "; charset=utf-8"
	}
	field(b, "Content-Type", contentType+charset)
	field(b, "Content-Description", encoded(description))
	if language != "" {
		field(b, "Content-Language", printable(language, 40))
	}
	if plain(content) {
		b.WriteString("Content-Transfer-Encoding: 7bit\r\n\r\n")
		b.Write(content)
	} else {
		b.WriteString("Content-Transfer-Encoding: quoted-printable\r\n\r\n")
		w := quotedprintable.NewWriter(b)
		_, _ = w.Write(content) // a bytes.Buffer takes everything
		_ = w.Close()
	}
	b.WriteString("\r\n") // belongs to the boundary that follows (RFC 2046 §5.1.1)
}

// plain reports content that needs no encoding: ASCII without NUL and bare
// CR, in lines within the limit.
func plain(content []byte) bool {
	for len(content) > 0 {
		line, rest, _ := bytes.Cut(content, []byte("\r\n"))
		if len(line) > maxLine {
			return false
		}
		for _, c := range line {
			if c == 0 || c == '\r' || c == '\n' || c >= utf8.RuneSelf {
				return false
			}
		}
		content = rest
	}
	return true
}

// crlf ends every line with CRLF: bare LF becomes one, bare CR stays.
func crlf(s []byte) []byte {
	out := make([]byte, 0, len(s)+len(s)/32)
	for i, c := range s {
		if c == '\n' && (i == 0 || s[i-1] != '\r') {
			out = append(out, '\r')
		}
		out = append(out, c)
	}
	return out
}
