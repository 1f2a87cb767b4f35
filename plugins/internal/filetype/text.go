package filetype

import (
	"bytes"
	"strings"
	"unicode/utf16"
)

// textual tells kinds of text apart. Octets that are no text are Unknown.
func textual(b []byte) Type {
	if len(b) == 0 {
		return Unknown
	}
	wide := false
	if u, ok := fromUTF16(b); ok {
		b, wide = u, true
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	trimmed := bytes.TrimLeft(b, " \t\r\n\f\x00")
	low := lower(trimmed[:min(len(trimmed), headLen)])
	if t := marked(b, trimmed, low); t != Unknown {
		return t
	}
	if i := bytes.Index(b, []byte("%PDF-")); i >= 0 { // within the first KiB (ISO 32000-1 annex H)
		return PDF
	}
	if !wide && !plain(b) {
		return Unknown
	}
	switch {
	case message(b):
		if strings.Contains(low, "multipart/related") && (strings.Contains(low, "text/html") || strings.Contains(low, "snapshot-content-location")) && !strings.Contains(low, "\nreceived:") {
			return MHTML
		}
		return EML
	case script(low):
		return Script
	}
	if t := encoded(trimmed); t != Unknown {
		return t
	}
	return Text
}

// lower is b with the letters of ASCII in lower case: marks are ASCII, and most
// of what comes here is no text at all, on which strings.ToLower is slow.
func lower(b []byte) string {
	low := make([]byte, len(b))
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		low[i] = c
	}
	return string(low)
}

// fromUTF16 gives the text as UTF-8 where it is UTF-16, by its mark or because
// every other octet of the beginning is zero.
func fromUTF16(b []byte) ([]byte, bool) {
	big := false
	switch {
	case len(b) >= 2 && b[0] == 0xff && b[1] == 0xfe:
		b = b[2:]
	case len(b) >= 2 && b[0] == 0xfe && b[1] == 0xff:
		b, big = b[2:], true
	case len(b) >= 8 && b[1]|b[3]|b[5]|b[7] == 0 && printable(b[0]) && printable(b[2]) && printable(b[4]) && printable(b[6]):
	case len(b) >= 8 && b[0]|b[2]|b[4]|b[6] == 0 && printable(b[1]) && printable(b[3]) && printable(b[5]) && printable(b[7]):
		big = true
	default:
		return nil, false
	}
	u := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		if big {
			u = append(u, uint16(b[0])<<8|uint16(b[1]))
		} else {
			u = append(u, uint16(b[1])<<8|uint16(b[0]))
		}
	}
	return []byte(string(utf16.Decode(u))), true
}

func printable(c byte) bool { return c >= ' ' && c < 0x7f || c == '\t' || c == '\r' || c == '\n' }

// marked finds types by how their text begins. trimmed is without leading
// white space, low its beginning in lower case.
func marked(b, trimmed []byte, low string) Type {
	begins := func(s string) bool { return strings.HasPrefix(low, s) }
	switch {
	case bytes.HasPrefix(b, []byte("#!")):
		return Script
	case begins(`{\rt`):
		return RTF
	case begins("%!ps"), begins("\x04%!ps"), bytes.HasPrefix(b, []byte("\xc5\xd0\xd3\xc6")):
		return PostScript
	case begins("%pdf-"):
		return PDF
	case begins("-----begin pgp "):
		return PGP
	case begins("-----begin pkcs7"), begins("-----begin cms"):
		return CMSArmoured
	case begins("windows registry editor"), begins("regedit4"):
		return Registry
	case begins("@echo off"), begins("@echo on"), begins("<job"), begins("<package"), begins("<?wsf"), begins("<scriptlet"):
		return Script
	case begins("(this file must be converted with binhex"):
		return BinHex
	case begins("=ybegin "):
		return YEnc
	}
	if strings.HasPrefix(low, "<") {
		return markup(low)
	}
	return Unknown
}

// markup tells HTML, SVG and other XML apart, past comments and declarations.
func markup(low string) Type {
	xml := strings.HasPrefix(low, "<?xml")
	for range 20 {
		low = strings.TrimLeft(low, " \t\r\n\f")
		var end string
		switch {
		case strings.HasPrefix(low, "<!--"):
			end = "-->"
		case strings.HasPrefix(low, "<?"):
			end = "?>"
		case strings.HasPrefix(low, "<!doctype html"):
			return HTML
		case strings.HasPrefix(low, "<!"):
			end = ">"
		default:
			return element(low, xml)
		}
		i := strings.Index(low, end)
		if i < 0 {
			break
		}
		low = low[i+len(end):]
	}
	if xml {
		return XML
	}
	return Unknown
}

func element(low string, xml bool) Type {
	name := strings.TrimPrefix(low, "<")
	if i := strings.IndexAny(name, " \t\r\n\f/>"); i >= 0 {
		name = name[:i]
	}
	switch name {
	case "html", "head", "body", "script", "title", "table", "div", "iframe", "img", "a", "p", "br", "center", "font", "meta", "style", "b", "h1", "h2", "link", "base", "form", "span", "hta:application":
		return HTML
	case "svg":
		return SVG
	case "job", "package", "scriptlet", "component":
		return Script
	}
	if xml {
		return XML
	}
	return Unknown
}

// plain: no octet that text has not.
func plain(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\r' && c != '\n' && c != '\f' && c != 0x1b && c != 0x1a || c == 0x7f {
			return false
		}
	}
	return true
}

// message: at least two header fields that mail has, and nothing but fields in
// front of the first empty line (RFC 5322 §2.2).
func message(b []byte) bool {
	known, lines := 0, 0
	for len(b) > 0 {
		line := b
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			line, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		line = bytes.TrimRight(line, "\r")
		if len(line) == 0 {
			if lines == 0 {
				continue
			}
			break
		}
		lines++
		if line[0] == ' ' || line[0] == '\t' {
			if lines == 1 {
				return false
			}
			continue
		}
		if lines == 1 && (bytes.HasPrefix(line, []byte("From ")) || bytes.HasPrefix(line, []byte(">From "))) {
			known++
			continue
		}
		i := bytes.IndexByte(line, ':')
		if i <= 0 {
			if b == nil { // cut by the window
				break
			}
			return false
		}
		name := strings.ToLower(string(bytes.TrimRight(line[:i], " \t")))
		if strings.ContainsAny(name, " \t") {
			return false
		}
		switch name {
		case "received", "return-path", "from", "to", "subject", "date", "message-id", "mime-version", "content-type", "cc", "bcc", "sender", "reply-to",
			"delivered-to", "dkim-signature", "x-mailer", "content-transfer-encoding", "content-disposition", "references", "in-reply-to", "x-original-to", "arc-seal",
			"authentication-results", "list-id", "list-unsubscribe", "user-agent", "thread-topic", "x-unsent":
			known++
		}
	}
	return known >= 2
}

// script: words that only programs of Windows' script hosts and shells have.
func script(low string) bool {
	for _, w := range []string{"wscript.", "activexobject", "createobject(", "on error resume next", "option explicit", "powershell", "invoke-expression",
		"new-object ", "@echo off", "cmd.exe /c", "cmd /c", "string.fromcharcode(", "eval(function(", "eval(unescape("} {
		if strings.Contains(low, w) {
			return true
		}
	}
	return false
}

// encoded: a uuencoded file ("begin 644 name", then a line of the length that
// it says).
func encoded(b []byte) Type {
	line, rest, _ := bytes.Cut(b, []byte("\n"))
	f := strings.Fields(string(line))
	if len(f) < 3 || f[0] != "begin" && f[0] != "begin-base64" || len(f[1]) < 3 || len(f[1]) > 4 || strings.Trim(f[1], "01234567") != "" {
		return Unknown
	}
	if f[0] == "begin-base64" {
		return UUEncode
	}
	line, _, _ = bytes.Cut(rest, []byte("\n"))
	line = bytes.TrimRight(line, "\r")
	if len(line) == 0 {
		return Unknown
	}
	n := (int(line[0]) - ' ') & 0x3f
	if n > 0 && len(line) >= 1+(n+2)/3*4-2 || n == 0 {
		return UUEncode
	}
	return Unknown
}
