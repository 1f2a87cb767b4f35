package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Whoever ends a recipient outside of a Settle (an operator, the keeper)
// cannot write the sender's DSN in the same commit. It writes there that the
// DSN is owed; Payer makes it then, and the debt goes when it is durable. A
// crash in between leaves the debt, and the DSN's ID makes it once.

// noteDebt is the key in a recipient's notes. No plugin block can be named so:
// their names begin with a letter.
const noteDebt = "_.dsn"

// Owe marks that r's sender is to be told, and why. The caller keeps
// HasBody: Payer lets the body go.
func Owe(r *store.Recipient, c Cause, actor string) {
	notes := maps.Clone(r.Notes)
	if notes == nil {
		notes = map[string]string{}
	}
	notes[noteDebt] = string(c) + " " + actor
	r.Notes = notes
}

// Forgive takes back what Owe noted: the recipient is tried again after all.
func Forgive(r *store.Recipient) {
	if r.Notes[noteDebt] != "" {
		r.Notes = maps.Clone(r.Notes)
		delete(r.Notes, noteDebt)
	}
}

// Owes reports whether a DSN is owed for any recipient.
func Owes(m *store.Message) bool {
	return slices.ContainsFunc(m.Recipients, func(r store.Recipient) bool { return r.Notes[noteDebt] != "" })
}

// Payer makes the DSNs that are owed. It is safe in parallel.
type Payer struct {
	Store    store.Store
	Hostname func() string    // as Options has it
	Clock    func() time.Time // nil: time.Now
	// Route names tenant, route, next hop and schedule of a recipient of mail
	// made here, from the policy; nil leaves them to the queue.
	Route func(m *store.Message, r *store.Recipient) error
}

// Pay makes what is owed for a message; nil when nothing is. After an error
// the debt stands, and Pay may be called again.
func (p *Payer) Pay(ctx context.Context, id mail.ID) error {
	m, err := p.Store.Get(ctx, id)
	if err != nil {
		return fmt.Errorf("notifying the sender of %s: %w", id, err)
	}
	owed := map[string][]store.Recipient{}
	paid := map[int]string{} // by recipient: another's debt may come up meanwhile
	for _, r := range m.Recipients {
		if d := r.Notes[noteDebt]; d != "" {
			owed[d] = append(owed[d], r)
			paid[r.N] = d
		}
	}
	if len(owed) == 0 {
		return nil
	}
	for _, d := range slices.Sorted(maps.Keys(owed)) {
		if err := p.make(ctx, m, d, owed[d]); err != nil && !errors.Is(err, ErrNullSender) {
			return fmt.Errorf("notifying the sender of %s: %w", id, err)
		}
	}
	err = p.Store.Update(ctx, id, func(m *store.Message) ([]mail.Event, error) {
		for i := range m.Recipients {
			r := &m.Recipients[i]
			if d := r.Notes[noteDebt]; d != "" && d == paid[r.N] {
				r.Notes = maps.Clone(r.Notes)
				delete(r.Notes, noteDebt)
			}
		}
		if Final(m) && !Owes(m) {
			m.HasBody = false
		}
		return nil, nil
	})
	if err != nil {
		return fmt.Errorf("notifying the sender of %s: %w", id, err)
	}
	return nil
}

func (p *Payer) make(ctx context.Context, m *store.Message, debt string, about []store.Recipient) error {
	o := Options{Hostname: p.Hostname(), Now: time.Now()}
	if p.Clock != nil {
		o.Now = p.Clock()
	}
	cause, actor, _ := strings.Cut(debt, " ")
	o.Cause = Cause(cause)
	attempts, err := p.Store.Attempts(ctx, m.ID)
	if err != nil {
		return err
	}
	original, err := p.Store.OpenBody(ctx, m.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		original = nil
	case err != nil:
		return err
	default:
		defer original.Close()
	}
	made, body, err := FailureDSN(m, about, attempts, o, original)
	if err != nil {
		return err
	}
	if p.Route != nil {
		for i := range made.Recipients {
			if err := p.Route(made, &made.Recipients[i]); err != nil {
				return fmt.Errorf("routing the notification: %w", err)
			}
		}
	}
	a, err := Admission(ctx, p.Store, made, body, Events(made, m, about, actor, o.Now))
	if err != nil {
		return err
	}
	defer a.Draft.Discard()
	_, err = p.Store.Enqueue(ctx, a)
	return err
}

// Final reports whether no recipient is left to work on.
func Final(m *store.Message) bool {
	return !slices.ContainsFunc(m.Recipients, func(r store.Recipient) bool { return r.Status.Live() })
}
