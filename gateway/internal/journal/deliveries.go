package journal

import (
	"context"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Attempt is an attempt as the delivery log shows it (B138, B153).
type Attempt struct {
	mail.Attempt
	Results []Result // one for each recipient (B123)
	// Key are the lines of Transcript, from 0, that decided what came of it:
	// they are highlighted (B115).
	Key []int
}

// The outcomes of an attempt for one recipient.
const (
	Sent     = "sent"     // B116
	Deferred = "deferred" // tried again (B117)
	Bounced  = "bounced"  // refused for good, no further try (B118)
	Expired  = "expired"  // put off, and its time was over (B119)
)

// Result is one recipient's outcome of an attempt.
type Result struct {
	N         int
	Recipient string // the address that was tried: an operator may have changed it since (B93)
	Outcome   string
	Reply     mail.Reply // literally (B121)
	Remote    bool       // the destination's own words
	Meaning   *Meaning   // nil: there is nothing to add
}

// Deliveries gives the delivery log of a message, oldest attempt first,
// without what concerns only recipients the scope does not see.
func (l *Log) Deliveries(ctx context.Context, sc scope.Scope, id mail.ID) ([]Attempt, error) {
	m, _, err := l.find(ctx, sc, id.String())
	if err != nil {
		return nil, err
	}
	as, err := l.attempts(ctx, sc, m)
	if err != nil || len(as) == 0 {
		return nil, err
	}
	es, err := l.events(ctx, sc, m)
	if err != nil {
		return nil, err
	}
	return Attempts(m, as, es), nil
}

// Attempts puts words to a message's attempts, which are oldest first. The
// events tell which of them was the last that a recipient's lifetime allowed.
func Attempts(m *store.Message, as []mail.Attempt, es []mail.Event) []Attempt {
	recipients := make(map[int]*store.Recipient, len(m.Recipients))
	for i := range m.Recipients {
		recipients[m.Recipients[i].N] = &m.Recipients[i]
	}
	out := make([]Attempt, len(as))
	for i, a := range as {
		out[i] = Attempt{Attempt: a, Key: KeyLines(a.Transcript)}
		for _, o := range a.Outcome {
			rc := recipients[o.N]
			if rc == nil {
				continue
			}
			r := Result{N: o.N, Recipient: rc.AddressAt(a.Start).String(), Outcome: outcome(o), Reply: o.Reply, Remote: o.Remote}
			if mean, ok := Plain(o.Reply, a.Host); ok {
				r.Meaning = &mean
			}
			out[i].Results = append(out[i].Results, r)
		}
	}
	for _, e := range es {
		if e.Type == mail.EventExpiration && e.Attempt > 0 {
			expire(out, e)
		}
	}
	return out
}

// outcome reads the reply alone. Package deliver files a failure of the host,
// whatever its code, as a 4yz, so that a 5yz is final.
func outcome(o mail.RcptReply) string {
	switch {
	case o.Reply.Success():
		return Sent
	case o.Reply.Permanent():
		return Bounced
	}
	return Deferred
}

// expire marks the last deferral of the round of attempts, one for each host,
// at whose end a recipient's time was over.
func expire(as []Attempt, e mail.Event) {
	for i, a := range slices.Backward(as) {
		if a.K < e.Attempt || a.Start.After(e.At) {
			continue
		}
		for j := range a.Results {
			if r := &as[i].Results[j]; r.N == e.N && r.Outcome == Deferred {
				r.Outcome = Expired
				return
			}
		}
	}
}

// KeyLines finds the lines of a dialogue that decided: what the host refused
// or put off, its answer to the message, and our remarks on what went wrong.
func KeyLines(transcript string) []int {
	lines := strings.Split(strings.TrimRight(transcript, "\n"), "\n")
	var key []int
	dot := false
	for i, l := range lines {
		switch {
		case l == "> .":
			dot = true
			continue
		case strings.HasPrefix(l, "> "):
			dot = false
		case strings.HasPrefix(l, "< 4"), strings.HasPrefix(l, "< 5"), dot && strings.HasPrefix(l, "< "):
			key = append(key, i)
		case strings.HasPrefix(l, "* ") && wentWrong(l[2:]):
			key = append(key, i)
		}
	}
	return key
}

// remarks are the beginnings of those of ours that tell of no failure.
var remarks = []string{"connecting to ", "connected to ", "using the connection to ", "TLS1.", "connecting anew", "the idle connection was closed"}

func wentWrong(remark string) bool {
	if n := strings.TrimLeft(remark, "0123456789"); len(n) < len(remark) { // "512 bytes of message", "7 lines left out"
		return false
	}
	return !slices.ContainsFunc(remarks, func(p string) bool { return strings.HasPrefix(remark, p) })
}
