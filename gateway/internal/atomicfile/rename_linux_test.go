package atomicfile

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNoNameOfAnEmptyFile: without hard links, too, the name comes with the whole
// file: none is made empty under it, which a crash would leave and another process
// might read.
func TestNoNameOfAnEmptyFile(t *testing.T) {
	defer func() { link = os.Link }()
	link = func(_, _ string) error { return syscall.EPERM }
	dir := t.TempDir()
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(watch)
	if _, err := unix.InotifyAddWatch(watch, dir, unix.IN_CREATE|unix.IN_MOVED_TO); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(dir, "archive.key"), []byte("whole"), Options{New: true}); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := unix.Read(watch, b)
	if err != nil {
		t.Fatal(err)
	}
	made, moved := false, false
	for b = b[:n]; len(b) >= unix.SizeofInotifyEvent; {
		mask, size := binary.NativeEndian.Uint32(b[4:]), int(binary.NativeEndian.Uint32(b[12:]))
		name := string(bytes.TrimRight(b[unix.SizeofInotifyEvent:unix.SizeofInotifyEvent+size], "\x00"))
		b = b[unix.SizeofInotifyEvent+size:]
		if name == "archive.key" {
			made, moved = made || mask&unix.IN_CREATE != 0, moved || mask&unix.IN_MOVED_TO != 0
		}
	}
	if made || !moved {
		t.Errorf("made empty: %v, put there whole: %v", made, moved)
	}
}
