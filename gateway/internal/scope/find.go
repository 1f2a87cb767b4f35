package scope

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Source is what Find looks into.
type Source interface {
	Resolve(ctx context.Context, prefix string) (mail.ID, error)
	Get(ctx context.Context, id mail.ID) (*store.Message, error)
	Search(ctx context.Context, f query.Filter, cursor string, limit int) ([]store.Row, string, error)
}

// Find loads a message by its ID, the unique start of it, or a recipient's
// ID.n (n is 0 where none was given). Its recipients are those the scope
// sees. What the scope does not see is store.ErrNotFound, as if it were not
// there; and a beginning is store.ErrAmbiguous only where the scope sees more
// than one message that begins so.
func (s Scope) Find(ctx context.Context, from Source, text string) (m *store.Message, n int, err error) {
	prefix, tail, dotted := strings.Cut(strings.TrimSpace(text), ".")
	if dotted {
		if n, err = strconv.Atoi(tail); err != nil || n < 1 {
			return nil, 0, fmt.Errorf("%.60q: what follows the dot is a recipient's number, such as .1: %w", text, store.ErrNotFound)
		}
	}
	notFound := fmt.Errorf("message %.60q: %w", text, store.ErrNotFound)
	id, err := mail.ParseID(prefix)
	switch {
	case err == nil:
	case s.Everything():
		id, err = from.Resolve(ctx, prefix)
	default:
		id, err = s.resolve(ctx, from, prefix)
	}
	if err == nil {
		m, err = from.Get(ctx, id)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, notFound
	}
	if err != nil {
		return nil, 0, fmt.Errorf("look up message %.60q: %w", text, err)
	}
	m = s.View(m)
	if len(m.Recipients) == 0 || n > 0 && recipient(m, n) == nil {
		return nil, 0, notFound
	}
	return m, n, nil
}

// resolve completes the beginning of an ID among what the scope sees: whether
// somebody else's mail begins so, too, is not told.
func (s Scope) resolve(ctx context.Context, from Source, prefix string) (mail.ID, error) {
	notFound := fmt.Errorf("message %.60q: %w", prefix, store.ErrNotFound)
	f := query.Where("id", query.Is, prefix)
	if f.Validate() != nil {
		return mail.ID{}, notFound
	}
	f = s.Restrict(f)
	var found mail.ID
	for cursor := ""; ; {
		const page = 100
		rows, next, err := from.Search(ctx, f, cursor, page)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return mail.ID{}, err
		}
		for _, r := range rows {
			switch id := r.Message.ID; {
			case !s.Sees(r.Message, r.Recipient) || id == found:
			case found.IsZero():
				found = id
			default:
				return mail.ID{}, fmt.Errorf("%w: %q could be %s or %s; give more characters", store.ErrAmbiguous, prefix, id, found)
			}
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	if found.IsZero() {
		return found, notFound
	}
	return found, nil
}

// View is the message with only those recipients that the scope sees, and what
// hosts said of them without the names of the others. The original is not changed.
func (s Scope) View(m *store.Message) *store.Message {
	c := *m
	c.Recipients = nil
	for i := range m.Recipients {
		if s.Sees(m, &m.Recipients[i]) {
			c.Recipients = append(c.Recipients, m.Recipients[i])
		}
	}
	if len(c.Recipients) < len(m.Recipients) { // how often the others were tried is theirs
		c.Attempts = 0
		others := Hide(m, &c)
		for i := range c.Recipients {
			r := &c.Recipients[i]
			c.Attempts = max(c.Attempts, r.Attempts)
			r.Last, r.Reason = others.Reply(r.Last), others.Text(r.Reason)
		}
	}
	return &c
}

// Events are those of a message's events that the scope may read: of the message
// as a whole, and of the recipients that it sees, without the names of the others.
// m is the whole message: of what View gave, it is not known who is left out.
func (s Scope) Events(m *store.Message, es []mail.Event) []mail.Event {
	if s.Everything() {
		return es
	}
	seen := s.View(m)
	others := Hide(m, seen)
	var out []mail.Event
	for _, e := range es {
		if about(seen, &e) {
			e.Reply, e.Text = others.Reply(e.Reply), others.Text(e.Text)
			out = append(out, e)
		}
	}
	return out
}

// about reports whether an event is about a recipient of m, or none in particular.
func about(m *store.Message, e *mail.Event) bool {
	if e.N != 0 {
		return recipient(m, e.N) != nil
	}
	if e.Tenant != "" && !slices.ContainsFunc(m.Recipients, func(r store.Recipient) bool { return r.Tenant == e.Tenant }) {
		return false
	}
	return e.Recipient == "" || slices.ContainsFunc(m.Recipients, func(r store.Recipient) bool {
		return r.Address.String() == e.Recipient || r.Original.String() == e.Recipient
	})
}

func recipient(m *store.Message, n int) *store.Recipient {
	for i := range m.Recipients {
		if m.Recipients[i].N == n {
			return &m.Recipients[i]
		}
	}
	return nil
}
