package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mailweir/weir/gateway/internal/atomicfile"
)

// makeDirs makes a folder and those above it, for the owner alone, and has each
// new one's entry on the disk when it returns.
func makeDirs(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	up := filepath.Dir(dir)
	if up != dir {
		if err := makeDirs(up); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fullOr(fmt.Errorf("archive: %w", err))
	}
	return syncDir(up)
}

func syncDir(dir string) error {
	if err := atomicfile.SyncDir(dir); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

// writeNew makes a small file, mode 0600, that was not there. Its entry is on
// the disk when it returns. fs.ErrExist.
func writeNew(path string, b []byte) error {
	return fullOr(atomicfile.Write(path, b, atomicfile.Options{New: true}))
}

// tmpStart begins the names of what is not finished.
const tmpStart = atomicfile.Prefix
