package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// File are JSON lines in a file.
type File struct {
	Path  string
	Size  int64            // octets after which it is begun anew
	Files int              // older ones that are kept
	Clock func() time.Time // nil: time.Now
}

// Open opens the file, making it where there is none with mode 0600. A line
// that a crash cut off is taken away: its event comes again.
func (o File) Open() (Output, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	f := &file{o: o}
	if err := f.open(); err != nil {
		return nil, err
	}
	return f, nil
}

type file struct {
	o    File
	f    *os.File
	size int64
}

func (f *file) open() (err error) {
	if st, err := os.Lstat(f.o.Path); err == nil && !st.Mode().IsRegular() {
		return fmt.Errorf("events are written to a plain file, and %s is none", f.o.Path)
	}
	h, err := os.OpenFile(f.o.Path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("opening the file for events: %w", err)
	}
	size, err := whole(h)
	if err == nil {
		err = h.Truncate(size)
	}
	if err != nil {
		_ = h.Close()
		return fmt.Errorf("opening the file for events: %w", err)
	}
	f.f, f.size = h, size
	return nil
}

// whole is how long a file is up to the end of its last whole line.
func whole(h *os.File) (int64, error) {
	end, err := h.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	buf := make([]byte, 64<<10)
	for end > 0 {
		n := min(end, int64(len(buf)))
		if _, err := h.ReadAt(buf[:n], end-n); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return end - n + int64(i) + 1, nil
		}
		end -= n
	}
	return 0, nil
}

// Write appends a batch and syncs it. After an error nothing of the batch is
// in the file, as far as that can be had.
func (f *file) Write(_ context.Context, b Batch) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	for i := range b.Events {
		if err := enc.Encode(&b.Events[i]); err != nil {
			return fmt.Errorf("writing events: %w", err)
		}
	}
	if err := f.ready(int64(buf.Len())); err != nil {
		return err
	}
	_, err := f.f.Write(buf.Bytes())
	if err == nil {
		err = f.f.Sync()
	}
	if err != nil {
		_ = f.f.Truncate(f.size) // else open takes away what is torn
		_ = f.f.Close()
		f.f = nil
		return fmt.Errorf("writing events: %w", err)
	}
	f.size += int64(buf.Len())
	return nil
}

// ready has the file open: the one that has the name now, for others may have
// moved it away, and one with room for n octets more.
func (f *file) ready(n int64) error {
	if f.f != nil {
		mine, err := f.f.Stat()
		named, nerr := os.Stat(f.o.Path)
		if err != nil || nerr != nil || !os.SameFile(mine, named) {
			_ = f.f.Close()
			f.f = nil
		} else {
			f.size = mine.Size() // others may have truncated it
		}
	}
	if f.f == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	if f.size == 0 || f.size+n <= f.o.Size {
		return nil
	}
	return f.rotate()
}

// stamp is the end of an older file's name: the time of its end, in UTC.
const stamp = "20060102T150405.000000000Z"

func (f *file) rotate() error {
	_ = f.f.Close() // it was synced
	f.f = nil
	to := f.o.Path + "." + f.o.Clock().UTC().Format(stamp)
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("beginning the file for events anew: %s exists", to)
	}
	if err := os.Rename(f.o.Path, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("beginning the file for events anew: %w", err)
	}
	f.prune()
	return f.open()
}

// prune removes the oldest of the older files. Whatever else lies beside them
// stays.
func (f *file) prune() {
	entries, err := os.ReadDir(filepath.Dir(f.o.Path))
	if err != nil {
		return
	}
	var old []string
	for _, e := range entries {
		end, ok := strings.CutPrefix(e.Name(), filepath.Base(f.o.Path)+".")
		if _, err := time.Parse(stamp, end); ok && err == nil && e.Type().IsRegular() {
			old = append(old, e.Name())
		}
	}
	slices.Sort(old)
	for _, name := range old[:max(0, len(old)-f.o.Files)] {
		_ = os.Remove(filepath.Join(filepath.Dir(f.o.Path), name)) // tried again the next time
	}
}

// Close closes the file.
func (f *file) Close() error {
	if f.f == nil {
		return nil
	}
	return f.f.Close()
}
