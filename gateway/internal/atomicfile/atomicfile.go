// Package atomicfile puts files in their places whole: a reader, another process
// or the next start finds a file as it was or as it is to be, never half of it,
// also after a power cut.
//
// It is not for what grows (a log, a segment) nor for mail on its way in, whose
// files are synced in groups (package badgerstore).
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Prefix begins the names of files that are not finished. They stand in the
// folder of what they become, and are left there by a crash only.
const Prefix = ".tmp-"

// Options say what kind of file it is.
type Options struct {
	Mode   fs.FileMode // exactly so, whatever the umask; 0: 0600
	New    bool        // the name must be free: fs.ErrExist where it is not
	NoSync bool        // do not wait for the disk: a power cut may lose or empty the file
}

// Write puts a file with this content at path. Where it returns an error, what
// was at path is as before, but for an error of the last step, the sync of the
// folder: then the new file is there, and may not outlast a power cut. In place
// of a symbolic link, the link itself is replaced.
func Write(path string, content []byte, o Options) error {
	return WriteFrom(path, o, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// WriteFrom is Write with what write writes. An error of write comes back as it
// is, and nothing has happened then. With New, write is not called where the
// name is taken.
func WriteFrom(path string, o Options, write func(io.Writer) error) error {
	if o.New {
		if _, err := os.Lstat(path); err == nil {
			return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
		}
	}
	if o.Mode == 0 {
		o.Mode = 0o600
	}
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, Prefix+"*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // in vain where it became the file
	err = write(tmp)
	if err == nil {
		err = tmp.Chmod(o.Mode)
	}
	if err == nil && !o.NoSync {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return unjoined(err)
	}
	if o.New {
		err = claim(tmp.Name(), path)
	} else {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil || o.NoSync {
		return err
	}
	return SyncDir(dir)
}

// unjoined is the one error where there is but one, so that callers may compare
// it.
func unjoined(err error) error {
	if all, ok := err.(interface{ Unwrap() []error }); ok && len(all.Unwrap()) == 1 {
		return all.Unwrap()[0]
	}
	return err
}

// Tests have them fail as on file systems that lack them.
var (
	link      = os.Link
	renameNew = renameFree
)

// claim gives a finished file a name that is free. fs.ErrExist.
func claim(tmp, path string) error {
	err := link(tmp, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	// A file system without hard links. Taking the name first is the last resort:
	// a crash in between leaves an empty file.
	if err = renameNew(tmp, path); err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), os.Rename(tmp, path)); err != nil {
		os.Remove(path)
		return err
	}
	return nil
}

// SyncDir makes the names in a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
