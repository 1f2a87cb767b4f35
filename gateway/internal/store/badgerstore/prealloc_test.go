package badgerstore

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLogThatIsBeingMade: a look that falls between a log's creation and its
// size must not switch the guard against SIGBUS off; `make crash` found it.
func TestLogThatIsBeingMade(t *testing.T) {
	name := filepath.Join(t.TempDir(), "00001.mem")
	must(t, os.WriteFile(name, nil, 0o600))
	w := newWALRoom(filepath.Dir(name), quiet)
	w.look()
	if w.off {
		t.Fatal("the guard is off")
	}
	must(t, os.Truncate(name, 1<<20))
	w.look()
	var st unix.Stat_t
	must(t, unix.Stat(name, &st))
	if w.off {
		t.Skip("this file system gives no space ahead of use")
	}
	if st.Blocks*512 < 1<<20 {
		t.Errorf("%d octets have their blocks", st.Blocks*512)
	}
}
