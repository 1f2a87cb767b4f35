package compile

import (
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestInheritedDescriptorsAreClosed, and the runtime's own are not.
func TestInheritedDescriptorsAreClosed(t *testing.T) {
	own, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	inherited, err := syscall.Open(os.DevNull, syscall.O_RDONLY, 0) // without O_CLOEXEC
	if err != nil {
		t.Fatal(err)
	}
	if err := closeInherited(); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(inherited), unix.F_GETFD, 0); err == nil {
		t.Error("an inherited descriptor stays")
	}
	if _, err := own.Stat(); err != nil {
		t.Error(err)
	}
}
