package daemon

import (
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/queue"
)

// composer makes what the gateway writes itself, by the policy of now.
func (d *Daemon) composer() *queue.Composer {
	return &queue.Composer{Store: d.store, Policy: d.snaps.policy, Now: d.o.Now, Logger: d.log}
}

// newPayer makes notices that are owed, as composer does.
func (d *Daemon) newPayer() *notify.Payer { return d.composer().Payer() }
