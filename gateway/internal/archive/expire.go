package archive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// errNothing ends an Update that turned out not to be needed.
var errNothing = errors.New("nothing to do")

// Expire deletes a tenant's copy of a message, whose time is over, unless a legal
// hold keeps it. It reports whether there was one to delete.
func (a *Archive) Expire(ctx context.Context, tenant string, id mail.ID, now time.Time) (bool, error) {
	return a.end(ctx, tenant, id, true, mail.Event{At: now, Text: "deleted from the archive: its time is over"})
}

// end takes a tenant's recipients of a message out of the archive, and deletes the copy.
func (a *Archive) end(ctx context.Context, tenant string, id mail.ID, asked bool, like mail.Event) (bool, error) {
	held, done := a.Deleting()
	defer done()
	err := a.o.Store.Update(ctx, id, func(m *store.Message) ([]mail.Event, error) {
		var events []mail.Event
		for i := range m.Recipients {
			r := &m.Recipients[i]
			if r.Tenant != tenant || !r.Archived {
				continue
			}
			if asked && held(m, r) != nil {
				return nil, errNothing
			}
			e := like
			e.Type, e.Message, e.N, e.Tenant, e.Direction = mail.EventArchive, id, r.N, tenant, m.Direction
			e.Sender, e.Recipient, e.Status, e.Class = m.Sender.String(), r.Address.String(), r.Status, r.Class.String()
			events = append(events, e)
		}
		if len(events) == 0 {
			return nil, errNothing
		}
		for i := range m.Recipients {
			if r := &m.Recipients[i]; r.Tenant == tenant && r.Archived {
				r.Archived, r.NoArchive = false, true
			}
		}
		return events, nil
	})
	if errors.Is(err, errNothing) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("archive: %w", err)
	}
	return true, a.Forget(ctx, id)
}
