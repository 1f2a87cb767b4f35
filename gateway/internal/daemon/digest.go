package daemon

import (
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/digest"
	"github.com/mailweir/weir/gateway/internal/journal"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/signed"
)

// linkKey is the name, in data_dir, of the key that signs the links of digests.
const linkKey = "links.key"

// openMailings makes what sends digests and reports by the clock. It wants the
// store, the actions and the audit log.
func (d *Daemon) openMailings(dir string, payer *notify.Payer) error {
	key, err := signed.LoadOrCreateKey(dir, linkKey)
	if err != nil {
		return err
	}
	signer, err := signed.New(key, d.o.Now)
	if err != nil {
		return err
	}
	d.mailings = digest.New(digest.Options{
		Policy: d.snaps.policy, Log: journal.New(journal.Options{Store: d.store, Clock: d.o.Now, Phases: d.phases}), Docs: d.store, Verbs: d.actions,
		Payer: payer, Signer: signer, Audit: d.audit, Clock: keeperClock{d.o.Now, d.o.After}, Logger: d.log,
		Table: func(columns []string, zone *time.Location) digest.Table {
			return api.Columns{Names: columns, Zone: zone}
		},
	})
	return nil
}
