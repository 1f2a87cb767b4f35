package actions

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/mimetree"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Bounds of replies, octets.
const (
	maxQuoted  = 32 << 10
	maxReply   = 256 << 10
	maxSubject = 400
)

// Reply is a message that answers another (B48).
type Reply struct {
	From    []mail.Address // of these the operator may send as; the first is meant
	To      []mail.Address // of these it may go to; the first is meant
	Subject string
	Text    string // the message, quoted

	inReplyTo, references string
}

// ErrReply: a reply is not one.
var ErrReply = errors.New("the reply cannot be sent")

type badReply struct{ text string }

func (b *badReply) Error() string { return b.text }
func (b *badReply) Unwrap() error { return ErrReply }

// Mistake marks it as the caller's.
func (b *badReply) Mistake() bool { return true }

func noReply(f string, a ...any) error { return &badReply{fmt.Sprintf(f, a...)} }

// ComposeReply prepares a reply to a message: to whom, as whom, about what.
//
// An operator never writes in anybody else's name: they send as themselves,
// where the tenant hosts their address, or as the postmaster of the domain that
// the message was for or from; a mailbox's user as that mailbox. And they write
// to those alone whom the message names.
func (s *Service) ComposeReply(ctx context.Context, sc Scope, id string) (*Reply, error) {
	m, body, err := s.Open(ctx, sc, lifecycle.Reply, id)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	r := &Reply{From: s.senders(sc, m)}
	if len(r.From) == 0 {
		return nil, &lifecycle.Refusal{Verb: lifecycle.Reply, Reason: "none of the addresses you may send as is hosted here"}
	}
	tree, err := mimetree.Parse(body, body.Size(), mimetree.Budget{})
	if err != nil {
		return nil, fmt.Errorf("reading message %s: %w", m.ID, err)
	}
	head := func(name string) string {
		for _, h := range tree.Headers() {
			if strings.EqualFold(h.Name, name) {
				return strings.Join(strings.Fields(h.Value), " ")
			}
		}
		return ""
	}
	r.to(head("Reply-To"))
	r.to(head("From"))
	if !m.Sender.IsNull() {
		r.add(m.Sender)
	}
	if len(r.To) == 0 {
		return nil, &lifecycle.Refusal{Verb: lifecycle.Reply, Reason: "the message names nobody to reply to"}
	}
	r.Subject = m.Summary.Subject
	if len(r.Subject) < 3 || !strings.EqualFold(r.Subject[:3], "re:") {
		r.Subject = strings.TrimSpace("Re: " + r.Subject)
	}
	r.Subject = cut(oneLine(r.Subject), maxSubject)
	if mid := messageID(head("Message-ID")); mid != "" {
		r.inReplyTo, r.references = mid, mid
		if refs := head("References"); len(refs) < 900 && messageIDs(refs) {
			r.references = refs + " " + mid
		}
	}
	r.Text = quoted(m, plainText(tree))
	return r, nil
}

// senders are the addresses that an operator may reply as.
func (s *Service) senders(sc Scope, m *store.Message) (out []mail.Address) {
	add := func(text string, of *store.Recipient) {
		a, err := mail.ParseAddress(text)
		if err != nil || a.Domain() == "" || s.Hosts == nil || !s.Hosts(of.Tenant, a.Domain()) || slices.ContainsFunc(out, func(b mail.Address) bool { return a.Key() == b.Key() }) {
			return
		}
		if sc.Level == lifecycle.LevelDomain && !slices.ContainsFunc(sc.Domains, func(d string) bool { return strings.EqualFold(d, a.Domain()) }) {
			return
		}
		out = append(out, a)
	}
	for i := range m.Recipients {
		rc := &m.Recipients[i]
		if sc.Level == lifecycle.LevelMailbox {
			add(sc.Mailbox, rc)
			continue
		}
		add(sc.Actor, rc)
		own := m.Sender.Domain()
		if m.Sender.IsNull() { // then its header told whose it is
			if list, err := netmail.ParseAddressList(m.Summary.From); err == nil {
				_, own, _ = strings.Cut(list[0].Address, "@")
			}
		}
		if m.Direction == mail.Inbound {
			own = rc.Address.Domain()
			if !rc.Original.IsNull() {
				own = rc.Original.Domain()
			}
		}
		if own != "" {
			add("postmaster@"+own, rc)
		}
	}
	return out
}

// to adds the addresses of a header field.
func (r *Reply) to(field string) {
	list, err := netmail.ParseAddressList(field)
	if err != nil {
		return
	}
	for _, l := range list[:min(len(list), 10)] {
		if a, err := mail.ParseAddress(l.Address); err == nil && a.Domain() != "" {
			r.add(a)
		}
	}
}

func (r *Reply) add(a mail.Address) {
	if !slices.ContainsFunc(r.To, func(b mail.Address) bool { return a.Key() == b.Key() }) {
		r.To = append(r.To, a)
	}
}

// messageID is a Message-ID that may stand in a header of ours; "" it is none.
func messageID(s string) string {
	if len(s) < 3 || len(s) > 250 || s[0] != '<' || s[len(s)-1] != '>' || strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return ""
	}
	return s
}

func messageIDs(s string) bool {
	words := strings.Fields(s)
	for _, w := range words {
		if messageID(w) == "" {
			return false
		}
	}
	return len(words) > 0
}

// plainText is the first plain text of a message that is no attachment.
func plainText(t *mimetree.Tree) string {
	for i, p := range t.Parts().Parts {
		if p.Type != "text/plain" || p.Attachment {
			continue
		}
		b := make([]byte, maxQuoted)
		n := 0
		for n < len(b) {
			k, err := t.ReadPart(i, int64(n), b[n:])
			n += k
			if err == io.EOF || k == 0 {
				break
			}
			if err != nil {
				return ""
			}
		}
		text := string(b[:n])
		if e, err := htmlindex.Get(p.Charset); err == nil && !utf8.ValidString(text) {
			if d, err := e.NewDecoder().String(text); err == nil {
				text = d
			}
		}
		return strings.ToValidUTF8(text, "?")
	}
	return ""
}

// quoted is what a reply begins with.
func quoted(m *store.Message, text string) string {
	var b strings.Builder
	who := m.Summary.From
	if who == "" {
		who = m.Sender.String()
	}
	fmt.Fprintf(&b, "\n\nOn %s, %s wrote:\n", m.Received.UTC().Format("Mon, 2 Jan 2006 15:04 -0700"), oneLine(who))
	for line := range strings.Lines(text) {
		line = strings.Map(func(c rune) rune {
			if c < ' ' && c != '\t' || c == 0x7f {
				return -1
			}
			return c
		}, line)
		b.WriteString(strings.TrimRight("> "+line, " ") + "\n")
	}
	return b.String()
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}

// ReplyOrder is what is sent.
type ReplyOrder struct {
	From    string // "" the first that is offered
	To      string // "" the first that is offered
	Subject string // "" as prefilled
	Text    string
}

// SendReply sends a reply as an ordinary outbound message, through the filters
// and the policy of its sender's tenant. What the message's history tells of it
// is written beside. An error of ErrReply, or a *lifecycle.Refusal, is for the
// operator.
func (s *Service) SendReply(ctx context.Context, sc Scope, id string, o ReplyOrder) (mail.ID, error) {
	if s.Submit == nil {
		return mail.ID{}, &lifecycle.Refusal{Verb: lifecycle.Reply, Reason: "this gateway sends nothing now"}
	}
	r, err := s.ComposeReply(ctx, sc, id)
	if err != nil {
		return mail.ID{}, err
	}
	from, err := oneOf(o.From, r.From, "you may send as")
	if err != nil {
		return mail.ID{}, err
	}
	to, err := oneOf(o.To, r.To, "the message names")
	if err != nil {
		return mail.ID{}, err
	}
	if o.Subject != "" {
		r.Subject = cut(oneLine(o.Subject), maxSubject)
	}
	switch {
	case strings.TrimSpace(o.Text) == "":
		return mail.ID{}, noReply("there is no text to send")
	case len(o.Text) > maxReply || !utf8.ValidString(o.Text) || strings.ContainsRune(o.Text, 0):
		return mail.ID{}, noReply("the text has to be UTF-8 of at most %d octets", maxReply)
	}
	now := s.Clock()
	made := mail.NewID(now)
	reply := s.Submit(ctx, Submission{ID: made, Actor: sc.Actor, From: from, To: to, Text: r.message(made, from, to, o.Text, now)})
	if !reply.Success() {
		return mail.ID{}, noReply("the gateway refused it: %s", reply.String())
	}
	s.replied(ctx, sc, id, made, to, now)
	return made, nil
}

// Submission is a message that an operator sends.
type Submission struct {
	ID       mail.ID
	Actor    string
	From, To mail.Address
	Text     []byte
}

func oneOf(text string, list []mail.Address, whom string) (mail.Address, error) {
	if text == "" {
		return list[0], nil
	}
	a, err := mail.ParseAddress(strings.Trim(strings.TrimSpace(text), "<>"))
	var names []string
	for _, b := range list {
		if err == nil && a.Key() == b.Key() {
			return b, nil
		}
		names = append(names, b.String())
	}
	return a, noReply("%.100q is none of the addresses that %s: %s", text, whom, strings.Join(names, ", "))
}

// message writes the reply out.
func (r *Reply) message(id mail.ID, from, to mail.Address, text string, now time.Time) []byte {
	var b bytes.Buffer
	field := func(name, value string) {
		if value != "" {
			b.WriteString(name + ": " + value + "\r\n")
		}
	}
	field("Date", now.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	field("From", from.String())
	field("To", to.String())
	field("Subject", strings.ReplaceAll(mime.QEncoding.Encode("utf-8", r.Subject), "?= =?", "?=\r\n =?"))
	field("Message-ID", "<"+id.String()+"@"+from.Domain()+">")
	field("In-Reply-To", r.inReplyTo)
	field("References", strings.Join(strings.Fields(r.references), "\r\n "))
	field("MIME-Version", "1.0")
	field("Content-Type", "text/plain; charset=utf-8")
	field("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	_, _ = io.WriteString(w, strings.ReplaceAll(text, "\n", "\r\n")) // a bytes.Buffer takes everything
	_ = w.Close()
	if !bytes.HasSuffix(b.Bytes(), []byte("\r\n")) {
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

// replied notes in the message's history that somebody answered it.
func (s *Service) replied(ctx context.Context, sc Scope, id string, made mail.ID, to mail.Address, now time.Time) {
	m, n, err := sc.Find(ctx, s.Store, id)
	if err == nil {
		var e []mail.Event
		for i := range m.Recipients {
			rc := &m.Recipients[i]
			if n == 0 || rc.N == n {
				e = append(e, mail.Event{
					At: now, Type: mail.EventReply, Message: m.ID, N: rc.N, Tenant: rc.Tenant, Direction: m.Direction, Sender: m.Sender.String(),
					Recipient: rc.Address.String(), Status: rc.Status, Actor: sc.Actor, Text: "a reply to " + to.Path() + " as " + made.String(),
				})
				break
			}
		}
		err = s.Store.Update(ctx, m.ID, func(*store.Message) ([]mail.Event, error) { return e, nil })
	}
	if err != nil { // the reply is on its way, and says itself what it answers
		s.Logger.Warn("a message's history lacks that it was answered", "message", id, "error", err)
	}
	s.Logger.Info("operator's action", "action", string(lifecycle.Reply), "actor", sc.Actor, "message", id, "reply", made.String())
}
