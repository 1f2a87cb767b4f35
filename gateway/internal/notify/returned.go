package notify

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/mailweir/weir/gateway/internal/store"
)

const (
	maxHeader = 32 << 10  // octets of what is returned of the original's header
	maxFull   = 256 << 10 // octets of a message that is returned whole
)

// returned is what a notice returns of the message it is about.
type returned struct {
	bytes []byte
	kind  string // of notice
	full  bool   // the whole message
	asked bool   // the sender asked for the whole message
	eight bool   // it has octets above 127
}

// giveBack takes what is returned of a message: the trace we put on it and its
// header as received, or all of it where a failure's sender asked for that (RFC
// 3461 §4.3). Only the header comes back where the message is larger than
// maxFull, where policy demands a channel that the notice may not have (B30),
// where it is unwanted, and where it cannot be put into a report as it is.
func giveBack(kind string, m *store.Message, about []store.Recipient, body store.Body) (returned, error) {
	if body == nil {
		return returned{}, nil
	}
	o := returned{kind: kind, asked: kind == KindFailed && m.Params.Ret == "FULL"}
	if o.asked && body.Size() <= maxFull && mayReturn(m, about) {
		buf := make([]byte, body.Size())
		if _, err := io.ReadFull(io.NewSectionReader(body, 0, body.Size()), buf); err != nil {
			return o, err
		}
		all := append([]byte(m.Trace), buf...)
		if eight, ok := wireSafe(all); ok {
			o.bytes, o.full, o.eight = all, true, eight
			return o, nil
		}
	}
	var err error
	o.bytes, err = header(m, body)
	return o, err
}

// mayReturn reports whether a message's content may go back to its sender.
func mayReturn(m *store.Message, about []store.Recipient) bool {
	return !m.Params.SMTPUTF8 &&
		!slices.ContainsFunc(m.Recipients, func(r store.Recipient) bool { return r.Secure != nil }) &&
		!slices.ContainsFunc(about, func(r store.Recipient) bool { return r.Secure != nil || Unwanted(&r) })
}

// Unwanted reports a recipient whose copy was found to be spam or worse, and
// that nobody released: no notice is written about it, for it would carry the
// spam on (backscatter).
func Unwanted(r *store.Recipient) bool {
	if r.Origin != "" {
		return false
	}
	switch r.Class.Main {
	case "spam", "malware", "virus", "phishing", "phish", "fraud", "scam":
		return true
	}
	return false
}

// wireSafe reports a message that can stand in another as it is: lines within
// the limit, ended by CRLF, without NUL, and 8-bit octets in its body only.
func wireSafe(b []byte) (eight, ok bool) {
	inHeader := true
	for len(b) > 0 {
		line, rest, found := bytes.Cut(b, []byte("\r\n"))
		if !found || len(line) > maxLine || bytes.ContainsAny(line, "\r\n\x00") {
			return false, false
		}
		if !ascii(string(line)) {
			if inHeader {
				return false, false
			}
			eight = true
		}
		inHeader = inHeader && len(line) > 0
		b = rest
	}
	return eight, true
}

// sentence tells what comes back.
func (o returned) sentence(w *words) string {
	switch {
	case o.kind != KindFailed || len(o.bytes) == 0:
		return ""
	case o.full:
		return " " + w.returnedAll
	case o.asked:
		return " " + w.removedBody
	}
	return " " + w.returned
}

// write adds the part. A message in a message has no encoding of its own (RFC
// 2046 §5.2.1).
func (o returned) write(b *bytes.Buffer, boundary string, w *words) {
	switch {
	case len(o.bytes) == 0:
	case o.full:
		encoding := "7bit"
		if o.eight {
			encoding = "8bit"
		}
		fmt.Fprintf(b, "--%s\r\nContent-Type: message/rfc822\r\n", boundary)
		field(b, "Content-Description", encoded(w.part[partMessage]))
		b.WriteString("Content-Transfer-Encoding: " + encoding + "\r\n\r\n")
		b.Write(o.bytes)
		b.WriteString("\r\n")
	case o.kind == KindFailed:
		part(b, boundary, "text/rfc822-headers", w.part[partUndelivered], "", o.bytes)
	default:
		part(b, boundary, "text/rfc822-headers", w.part[partHeader], "", o.bytes)
	}
}

// header is the trace we put on a message and its header as received.
func header(m *store.Message, body store.Body) ([]byte, error) {
	buf := make([]byte, min(body.Size(), maxHeader+1))
	n, err := body.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	head, cut := buf[:n], false
	end := len(head)
	for _, sep := range []string{"\r\n\r\n", "\n\n"} {
		if i := bytes.Index(head, []byte(sep)); i >= 0 && i < end {
			end = i + len(sep)/2
		}
	}
	if end == len(head) && end > maxHeader {
		cut = true
		end = bytes.LastIndexByte(head[:maxHeader], '\n') + 1
	}
	if bytes.HasPrefix(head, []byte("\r\n")) || bytes.HasPrefix(head, []byte("\n")) {
		end = 0 // no header at all
	}
	out := append([]byte(m.Trace), head[:end]...)
	if cut {
		out = append(out, "X-Weir-Truncated: the rest of the header is left out\r\n"...)
	}
	return out, nil
}

// The parts of a report, by the name their description has.
const (
	partText        = "text"
	partStatus      = "status"
	partHeader      = "header"
	partUndelivered = "undelivered"
	partMessage     = "message"
)
