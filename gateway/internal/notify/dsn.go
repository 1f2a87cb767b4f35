package notify

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// DSN composes the notification to the sender of m about recipients (RFC
// 3464): kind is KindFailed, KindDelayed, KindRelayed, KindDelivered or
// KindExpanded. body is m's, for what is returned of it; nil leaves that part
// out. The result is ready but for its route: one queued recipient, the sender
// of m. Called again for the same cause it makes the same ID. The error is
// ErrNullSender or one of reading body.
func DSN(kind string, m *store.Message, about []store.Recipient, attempts []mail.Attempt, o Options, body store.Body) (*store.Message, []byte, error) {
	if m.Sender.IsNull() {
		return nil, nil, ErrNullSender
	}
	if len(about) == 0 {
		return nil, nil, errors.New("a notification about no recipient")
	}
	about = slices.Clone(about)
	slices.SortFunc(about, func(a, b store.Recipient) int { return cmp.Compare(a.N, b.N) })
	back, err := giveBack(kind, m, about, body)
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s for its notification: %w", m.ID, err)
	}
	l := letter{
		kind: KindDSN, parent: m, id: deriveID(m, about, o, KindDSN, kind),
		to: []mail.Address{m.Sender}, direction: mail.Outbound, tenant: about[0].Tenant,
	}
	if m.Direction == mail.Outbound {
		l.direction = mail.Inbound
	}
	results := make([]result, len(about))
	for i, r := range about {
		results[i] = resultOf(r, attempts, o, kind)
	}
	var text string
	l.subject, text = explain(kind, m, results, o, back)
	out := l.report(o, text, status(m, results, o, kind), back)
	return l.message(out, o), out, nil
}

// deriveID makes the ID the same for the same cause. Attempts set a second
// failure, after the mail was queued again, apart from the first.
func deriveID(m *store.Message, about []store.Recipient, o Options, parts ...string) mail.ID {
	if !o.Since.IsZero() {
		for _, r := range about {
			parts = append(parts, fmt.Sprint(r.N))
		}
		return mail.DeriveID(m.ID, o.Since, parts...)
	}
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
	original string       // ORCPT
	kind     string
	cause    Cause
	reply    *mail.Reply
	remote   bool   // reply is the destination's own words
	host     string // whose words they are; "" for ours, and for a host whose name says nothing outside
	last     time.Time
	expires  time.Time
	enhanced mail.Enhanced // the destination's, also where its words are not told
}

// resultOf is what the recipient's record says. The attempts only tell when the
// last one was, and what came of it where the record has no answer: what decided
// may be another host's answer than the last (B105), or policy's (B30).
func resultOf(r store.Recipient, attempts []mail.Attempt, o Options, kind string) result {
	res := result{address: r.Address, original: r.DSN.ORcpt, kind: kind, cause: o.Cause, reply: r.Last, host: r.LastHost, expires: r.Expires}
	redirected := !r.Original.IsNull() && r.Original.Domain() != ""
	if !r.Original.IsNull() {
		res.address = r.Original
	}
	res.remote = r.Last != nil && r.Last.Code != 0 && r.LastRemote && r.LastHost != ""
	for _, a := range attempts {
		for _, out := range a.Outcome {
			if out.N == r.N && !a.Start.Before(res.last) {
				res.last = a.Start
				if reply := out.Reply; r.Last == nil {
					res.reply, res.remote, res.host = &reply, out.Remote, a.Host
				}
			}
		}
	}
	if !res.remote || strings.ContainsAny(res.host, "/@") { // a socket's path is nobody's business
		res.host = ""
	}
	if kind == KindFailed && res.cause == "" {
		res.cause = CauseExpired
		if res.reply != nil && res.reply.Permanent() {
			res.cause = CauseRefused
		}
	}
	if kind == KindExpanded {
		res.reply, res.remote, res.host, res.last = nil, false, "", time.Time{}
	}
	if res.reply != nil {
		res.enhanced = class(*res.reply)
	}
	if redirected { // hosts and their words would tell
		res.reply, res.remote, res.host = nil, false, ""
	}
	return res
}

// class is a reply's enhanced code; one whose class belies the code counts as
// none.
func class(r mail.Reply) mail.Enhanced {
	if r.Enhanced[0] == r.Code/100 {
		return r.Enhanced
	}
	return mail.Enhanced{r.Code / 100}
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
	switch r.kind {
	case KindRelayed, KindDelivered, KindExpanded:
		if r.enhanced[0] == 2 {
			return r.enhanced.String()
		}
		return "2.0.0"
	case KindDelayed:
		switch r.enhanced[0] {
		case 4:
			return r.enhanced.String()
		case 5:
			return "4.0.0" // a host failed; the recipient has not
		}
		return "4.4.1" // no answer from host
	}
	if r.enhanced[0] < 4 {
		return "4.4.7"
	}
	return r.enhanced.String()
}

// report is the whole message: multipart/report (RFC 6522).
func (l letter) report(o Options, text, status string, back returned) []byte {
	boundary := "=_weir_" + l.id.String()
	w := wordsOf(o.Language)
	var b bytes.Buffer
	l.header(&b, o, "auto-replied")
	field(&b, "Content-Type", `multipart/report; report-type=delivery-status; boundary="`+boundary+`"`)
	if back.eight {
		b.WriteString("Content-Transfer-Encoding: 8bit\r\n")
	}
	b.WriteString("\r\n")
	part(&b, boundary, "text/plain", w.part[partText], o.Language, []byte(text))
	part(&b, boundary, "message/delivery-status", w.part[partStatus], "", []byte(status))
	back.write(&b, boundary, w)
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return b.Bytes()
}

// header writes the fields all our mail has. auto is the Auto-Submitted
// keyword (RFC 3834 §5).
func (l letter) header(b *bytes.Buffer, o Options, auto string) {
	field(b, "Date", date(o.Now))
	b.WriteString("From: " + encoded(wordsOf(o.Language).system) + " <" + noBreaks.Replace(o.from()) + ">\r\n")
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

// status is the message/delivery-status part: ASCII only (RFC 3464 §2.1).
func status(m *store.Message, results []result, o Options, kind string) string {
	var b bytes.Buffer
	if m.Params.EnvID != "" {
		field(&b, "Original-Envelope-Id", printable(m.Params.EnvID, mail.MaxEnvID))
	}
	field(&b, "Reporting-MTA", "dns; "+printable(o.Hostname, 255))
	field(&b, "X-Weir-ID", m.ID.String())
	field(&b, "Arrival-Date", date(m.Received))
	for _, r := range results {
		b.WriteString("\r\n")
		if kind, addr, ok := strings.Cut(r.original, ";"); ok {
			field(&b, "Original-Recipient", printable(kind, 100)+"; "+printable(mail.EscapeUnicode(addr), 2000))
		}
		field(&b, "Final-Recipient", typed(r.address))
		field(&b, "Action", kind)
		field(&b, "Status", r.code())
		if name := mtaName(r.host); name != "" {
			field(&b, "Remote-MTA", "dns; "+name)
		}
		if r.reply != nil && (r.reply.Code > 0 || r.reply.Text != "") {
			kind := "x-weir; "
			if r.remote {
				kind = "smtp; "
			}
			field(&b, "Diagnostic-Code", kind+printable(r.reply.String(), 800))
		}
		if !r.last.IsZero() {
			field(&b, "Last-Attempt-Date", date(r.last))
		}
		if kind == KindDelayed && !r.expires.IsZero() {
			field(&b, "Will-Retry-Until", date(r.expires))
		}
	}
	return b.String()
}

// mtaName is a host as a field of type "dns" has it (RFC 3464 §2.1.2): a name, or
// an address as RFC 5321 writes it; "" for what is neither.
func mtaName(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip = ip.Unmap().WithZone(""); ip.Is4() {
			return "[" + ip.String() + "]"
		}
		return "[IPv6:" + ip.String() + "]"
	}
	if len(host) > 255 || strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789-._") != "" {
		return ""
	}
	return host
}

// typed is an address with its type; one that is not ASCII is written as a
// utf-8-addr-xtext of RFC 6533 §3, for a field that is.
func typed(a mail.Address) string {
	s := a.String()
	if ascii(s) {
		return "rfc822; " + printable(s, 600)
	}
	var b strings.Builder
	for _, r := range s {
		if r > ' ' && r < 0x7f && r != '\\' && r != '+' && r != '=' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\x{%02X}`, r)
		}
	}
	return "utf-8; " + b.String()
}
