package badgerstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// dropHalfMade removes logs that the last process had made and not yet given
// their size when it was killed or the power failed. Badger v4.9.6 takes such
// a file for a new one, makes it, and then does not open (z.NewFile from
// logFile.open, which neither valueLog.open nor openMemTables expects of a
// file they have found). An empty log holds nothing.
func dropHalfMade(dir string) error {
	for _, kind := range []string{"*.mem", "*.vlog"} {
		names, err := filepath.Glob(filepath.Join(dir, kind))
		if err != nil {
			return fmt.Errorf("look for half-made logs: %w", err)
		}
		for _, n := range names {
			fi, err := os.Lstat(n)
			if err == nil && fi.Mode().IsRegular() && fi.Size() == 0 {
				err = os.Remove(n)
			}
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("remove half-made log: %w", err)
			}
		}
	}
	return nil
}
