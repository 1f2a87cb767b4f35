package notify

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Held is one held message in a digest.
type Held struct {
	Received time.Time
	From     string // header From, or the envelope sender
	Subject  string
	Reason   string
	Until    time.Time // end of quarantine; zero unknown
	Stalled  bool      // operators decide on it
	Release  string    // addresses of pages; "" none is offered
	Remove   string
}

// DigestMail is a digest: what of one mailbox's mail is held.
type DigestMail struct {
	To     mail.Address
	Tenant string
	Due    time.Time // the digest's ID follows from it, tenant and mailbox
	Held   []Held    // newest first
	More   int       // held, and not in Held
	Links  time.Time // until when links hold
	Zone   *time.Location
}

// Digest composes a digest, as text and as HTML that loads nothing. Called again
// with the same mailbox and Due it makes the same ID.
func Digest(d DigestMail, o Options) (*store.Message, []byte, error) {
	if len(d.Held) == 0 || d.To.IsNull() {
		return nil, nil, errors.New("a digest about nothing or to nobody")
	}
	if d.Zone == nil {
		d.Zone = time.UTC
	}
	w := mailingWordsOf(o.Language)
	l := letter{
		kind: KindNotice, parent: &store.Message{}, id: mail.DeriveID(mail.ID{}, d.Due, "digest", d.Tenant, d.To.Key()),
		to: []mail.Address{d.To}, direction: mail.Inbound, tenant: d.Tenant, subject: fmt.Sprintf(w.digestTitle, fmt.Sprint(len(d.Held)+d.More)),
		sealed: d.acts(),
	}
	var b bytes.Buffer
	l.header(&b, o, "auto-generated")
	boundary := "=_weir_" + l.id.String()
	field(&b, "Content-Type", `multipart/alternative; boundary="`+boundary+`"`)
	b.WriteString("\r\n")
	language := languageOf(o.Language)
	part(&b, boundary, "text/plain", l.subject, language, []byte(d.text(w, o)))
	part(&b, boundary, "text/html", l.subject, language, []byte(d.html(w, o, l.subject, language)))
	b.WriteString("--" + boundary + "--\r\n")
	body := b.Bytes()
	return l.message(body, o), body, nil
}

func (d DigestMail) date(t time.Time) string { return t.In(d.Zone).Format("2006-01-02 15:04 MST") }

func (d DigestMail) text(w *mailingWords, o Options) string {
	var b strings.Builder
	paragraph(&b, "", fmt.Sprintf(w.digestHead, o.Hostname, oneLine(d.To.String(), 300)))
	for _, h := range d.Held {
		b.WriteByte('\n')
		paragraph(&b, "", harmless(h.Subject, 200, w.noSubject))
		paragraph(&b, "    ", w.from+" "+harmless(h.From, 200, "<>"))
		paragraph(&b, "    ", w.received+" "+d.date(h.Received))
		if h.Reason != "" {
			paragraph(&b, "    ", w.why+" "+harmless(h.Reason, 300, ""))
		}
		if h.Stalled {
			paragraph(&b, "    ", w.operators)
		}
		if !h.Until.IsZero() {
			paragraph(&b, "    ", fmt.Sprintf(w.until, d.date(h.Until)))
		}
		for _, link := range [][2]string{{w.release, h.Release}, {w.remove, h.Remove}} {
			if link[1] != "" { // an address is never wrapped
				b.WriteString("    " + link[0] + ":\n    " + link[1] + "\n")
			}
		}
	}
	for _, s := range d.closing(w) {
		b.WriteByte('\n')
		paragraph(&b, "", s)
	}
	return b.String()
}

// closing is what stands below the messages.
func (d DigestMail) closing(w *mailingWords) []string {
	var out []string
	if d.More > 0 {
		out = append(out, fmt.Sprintf(w.more, fmt.Sprint(d.More)))
	}
	if d.acts() {
		out = append(out, fmt.Sprintf(w.links, d.date(d.Links)), w.forward)
	}
	return out
}

// acts reports a digest with links: whoever has those acts as the mailbox.
func (d DigestMail) acts() bool {
	return slices.ContainsFunc(d.Held, func(h Held) bool { return h.Release != "" || h.Remove != "" })
}

func (d DigestMail) html(w *mailingWords, o Options, title, language string) string {
	var b strings.Builder
	text := html.EscapeString
	b.WriteString(`<!DOCTYPE html>` + "\n" + `<html lang="` + text(language) + `"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>` + text(title) + "</title></head>\n")
	b.WriteString(`<body style="font-family:sans-serif;line-height:1.5;max-width:42em;margin:auto;padding:1em">` + "\n")
	b.WriteString("<p>" + text(fmt.Sprintf(w.digestHead, o.Hostname, oneLine(d.To.String(), 300))) + "</p>\n")
	for _, h := range d.Held {
		b.WriteString(`<div style="border-top:1px solid #888;padding:.5em 0">` + "\n")
		b.WriteString("<p style=\"margin:0;overflow-wrap:anywhere\"><strong><bdi>" + text(harmless(h.Subject, 200, w.noSubject)) + "</bdi></strong></p>\n")
		b.WriteString("<p style=\"margin:0;overflow-wrap:anywhere\">" + text(w.from) + " <bdi>" + text(harmless(h.From, 200, "<>")) + "</bdi><br>\n" + text(w.received+" "+d.date(h.Received)))
		if h.Reason != "" {
			b.WriteString("<br>\n" + text(w.why) + " <bdi>" + text(harmless(h.Reason, 300, "")) + "</bdi>")
		}
		if h.Stalled {
			b.WriteString("<br>\n" + text(w.operators))
		}
		if !h.Until.IsZero() {
			b.WriteString("<br>\n" + text(fmt.Sprintf(w.until, d.date(h.Until))))
		}
		b.WriteString("</p>\n<p style=\"margin:.5em 0\">")
		for _, link := range [][2]string{{w.release, h.Release}, {w.remove, h.Remove}} {
			if link[1] != "" {
				b.WriteString(`<a href="` + text(link[1]) + `" style="display:inline-block;padding:.5em 1em;margin-right:.5em;border:1px solid #444">` + text(link[0]) + "</a>\n")
			}
		}
		b.WriteString("</p>\n</div>\n")
	}
	for _, s := range d.closing(w) {
		b.WriteString("<p>" + text(s) + "</p>\n")
	}
	b.WriteString("</body></html>\n")
	return b.String()
}

// harmless is foreign text for a line that people read and programs make links
// of: one line, without what turns the direction of text or is not seen, and
// without addresses of the web that could be clicked on.
func harmless(s string, limit int, empty string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r >= '\u200b' && r <= '\u200f',
			r == '\u061c', r == '\u00ad', r == '\u2060', r == '\ufeff', r >= '\U000e0000' && r <= '\U000e007f':
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if s = oneLine(s, limit); s == "" {
		return empty
	}
	return strings.ReplaceAll(s, "://", "[:]//")
}

// Harmless is foreign text for a page or a line that people read; see Digest.
func Harmless(s string, limit int) string { return harmless(s, limit, "") }

// ReportMail is the result of a search, for operators.
type ReportMail struct {
	To         []mail.Address
	Tenant     string // "" the gateway's
	Name       string
	Due        time.Time
	Search     string
	Rows       int
	Statuses   []Count // in order
	Attachment string  // file's name; "" none
	Content    []byte  // of the attachment
	TooLarge   bool    // it was left out for its size
	Zone       *time.Location
	Again      string // tells one order by hand from another; "" the scheduled one
}

// Count is a number of rows under a name.
type Count struct {
	Name string
	N    int
}

// Report composes the mail of a scheduled report. Called again with the same
// name, tenant and Due it makes the same ID.
func Report(r ReportMail, o Options) (*store.Message, []byte, error) {
	if len(r.To) == 0 {
		return nil, nil, errors.New("a report to nobody")
	}
	if r.Zone == nil {
		r.Zone = time.UTC
	}
	w := mailingWordsOf(o.Language)
	l := letter{
		kind: KindNotice, parent: &store.Message{}, id: mail.DeriveID(mail.ID{}, r.Due, "report", r.Tenant, r.Name, r.Again),
		to: r.To, direction: mail.Inbound, tenant: r.Tenant, subject: fmt.Sprintf(w.reportTitle, r.Name, fmt.Sprint(r.Rows)),
		sealed: r.Tenant == "", // it is about every tenant, and those of the address's would see it wait
	}
	var t strings.Builder
	paragraph(&t, "", fmt.Sprintf(w.reportHead, r.Name, o.Hostname, r.Due.In(r.Zone).Format("2006-01-02 15:04 MST")))
	t.WriteString("\n    " + oneLine(r.Search, 900) + "\n\n")
	paragraph(&t, "", fmt.Sprintf(w.reportRows, fmt.Sprint(r.Rows)))
	for _, c := range r.Statuses {
		fmt.Fprintf(&t, "    %-20s %8d\n", c.Name, c.N)
	}
	switch {
	case r.TooLarge:
		t.WriteByte('\n')
		paragraph(&t, "", w.reportTooLarge)
		t.WriteString("    weir log export -q '" + strings.ReplaceAll(oneLine(r.Search, 900), "'", `'\''`) + "'\n")
	case r.Attachment != "":
		t.WriteByte('\n')
		paragraph(&t, "", fmt.Sprintf(w.reportAttached, r.Attachment))
	}
	var b bytes.Buffer
	l.header(&b, o, "auto-generated")
	boundary := "=_weir_" + l.id.String()
	field(&b, "Content-Type", `multipart/mixed; boundary="`+boundary+`"`)
	b.WriteString("\r\n")
	part(&b, boundary, "text/plain", l.subject, languageOf(o.Language), []byte(t.String()))
	if r.Attachment != "" {
		attach(&b, boundary, r.Attachment, r.Content)
	}
	b.WriteString("--" + boundary + "--\r\n")
	body := b.Bytes()
	return l.message(body, o), body, nil
}

// attach writes a .zip as a part. name is ASCII without quotes.
func attach(b *bytes.Buffer, boundary, name string, content []byte) {
	fmt.Fprintf(b, "--%s\r\n", boundary)
	field(b, "Content-Type", `application/zip; name="`+name+`"`)
	field(b, "Content-Disposition", `attachment; filename="`+name+`"`)
	b.WriteString("Content-Transfer-Encoding: base64\r\n\r\n")
	text := base64.StdEncoding.EncodeToString(content)
	for len(text) > 76 {
		b.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	b.WriteString(text + "\r\n")
}

// Send routes and enqueues mail that was composed here for a tenant. A second
// call with the same ID does nothing. about says in the log what it is.
func (p *Payer) Send(ctx context.Context, made *store.Message, body []byte, about string) error {
	now := p.OptionsFor("").Now
	var events []mail.Event
	for _, r := range made.Recipients {
		events = append(events, mail.Event{
			At: now, Type: mail.EventReception, Message: made.ID, N: r.N, Tenant: r.Tenant, Direction: made.Direction,
			Recipient: r.Address.String(), Status: r.Status, Text: about,
		})
	}
	if err := p.enqueue(ctx, made, body, events); err != nil {
		return fmt.Errorf("sending %s: %w", about, err)
	}
	return nil
}

// OptionsFor are what to compose a tenant's mail with.
func (p *Payer) OptionsFor(tenant string) Options { return p.options(tenant, debt{}) }
