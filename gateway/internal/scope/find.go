package scope

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Source is what Find looks into.
type Source interface {
	Resolve(ctx context.Context, prefix string) (mail.ID, error)
	Get(ctx context.Context, id mail.ID) (*store.Message, error)
}

// Find loads a message by its ID, the unique start of it, or a recipient's
// ID.n (n is 0 where none was given). Its recipients are those the scope
// sees. What the scope does not see is store.ErrNotFound, as if it were not
// there; store.ErrAmbiguous is for administrators.
func (s Scope) Find(ctx context.Context, from Source, text string) (m *store.Message, n int, err error) {
	prefix, tail, dotted := strings.Cut(strings.TrimSpace(text), ".")
	if dotted {
		if n, err = strconv.Atoi(tail); err != nil || n < 1 {
			return nil, 0, fmt.Errorf("%.60q: what follows the dot is a recipient's number, such as .1: %w", text, store.ErrNotFound)
		}
	}
	notFound := fmt.Errorf("message %.60q: %w", text, store.ErrNotFound)
	id, err := mail.ParseID(prefix)
	if err != nil {
		id, err = from.Resolve(ctx, prefix)
		if errors.Is(err, store.ErrAmbiguous) && s.Level != lifecycle.LevelAdmin {
			// The candidates it names may be somebody else's.
			return nil, 0, fmt.Errorf("message %.60q: give the whole ID: %w", text, store.ErrNotFound)
		}
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

// View is the message with only those recipients that the scope sees. The
// original is not changed.
func (s Scope) View(m *store.Message) *store.Message {
	c := *m
	c.Recipients = nil
	for i := range m.Recipients {
		if s.Sees(m, &m.Recipients[i]) {
			c.Recipients = append(c.Recipients, m.Recipients[i])
		}
	}
	return &c
}

func recipient(m *store.Message, n int) *store.Recipient {
	for i := range m.Recipients {
		if m.Recipients[i].N == n {
			return &m.Recipients[i]
		}
	}
	return nil
}
