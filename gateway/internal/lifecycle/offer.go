package lifecycle

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// ErrRefused is what every refusal wraps.
var ErrRefused = errors.New("refused")

// Refusal says why a verb does not apply. Its text is for the operator.
type Refusal struct {
	Verb   Verb
	Reason string
}

func (r *Refusal) Error() string { return fmt.Sprintf("%s: %s", r.Verb, r.Reason) }

// Unwrap is ErrRefused.
func (r *Refusal) Unwrap() error { return ErrRefused }

// Verbs lists every verb in the order of the table.
func Verbs() []Verb {
	out := make([]Verb, len(table))
	for i := range table {
		out[i] = table[i].verb
	}
	return out
}

// Offered lists the verbs that apply, in the order of the table.
func Offered(q Query) []Verb {
	out := []Verb{}
	for i := range table {
		if table[i].check(q) == nil {
			out = append(out, table[i].verb)
		}
	}
	return out
}

// Check reports why a verb does not apply, as a *Refusal, or nil.
func Check(v Verb, q Query) error {
	r, ok := rowOf[v]
	if !ok {
		return &Refusal{v, "no such action"}
	}
	return r.check(q)
}

// Permitted is Check without the status and its conditions: whether the
// level and role may use the verb at all for mail of a direction.
func Permitted(v Verb, d mail.Direction, l Level, role Role, domainForce bool) error {
	r, ok := rowOf[v]
	if !ok {
		return &Refusal{v, "no such action"}
	}
	return r.permitted(Query{Direction: d, Level: l, Role: role, Conditions: Conditions{DomainForce: domainForce}})
}

// Statuses are those the verb is for, conditions aside.
func (v Verb) Statuses() []mail.Status {
	if r, ok := rowOf[v]; ok {
		return r.statuses()
	}
	return nil
}

func (r *row) check(q Query) error {
	if err := r.permitted(q); err != nil {
		return err
	}
	if q.Sealed && r.unseals() {
		return &Refusal{r.verb, sealed}
	}
	cell := r.cell(q.Status)
	switch cell {
	case "*":
		return nil
	case "-":
		return &Refusal{r.verb, r.wrongStatus(q.Status)}
	}
	for _, c := range cell {
		if q.holds(c) {
			return nil
		}
	}
	return &Refusal{r.verb, missing(cell)}
}

// sealed says why, at every level: whoever reads a link that signs somebody in,
// or releases their mail, acts as them.
const sealed = "the gateway wrote it for its recipient alone, as links to sign in or to release mail are: nobody else is shown it, and it is sent nowhere else"

// unseals reports verbs that show a message's content to somebody, or send it
// elsewhere than to its recipients by the way that policy has.
func (r *row) unseals() bool {
	switch r.verb {
	case Copy, Reroute, RedeliverArchived, Reply, TrainSpam, ReleaseTrain, RemoveTrain:
		return true
	}
	return r.kind == content
}

func (r *row) permitted(q Query) error {
	refuse := func(format string, a ...any) error { return &Refusal{r.verb, fmt.Sprintf(format, a...)} }
	if r.dir != "" && q.Direction != r.dir {
		return refuse("only for %s mail", r.dir)
	}
	if !q.Role.may(r.kind) {
		return refuse("the role %s may not do this", q.Role)
	}
	switch q.Level {
	case LevelAdmin:
		return nil
	case LevelDomain:
		if r.who == ownInbound && q.Direction != mail.Inbound {
			return refuse("outgoing mail is decided by an administrator")
		}
		if r.who == forcing && !q.DomainForce {
			return refuse("needs an administrator, as the tenant does not let its own operators force stalled mail")
		}
		return nil
	case LevelMailbox:
		if r.who == ownInbound && q.Direction != mail.Inbound {
			return refuse("outgoing mail is decided by an administrator")
		}
		if r.who == domainUp || r.who == forcing {
			return refuse("needs an operator of the domain or an administrator")
		}
		if q.Original && (r.verb == Release || r.verb == ReleaseTrain) {
			return refuse("a filter took something out of it; needs an operator of the domain or an administrator")
		}
		return nil
	}
	return refuse("no level given")
}

func (r *row) wrongStatus(s mail.Status) string {
	var names []string
	for _, f := range r.statuses() {
		names = append(names, string(f))
	}
	if s == "" {
		s = "without status"
	}
	text := fmt.Sprintf("the recipient is %s; this is for %s", s, strings.Join(names, ", "))
	switch {
	case s == mail.StatusStalled && slices.Contains([]Verb{Retry, Release, RemoveQuarantined}, r.verb):
		text += "; stalled mail is scanned again (retry-stalled), forced or deleted (delete-stalled)"
	case s == mail.StatusQuarantined && r.verb == Remove:
		text += "; take it out of quarantine with remove-quarantined"
	}
	return text
}

func (q Query) holds(c rune) bool {
	switch c {
	case 'a':
		return q.Archived
	case 'n':
		return q.Sender
	case 'k':
		return q.Body
	case 'c':
		return q.Classes
	case 't':
		return q.Attempts
	case 'i':
		return q.Identity
	case 'h':
		return q.Hold
	}
	return false
}

func missing(cell string) string {
	words := map[rune]string{
		'a': "there is no archived copy that you may read",
		'n': "the sender is <>, which is never written to",
		'k': "the body is no longer kept",
		'c': "show the class columns first",
		't': "no attempt was made",
		'i': "no identity is known for it",
		'h': "no filter holds it",
	}
	var out []string
	for _, c := range cell {
		out = append(out, words[c])
	}
	return strings.Join(out, ", and ")
}
