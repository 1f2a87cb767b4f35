package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// recover settles what the last process left among the incoming copies: one with
// a record goes to its place, one without is of a message that was never taken.
func (a *Archive) recover(ctx context.Context) error {
	dir := filepath.Join(a.o.Dir, "incoming")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tmpStart) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("archive: %w", err)
			}
			continue
		}
		text, tenant, _ := strings.Cut(e.Name(), ".")
		id, err := mail.ParseID(text)
		if err != nil || !validTenant(tenant) {
			a.o.Logger.Warn("a file that is no archived copy lies in the archive", "file", filepath.Join(dir, e.Name()))
			continue
		}
		if err := a.settle(ctx, place{tenant, id}); err != nil {
			return err
		}
	}
	return nil
}

func (a *Archive) settle(ctx context.Context, p place) error {
	m, err := a.o.Store.Get(ctx, p.id)
	switch {
	case err == nil && archivedIn(m)[p.tenant]:
		return a.file(p)
	case err == nil, errors.Is(err, store.ErrNotFound):
		if _, err := os.Stat(a.filed(p)); err == nil {
			return os.Remove(a.incoming(p))
		}
		a.o.Logger.Info("a copy of a message that was not taken is removed from the archive", "message", p.id.String(), "tenant", p.tenant)
		return a.drop(p)
	}
	return fmt.Errorf("archive: %w", err)
}
