package daemon

import (
	"context"
	"path/filepath"

	"github.com/mailweir/weir/gateway/internal/archive"
	"github.com/mailweir/weir/policy"
)

// openArchive opens the tenants' archives. A key that is missing ends the start:
// what would be archived could not be, or not be read again.
func (d *Daemon) openArchive(ctx context.Context, g policy.Gateway) (err error) {
	o := archive.Options{Dir: g.Archive.Dir, KeyFile: g.Archive.KeyFile, OwnKey: g.Archive.KeyFile == "", Store: d.store, MinFree: g.Watermark, Clock: d.o.Now, Logger: d.log}
	if o.Dir == "" {
		o.Dir = filepath.Join(g.DataDir, "archive")
	}
	if o.OwnKey {
		o.KeyFile = filepath.Join(g.DataDir, "archive.key")
	}
	d.archive, err = archive.Open(ctx, o)
	return err
}
