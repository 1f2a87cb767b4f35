package badgerstore

import (
	"os"
	"path/filepath"
	"testing"
)

// TestKilledWhileMakingLogs: what a kill between creating a log and giving it
// its size leaves behind; `make crash` found it.
func TestKilledWhileMakingLogs(t *testing.T) {
	o := testOptions(t, t.TempDir())
	s, err := open(o)
	must(t, err)
	id := enqueue(t, s, small, nil)
	must(t, s.Close())
	for _, n := range []string{"00099.mem", "000099.vlog"} {
		must(t, os.WriteFile(filepath.Join(o.Dir, "meta", n), nil, 0o600))
		s, err := open(o)
		if err != nil {
			t.Fatalf("with an empty %s: %v", n, err)
		}
		if _, err := s.Get(t.Context(), id); err != nil {
			t.Error(err)
		}
		must(t, s.Close())
	}
}
