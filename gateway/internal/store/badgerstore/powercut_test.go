package badgerstore

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/store/powercut"
	"github.com/mailweir/weir/gateway/internal/store/storetest"
)

// TestPowerCut cuts the power while the store works (WEIR_POWERCUT_ROUNDS
// times, by default twice; 0 of it in -short): whatever was acknowledged
// before has to be there.
func TestPowerCut(t *testing.T) {
	if testing.Short() {
		t.Skip("makes and mounts file systems")
	}
	if !powercut.Alone(t, "ext4", "xfs") {
		return
	}
	for _, fs := range []string{"ext4", "xfs"} {
		t.Run(fs, func(t *testing.T) {
			bad, acked, example := cutPower(t, fs, "work", rounds(t, "WEIR_POWERCUT_ROUNDS", 2))
			if bad > 0 {
				t.Errorf("%d of %d acknowledged messages were lost or undone, such as\n%s", bad, acked, example)
			}
			if acked == 0 {
				t.Error("nothing was acknowledged: the test shows nothing")
			}
			t.Logf("%d acknowledged messages checked", acked)
		})
	}
}

// TestPowerCutControl is the same without syncing: it has to lose mail, or
// the test above could not fail.
func TestPowerCutControl(t *testing.T) {
	if testing.Short() {
		t.Skip("makes and mounts file systems")
	}
	if !powercut.Alone(t, "ext4") {
		return
	}
	bad, acked, _ := cutPower(t, "ext4", "nosync", 2)
	if bad == 0 {
		t.Errorf("without syncing all of %d messages survived: the harness does not cut the power", acked)
	}
	t.Logf("%d of %d messages were lost without syncing, as they must be", bad, acked)
}

// cutPower runs a child, takes snapshots meanwhile, and checks each.
func cutPower(t *testing.T, fs, role string, n int) (bad, acked int, example string) {
	return cutPowerAnd(t, fs, role, n, func(string, *Store) {})
}

// cutPowerAnd looks at each snapshot, too: at the store that was opened in it.
func cutPowerAnd(t *testing.T, fs, role string, n int, look func(dir string, s *Store)) (bad, acked int, example string) {
	d := powercut.New(t, fs, 1<<30)
	path := filepath.Join(t.TempDir(), "ledger") // not on the disk that fails
	ledger, err := os.Create(path)
	must(t, err)
	defer ledger.Close()
	cmd, errs := startChild(t, role, filepath.Join(d.Dir, "data"), ledger)
	size := func() int64 {
		fi, err := ledger.Stat()
		must(t, err)
		return fi.Size()
	}
	for end := time.Now().Add(20 * time.Second); size() < 2000 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	type cut struct {
		*powercut.Cut
		acked, begun int64
	}
	var cuts []cut
	for range n {
		time.Sleep(100*time.Millisecond + time.Duration(rand.IntN(400))*time.Millisecond)
		before := size()
		c := d.Snapshot()
		cuts = append(cuts, cut{c, before, size()})
	}
	must(t, cmd.Process.Kill())
	cmd.Wait()
	if bytes.Contains(errs.Bytes(), []byte("child:")) || bytes.Contains(errs.Bytes(), []byte("panic")) {
		t.Fatal(errs)
	}
	b, err := os.ReadFile(path)
	must(t, err)
	for _, c := range cuts {
		c.Mounted(func(dir string) {
			o := testOptions(t, filepath.Join(dir, "data"))
			o.Logger = quiet
			if role == "indexed" {
				o.IndexDir = filepath.Join(dir, "data", "index")
			}
			s, err := open(o)
			if err != nil {
				bad, acked, example = bad+1, acked+1, err.Error()
				return
			}
			r := storetest.Check(ctx, s, b[:c.acked], b[:c.begun])
			look(dir, s)
			must(t, s.Close())
			bad += len(r.Missing)
			acked += r.Acked
			if len(r.Missing) > 0 {
				example = r.Missing[0]
			}
		})
	}
	return bad, acked, example
}
