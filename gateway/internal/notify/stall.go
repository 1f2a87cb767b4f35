package notify

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// StallNotice composes the notice to a tenant's administrators that mail is
// held because it could not be inspected (B145). The result has one queued
// recipient for each address in to, and a null sender. Called again for the
// same stall it makes the same ID.
func StallNotice(m *store.Message, stalled []store.Recipient, to []mail.Address, o Options) (*store.Message, []byte, error) {
	if len(stalled) == 0 || len(to) == 0 {
		return nil, nil, errors.New("a stall notice about nothing or to nobody")
	}
	stalled = slices.Clone(stalled)
	slices.SortFunc(stalled, func(a, b store.Recipient) int { return cmp.Compare(a.N, b.N) })
	l := letter{
		kind: KindNotice, parent: m, id: deriveID(m, stalled, o, KindNotice, "stalled"),
		to: to, direction: mail.Inbound, tenant: stalled[0].Tenant,
		subject: "Stalled: mail from " + sender(m) + " could not be inspected",
	}
	var b bytes.Buffer
	l.header(&b, o, "auto-generated")
	boundary := "=_weir_" + l.id.String()
	field(&b, "Content-Type", `multipart/mixed; boundary="`+boundary+`"`)
	b.WriteString("\r\n")
	part(&b, boundary, "text/plain", "Notice", []byte(stallText(m, stalled, o)))
	b.WriteString("--" + boundary + "--\r\n")
	body := b.Bytes()
	return l.message(body, o), body, nil
}

func sender(m *store.Message) string {
	if m.Sender.IsNull() {
		return "<>"
	}
	return oneLine(m.Sender.String(), 200)
}

func stallText(m *store.Message, stalled []store.Recipient, o Options) string {
	var b strings.Builder
	paragraph(&b, "", "The mail gateway "+o.Hostname+" holds a message because it could not look into it. It waits for your decision.")
	b.WriteByte('\n')
	paragraph(&b, "", "Message: "+m.ID.String())
	paragraph(&b, "", "Direction: "+string(m.Direction))
	paragraph(&b, "", "Received: "+date(m.Received))
	paragraph(&b, "", "Sender: "+sender(m))
	for _, r := range stalled {
		paragraph(&b, "", "Recipient: "+oneLine(r.Address.String(), 300))
	}
	if s := oneLine(m.Summary.Subject, 300); s != "" {
		paragraph(&b, "", "Subject: "+s)
	}
	b.WriteString("\nWhy:\n")
	for _, why := range reasons(stalled) {
		paragraph(&b, "  - ", why)
	}
	if e := stalled[0].Expires; !e.IsZero() {
		b.WriteByte('\n')
		paragraph(&b, "", "If nobody decides, it ends on "+date(e)+".")
	}
	id := m.ID.String()
	b.WriteString("\nTo scan it again:     weir stalled retry " + id +
		"\nTo pass it onwards:   weir stalled force " + id +
		"\nTo delete it:         weir stalled delete " + id + "\n\n")
	paragraph(&b, "", "Force it only when you trust the sender and expect the mail.")
	return b.String()
}

// reasons are the distinct causes of a stall, in words.
func reasons(stalled []store.Recipient) []string {
	var out []string
	add := func(s string) {
		if s = oneLine(s, 500); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, r := range stalled {
		before := len(out)
		for _, f := range r.Findings {
			if f.Observed || f.Waived != "" || f.Action != mail.ActionStall && f.Recommended != mail.ActionStall {
				continue
			}
			where := f.Part
			if f.Path != "" {
				where += " → " + f.Path
			}
			text := f.Explanation
			if text == "" {
				text = f.Class.String()
			}
			if where != "" {
				text += " (" + where + ")"
			}
			add(text)
		}
		if len(out) == before {
			add(r.Reason)
		}
	}
	if len(out) == 0 {
		out = append(out, "no reason was given")
	}
	return out
}
