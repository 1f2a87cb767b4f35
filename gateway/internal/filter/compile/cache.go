package compile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
)

// Compiler keeps machine code in a folder. It is safe in parallel, also with
// other processes that use the folder.
type Compiler struct {
	// Dir is the cache, made with mode 0700.
	Dir string
	// Deadline for one module; 0: three minutes.
	Deadline time.Duration
	// Log takes what was wrong with an entry; nil: discarded.
	Log *slog.Logger
	// Program is started instead of this one, in tests.
	Program string
}

// What the cache keeps beside the entries in use.
const (
	keepEntries = 16
	keepSize    = 256 << 20 // octets
	keepFor     = 10 * time.Minute
)

const defaultDeadline = 3 * time.Minute

// names in the cache.
const (
	entryPrefix = "module-"
	newPrefix   = "new-"
	oldPrefix   = "wazero-" // the folder of earlier versions
	sumFile     = "SHA256"
)

func (c *Compiler) deadline() time.Duration {
	if c.Deadline > 0 {
		return c.Deadline
	}
	return defaultDeadline
}

func (c *Compiler) log() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}

// Entry gives the folder with the machine code of a metered module, for
// wazero.NewCompilationCacheWithDir, compiling it first if it is not there or
// is damaged. An error that is not ErrNoProcess is about the module, or names
// what is wrong with the cache.
func (c *Compiler) Entry(ctx context.Context, module []byte) (dir string, err error) {
	if err := private(c.Dir); err != nil {
		return "", err
	}
	dir = filepath.Join(c.Dir, entryName(module))
	for range 2 { // another process may put a damaged entry there meanwhile
		err = check(dir)
		if err == nil {
			now := time.Now()
			return dir, os.Chtimes(dir, now, now) // for Prune
		}
		if !errors.Is(err, fs.ErrNotExist) {
			c.log().Warn("compiled code of a plugin is damaged; it is made anew", "folder", dir, "error", err)
			if err := os.RemoveAll(dir); err != nil {
				return "", fmt.Errorf("compilation cache: %w", err)
			}
		}
		if err := c.make(ctx, dir, module); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("compilation cache: %w", check(dir))
}

// make compiles beside dir and renames, so that an entry is whole or not there.
func (c *Compiler) make(ctx context.Context, dir string, module []byte) error {
	tmp, err := os.MkdirTemp(c.Dir, newPrefix)
	if err != nil {
		return fmt.Errorf("compilation cache: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := c.run(ctx, tmp, module); err != nil {
		return err
	}
	sum, _, err := digest(tmp)
	if err == nil {
		err = os.WriteFile(filepath.Join(tmp, sumFile), sum, 0o600)
	}
	if err == nil {
		err = os.Rename(tmp, dir)
	}
	if errors.Is(err, fs.ErrExist) { // ENOTEMPTY: another process was first
		return nil
	}
	if err != nil {
		return fmt.Errorf("compilation cache: %w", err)
	}
	return nil
}

// private makes the folder, or takes one that only this user can get into.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the compilation cache: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("compilation cache: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("compilation cache %s is not a folder", dir)
	}
	if !mine(info) {
		return fmt.Errorf("compilation cache %s belongs to another user, who could put code there; remove it", dir)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return fmt.Errorf("compilation cache: %w", err)
		}
	}
	return nil
}

// check holds an entry against its checksum.
func check(dir string) error {
	want, err := os.ReadFile(filepath.Join(dir, sumFile))
	if err != nil {
		if _, gone := os.Lstat(dir); gone == nil {
			return fmt.Errorf("it has no checksum (%v)", err) // not ErrNotExist: the folder is there
		}
		return err
	}
	sum, _, err := digest(dir)
	if err == nil && !bytes.Equal(sum, want) {
		err = errors.New("it does not have its checksum")
	}
	return err
}

// digest is over the names and contents of an entry's files.
func digest(dir string) (sum []byte, size int64, err error) {
	h := sha256.New()
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == sumFile && filepath.Dir(path) == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() || !mine(info) || info.Mode().Perm()&0o022 != 0 {
			return fmt.Errorf("%s is not a file of this user's alone", d.Name())
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		rel, _ := filepath.Rel(dir, path) // path begins with dir
		fmt.Fprintf(h, "%q %d\n", filepath.ToSlash(rel), info.Size())
		n, err := io.Copy(h, f)
		size += n
		return err
	})
	return []byte(hex.EncodeToString(h.Sum(nil)) + "\n"), size, err
}

// entryName is of the module and of what its code was made by and for: code of
// another version of the compiler, or for another processor, is another entry.
func entryName(module []byte) string {
	h := sha256.New()
	h.Write(module)
	h.Write([]byte(maker()))
	return entryPrefix + hex.EncodeToString(h.Sum(nil)[:16])
}

var maker = sync.OnceValue(func() string {
	var b strings.Builder
	fmt.Fprintln(&b, runtime.GOOS, runtime.GOARCH, runtime.Version())
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if strings.HasSuffix(d.Path, "/wazero") {
				fmt.Fprintln(&b, d.Path, d.Version, d.Sum)
			}
		}
	}
	cpus, _ := os.ReadFile("/proc/cpuinfo") // not there off Linux
	for line := range strings.Lines(string(cpus)) {
		if strings.HasPrefix(line, "flags") || strings.HasPrefix(line, "Features") {
			b.WriteString(line)
			break
		}
	}
	return b.String()
})

// Prune removes entries that are not in used (as Entry gave them), but for the
// latest few, and what crashed children and earlier versions left.
func (c *Compiler) Prune(used []string) error {
	list, err := os.ReadDir(c.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("compilation cache: %w", err)
	}
	type entry struct {
		path string
		at   time.Time
		size int64
	}
	var spare []entry
	var errs []error
	for _, d := range list {
		path := filepath.Join(c.Dir, d.Name())
		info, err := d.Info()
		if err != nil || !d.IsDir() || slices.Contains(used, path) {
			continue // gone meanwhile, or nothing of ours
		}
		switch {
		case strings.HasPrefix(d.Name(), oldPrefix):
			errs = append(errs, os.RemoveAll(path))
		case strings.HasPrefix(d.Name(), newPrefix):
			if time.Since(info.ModTime()) > 2*c.deadline() {
				errs = append(errs, os.RemoveAll(path))
			}
		case strings.HasPrefix(d.Name(), entryPrefix):
			spare = append(spare, entry{path, info.ModTime(), sizeOf(path)})
		}
	}
	slices.SortFunc(spare, func(a, b entry) int { return b.at.Compare(a.at) })
	size := int64(0)
	for i, e := range spare {
		size += e.size
		// Another process may be about to load what it has just asked for.
		if i >= 4*keepEntries || (i >= keepEntries || size > keepSize) && time.Since(e.at) > keepFor {
			errs = append(errs, os.RemoveAll(e.path))
		}
	}
	return errors.Join(errs...)
}

func sizeOf(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil // what cannot be read is not counted
	})
	return n
}
