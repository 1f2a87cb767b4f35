// Package badgerfiles mends what a crash can leave of Badger's files so that
// Badger itself does not open them. It is not for reading or changing data.
package badgerfiles

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// DropHalfMade removes logs that the last process had made and not yet given
// their size when it was killed or the power failed. Badger v4.9.6 takes such
// a file for a new one, makes it, and then does not open (z.NewFile from
// logFile.open, which neither valueLog.open nor openMemTables expects of a
// file they have found). An empty log holds nothing. Call it before Badger
// opens dir, with dir locked or otherwise sure to be nobody else's.
func DropHalfMade(dir string) error {
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
