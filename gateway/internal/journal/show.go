package journal

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Resolve completes the unique beginning of a message ID. store.ErrNotFound
// also where the scope does not see it.
func (l *Log) Resolve(ctx context.Context, sc scope.Scope, prefix string) (mail.ID, error) {
	m, _, err := l.find(ctx, sc, prefix)
	if err != nil {
		return mail.ID{}, err
	}
	return m.ID, nil
}

// Message gives a message with the recipients that the scope sees.
func (l *Log) Message(ctx context.Context, sc scope.Scope, id mail.ID) (*store.Message, error) {
	m, _, err := l.find(ctx, sc, id.String())
	return m, err
}

// Attempts gives a message's attempts, oldest first, without what concerns
// only recipients the scope does not see.
func (l *Log) Attempts(ctx context.Context, sc scope.Scope, id mail.ID) ([]mail.Attempt, error) {
	m, _, err := l.find(ctx, sc, id.String())
	if err != nil {
		return nil, err
	}
	return l.attempts(ctx, sc, m)
}

// Events gives a message's events, oldest first, without those of recipients
// the scope does not see.
func (l *Log) Events(ctx context.Context, sc scope.Scope, id mail.ID) ([]mail.Event, error) {
	m, _, err := l.find(ctx, sc, id.String())
	if err != nil {
		return nil, err
	}
	return l.events(ctx, sc, m)
}

// Shown is one message and what may be done with it.
type Shown struct {
	Message *store.Message           // with the recipients that the scope sees
	N       int                      // the recipient that was named, or 0
	Offered map[int][]lifecycle.Verb // by recipient
}

// Show gives one message, by its ID, the unique beginning of one, or a
// recipient's ID.n. store.ErrNotFound.
func (l *Log) Show(ctx context.Context, sc scope.Scope, id string) (Shown, error) {
	m, n, err := l.find(ctx, sc, id)
	if err != nil {
		return Shown{}, err
	}
	s := Shown{Message: m, N: n, Offered: map[int][]lifecycle.Verb{}}
	for i := range m.Recipients {
		r := &m.Recipients[i]
		if n == 0 || r.N == n {
			s.Offered[r.N] = l.offered(sc, m, r)
		}
	}
	return s, nil
}

// offered lists the verbs for one recipient. The log shows the class columns.
func (l *Log) offered(sc scope.Scope, m *store.Message, r *store.Recipient) []lifecycle.Verb {
	q := sc.Query(m, r, l.o.DomainForce(r.Tenant))
	q.Classes = true
	return lifecycle.Offered(q)
}

func (l *Log) find(ctx context.Context, sc scope.Scope, id string) (*store.Message, int, error) {
	if err := sc.Validate(); err != nil {
		return nil, 0, err
	}
	return sc.Find(ctx, l.o.Store, id)
}

func (l *Log) events(ctx context.Context, sc scope.Scope, m *store.Message) ([]mail.Event, error) {
	es, err := l.o.Store.Events(ctx, m.ID)
	if err != nil {
		return nil, fmt.Errorf("events of %s: %w", m.ID, err)
	}
	return sc.Events(m, es), nil
}

func (l *Log) attempts(ctx context.Context, sc scope.Scope, m *store.Message) ([]mail.Attempt, error) {
	as, err := l.o.Store.Attempts(ctx, m.ID)
	if err != nil {
		return nil, fmt.Errorf("attempts of %s: %w", m.ID, err)
	}
	if sc.Everything() {
		return as, nil
	}
	whole, err := l.o.Store.Get(ctx, m.ID)
	if err != nil {
		return nil, fmt.Errorf("attempts of %s: %w", m.ID, err)
	}
	var out []mail.Attempt
	for _, a := range as {
		if a, ok := redact(a, whole, m); ok {
			out = append(out, a)
		}
	}
	return out, nil
}

// redact takes the recipients of whole that are not in seen out of an
// attempt: they may be another tenant's, or Bcc. false: nothing is left.
func redact(a mail.Attempt, whole, seen *store.Message) (mail.Attempt, bool) {
	var hidden []int
	keep := func(n int) bool {
		if has(seen, n) {
			return true
		}
		if !slices.Contains(hidden, n) {
			hidden = append(hidden, n)
		}
		return false
	}
	var ns []int
	for _, n := range a.Recipients {
		if keep(n) {
			ns = append(ns, n)
		}
	}
	var outcome []mail.RcptReply
	for _, o := range a.Outcome {
		if keep(o.N) {
			outcome = append(outcome, o)
		}
	}
	a.Recipients, a.Outcome = ns, outcome
	for i := range whole.Recipients {
		r := &whole.Recipients[i]
		if has(seen, r.N) {
			continue
		}
		for _, name := range spellings(r) {
			a.Transcript = hide(a.Transcript, name)
			for j := range a.Outcome { // an answer to the whole message may name everybody
				a.Outcome[j].Reply.Text = hide(a.Outcome[j].Reply.Text, name)
			}
		}
	}
	return a, len(ns) > 0 || len(outcome) > 0
}

// spellings are all the ways in which a dialogue names a recipient: also the
// original recipient of RFC 3461, which goes out as xtext.
func spellings(r *store.Recipient) []string {
	out := []string{r.Address.String(), r.Original.String()}
	_, original, _ := strings.Cut(r.DSN.ORcpt, ";")
	out = append(out, original)
	for _, s := range out[:3] {
		if x := mail.EncodeXtext(s); x != s {
			out = append(out, x)
		}
	}
	return out
}

// hide replaces an address in a dialogue.
func hide(transcript, addr string) string {
	if addr == "" || transcript == "" {
		return transcript
	}
	re, err := regexp.Compile("(?i)" + regexp.QuoteMeta(addr))
	if err != nil { // an address that is not UTF-8: better no dialogue than a leak
		return "* not shown: it names other recipients\n"
	}
	return re.ReplaceAllLiteralString(transcript, "(another recipient)")
}

func has(m *store.Message, n int) bool {
	return slices.ContainsFunc(m.Recipients, func(r store.Recipient) bool { return r.N == n })
}
