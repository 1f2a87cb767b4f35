package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/store/powercut"
)

// TestPowerCut cuts the power of the whole gateway under load,
// WEIR_POWERCUT_ROUNDS times (default 2): whatever was acknowledged before a
// cut had arrived by then, or arrives when the machine is started again.
func TestPowerCut(t *testing.T) {
	n := 2
	if s := os.Getenv("WEIR_POWERCUT_ROUNDS"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		must(t, err)
	}
	began := time.Now()
	v := cutPower(t, n)
	fmt.Printf("powercut: cuts=%d %v took=%v\n", n, v, time.Since(began).Round(time.Second))
	if err := v.err(); err != nil {
		t.Error(err)
	}
}

// TestPowerCutControl is the same with syncing off: it has to lose mail, or
// the test above could not fail.
func TestPowerCutControl(t *testing.T) {
	v := cutPower(t, 2, "--unsafe-no-sync")
	fmt.Printf("powercut without syncing: cuts=2 %v\n", v)
	if len(v.missing) == 0 {
		t.Errorf("the test is wrong: without syncing none of %d acknowledged recipients was lost", v.claims)
	}
}

// cut is a snapshot of the disk and what was acknowledged when it was begun.
type cut struct {
	*powercut.Cut
	claims []claim
	at     span
}

// cutPower runs a gateway under load, takes n snapshots of its disk meanwhile,
// and judges what comes of each.
func cutPower(t *testing.T, n int, args ...string) *verdict {
	disk, bin := disk(t, 2<<30)
	d, err := startDestination()
	must(t, err)
	defer d.close()
	g, err := newGateway(bin, filepath.Join(disk.Dir, "data"), filepath.Join(t.TempDir(), "config.hcl"), d.addr, "100MiB", args...)
	must(t, err)
	g.logTo(t)
	must(t, g.start())
	l := new(ledger)
	load := startLoad(12, g.where, l, 30*time.Millisecond)
	calm := flapping(d)
	for end := time.Now().Add(time.Minute); len(l.all()) < 500 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	var cuts []cut
	for range n {
		time.Sleep(100*time.Millisecond + rand.N(600*time.Millisecond))
		c := cut{claims: l.all(), at: span{from: time.Now()}}
		c.Cut = disk.Snapshot()
		c.at.to = time.Now()
		cuts = append(cuts, c)
	}
	alive := g.alive()
	g.kill()
	load.end()
	calm()
	if !alive {
		t.Fatal("the gateway ended under load")
	}
	total := new(verdict)
	for i, c := range cuts {
		c.Mounted(func(dir string) {
			v, err := restore(t, bin, filepath.Join(dir, "data"), c, d)
			if err != nil {
				if len(args) == 0 {
					t.Errorf("cut %d: %v", i+1, err)
				}
				v = &verdict{claims: len(c.claims), missing: []string{err.Error()}}
			}
			total.add(v)
		})
	}
	return total
}

// restore starts a gateway on a disk as the cut left it and a destination that
// takes everything, and compares. What the first destination had taken by the
// time the cut was over counts as arrived: the moment of the cut is not known
// better.
func restore(t *testing.T, bin, dir string, c cut, before *destination) (*verdict, error) {
	after, err := startDestination()
	must(t, err)
	defer after.close()
	g, err := newGateway(bin, dir, filepath.Join(t.TempDir(), "config.hcl"), after.addr, "100MiB")
	must(t, err)
	g.logTo(t)
	defer g.kill() // before its disk is unmounted
	if err := g.start(); err != nil {
		return nil, err
	}
	released, err := drain(context.Background(), g, *drainFor)
	if err != nil {
		return nil, err
	}
	arrived := func(k key) []receipt { return append(before.copies(k, c.at.to), after.copies(k, time.Time{})...) }
	v := judge(c.claims, arrived, after.keys(), released)
	j := g.client()
	defer j.Close()
	if err := v.explain(context.Background(), after.keys(), arrived, []span{c.at}, j); err != nil {
		return nil, err
	}
	if _, err := inArchive(context.Background(), c.claims, j); err != nil {
		return nil, err
	}
	return v, g.terminate()
}

// add sums up verdicts of several cuts.
func (v *verdict) add(o *verdict) {
	v.claims, v.copies, v.notices, v.holds = v.claims+o.claims, v.copies+o.copies, v.notices+o.notices, v.holds+o.holds
	v.missing = append(v.missing, o.missing...)
	v.slipped = append(v.slipped, o.slipped...)
	v.falseAlarm = append(v.falseAlarm, o.falseAlarm...)
	v.ambiguous, v.killed, v.late = v.ambiguous+o.ambiguous, v.killed+o.killed, max(v.late, o.late)
	v.unexplained = append(v.unexplained, o.unexplained...)
}
