package journal

import (
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// redactor takes the recipients of whole that are not in seen out of attempts:
// they may be another tenant's, or Bcc. It is made once for a message.
type redactor struct {
	whole, seen *store.Message
	shown       map[int]bool // by N
	others      *scope.Others
	moved       bool // addresses have changed since (B93)
}

func newRedactor(whole, seen *store.Message) *redactor {
	d := &redactor{whole: whole, seen: seen, shown: make(map[int]bool, len(seen.Recipients)), others: scope.Hide(whole, seen)}
	for i := range seen.Recipients {
		d.shown[seen.Recipients[i].N] = true
	}
	d.moved = slices.ContainsFunc(whole.Recipients, func(r store.Recipient) bool { return len(r.Former) > 0 })
	return d
}

// attempt gives what is left of an attempt; false: nothing is.
func (d *redactor) attempt(a mail.Attempt) (mail.Attempt, bool) {
	var ns []int
	for _, n := range a.Recipients {
		if d.shown[n] {
			ns = append(ns, n)
		}
	}
	whole, seen, others := d.whole, d.seen, d.others
	if d.moved {
		whole, seen = asOf(whole, a.Start), asOf(seen, a.Start)
		others = scope.Hide(whole, seen)
	}
	var outcome []mail.RcptReply
	for _, o := range a.Outcome {
		if d.shown[o.N] {
			o.Reply.Text = others.Text(o.Reply.Text) // an answer to the whole message may name everybody
			outcome = append(outcome, o)
		}
	}
	a.Recipients, a.Outcome = ns, outcome
	a.Transcript = others.Text(withoutOthers(a.Transcript, whole, seen))
	return a, len(ns) > 0 || len(outcome) > 0
}

// asOf is a message with the addresses that its recipients had at a time.
func asOf(m *store.Message, t time.Time) *store.Message {
	c := *m
	c.Recipients = slices.Clone(m.Recipients)
	for i := range c.Recipients {
		c.Recipients[i].Address = c.Recipients[i].AddressAt(t)
	}
	return &c
}

// notShown stands for a dialogue that cannot be taken apart.
const notShown = "* not shown: it names other recipients\n"

// withoutOthers takes out of a dialogue what was said about recipients of whole
// that are not in seen: the commands that name them, and the answers to those.
// Answers come in the order of their commands (RFC 5321 §4.5.4, RFC 2920 §3.1);
// those to the end of the data, one for each recipient that was taken, where it
// is LMTP (RFC 2033 §4.2).
func withoutOthers(transcript string, whole, seen *store.Message) string {
	if transcript == "" || len(whole.Recipients) == len(seen.Recipients) {
		return transcript
	}
	d := dialogue{names: map[string]bool{}}
	for i := range seen.Recipients {
		d.names[strings.ToLower(seen.Recipients[i].Address.String())] = true
	}
	var b strings.Builder
	for line := range strings.Lines(transcript) {
		if strings.HasPrefix(line, "* ") && strings.HasSuffix(strings.TrimRight(line, "\r\n"), "lines left out") {
			return notShown // what answers what is not known any more
		}
		if !d.hides(strings.TrimRight(line, "\r\n")) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// dialogue follows which answer is about whom.
type dialogue struct {
	names   map[string]bool // of recipients that are shown, lower case
	waiting []command       // sent, and not answered
	taken   []bool          // recipients that were, in order: hidden
	lmtp    bool
	ended   bool // the end of the data was sent
	more    bool // the last line of an answer was not its end
	hiding  bool // that answer
}

type command struct{ rcpt, hidden bool }

// hides takes in the next line, and reports whether it is about somebody hidden.
func (d *dialogue) hides(line string) bool {
	if sent, ok := strings.CutPrefix(line, "> "); ok {
		return d.sent(sent)
	}
	if got, ok := strings.CutPrefix(line, "< "); ok {
		return d.got(got)
	}
	return false
}

func (d *dialogue) sent(line string) bool {
	verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
	var c command
	switch {
	case verb == "LHLO":
		d.lmtp = true
	case verb == "MAIL":
		d.taken, d.ended = nil, false
	case verb == "RCPT":
		c.rcpt = true
		_, path, _ := strings.Cut(line, "<")
		c.hidden = !d.names[strings.ToLower(mailbox(path))]
	case d.lmtp && (line == "." || verb == "BDAT" && strings.HasSuffix(strings.ToUpper(line), " LAST")):
		d.ended = true
		return false // its answers are the recipients'
	}
	d.waiting = append(d.waiting, c)
	return c.hidden
}

// mailbox is the address of a path, whose parameters may hold a ">" of their own.
func mailbox(path string) string {
	box, _, _ := strings.Cut(path, "> ")
	return strings.TrimSuffix(box, ">")
}

func (d *dialogue) got(line string) bool {
	if d.more {
		d.more = continued(line)
		return d.hiding
	}
	d.more, d.hiding = continued(line), false
	switch {
	case len(d.waiting) > 0:
		c := d.waiting[0]
		d.waiting = d.waiting[1:]
		if c.rcpt && strings.HasPrefix(line, "2") {
			d.taken = append(d.taken, c.hidden)
		}
		d.hiding = c.hidden
	case d.ended && len(d.taken) > 0:
		d.hiding, d.taken = d.taken[0], d.taken[1:]
	}
	return d.hiding
}

// continued reports a line of an answer that has further ones (RFC 5321 §4.2.1).
func continued(line string) bool { return len(line) > 3 && line[3] == '-' }
