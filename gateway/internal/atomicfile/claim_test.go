package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestWithoutHardLinks: on a file system that has none, a new file still takes
// no name that is taken.
func TestWithoutHardLinks(t *testing.T) {
	defer func() { link, renameNew = os.Link, renameFree }()
	link = func(_, _ string) error { return syscall.EPERM }
	t.Run("renamed to a free name", takesNoName)
	renameNew = func(_, _ string) error { return syscall.EINVAL }
	t.Run("the name is taken first", takesNoName)
}

func takesNoName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for i, want := range []error{nil, fs.ErrExist} {
		tmp := path + "-tmp"
		if err := os.WriteFile(tmp, []byte{byte('0' + i)}, 0o640); err != nil {
			t.Fatal(err)
		}
		if err := claim(tmp, path); !errors.Is(err, want) {
			t.Errorf("claim: %v, want %v", err, want)
		}
	}
	b, err := os.ReadFile(path)
	info, serr := os.Stat(path)
	if err != nil || serr != nil || string(b) != "0" || info.Mode() != 0o640 {
		t.Errorf("the file holds %q, mode %v: %v", b, info.Mode(), err)
	}
}
