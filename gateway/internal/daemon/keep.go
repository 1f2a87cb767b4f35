package daemon

import (
	"context"
	"time"

	"github.com/mailweir/weir/gateway/internal/keeper"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/store"
)

// orphanLog is how long the log of a tenant is kept that is not in the policy
// any more.
const orphanLog = 32 * 24 * time.Hour

// newKeeper makes the keeper follow the policy of now, and tells those who end
// mail by the way what it keeps (B132).
func (d *Daemon) newKeeper(payer *notify.Payer) *keeper.Keeper {
	keepBody := func(m *store.Message) time.Duration { return queue.KeepBody(d.snaps.policy(), m.Recipients) }
	d.actions.KeepBody = func(m *store.Message) bool { return keepBody(m) > 0 }
	payer.Keep = d.actions.KeepBody
	return keeper.New(keeper.Options{
		Store: d.store, Payer: payer, Logger: d.log, Clock: keeperClock{d.o.Now, d.o.After}, Told: d.flow.HoldEvent, Known: queue.Authenticated,
		KeepBody: keepBody, Archive: archiveTimes{d},
		Least: func() time.Duration {
			least := orphanLog
			for _, t := range d.snaps.policy().Tenants() {
				least = min(least, t.Retain().Log)
			}
			return least
		},
		Retain: func(tenant string) time.Duration {
			if t, ok := d.snaps.policy().Tenant(tenant); ok {
				return t.Retain().Log
			}
			return orphanLog
		},
	})
}

type keeperClock struct {
	now   func() time.Time
	after func(time.Duration) <-chan time.Time
}

func (c keeperClock) Now() time.Time { return c.now() }

func (c keeperClock) Wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.after(d):
		return nil
	}
}
