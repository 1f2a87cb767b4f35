package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// daySize is what a day's folder holds, as it was when it last changed.
type daySize struct {
	changed time.Time
	size    Size
}

// Size is so many copies and the octets that they take on the disk.
type Size struct {
	Copies int
	Octets int64
}

func (s *Size) add(o Size) { s.Copies, s.Octets = s.Copies+o.Copies, s.Octets+o.Octets }

// Usage is what each tenant's archive takes. Folders that have not changed since
// the last time are not read again.
func (a *Archive) Usage(ctx context.Context) (map[string]Size, error) {
	tenants, err := a.Tenants()
	if err != nil {
		return nil, err
	}
	out := map[string]Size{}
	for _, t := range tenants {
		var sum Size
		err := a.days(ctx, t, func(dir string) error {
			s, err := a.day(dir)
			sum.add(s)
			return err
		})
		if err != nil {
			return nil, err
		}
		out[t] = sum
	}
	return out, nil
}

// days calls do with every day's folder of a tenant, oldest first.
func (a *Archive) days(ctx context.Context, tenant string, do func(dir string) error) error {
	dirs, err := filepath.Glob(filepath.Join(a.o.Dir, "mail", tenant, "[0-9]*", "[0-9]*", "[0-9]*"))
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	for _, d := range dirs {
		if err := errors.Join(ctx.Err(), do(d)); err != nil {
			return err
		}
	}
	return nil
}

func (a *Archive) day(dir string) (Size, error) {
	fi, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Size{}, nil
	}
	if err != nil {
		return Size{}, fmt.Errorf("archive: %w", err)
	}
	a.mu.Lock()
	known, ok := a.sizes[dir]
	a.mu.Unlock()
	if ok && known.changed.Equal(fi.ModTime()) {
		return known.size, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return Size{}, fmt.Errorf("archive: %w", err)
	}
	var s Size
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() { // else just deleted
			s.add(Size{1, info.Size()})
		}
	}
	if time.Since(fi.ModTime()) > time.Minute { // what changes within one tick of the disk's clock does not show
		a.mu.Lock()
		a.sizes[dir] = daySize{fi.ModTime(), s}
		a.mu.Unlock()
	}
	return s, nil
}
