package compile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
)

func uleb(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func section(id byte, items ...[]byte) []byte {
	b := bytes.Join(items, nil)
	return append(append([]byte{id}, uleb(len(b))...), b...)
}

// returns is a module with one exported function that returns n.
func returns(n byte) []byte {
	return bytes.Join([][]byte{
		[]byte("\x00asm\x01\x00\x00\x00"), section(1, []byte{1, 0x60, 0, 1, 0x7f}), section(3, []byte{1, 0}),
		section(7, []byte{1, 1, 'f', 0, 0}), section(10, []byte{1, 4, 0, 0x41, n & 0x3f, 0x0b}),
	}, nil)
}

// bomb makes n calls of a function with a thousand results: 21 KB take 3 GB.
func bomb(n int) []byte {
	body := append([]byte{0}, bytes.Repeat([]byte{0x10, 0}, n)...)
	body = append(body, 0, 0x0b)
	return bytes.Join([][]byte{
		[]byte("\x00asm\x01\x00\x00\x00"),
		section(1, []byte{2, 0x60, 0, 0, 0x60, 0}, uleb(1000), bytes.Repeat([]byte{0x7e}, 1000)),
		section(3, []byte{2, 1, 0}), section(10, []byte{2, 3, 0, 0, 0x0b}, uleb(len(body)), body),
	}, nil)
}

// nest puts n loops within one another over l locals, which takes long.
func nest(n, l int) []byte {
	code := append(append([]byte{1}, uleb(l)...), 0x7f)
	code = append(code, bytes.Repeat([]byte{0x03, 0x40}, n)...)
	for i := range 4 * l {
		code = append(append(code, 0x20), uleb(i%l)...)
		code = append(append(code, 0x41, 1, 0x6a, 0x21), uleb((5*i+1)%l)...)
	}
	for i := range n {
		code = append(append(code, 0x20), uleb(i%l)...)
		code = append(code, 0x0d, 0, 0x0b)
	}
	code = append(code, 0x0b)
	return bytes.Join([][]byte{
		[]byte("\x00asm\x01\x00\x00\x00"), section(1, []byte{1, 0x60, 0, 0}), section(3, []byte{1, 0}), section(10, []byte{1}, uleb(len(code)), code),
	}, nil)
}

// run uses an entry as the host does.
func run(t *testing.T, dir string, module []byte) uint64 {
	t.Helper()
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, Config().WithMemoryLimitPages(7).WithCompilationCache(cache))
	defer r.Close(ctx)
	defer cache.Close(ctx)
	m, err := r.Instantiate(ctx, module)
	if err != nil {
		t.Fatal(err)
	}
	res, err := m.ExportedFunction("f").Call(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return res[0]
}

// files are the names in an entry with the time of each.
func files(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			info, err := d.Info()
			if err != nil {
				return err
			}
			fmt.Fprintln(&b, path, info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEntryIsUsed(t *testing.T) {
	c := Compiler{Dir: filepath.Join(t.TempDir(), "cache")}
	dir, err := c.Entry(t.Context(), returns(5))
	if err != nil {
		t.Fatal(err)
	}
	before := files(t, dir)
	if n := run(t, dir, returns(5)); n != 5 {
		t.Error(n)
	}
	again, err := c.Entry(t.Context(), returns(5))
	if err != nil || again != dir {
		t.Error(again, err)
	}
	if after := files(t, dir); after != before || strings.Count(before, "\n") != 2 {
		t.Errorf("compiled again, or by another configuration:\n%s%s", before, after)
	}
	if other, err := c.Entry(t.Context(), returns(6)); err != nil || other == dir {
		t.Error(other, err)
	}
	info, err := os.Stat(c.Dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(c.Dir, newPrefix+"*")); len(left) > 0 {
		t.Error(left)
	}
}

// TestDamageIsSeen: whatever is not as it was made is made anew, and said.
func TestDamageIsSeen(t *testing.T) {
	for name, spoil := range map[string]func(dir, code string) error{
		"a bit":         func(_, code string) error { return flip(code, 40) },
		"cut":           func(_, code string) error { return os.Truncate(code, 100) },
		"empty":         func(_, code string) error { return os.Truncate(code, 0) },
		"no code":       func(_, code string) error { return os.Remove(code) },
		"no checksum":   func(dir, _ string) error { return os.Remove(filepath.Join(dir, sumFile)) },
		"half checksum": func(dir, _ string) error { return os.Truncate(filepath.Join(dir, sumFile), 10) },
		"another file":  func(_, code string) error { return os.WriteFile(code+"x", nil, 0o600) },
		"open to all":   func(_, code string) error { return os.Chmod(code, 0o666) },
		"a link": func(_, code string) error {
			if err := os.Rename(code, code+"y"); err != nil {
				return err
			}
			return os.Symlink(code+"y", code)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			c := Compiler{Dir: t.TempDir(), Log: slog.New(slog.NewTextHandler(&log, nil))}
			dir, err := c.Entry(t.Context(), returns(9))
			if err != nil {
				t.Fatal(err)
			}
			code, _ := filepath.Glob(filepath.Join(dir, "wazero-*", "*"))
			if len(code) != 1 {
				t.Fatal(code)
			}
			if err := spoil(dir, code[0]); err != nil {
				t.Fatal(err)
			}
			dir, err = c.Entry(t.Context(), returns(9))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(log.String(), "damaged") {
				t.Error("nothing was said")
			}
			if n := run(t, dir, returns(9)); n != 9 {
				t.Error(n)
			}
		})
	}
}

func flip(file string, at int) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	b[at] ^= 1
	return os.WriteFile(file, b, 0o600)
}

// TestBombsEndTheChild: the modules are ones that package meter refuses.
func TestBombsEndTheChild(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector leaves no room for limits of memory")
	}
	for _, c := range []struct {
		name     string
		module   []byte
		deadline time.Duration
		want     string
	}{
		{"memory", bomb(30_000), 0, "more than 512 MiB of memory"},
		{"time", nest(1000, 240), 300 * time.Millisecond, "longer than 300ms"},
		{"not a module", []byte("MZ"), 0, "compiling it: invalid magic number"},
		{"a type error", bytes.Replace(returns(1), []byte{0x41, 1, 0x0b}, []byte{0x42, 1, 0x0b}, 1), 0, "compiling it: invalid function[0]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			begin := time.Now()
			_, err := (&Compiler{Dir: dir, Deadline: c.deadline}).Entry(t.Context(), c.module)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if c.deadline > 0 && time.Since(begin) > c.deadline+5*time.Second {
				t.Errorf("took %v", time.Since(begin))
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Error("left behind:", left)
			}
		})
	}
}

func TestCallerGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(100*time.Millisecond, func() { cancel(errors.New("enough")) })
	_, err := (&Compiler{Dir: t.TempDir()}).Entry(ctx, nest(1000, 240))
	if err == nil || !strings.Contains(err.Error(), "enough") {
		t.Error(err)
	}
}

// TestTheChildEnds: what a child that goes wrong in some other way becomes.
func TestTheChildEnds(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{`echo "fatal error: runtime: out of memory" >&2; exit 2`, "more than 512 MiB"},
		{`echo "the compiler panicked: cannot allocate memory" >&2; exit 1`, "more than 512 MiB"},
		{`echo "SIGXCPU: cpu limit exceeded" >&2; exit 2`, "60 s of processor time"},
		{`kill -9 $$`, "processor time, or the machine's memory"},
		{`kill -11 $$`, "ended the compiler: signal: segmentation fault"},
		{`echo "unexpected fault address" >&2; echo more >&2; exit 2`, "ended the compiler: exit status 2: unexpected fault address"},
		{`echo "the compiler panicked: index" >&2; exit 1`, "compiling it: the compiler panicked: index"},
		{`yes | head -c 1000000 >&2; exit 1`, "compiling it: y"},
		{`test "$0" = weir-compile || { echo "$0"; env; } >&2; exit 1`, "compiling it: "},
	} {
		exe := filepath.Join(t.TempDir(), "child")
		if err := os.WriteFile(exe, []byte("#!/bin/sh\n"+c.script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := (&Compiler{Dir: t.TempDir(), Program: exe}).Entry(t.Context(), returns(1))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || errors.Is(err, ErrNoProcess) {
			t.Errorf("%s: %v, want %q", c.script, err, c.want)
		}
	}
	_, err := (&Compiler{Dir: t.TempDir(), Program: "/nowhere/weir"}).Entry(t.Context(), returns(1))
	if !errors.Is(err, ErrNoProcess) {
		t.Error(err)
	}
}

// TestEnvironmentIsEmpty: secrets in the gateway's environment stay there.
func TestEnvironmentIsEmpty(t *testing.T) {
	t.Setenv("WEIR_SECRET", "hunter2")
	exe := filepath.Join(t.TempDir(), "child")
	if err := os.WriteFile(exe, []byte("#!/bin/sh\necho $(/usr/bin/env | grep -v -e ^PWD= -e ^OLDPWD= -e ^_= -e ^SHLVL=). >&2; exit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := (&Compiler{Dir: t.TempDir(), Program: exe}).Entry(t.Context(), returns(1))
	if err == nil || err.Error() != "compiling it: ." {
		t.Error(err)
	}
}

func TestPrune(t *testing.T) {
	c := Compiler{Dir: t.TempDir()}
	long := time.Now().Add(-time.Hour)
	dir := func(name string, at time.Time) string {
		path := filepath.Join(c.Dir, name)
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		return path
	}
	used := dir(entryPrefix+"used", long.Add(-time.Hour))
	dir(newPrefix+"crashed", long)
	dir(newPrefix+"running", time.Now())
	dir(oldPrefix+"v1.0.0-amd64-linux", time.Now())
	dir("other", long)
	for i := range 3 * keepEntries {
		dir(fmt.Sprintf("%s%03d", entryPrefix, i), long.Add(time.Duration(i)*time.Second))
	}
	if err := c.Prune([]string{used}); err != nil {
		t.Fatal(err)
	}
	list, _ := os.ReadDir(c.Dir)
	var names []string
	for _, d := range list {
		names = append(names, d.Name())
	}
	got := strings.Join(names, " ")
	if len(names) != keepEntries+3 || strings.Contains(got, "crashed") || strings.Contains(got, oldPrefix) ||
		!strings.Contains(got, "used") || !strings.Contains(got, "running") || !strings.Contains(got, "other") || !strings.Contains(got, entryPrefix+"047") {
		t.Error(got)
	}
	if err := (&Compiler{Dir: filepath.Join(c.Dir, "none")}).Prune(nil); err != nil {
		t.Error(err)
	}
}

func TestFolderOfOthersIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 12345, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Compiler{Dir: dir}).Entry(t.Context(), returns(1)); err == nil || !strings.Contains(err.Error(), "another user") {
		t.Error(err)
	}
}
