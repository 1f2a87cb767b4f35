package tasks

import (
	"context"
	"fmt"
	"slices"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Teach has every plugin that learns taught recipients of one message as "spam"
// or "ham" (B54–B56), and says what each made of it. It is what package actions
// calls for the verbs that train. A plugin that a tenant does not use is not
// asked for it; an error means that nobody was.
func (s *Service) Teach(ctx context.Context, sc scope.Scope, as string, m *store.Message, ns []int) ([]actions.Taught, error) {
	ids := make([]string, len(ns))
	for i, n := range ns {
		ids[i] = fmt.Sprintf("%s.%d", m.ID, n)
	}
	out, err := s.Act(ctx, sc, Order{Train: as, IDs: ids})
	if err != nil {
		return nil, err
	}
	var said []actions.Taught
	for _, it := range out.Items {
		t := actions.Taught{Plugin: it.Plugin, Text: it.Text, Error: it.Error}
		for i := range m.Recipients {
			r := &m.Recipients[i]
			if slices.Contains(ns, r.N) && (it.ID == m.ID.String() && slices.Contains(it.Recipients, r.Address.String()) || it.ID == fmt.Sprintf("%s.%d", m.ID, r.N)) {
				t.NS = append(t.NS, r.N)
			}
		}
		said = append(said, t)
	}
	return said, nil
}
