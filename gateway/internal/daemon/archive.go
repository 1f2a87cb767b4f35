package daemon

import (
	"context"
	"path/filepath"
	"time"

	"github.com/mailweir/weir/gateway/internal/archive"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/policy"
)

// openArchive opens the tenants' archives. A key that is missing ends the start:
// what would be archived could not be, or not be read again.
func (d *Daemon) openArchive(ctx context.Context, g policy.Gateway) (err error) {
	o := archive.Options{Dir: g.Archive.Dir, KeyFile: g.Archive.KeyFile, OwnKey: g.Archive.KeyFile == "", Store: d.store, MinFree: d.store.Watermark(), Clock: d.o.Now, Logger: d.log}
	if o.Dir == "" {
		o.Dir = filepath.Join(g.DataDir, "archive")
	}
	if o.OwnKey {
		o.KeyFile = filepath.Join(g.DataDir, "archive.key")
	}
	d.archive, err = archive.Open(ctx, o)
	return err
}

// archiveTimes is the archive as the keeper sees it.
type archiveTimes struct{ d *Daemon }

// Times are those of the policy of now. Where it keeps none any more, what is
// there stays until somebody deletes it.
func (a archiveTimes) Times() map[string]time.Duration {
	out := map[string]time.Duration{}
	for _, t := range a.d.snaps.policy().Tenants() {
		if keep := t.Retain().Archive; keep > 0 {
			out[t.Name] = keep
		}
	}
	return out
}

func (a archiveTimes) Expire(ctx context.Context, tenant string, id mail.ID, now time.Time) (bool, error) {
	return a.d.archive.Expire(ctx, tenant, id, now)
}

// checkEvery is the time between two comparisons of copies and records.
const checkEvery = 24 * time.Hour

// watchArchive compares copies and records, at the start and every day, and says
// what is not as it should be. It repairs nothing: an operator looks first.
func (d *Daemon) watchArchive(ctx context.Context) {
	for {
		r, err := d.archive.Check(ctx, archive.CheckOptions{})
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			d.log.Error("checking the archives", "err", err)
		case len(r.Found) > 0:
			f := r.Found[0]
			d.log.Error("copies and records of the archives do not agree; see: weir archive check", "found", len(r.Found)+r.More, "tenant", f.Tenant, "message", f.Message, "first", f.What, "err", f.Error)
		}
		select {
		case <-ctx.Done():
			return
		case <-d.o.After(checkEvery):
		}
	}
}
