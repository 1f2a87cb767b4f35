package notify

import (
	"fmt"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// explain is the part for people of a notice to a sender, and its subject.
func explain(kind string, m *store.Message, results []result, o Options, back returned) (subject, text string) {
	w := wordsOf(o.Language)
	words := Words{
		Kind: kind, Hostname: o.Hostname, ID: m.ID.String(), Subject: oneLine(m.Summary.Subject, 200), Sender: sender(m),
		Received: date(m.Received), Direction: string(m.Direction), Messages: 1,
	}
	for _, r := range results {
		words.Recipients = append(words.Recipients, r.said(w, m, kind))
	}
	var b strings.Builder
	paragraph(&b, "", fmt.Sprintf(w.head, o.Hostname))
	b.WriteByte('\n')
	paragraph(&b, "", w.intros[kind]+back.sentence(w))
	b.WriteByte('\n')
	if words.Subject != "" {
		paragraph(&b, "", w.subject+" "+words.Subject)
	}
	paragraph(&b, "", w.received+" "+words.Received)
	for _, r := range words.Recipients {
		b.WriteString("\n<" + r.Address + ">\n")
		for _, line := range r.lines {
			paragraph(&b, "    ", line)
		}
	}
	b.WriteByte('\n')
	paragraph(&b, "", fmt.Sprintf(w.help, words.ID))
	words.Text = b.String()
	return o.say(words, w.titles[kind])
}

// said is what is told of one recipient.
func (r result) said(w *words, m *store.Message, kind string) Said {
	s := Said{Address: oneLine(r.address.String(), 600), Status: r.code(), ID: m.ID.String(), lines: []string{r.sentence(w, kind)}}
	if r.remote {
		s.Host = oneLine(r.host, 255)
	}
	if r.reply != nil && r.reply.String() != "" {
		s.Reply = oneLine(r.reply.String(), 800)
		who := w.found
		if r.remote {
			who = w.said
		}
		s.lines = append(s.lines, fmt.Sprintf(who, s.Reply))
	}
	if kind == KindDelayed && !r.expires.IsZero() {
		s.Until = date(r.expires)
		s.lines = append(s.lines, fmt.Sprintf(w.until, s.Until))
	}
	s.Text = strings.Join(s.lines, " ")
	return s
}

func (r result) sentence(w *words, kind string) string {
	host := oneLine(r.host, 255)
	if host == "" {
		host = w.destination
	}
	by := func(remote, ours string) string {
		if r.remote {
			return fmt.Sprintf(remote, host)
		}
		return ours
	}
	switch kind {
	case KindRelayed:
		return fmt.Sprintf(w.relayed, host)
	case KindDelivered:
		return fmt.Sprintf(w.delivered, host)
	case KindExpanded:
		return w.expanded
	case KindDelayed:
		return by(w.laterBy, w.later)
	}
	switch r.cause {
	case CauseRefused:
		return by(w.refusedBy, w.refused)
	case CauseRemoved:
		return w.removed
	case CauseHeld:
		return w.held
	}
	if r.host == "" { // in the middle of the sentence
		host = strings.ToLower(host[:1]) + host[1:]
	}
	return by(w.expiredBy, w.expired)
}

func sender(m *store.Message) string {
	if m.Sender.IsNull() {
		return "<>"
	}
	return oneLine(m.Sender.String(), 200)
}

// direction in words.
func (w *words) way(d mail.Direction) string {
	if d == mail.Outbound {
		return w.outbound
	}
	return w.inbound
}
