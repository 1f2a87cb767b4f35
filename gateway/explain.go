package main

import (
	"fmt"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
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
	line := p.s.Paint(terminal.Bold, terminal.Clean(text))
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
func (p story) recipient(m *api.Message, r *api.Recipient) {
	p.title(fmt.Sprintf("Recipient %d  %s", r.N, r.Address), r.Status, statusStyle(r.Status))
	p.para(2, p.plainWords(r))
	p.para(2, sentence(r.Advice))
	if r.Original != "" && r.Original != r.Address {
		p.item("Instead of", r.Original)
	}
	p.item("Tenant", r.Tenant)
	p.item("Class", classLine(r))
	p.item("Reason", r.Reason)
	p.item("Decided by", r.Rule)
	p.item("Route", routeLine(r))
	if !r.Next.IsZero() && mail.Status(r.Status).Live() {
		p.item("Next try", strings.TrimSuffix(p.v.long(r.Next)+" ("+p.v.until(r.Next)+"), schedule "+r.Schedule, ", schedule "))
	}
	if !r.Expires.IsZero() && mail.Status(r.Status).Live() {
		p.item("Expires", p.v.long(r.Expires)+" ("+p.v.until(r.Expires)+")")
	}
	p.item("Tags", strings.Join(r.Tags, ", "))
	for _, w := range r.Waivers {
		p.item("Waived", strings.Join(w.Classes, ", ")+" by "+w.By+nonEmpty(": ", w.Reason))
	}
	for _, e := range r.Edits {
		p.item("Header", e.Op+" "+e.Name+nonEmpty(": ", e.Value))
	}
	p.findings(r)
	p.item("Actions", commandsFor(m, r))
}

func nonEmpty(before, s string) string {
	if s == "" {
		return ""
	}
	return before + s
}

func sentence(s string) string {
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// plainWords says where a recipient stands in one or two sentences.
func (p story) plainWords(r *api.Recipient) string {
	text := sentence(statusMeaning(r.Status))
	if r.Failures > 0 && mail.Status(r.Status) == mail.StatusQueued {
		text += fmt.Sprintf(" %s failed since %s.", capital(count(r.Failures, "attempt")), p.v.long(r.FirstFailure))
	}
	if r.Last != nil && r.Last.Code/100 != 2 {
		who := "The last answer"
		if r.LastHost != "" {
			who = r.LastHost + " last answered"
			text += fmt.Sprintf(" %s: %s", who, replyLine(r.Last))
			return text
		}
		text += fmt.Sprintf(" %s was: %s", who, replyLine(r.Last))
	}
	return text
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func classLine(r *api.Recipient) string {
	if r.Class == "" && r.Score == 0 {
		return ""
	}
	if r.Score == 0 {
		return r.Class
	}
	return strings.TrimPrefix(fmt.Sprintf("%s, score %g", r.Class, r.Score), ", ")
}

func routeLine(r *api.Recipient) string {
	switch {
	case r.Route == "" && r.NextHop == "":
		if mail.Status(r.Status).Due() {
			return "none: unrouted; the policy names no route for it"
		}
		return ""
	case r.NextHop == "" || r.NextHop == r.Route:
		return r.Route
	}
	return r.Route + " to " + r.NextHop
}

// findings tells what each filter found and what policy made of it.
func (p story) findings(r *api.Recipient) {
	if len(r.Findings) == 0 {
		p.item("Filters", "found nothing")
		return
	}
	fmt.Fprintf(p.s, "  %s\n", p.s.Paint(terminal.Dim, "Filters"))
	for _, f := range r.Findings {
		head := f.Filter
		if head == "" {
			head = f.Plugin
		}
		line := head + nonEmpty("  ", f.Class)
		if f.Score != 0 {
			line += fmt.Sprintf("  score %g", f.Score)
		}
		p.para(4, line)
		p.para(6, sentence(f.Explanation))
		where := strings.Trim(f.Part+nonEmpty(", inside it ", f.Path), ", ")
		p.para(6, nonEmpty("in part ", where))
		p.para(6, fate(f))
	}
}

// fate is what became of a finding.
func fate(f api.Finding) string {
	wanted := nonEmpty("recommended ", f.Recommended)
	switch {
	case f.Observed:
		return strings.TrimPrefix(wanted+"; observed only", "; ")
	case f.Waived != "":
		return strings.TrimPrefix(wanted+"; waived by "+f.Waived, "; ")
	case f.Action == "" || f.Action == "continue":
		return wanted
	}
	made := "policy made it " + f.Action
	if f.Action == f.Recommended {
		made = "policy agreed"
	}
	return strings.TrimPrefix(wanted+"; "+made+nonEmpty(" at ", f.Rule)+nonEmpty(": ", replyLine(f.Reply)), "; ")
}

// attempts shows each attempt with its dialogue, latest last (B115, B153).
func (p story) attempts(as []api.Attempt) {
	if len(as) == 0 {
		return
	}
	p.title("Attempts", "", terminal.Plain)
	for _, a := range as {
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
		p.para(2, fmt.Sprintf("%d. %s  %s  %s", a.K, p.v.long(a.Start), where, strings.Join(notes, ", ")))
		for _, o := range a.Outcome {
			style := map[string]terminal.Style{"sent": terminal.Green, "deferred": terminal.Yellow, "bounced": terminal.Red}[o.Result]
			head := fmt.Sprintf("     to=<%s> ", terminal.Clean(o.Recipient))
			p.hang("     "+p.s.Paint(style, o.Result)+" ", 6+len(o.Result), strings.TrimSpace(strings.TrimSpace(head)+" "+replyLine(&o.Reply)))
		}
		p.transcript(a.Transcript)
	}
}

// transcript shows a dialogue; a line that is too long goes on below itself.
func (p story) transcript(text string) {
	text = strings.TrimRight(text, "\r\n")
	if text == "" {
		return
	}
	for _, line := range strings.Split(text, "\n") {
		line = terminal.Clean(strings.TrimSuffix(line, "\r"))
		mark, rest := "", line
		if len(line) >= 2 && line[1] == ' ' {
			mark, rest = line[:2], line[2:]
		}
		p.hang("     "+p.s.Paint(terminal.Dim, mark), 5+len(mark), rest)
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
		p.hang("  "+at.Format("15:04:05")+"  ", 12, terminal.Clean(eventLine(&e)))
	}
}

func eventLine(e *api.Event) string {
	line := e.Type
	if e.N > 0 {
		line += fmt.Sprintf(" of recipient %d", e.N)
	}
	if e.Status != "" {
		line += ", now " + e.Status
	}
	if e.Actor != "" {
		line += ", by " + e.Actor
	}
	if e.Class != "" {
		line += ", " + e.Class
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
	return line
}

// commandsFor are the commands that an operator may want next.
func commandsFor(m *api.Message, r *api.Recipient) string {
	lines := map[string]string{
		"retry": "weir queue retry", "remove": "weir queue remove", "bounce": "weir queue bounce",
		"freeze": "weir queue freeze", "thaw": "weir queue thaw",
		"release": "weir quarantine release", "remove-quarantined": "weir quarantine remove",
		"retry-stalled": "weir stalled retry", "force": "weir stalled force", "delete-stalled": "weir stalled delete",
	}
	var out []string
	for _, v := range r.Verbs {
		if cmd := lines[v]; cmd != "" {
			out = append(out, cmd)
		}
	}
	if len(out) == 0 {
		return ""
	}
	id := shortIDs([]string{m.ID})[0]
	if len(m.Recipients) > 1 {
		id += fmt.Sprintf(".%d", r.N)
	}
	return strings.Join(out, " | ") + " " + id
}
