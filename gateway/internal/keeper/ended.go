package keeper

import (
	"context"
	"maps"
	"slices"

	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/store"
)

// endedAtOnce is how many messages one sweep tells administrators of; what is
// left has its turn in the next.
const endedAtOnce = 1000

// ended gathers, over one sweep, what administrators are owed word of: held
// mail that nobody decided on (B136, B137). They get one notice for all of it.
// The debt is in the records, so that nothing of it is lost with the process.
type ended struct {
	by map[string][]notify.Ended // by tenant
	n  int
}

// add notes what of a message is owed, as long as there is room.
func (e *ended) add(m *store.Message) {
	mine := map[string][]store.Recipient{}
	for _, r := range m.Recipients {
		if notify.OwesKind(&r, notify.KindExpired) {
			mine[r.Tenant] = append(mine[r.Tenant], r)
		}
	}
	if len(mine) == 0 || e.n >= endedAtOnce {
		return
	}
	e.n++
	if e.by == nil {
		e.by = map[string][]notify.Ended{}
	}
	for tenant, rs := range mine {
		e.by[tenant] = append(e.by[tenant], notify.Ended{Message: m, Recipients: rs})
	}
}

// tellEnded makes the notices. An error leaves the debt to the next sweep.
func (k *Keeper) tellEnded(ctx context.Context, e *ended, st *Stats) (more bool, err error) {
	if k.o.Payer == nil {
		return false, nil
	}
	for _, tenant := range slices.Sorted(maps.Keys(e.by)) {
		if err := k.o.Payer.Expired(ctx, tenant, e.by[tenant]); err != nil {
			if ctx.Err() != nil {
				return false, err
			}
			st.Errors++
			k.o.Logger.Warn("administrators could not be told of mail that has ended; it is tried again", "tenant", tenant, "error", err)
			continue
		}
		st.Told++
	}
	return e.n >= endedAtOnce && st.Errors == 0, nil
}
