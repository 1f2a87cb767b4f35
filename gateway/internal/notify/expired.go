package notify

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Ended is a message whose recipients of one tenant ended undecided.
type Ended struct {
	Message    *store.Message
	Recipients []store.Recipient
}

// listed is how many messages an expiry notice names.
const listed = 100

// ExpiredNotice composes the notice to a tenant's administrators that mail has
// ended without being delivered: held, and nobody decided on it (B136, B137),
// or queued, and its sender could not be told. It is one for all that ended
// together. Called again for the same messages it makes the same ID.
func ExpiredNotice(tenant string, ended []Ended, to []mail.Address, o Options) (*store.Message, []byte, error) {
	if len(ended) == 0 || len(to) == 0 {
		return nil, nil, errors.New("an expiry notice about nothing or to nobody")
	}
	first := ended[0]
	parts := []string{KindNotice, KindExpired, tenant}
	for _, e := range ended[1:] {
		parts = append(parts, e.Message.ID.String())
	}
	l := letter{
		kind: KindNotice, parent: first.Message, id: deriveID(first.Message, first.Recipients, o, parts...),
		to: to, direction: mail.Inbound, tenant: tenant,
	}
	words := Words{Kind: KindExpired, Hostname: o.Hostname, Messages: len(ended), Text: expiredText(ended, o)}
	if len(ended) == 1 {
		m := first.Message
		words.ID, words.Subject, words.Sender, words.Received, words.Direction = m.ID.String(), oneLine(m.Summary.Subject, 300), sender(m), date(m.Received), string(m.Direction)
	}
	for _, e := range ended[:min(listed, len(ended))] {
		for _, r := range e.Recipients {
			words.Recipients = append(words.Recipients, Said{Address: oneLine(r.Address.String(), 300), Text: strings.Join(ends([]store.Recipient{r}, wordsOf(o.Language)), " "), Status: string(r.Status), ID: e.Message.ID.String()})
		}
	}
	var text string
	l.subject, text = o.say(words, fmt.Sprintf(wordsOf(o.Language).titles[KindExpired], fmt.Sprint(len(ended))))
	body := l.plain(text, o)
	return l.message(body, o), body, nil
}

// ends are why recipients ended: the last answer of a destination, or why they
// were held.
func ends(rs []store.Recipient, w *words) []string {
	var out []string
	var held []store.Recipient
	for _, r := range rs {
		if r.Last == nil || r.Last.String() == "" {
			held = append(held, r)
			continue
		}
		who := w.found
		if r.LastRemote {
			who = w.said
		}
		if s := fmt.Sprintf(who, oneLine(r.Last.String(), 800)); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	if len(held) > 0 {
		out = append(out, reasons(held, w)...)
	}
	return out
}

func expiredText(ended []Ended, o Options) string {
	var b strings.Builder
	w := wordsOf(o.Language)
	paragraph(&b, "", fmt.Sprintf(w.expiredHead, o.Hostname))
	for i, e := range ended {
		if i == listed {
			b.WriteByte('\n')
			paragraph(&b, "", fmt.Sprintf(w.more, fmt.Sprint(len(ended)-listed)))
			break
		}
		m := e.Message
		b.WriteByte('\n')
		paragraph(&b, "", w.message+" "+m.ID.String())
		paragraph(&b, "    ", w.direction+" "+w.way(m.Direction))
		paragraph(&b, "    ", w.received+" "+date(m.Received))
		paragraph(&b, "    ", w.sender+" "+sender(m))
		for _, r := range e.Recipients {
			paragraph(&b, "    ", w.recipient+" "+oneLine(r.Address.String(), 300))
		}
		if s := oneLine(m.Summary.Subject, 300); s != "" {
			paragraph(&b, "    ", w.subject+" "+s)
		}
		for _, why := range ends(e.Recipients, w) {
			paragraph(&b, "    ", w.why+" "+why)
		}
	}
	return b.String()
}
