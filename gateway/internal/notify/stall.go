package notify

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
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
		kind: KindNotice, parent: m, id: deriveID(m, stalled, o, KindNotice, KindStalled),
		to: to, direction: mail.Inbound, tenant: stalled[0].Tenant,
	}
	words := Words{
		Kind: KindStalled, Hostname: o.Hostname, ID: m.ID.String(), Subject: oneLine(m.Summary.Subject, 300), Sender: sender(m),
		Received: date(m.Received), Direction: string(m.Direction), Messages: 1, Text: stallText(m, stalled, o),
	}
	for _, r := range stalled {
		s := Said{Address: oneLine(r.Address.String(), 300), Text: strings.Join(reasons([]store.Recipient{r}, wordsOf(o.Language)), " "), ID: m.ID.String()}
		if !r.Expires.IsZero() {
			s.Until = date(r.Expires)
		}
		words.Recipients = append(words.Recipients, s)
	}
	var text string
	l.subject, text = o.say(words, fmt.Sprintf(wordsOf(o.Language).titles[KindStalled], words.Sender))
	body := l.plain(text, o)
	return l.message(body, o), body, nil
}

// plain is a notice that has no part for machines.
func (l letter) plain(text string, o Options) []byte {
	var b bytes.Buffer
	l.header(&b, o, "auto-generated")
	boundary := "=_weir_" + l.id.String()
	field(&b, "Content-Type", `multipart/mixed; boundary="`+boundary+`"`)
	b.WriteString("\r\n")
	part(&b, boundary, "text/plain", wordsOf(o.Language).part[partText], o.Language, []byte(text))
	b.WriteString("--" + boundary + "--\r\n")
	return b.Bytes()
}

func stallText(m *store.Message, stalled []store.Recipient, o Options) string {
	var b strings.Builder
	w := wordsOf(o.Language)
	paragraph(&b, "", fmt.Sprintf(w.stalledHead, o.Hostname))
	b.WriteByte('\n')
	paragraph(&b, "", w.message+" "+m.ID.String())
	paragraph(&b, "", w.direction+" "+w.way(m.Direction))
	paragraph(&b, "", w.received+" "+date(m.Received))
	paragraph(&b, "", w.sender+" "+sender(m))
	for _, r := range stalled {
		paragraph(&b, "", w.recipient+" "+oneLine(r.Address.String(), 300))
	}
	if s := oneLine(m.Summary.Subject, 300); s != "" {
		paragraph(&b, "", w.subject+" "+s)
	}
	b.WriteString("\n" + w.why + "\n")
	for _, why := range reasons(stalled, w) {
		paragraph(&b, "  - ", why)
	}
	if e := stalled[0].Expires; !e.IsZero() {
		b.WriteByte('\n')
		paragraph(&b, "", fmt.Sprintf(w.stalledEnds, date(e)))
	}
	b.WriteByte('\n')
	for _, c := range [][2]string{{w.again, "retry"}, {w.force, "force"}, {w.drop, "delete"}} {
		fmt.Fprintf(&b, "%-21s weir stalled %s %s\n", c[0], c[1], m.ID)
	}
	b.WriteByte('\n')
	paragraph(&b, "", w.caution)
	return b.String()
}

// reasons are the distinct causes of a stall, in words.
func reasons(stalled []store.Recipient, w *words) []string {
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
		out = append(out, w.noReason)
	}
	return out
}
