package keeper

import (
	"context"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Archive is what the keeper asks of the tenants' archives (B81).
type Archive interface {
	// Times is how long each tenant keeps its copies, from when the message came
	// in. The copies of tenants that are not named are left alone: of one that is
	// gone from the policy nothing is deleted by mistake.
	Times() map[string]time.Duration
	// Expire deletes a tenant's copy of a message unless a legal hold keeps it,
	// and reports whether it did.
	Expire(ctx context.Context, tenant string, id mail.ID, now time.Time) (bool, error)
}

// archive deletes the copies whose time is over.
func (k *Keeper) archive(ctx context.Context, now time.Time, st *Stats) (more bool, err error) {
	if k.o.Archive == nil {
		return false, nil
	}
	for tenant, keep := range k.o.Archive.Times() {
		over := query.And(query.Where("tenant", query.Is, tenant), query.Where("archived", query.Is, "yes"),
			query.Where("received", query.Before, now.Add(-keep).UTC().Format(time.RFC3339Nano)))
		left, err := k.each(ctx, over, st, func(m *store.Message) (bool, error) {
			gone, err := k.o.Archive.Expire(ctx, tenant, m.ID, now)
			if gone {
				st.Copies++
			}
			return gone, err
		})
		if err != nil {
			return more, err
		}
		more = more || left
	}
	return more, nil
}

// isArchived reports a message that is in an archive: its record is how it is
// found there, and stays as long.
func isArchived(m *store.Message) bool {
	for i := range m.Recipients {
		if m.Recipients[i].Archived {
			return true
		}
	}
	return false
}
