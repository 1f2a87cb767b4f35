package notify

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// maxHeader bounds what is returned of the original's header, in octets.
const maxHeader = 32 << 10

// FailureDSN composes the notification that failed recipients of m will get
// no copy (RFC 3464, Action failed). original is m's body, for its header; nil
// leaves that part out. The result is ready but for its route: one queued
// recipient, the sender of m. Called again for the same failure it makes the
// same ID. The error is ErrNullSender or one of reading original.
func FailureDSN(m *store.Message, failed []store.Recipient, attempts []mail.Attempt, o Options, original store.Body) (*store.Message, []byte, error) {
	return compose(m, failed, attempts, o, original, "failed")
}

// DelayDSN composes the notification that mail is late and tried further
// (B104, Action delayed). Everything else is as with FailureDSN.
func DelayDSN(m *store.Message, late []store.Recipient, attempts []mail.Attempt, o Options, original store.Body) (*store.Message, []byte, error) {
	return compose(m, late, attempts, o, original, "delayed")
}

func compose(m *store.Message, about []store.Recipient, attempts []mail.Attempt, o Options, original store.Body, action string) (*store.Message, []byte, error) {
	if m.Sender.IsNull() {
		return nil, nil, ErrNullSender
	}
	if len(about) == 0 {
		return nil, nil, errors.New("a notification about no recipient")
	}
	about = slices.Clone(about)
	slices.SortFunc(about, func(a, b store.Recipient) int { return cmp.Compare(a.N, b.N) })
	head, err := header(m, original)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the header of %s for its notification: %w", m.ID, err)
	}
	l := letter{
		kind: KindDSN, parent: m, id: deriveID(m, about, o, KindDSN, action),
		to: []mail.Address{m.Sender}, direction: mail.Outbound, tenant: about[0].Tenant,
		subject: "Undelivered mail returned to sender",
	}
	if m.Direction == mail.Outbound {
		l.direction = mail.Inbound
	}
	if action == "delayed" {
		l.subject = "Delayed mail, still being tried"
	}
	results := make([]result, len(about))
	for i, r := range about {
		results[i] = resultOf(r, attempts, o, action)
	}
	body := l.report(o, explain(m, results, o, action), status(m, results, o, action), head)
	return l.message(body, o), body, nil
}

// deriveID makes the ID the same for the same cause. Attempts set a second
// failure, after the mail was queued again, apart from the first.
func deriveID(m *store.Message, about []store.Recipient, o Options, parts ...string) mail.ID {
	at := time.Time{}
	for _, r := range about {
		parts = append(parts, fmt.Sprintf("%d/%d", r.N, r.Attempts))
		if r.Changed.After(at) {
			at = r.Changed
		}
	}
	if at.IsZero() {
		at = o.Now
	}
	return mail.DeriveID(m.ID, at, parts...)
}

// result is what is known of one recipient.
type result struct {
	address  mail.Address // as the sender wrote it: where a redirect leads is not told
	cause    Cause
	reply    *mail.Reply
	remote   bool
	host     string
	last     time.Time
	expires  time.Time
	attempts int
}

func resultOf(r store.Recipient, attempts []mail.Attempt, o Options, action string) result {
	res := result{address: r.Address, cause: o.Cause, reply: r.Last, host: r.LastHost, expires: r.Expires, attempts: r.Attempts}
	if !r.Original.IsNull() {
		res.address = r.Original
	}
	res.remote = r.Last != nil && r.Last.Code != 0 && r.LastHost != ""
	for _, a := range attempts {
		for _, out := range a.Outcome {
			if out.N == r.N && !a.Start.Before(res.last) {
				reply := out.Reply
				res.reply, res.remote, res.host, res.last = &reply, out.Remote, a.Host, a.Start
			}
		}
	}
	if res.cause == "" {
		res.cause = CauseExpired
		if res.reply != nil && res.reply.Permanent() {
			res.cause = CauseRefused
		}
	}
	if action == "delayed" {
		res.cause = ""
	}
	return res
}

// code is the Status field. A destination's own code stands unless its class
// belies the action; RFC 3463 has 4.4.7 for a lifetime that is over.
func (r result) code() string {
	switch r.cause {
	case CauseRemoved:
		return "5.7.0"
	case CauseHeld:
		return "5.7.1"
	}
	switch {
	case r.cause == "" && (r.reply == nil || r.reply.Code < 400):
		return "4.4.1" // no answer from host
	case r.cause == "" && r.reply.Permanent():
		return "4.0.0" // a host failed; the recipient has not
	case r.reply == nil || r.reply.Code < 400:
		return "4.4.7"
	}
	if e := r.reply.Enhanced; e[0] == r.reply.Code/100 {
		return e.String()
	}
	return fmt.Sprintf("%d.0.0", r.reply.Code/100)
}

// report is the whole message: multipart/report (RFC 6522).
func (l letter) report(o Options, text, status string, head []byte) []byte {
	boundary := "=_weir_" + l.id.String()
	var b bytes.Buffer
	l.header(&b, o, "auto-replied")
	field(&b, "Content-Type", `multipart/report; report-type=delivery-status; boundary="`+boundary+`"`)
	b.WriteString("\r\n")
	part(&b, boundary, "text/plain", "Notification", []byte(text))
	part(&b, boundary, "message/delivery-status", "Delivery report", []byte(status))
	if len(head) > 0 {
		part(&b, boundary, "text/rfc822-headers", "Header of the undelivered message", head)
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return b.Bytes()
}

// header writes the fields all our mail has. auto is the Auto-Submitted
// keyword (RFC 3834 §5).
func (l letter) header(b *bytes.Buffer, o Options, auto string) {
	field(b, "Date", date(o.Now))
	b.WriteString("From: Mail Delivery System <" + noBreaks.Replace(o.from()) + ">\r\n")
	b.WriteString("To: " + join(l.to, ",\r\n ") + "\r\n") // not folded: white space in a quoted local part counts
	field(b, "Subject", encoded(l.subject))
	field(b, "Message-ID", l.messageID(o))
	if ref := reference(l.parent.Summary.MessageID); ref != "" {
		field(b, "In-Reply-To", ref)
		field(b, "References", ref)
	}
	field(b, "Auto-Submitted", auto)
	b.WriteString("MIME-Version: 1.0\r\n")
}

// reference is a Message-ID that can be repeated, or "".
func reference(id string) string {
	id = strings.TrimSpace(id)
	if len(id) > 2 && len(id) < 250 && id[0] == '<' && id[len(id)-1] == '>' && id == printable(id, 250) && !strings.ContainsAny(id[1:len(id)-1], "<> ") {
		return id
	}
	return ""
}

// header is what is returned of the original: the trace we put on it and its
// header as received.
func header(m *store.Message, original store.Body) ([]byte, error) {
	if original == nil {
		return nil, nil
	}
	buf := make([]byte, min(original.Size(), maxHeader+1))
	n, err := original.ReadAt(buf, 0)
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

// status is the message/delivery-status part: ASCII only (RFC 3464 §2.1).
func status(m *store.Message, results []result, o Options, action string) string {
	var b bytes.Buffer
	field(&b, "Reporting-MTA", "dns; "+printable(o.Hostname, 255))
	field(&b, "X-Weir-ID", m.ID.String())
	field(&b, "Arrival-Date", date(m.Received))
	for _, r := range results {
		b.WriteString("\r\n")
		field(&b, "Final-Recipient", typed(r.address))
		field(&b, "Action", action)
		field(&b, "Status", r.code())
		if r.remote && r.host != "" {
			field(&b, "Remote-MTA", "dns; "+printable(r.host, 255))
		}
		if r.reply != nil && (r.reply.Code >= 400 || r.reply.Text != "") {
			kind := "x-weir; "
			if r.remote {
				kind = "smtp; "
			}
			field(&b, "Diagnostic-Code", kind+printable(r.reply.String(), 800))
		}
		if !r.last.IsZero() {
			field(&b, "Last-Attempt-Date", date(r.last))
		}
		if action == "delayed" && !r.expires.IsZero() {
			field(&b, "Will-Retry-Until", date(r.expires))
		}
	}
	return b.String()
}

// typed is an address with its type; one that is not ASCII is written in
// RFC 6533's form for a field that is.
func typed(a mail.Address) string {
	s := a.String()
	if ascii(s) {
		return "rfc822; " + printable(s, 600)
	}
	var b strings.Builder
	for _, r := range s {
		if r > ' ' && r < 0x7f && r != '\\' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\x{%X}`, r)
		}
	}
	return "utf-8; " + b.String()
}
