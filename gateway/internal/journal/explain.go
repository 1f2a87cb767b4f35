package journal

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Explanation is everything known about one message, with words to it.
type Explanation struct {
	Message    *store.Message // with the recipients that the scope sees, or the one that was named
	Recipients []Recipient
	Attempts   []Attempt // oldest first
	Events     []mail.Event
}

// Recipient explains one recipient.
type Recipient struct {
	ID        string // ID.n
	Recipient *store.Recipient
	Plain     string    // the status in a sentence
	Decision  string    // what policy decided and where, in a sentence; "" nothing
	Findings  []Finding // in the order of the chain
	Next      string    // when the next attempt is due and why then; "" none is
	Where     string    // route and next hop, in a phrase
	Last      *Meaning  // of the destination's last answer, if it is a common one
	Offered   []lifecycle.Verb
}

// Finding explains one finding.
type Finding struct {
	mail.Finding
	Plain string // what was found and what became of it
}

// Explain tells why a message is where it is. id is as for Show.
func (l *Log) Explain(ctx context.Context, sc scope.Scope, id string) (Explanation, error) {
	m, n, err := l.find(ctx, sc, id)
	if err != nil {
		return Explanation{}, err
	}
	if n != 0 {
		c := *m
		c.Recipients = slices.DeleteFunc(slices.Clone(m.Recipients), func(r store.Recipient) bool { return r.N != n })
		m = &c
	}
	attempts, err := l.attempts(ctx, sc, m)
	if err != nil {
		return Explanation{}, err
	}
	events, err := l.events(ctx, sc, m)
	if err != nil {
		return Explanation{}, err
	}
	x := Explanation{Message: m}
	now := l.o.Clock()
	for i := range m.Recipients {
		x.Recipients = append(x.Recipients, l.recipient(sc, m, &m.Recipients[i], lastTry(attempts, m.Recipients[i].N), now))
	}
	for _, a := range Attempts(m, attempts, events) {
		if n == 0 || concerns(a.Attempt, n) {
			x.Attempts = append(x.Attempts, a)
		}
	}
	for _, e := range events {
		if n == 0 || e.N == 0 || e.N == n {
			x.Events = append(x.Events, e)
		}
	}
	return x, nil
}

func (l *Log) recipient(sc scope.Scope, m *store.Message, r *store.Recipient, last, now time.Time) Recipient {
	out := Recipient{
		ID: fmt.Sprintf("%s.%d", m.ID, r.N), Recipient: r, Plain: Status(m, r, now),
		Decision: decision(r), Next: l.next(r, last, now), Where: where(r), Offered: l.offered(sc, m, r),
	}
	for _, f := range r.Findings {
		out.Findings = append(out.Findings, Finding{f, finding(f)})
	}
	if mean, ok := LastMeaning(r); ok {
		out.Last = &mean
	}
	return out
}

func decision(r *store.Recipient) string {
	if r.Rule == "" && r.Class.Main == "" && len(r.Findings) == 0 {
		return ""
	}
	var b strings.Builder
	switch {
	case r.Class.Main != "":
		fmt.Fprintf(&b, "Classified as %s", r.Class)
	case len(r.Findings) > 0:
		b.WriteString("Nothing that was found decided anything")
	default:
		b.WriteString("Decided by policy")
	}
	if r.Score != 0 {
		fmt.Fprintf(&b, ", score %g", r.Score)
	}
	if r.Rule != "" {
		b.WriteString(", by the rule at " + r.Rule)
	}
	return b.String() + "."
}

func finding(f mail.Finding) string {
	var b strings.Builder
	text := strings.TrimSuffix(f.Explanation, ".")
	if text == "" {
		text = "found " + f.Class.String()
	}
	b.WriteString(text)
	if at := strings.Trim(f.Part+" → "+f.Path, " →"); at != "" {
		b.WriteString(" (in " + at + ")")
	}
	switch {
	case f.Observed:
		b.WriteString("; only observed")
	case f.Waived != "":
		b.WriteString("; waived by " + f.Waived)
	case f.Action != "" && f.Action != f.Recommended && f.Recommended != "":
		fmt.Fprintf(&b, "; the plugin recommends %s, policy makes it %s", f.Recommended, f.Action)
	case f.Action != "":
		fmt.Fprintf(&b, "; %s", f.Action)
	case f.Recommended != "":
		fmt.Fprintf(&b, "; the plugin recommends %s", f.Recommended)
	}
	if f.Rule != "" {
		b.WriteString(" (" + f.Rule + ")")
	}
	return b.String() + "."
}

func where(r *store.Recipient) string {
	switch {
	case r.Route != "" && r.NextHop != "":
		return "route " + r.Route + " to " + r.NextHop
	case r.Route != "":
		return "route " + r.Route
	case r.NextHop != "":
		return "to " + r.NextHop
	}
	return ""
}

// lastTry is when the last attempt for a recipient began.
func lastTry(as []mail.Attempt, n int) (t time.Time) {
	for _, a := range as {
		if concerns(a, n) && a.Start.After(t) {
			t = a.Start
		}
	}
	return t
}

func concerns(a mail.Attempt, n int) bool {
	return slices.Contains(a.Recipients, n) || slices.ContainsFunc(a.Outcome, func(o mail.RcptReply) bool { return o.N == n })
}

// Advice puts a recipient's last answer in plain words; "" when there is
// nothing to add to what the status says.
func (l *Log) Advice(r *store.Recipient) string {
	m, ok := LastMeaning(r)
	if !ok {
		return ""
	}
	return m.String()
}
