package badgerstore

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/store/powercut"
)

var asksOfWork = []string{"", "status:queued", "status:delivered", "-status:queued", "tenant:*", "direction:inbound", "after:-1d", "subject:sub"}

// TestKilledWithIndex kills a working process again and again: the index may
// be behind then, and is never wrong.
func TestKilledWithIndex(t *testing.T) {
	n := rounds(t, "WEIR_CRASH_ROUNDS", 4)
	if testing.Short() {
		n = 2
	}
	dir := t.TempDir()
	rows := 0
	for round := range n {
		cmd, errs := startChild(t, "indexed", dir, io.Discard)
		time.Sleep(time.Duration(300+rand.IntN(1500)) * time.Millisecond)
		must(t, cmd.Process.Kill())
		cmd.Wait()
		if bytes.Contains(errs.Bytes(), []byte("child:")) || bytes.Contains(errs.Bytes(), []byte("panic")) {
			t.Fatalf("round %d: %s", round, errs)
		}
		s := openIndexed(t, dir)
		rows += compare(t, s, asksOfWork...)
		must(t, s.Close())
	}
	if rows == 0 {
		t.Error("there was nothing to compare: the test shows nothing")
	}
	t.Logf("%d rows compared", rows)
}

// TestPowerCutWithIndex cuts the power: the index that is on the disk then is
// caught up, or made anew, and agrees with the record.
func TestPowerCutWithIndex(t *testing.T) {
	if testing.Short() {
		t.Skip("makes and mounts file systems")
	}
	if !powercut.Alone(t, "ext4") {
		return
	}
	rows := 0
	bad, acked, example := cutPowerAnd(t, "ext4", "indexed", rounds(t, "WEIR_POWERCUT_ROUNDS", 3), func(_ string, s *Store) {
		rows += compare(t, s, asksOfWork...)
	})
	if bad > 0 {
		t.Errorf("%d of %d acknowledged messages were lost or undone, such as\n%s", bad, acked, example)
	}
	if rows == 0 {
		t.Error("there was nothing to compare: the test shows nothing")
	}
	t.Logf("%d acknowledged messages checked, %d rows compared", acked, rows)
}
