package atomicfile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/mailweir/weir/gateway/internal/atomicfile"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// alone fails where the folder holds anything but the file.
func alone(t *testing.T, path string) {
	t.Helper()
	all, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Name() != filepath.Base(path) {
			t.Errorf("%s is left", e.Name())
		}
	}
}

// TestModes: the mode is the one that was asked for, whatever the umask and
// whatever the file had before.
func TestModes(t *testing.T) {
	before := syscall.Umask(0o077)
	defer syscall.Umask(before)
	for _, tt := range []struct {
		o    atomicfile.Options
		want fs.FileMode
	}{{atomicfile.Options{}, 0o600}, {atomicfile.Options{Mode: 0o644}, 0o644}, {atomicfile.Options{Mode: 0o640, New: true}, 0o640}, {atomicfile.Options{Mode: 0o444, NoSync: true}, 0o444}} {
		path := filepath.Join(t.TempDir(), "file")
		if !tt.o.New {
			if err := os.WriteFile(path, []byte("a longer text before"), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if err := atomicfile.Write(path, []byte("text"), tt.o); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != tt.want || read(t, path) != "text" {
			t.Errorf("%+v: mode %v, %q", tt.o, info.Mode(), read(t, path))
		}
		alone(t, path)
	}
}

// TestFailureLeavesWhatWas: where writing fails half-way, the file is as it was
// and nothing is left beside it.
func TestFailureLeavesWhatWas(t *testing.T) {
	full := errors.New("the disk is full")
	for _, taken := range []bool{true, false} {
		path := filepath.Join(t.TempDir(), "file")
		if taken {
			if err := atomicfile.Write(path, []byte("before"), atomicfile.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		err := atomicfile.WriteFrom(path, atomicfile.Options{New: !taken}, func(w io.Writer) error {
			if _, err := io.WriteString(w, "half of it"); err != nil {
				return err
			}
			return full
		})
		if err != full { //nolint:errorlint // it comes back as it is
			t.Errorf("the error is %v", err)
		}
		if taken && read(t, path) != "before" {
			t.Errorf("the file holds %q", read(t, path))
		}
		if _, err := os.Stat(path); !taken && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("half a file is there: %v", err)
		}
		alone(t, path)
	}
}

// TestNewTakesNoName: of many that make one file, one wins, and its content
// stays; what is there, be it a link that leads nowhere, is not replaced.
func TestNewTakesNoName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	var won atomic.Int32
	var mine atomic.Value
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			text := strings.Repeat(string(rune('a'+i)), 1000)
			switch err := atomicfile.Write(path, []byte(text), atomicfile.Options{New: true}); {
			case err == nil:
				won.Add(1)
				mine.Store(text)
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || read(t, path) != mine.Load() {
		t.Errorf("%d won, the file holds %.10q…", won.Load(), read(t, path))
	}
	alone(t, path)

	called := false
	err := atomicfile.WriteFrom(path, atomicfile.Options{New: true}, func(io.Writer) error { called = true; return nil })
	if !errors.Is(err, fs.ErrExist) || called {
		t.Errorf("a name that is taken: %v, written for nothing: %v", err, called)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("nowhere", link); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(link, nil, atomicfile.Options{New: true}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a link that leads nowhere: %v", err)
	}
}

// TestReaderSeesAllOrNothing reads while the file is replaced.
func TestReaderSeesAllOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	texts := []string{strings.Repeat("a", 100_000), strings.Repeat("b", 50_000)}
	if err := atomicfile.Write(path, []byte(texts[0]), atomicfile.Options{}); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 50 {
			if err := atomicfile.Write(path, []byte(texts[i%2]), atomicfile.Options{}); err != nil {
				t.Error(err)
			}
		}
	}()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		if got := read(t, path); got != texts[0] && got != texts[1] {
			t.Fatalf("a reader saw %d octets", len(got))
		}
	}
}

// TestNoFolder: the errors name the path.
func TestNoFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no", "file")
	if err := atomicfile.Write(path, nil, atomicfile.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Write: %v", err)
	}
	if err := atomicfile.SyncDir(filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("SyncDir: %v", err)
	}
}
