package atomicfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameFree renames a file to a name that is free (renameat2(2), RENAME_NOREPLACE).
// fs.ErrExist; any other error where the file system cannot.
func renameFree(from, to string) error {
	if err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}
