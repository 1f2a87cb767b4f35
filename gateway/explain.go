package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// story writes a message as sections of text.
type story struct {
	s *terminal.Screen
	v view
}

// title starts a section.
func (p story) title(text, note string, st terminal.Style) {
	text = terminal.Clean(text)
	if w := p.s.Width(); w > 0 {
		text = terminal.CutMiddle(text, max(20, w-2-len(note)))
	}
	line := p.s.Paint(terminal.Bold, text)
	if note != "" {
		line += "  " + p.s.Paint(st, note)
	}
	fmt.Fprintf(p.s, "\n%s\n", line)
}

// labelWidth is the column in which values start, behind an indent of two.
const labelWidth = 11

// item writes "Label  value", the value wrapped below itself; nothing for an
// empty value.
func (p story) item(label, value string) {
	if value == "" {
		return
	}
	p.hang("  "+p.s.Paint(terminal.Dim, terminal.Pad(label, labelWidth)), 2+labelWidth, terminal.Clean(value))
}

// item2 is item for a label that may be empty, and text whose blanks count.
func (p story) item2(label, value string) {
	fmt.Fprintf(p.s, "  %s%s\n", p.s.Paint(terminal.Dim, terminal.Pad(label, labelWidth)), p.cut(terminal.Clean(value), 2+labelWidth))
}

func (p story) cut(text string, indent int) string {
	if w := p.s.Width(); w > 0 {
		return terminal.Cut(text, w-indent)
	}
	return text
}

// para writes wrapped text behind an indent.
func (p story) para(indent int, text string) {
	if text != "" {
		p.hang(strings.Repeat(" ", indent), indent, terminal.Clean(text))
	}
}

// hang writes head, and behind it text that is wrapped below its own start.
func (p story) hang(head string, indent int, text string) {
	width := 0
	if w := p.s.Width(); w > 0 {
		width = max(20, w-indent)
	}
	for i, line := range terminal.Wrap(text, width) {
		if i > 0 {
			head = strings.Repeat(" ", indent)
		}
		fmt.Fprintf(p.s, "%s%s\n", head, line)
	}
}

// message tells who sent what.
func (p story) message(m *api.Message) {
	fmt.Fprintf(p.s, "%s %s\n", p.s.Paint(terminal.Bold, "Message"), p.s.Paint(terminal.Bold, m.ID))
	p.item("Received", p.v.long(m.Received)+", "+m.Direction)
	p.item("Client", clientLine(m.Client))
	p.item("Sender", sender(m.Sender))
	if m.From != "" && !strings.Contains(m.From, m.Sender) {
		p.item("From", m.From)
	}
	p.item("Subject", m.Subject)
	p.item("Size", octets(m.Size))
	p.item("Attached", strings.Join(m.Attachments, ", "))
	p.item("Message-ID", m.MessageID)
	if m.Kind != "" {
		p.item("Kind", strings.TrimSpace(m.Kind+" "+about(m.Parent)))
	}
	p.item("Policy", m.Policy)
	if !m.HasBody {
		p.item("Content", "no longer kept")
	}
}

func about(parent string) string {
	if parent == "" {
		return ""
	}
	return "about " + parent
}

func clientLine(c api.Client) string {
	var b strings.Builder
	host := c.Address
	if i := strings.LastIndexByte(host, ':'); i > 0 {
		host = host[:i]
	}
	switch {
	case c.Name != "" && host != "":
		b.WriteString(c.Name + " [" + strings.Trim(host, "[]") + "]")
	case host != "":
		b.WriteString("[" + strings.Trim(host, "[]") + "]")
	default:
		b.WriteString("this gateway")
	}
	if c.Helo != "" && c.Helo != c.Name {
		b.WriteString(", HELO " + c.Helo)
	}
	if c.User != "" {
		b.WriteString(", user " + c.User)
	}
	if c.TLS != "" {
		b.WriteString(", " + c.TLS)
	}
	if c.Listener != "" {
		b.WriteString(", listener " + c.Listener)
	}
	return b.String()
}

// recipient tells what has become of one recipient, why, and what comes next.
func (p story) recipient(m *api.Message, r *api.Recipient, w *api.RecipientWords) {
	p.title(fmt.Sprintf("Recipient %d  %s", r.N, r.Address), r.Status, statusStyle(r.Status))
	p.para(2, w.Status)
	if r.Last != nil && r.Last.Code/100 != 2 {
		p.item("Answer", answer(r))
		if w.Last != nil {
			p.meaning(w.Last)
		} else {
			p.item("Meaning", r.Advice)
		}
	}
	if r.Original != "" && r.Original != r.Address {
		p.item("Instead of", r.Original)
	}
	p.item("Tenant", r.Tenant)
	p.item("Asked", nonEmpty("NOTIFY=", r.Notify))
	p.findings(r, w)
	p.runs(r.Filters)
	p.item("Decision", w.Decision)
	p.waivers(r)
	for _, e := range r.Edits {
		p.item("Header", e.Op+" "+e.Name+nonEmpty(": ", e.Value))
	}
	for _, e := range r.PartEdits {
		p.item("Body", partEdit(&e))
	}
	p.item("Tags", strings.Join(r.Tags, ", "))
	p.item("Route", routeLine(r, w))
	if live := mail.Status(r.Status).Live(); live {
		if !r.Next.IsZero() {
			_, because, _ := strings.Cut(w.Next, "; ")
			p.item("Next try", p.v.long(r.Next)+", "+p.v.until(r.Next)+nonEmpty("; ", because))
		}
		if !r.Expires.IsZero() {
			p.item("Expires", p.v.long(r.Expires)+", "+p.v.until(r.Expires))
		}
	}
	p.commands(m, r)
}

// meaning puts an answer in plain words: what it means, who has to act, and
// what there is to do (B124–B129).
func (p story) meaning(m *api.Meaning) {
	p.item("Meaning", m.Cause)
	p.item("Said by", m.Provider)
	p.item("Has to act", m.Actor)
	p.item("Advice", m.Advice)
	p.item("Doubt", m.Note)
}

// partEdit is what is done to a part: "remove 2 x.zip (baseline.strip)".
func partEdit(e *api.PartEdit) string {
	s := e.Op + " " + e.Part
	if e.Op == "replace" {
		s += " by " + strings.TrimSpace(cmp.Or(e.Type, "text/plain")+" "+e.Filename)
	}
	if e.Octets > 0 {
		s += fmt.Sprintf(", %d octets", e.Octets)
	}
	return s + nonEmpty(" by ", e.Filter)
}

func nonEmpty(before, s string) string {
	if s == "" {
		return ""
	}
	return before + s
}

func routeLine(r *api.Recipient, w *api.RecipientWords) string {
	if w.Where == "" && mail.Status(r.Status).Due() {
		return "none: the policy in force names no route for it"
	}
	return strings.TrimPrefix(w.Where, "route ")
}

// findings tells what each filter found and what policy made of it.
func (p story) findings(r *api.Recipient, w *api.RecipientWords) {
	if len(r.Findings) == 0 {
		p.item("Filters", "found nothing")
		return
	}
	for i, f := range r.Findings {
		label := ""
		if i == 0 {
			label = "Filters"
		}
		head := f.Filter
		if head == "" {
			head = f.Plugin
		}
		head += nonEmpty("  ", f.Class)
		if f.Score != 0 {
			head += fmt.Sprintf("  score %g", f.Score)
		}
		p.item2(label, head)
		if i < len(w.Findings) {
			p.para(4+labelWidth, w.Findings[i])
		}
	}
}

// attempts shows each attempt with its dialogue, latest last (B115, B153).
func (p story) attempts(as []api.Attempt) {
	if len(as) == 0 {
		return
	}
	p.title("Attempts", "", terminal.Plain)
	for i, a := range as {
		if i > 0 {
			fmt.Fprintln(p.s)
		}
		where := a.Host
		if a.Address != "" && a.Address != a.Host {
			where = strings.TrimSpace(where + " [" + a.Address + "]")
		}
		notes := []string{fmt.Sprintf("%d ms", a.Took)}
		if a.TLS != "" {
			tls := a.TLS
			if a.Verified {
				tls += " verified"
			}
			notes = append(notes, tls)
		}
		if a.Reused {
			notes = append(notes, "connection reused")
		}
		p.para(2, fmt.Sprintf("%d. %s, %s, %s", a.K, p.v.long(a.Start), where, strings.Join(notes, ", ")))
		for _, o := range a.Outcome {
			style := resultStyles[o.Result]
			head := fmt.Sprintf("     to=<%s> ", terminal.Clean(o.Recipient))
			p.hang("     "+p.s.Paint(style, o.Result)+" ", 6+len(o.Result), strings.TrimSpace(strings.TrimSpace(head)+" "+replyLine(&o.Reply)))
		}
		p.transcript(a.Transcript, a.KeyLines)
	}
}

// resultStyles are those of an attempt's outcomes (B116–B119).
var resultStyles = map[string]terminal.Style{"sent": terminal.Green, "deferred": terminal.Yellow, "bounced": terminal.Red, "expired": terminal.Red}

// transcript shows a dialogue with an arrow at the lines that decided (B115);
// a line that is too long goes on below itself.
func (p story) transcript(text string, key []int) {
	text = strings.TrimRight(text, "\r\n")
	if text == "" {
		return
	}
	for i, line := range strings.Split(text, "\n") {
		line = terminal.Clean(strings.TrimSuffix(line, "\r"))
		mark, rest := "", line
		if len(line) >= 2 && line[1] == ' ' {
			mark, rest = line[:2], line[2:]
		}
		head := "     " + p.s.Paint(terminal.Dim, mark)
		if slices.Contains(key, i) {
			head = "   " + p.s.Paint(terminal.Bold, "→ "+mark)
		}
		p.hang(head, 5+len(mark), rest)
	}
}

// history shows what happened, oldest first.
func (p story) history(es []api.Event) {
	if len(es) == 0 {
		return
	}
	p.title("History", "", terminal.Plain)
	day := ""
	for _, e := range es {
		at := e.At.In(p.v.loc)
		if d := at.Format("2006-01-02"); d != day {
			day = d
			fmt.Fprintf(p.s, "  %s\n", p.s.Paint(terminal.Dim, d))
		}
		p.hang("  "+at.Format("15:04:05")+"  ", 12, terminal.Clean(p.v.eventLine(&e)))
	}
}

func (v view) eventLine(e *api.Event) string {
	line := e.Type
	if e.Type == string(mail.EventReception) {
		line += nonEmpty(" from ", e.Client)
	}
	if e.N > 0 {
		line += fmt.Sprintf(" of recipient %d", e.N)
	}
	if e.Status != "" {
		line += ", now " + e.Status
	}
	if e.Actor != "" {
		line += ", by " + e.Actor
	}
	switch mail.EventType(e.Type) { // the others repeat what these decided
	case mail.EventVerdict, mail.EventStall, mail.EventQuarantine, mail.EventRejection, mail.EventDiscard:
		line += nonEmpty(", ", e.Class)
	}
	if e.Host != "" {
		line += ", " + e.Host
	}
	if e.Reply != nil {
		line += ": " + replyLine(e.Reply)
	}
	if e.Text != "" {
		line += ": " + e.Text
	}
	if !e.Next.IsZero() {
		line += ", next try " + v.short(e.Next)
	}
	return line
}

// commandOf are the commands behind the verbs.
var commandOf = map[string]string{
	"retry": "queue retry", "remove": "queue remove", "bounce": "queue bounce", "freeze": "queue freeze", "thaw": "queue thaw",
	"release": "quarantine release", "remove-quarantined": "quarantine remove",
	"deliver": "queue deliver", "retry-stalled": "stalled retry", "force": "stalled force", "delete-stalled": "stalled delete",
}

// commands are those that an operator may want next, and then what else is
// offered.
func (p story) commands(m *api.Message, r *api.Recipient) {
	id := fmt.Sprintf("%s.%d", shortIDs([]string{m.ID})[0], r.N)
	label := "Commands"
	var more []string
	for _, v := range r.Verbs {
		cmd := commandOf[v]
		if v == string(lifecycle.RetryStalled) && r.Hold != nil {
			cmd = "queue scan"
		}
		if cmd != "" && (mail.Status(r.Status).Live() || v == "retry") {
			p.item2(label, "weir "+cmd+" "+id)
			label = ""
			continue
		}
		more = append(more, v)
	}
	for _, a := range r.Actions {
		if mail.Status(r.Status).Live() {
			p.item2(label, "weir action "+a.Plugin+" "+a.Action+" "+id)
			label = ""
		}
	}
	if len(more) > 0 {
		p.item("Offered", fmt.Sprintf("weir do ACTION %s with %s", id, strings.Join(more, ", ")))
	}
}

// answer is the last reply and whose it is.
func answer(r *api.Recipient) string {
	line := replyLine(r.Last)
	if r.LastRemote && r.LastHost != "" {
		return r.LastHost + " said: " + line
	}
	if r.LastHost != "" {
		return line + " (" + r.LastHost + " gave no answer of its own)"
	}
	return line
}
