package softkv

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/store/powercut"
)

const learners = 4

// TestPowerCut: what was written before a Sync that returned survives a power
// cut, also while memtables fill up and become tables beneath it.
func TestPowerCut(t *testing.T) {
	if testing.Short() {
		t.Skip("makes and mounts file systems")
	}
	if !powercut.Alone(t, "ext4", "xfs") {
		return
	}
	for _, fs := range []string{"ext4", "xfs"} {
		lost, acked := cutPower(t, fs, true)
		if acked == 0 {
			t.Errorf("%s: nothing was acknowledged: the test shows nothing", fs)
		}
		if lost > 0 {
			t.Errorf("%s: %d of %d batches are lost", fs, lost, acked)
		}
		t.Logf("%s: %d acknowledged batches checked", fs, acked)
	}
}

// TestPowerCutControl: without Sync something is lost, or the test above could not fail.
func TestPowerCutControl(t *testing.T) {
	if testing.Short() {
		t.Skip("makes and mounts file systems")
	}
	if !powercut.Alone(t, "ext4") {
		return
	}
	if lost, acked := cutPower(t, "ext4", false); lost == 0 {
		t.Errorf("without Sync all of %d batches survived: the harness does not cut the power", acked)
	}
}

func cutPower(t *testing.T, fs string, sync_ bool) (lost, total int64) {
	d := powercut.New(t, fs, 1<<30)
	s := begin(t, filepath.Join(d.Dir, "soft"), Options{})
	var acked [learners]atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for l := range learners {
		wg.Go(func() {
			for i := int64(1); ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				ops := make([]Op, 40)
				for k := range ops {
					ops[k] = Op{Kind: OpAdd, Key: fmt.Sprint(l, "-", k), Delta: 1}
				}
				ops = append(ops, Op{Kind: OpSet, Key: fmt.Sprint("filler", l, i%20), Value: make([]byte, 60<<10), TTL: time.Hour})
				if _, err := s.Batch("p", "t", ops, 0); err != nil {
					t.Error(err)
					return
				}
				if sync_ {
					if err := s.Sync(); err != nil {
						t.Error(err)
						return
					}
				}
				acked[l].Store(i)
			}
		})
	}
	type cut struct {
		*powercut.Cut
		acked [learners]int64
	}
	var cuts []cut
	for range 3 {
		time.Sleep(200*time.Millisecond + time.Duration(rand.IntN(400))*time.Millisecond)
		var c cut
		for l := range learners {
			c.acked[l] = acked[l].Load()
		}
		c.Cut = d.Snapshot()
		cuts = append(cuts, c)
	}
	close(stop)
	wg.Wait()
	for _, c := range cuts {
		c.Mounted(func(dir string) {
			s := begin(t, filepath.Join(dir, "soft"), Options{})
			defer s.Close()
			for l, want := range c.acked {
				total += want
				for k := range 40 {
					v, _, err := s.Get("p", "t", fmt.Sprint(l, "-", k))
					if err != nil {
						t.Error(err)
					}
					have := int64(0)
					if len(v) == 8 {
						have = int64(binary.LittleEndian.Uint64(v))
					}
					if have < want {
						lost += want - have
					}
				}
			}
		})
	}
	return lost, total
}
