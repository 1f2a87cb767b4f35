package journal

import (
	"context"
	"fmt"

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
	if sc.Everything() {
		return es, nil
	}
	whole, err := l.o.Store.Get(ctx, m.ID)
	if err != nil {
		return nil, fmt.Errorf("events of %s: %w", m.ID, err)
	}
	return sc.Events(m, sc.Events(whole, es)), nil // m may be one recipient alone
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
	d := newRedactor(whole, m)
	for _, a := range as {
		if a, ok := d.attempt(a); ok {
			out = append(out, a)
		}
	}
	return out, nil
}
