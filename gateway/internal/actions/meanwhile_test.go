package actions

import (
	"context"
	"testing"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// late is a store in which something happens between a row's being found and
// its turn.
type late struct {
	store.Store
	meanwhile func()
}

func (l late) Each(ctx context.Context, f query.Filter, do func(store.Row) error) error {
	var rows []store.Row
	err := l.Store.Each(ctx, f, func(r store.Row) error { rows = append(rows, r); return nil })
	if err != nil {
		return err
	}
	l.meanwhile()
	for _, r := range rows {
		if err := do(r); err != nil {
			return err
		}
	}
	return nil
}

// What bounced after a filter found it queued is not queued again by a retry
// of what is queued, though its body is kept (B47, B132).
func TestB47_retry_by_a_filter_leaves_what_bounced_meanwhile(t *testing.T) {
	h := newHouse(t)
	m := h.put(mail.Outbound, "s@acme.test", "a@far.test queued", "b@far.test queued")
	h.Store = late{h.st, func() {
		err := h.st.Update(t.Context(), m.ID, func(m *store.Message) ([]mail.Event, error) {
			m.Recipients[0].Status = mail.StatusBounced
			return nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}}
	res, err := h.Do(t.Context(), scope.Admin("ann"), lifecycle.Retry, Selection{Filter: query.Where("status", query.Is, "queued")}, Args{})
	if err != nil || res.Changed != 1 {
		t.Errorf("%+v, %v", res, err)
	}
	got, err := h.st.Get(t.Context(), m.ID)
	if err != nil {
		t.Fatal(err)
	}
	if r := got.Recipients; r[0].Status != mail.StatusBounced || r[1].Status != mail.StatusQueued || !r[1].Manual {
		t.Errorf("%+v", r)
	}
	// By name it is what an operator means (B132).
	if res, err = h.Do(t.Context(), scope.Admin("ann"), lifecycle.Retry, Selection{IDs: []string{rid(m, 1)}}, Args{}); err != nil || res.Changed != 1 {
		t.Errorf("%+v, %v", res, err)
	}
}
