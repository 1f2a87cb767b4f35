package notify

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/store"
)

// Whoever changes a recipient outside of a Settle (an operator, the keeper, a
// message that is just being taken) cannot write a notice in the same commit.
// It writes there that the notice is owed; Payer makes it then, and the debt
// goes when it is durable. So no notice is made of what was not recorded, and
// a crash in between leaves the debt, whose ID makes the notice once.

// noteDebt is the key in a recipient's notes, for failure; other kinds stand
// behind a dot. No plugin block can be named so: their names begin with a
// letter.
const noteDebt = "_.dsn"

func debtKey(kind string) string {
	if kind == KindFailed {
		return noteDebt
	}
	return noteDebt + "." + kind
}

// debt is one notice that is owed.
type debt struct {
	kind  string
	cause Cause
	since time.Time // when it came to be owed; zero: by the recipient's last change
	actor string
}

func (d debt) String() string {
	s := string(d.cause)
	if !d.since.IsZero() {
		s += "@" + strconv.FormatInt(d.since.UnixNano(), 10)
	}
	return s + " " + d.actor
}

func readDebt(kind, s string) debt {
	d := debt{kind: kind}
	s, d.actor, _ = strings.Cut(s, " ")
	s, at, dated := strings.Cut(s, "@")
	d.cause = Cause(s)
	if ns, err := strconv.ParseInt(at, 10, 64); dated && err == nil {
		d.since = time.Unix(0, ns)
	}
	return d
}

// debts are what is owed for a recipient, by key.
func debts(r *store.Recipient) map[string]debt {
	var out map[string]debt
	for k, v := range r.Notes {
		kind, ok := KindFailed, k == noteDebt
		if !ok {
			kind, ok = strings.CutPrefix(k, noteDebt+".")
		}
		if ok && v != "" {
			if out == nil {
				out = map[string]debt{}
			}
			out[k] = readDebt(kind, v)
		}
	}
	return out
}

// Owe marks that r's sender is to be told of a failure, and why. The caller
// keeps HasBody: Payer lets the body go.
func Owe(r *store.Recipient, c Cause, actor string) {
	owe(r, debt{kind: KindFailed, cause: c, actor: actor})
}

// OweKind marks that a notice of a kind is to be made about r, and since when.
// Those to administrators (KindStalled, KindExpired) are debts like any other.
func OweKind(r *store.Recipient, kind string, c Cause, since time.Time) {
	owe(r, debt{kind: kind, cause: c, since: since})
}

func owe(r *store.Recipient, d debt) {
	notes := maps.Clone(r.Notes)
	if notes == nil {
		notes = map[string]string{}
	}
	notes[debtKey(d.kind)] = d.String()
	r.Notes = notes
}

// Forgive takes back what Owe noted: the recipient is tried again after all.
func Forgive(r *store.Recipient) {
	forget(r, debtKey(KindFailed), debtKey(KindDelayed), debtKey(KindExpired))
}

func forget(r *store.Recipient, keys ...string) {
	if !slices.ContainsFunc(keys, func(k string) bool { return r.Notes[k] != "" }) {
		return
	}
	r.Notes = maps.Clone(r.Notes)
	for _, k := range keys {
		delete(r.Notes, k)
	}
}

// KeepDebts are the notes of a new judgement, with what is owed by the old ones.
func KeepDebts(old, now map[string]string) map[string]string {
	cloned := false
	for k, v := range old {
		if !strings.HasPrefix(k, noteDebt) {
			continue
		}
		if !cloned {
			if now = maps.Clone(now); now == nil {
				now = map[string]string{}
			}
			cloned = true
		}
		now[k] = v
	}
	return now
}

// Owes reports whether a notice is owed for any recipient.
func Owes(m *store.Message) bool {
	return slices.ContainsFunc(m.Recipients, func(r store.Recipient) bool { return len(debts(&r)) > 0 })
}
