package filter

import (
	"maps"
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	var h histogram
	for range 90 {
		h.add(80 * time.Microsecond)
	}
	for range 10 {
		h.add(3 * time.Second)
	}
	d := h.durations()
	if d.Count != 100 || d.Sum != 90*80*time.Microsecond+30*time.Second || len(d.Below) != len(bounds) {
		t.Errorf("%+v", d)
	}
	for b, want := range map[time.Duration]uint64{50 * time.Microsecond: 0, 100 * time.Microsecond: 90, time.Second: 90, 5 * time.Second: 100, 30 * time.Second: 100} {
		if d.Below[b] != want {
			t.Errorf("%d below %v, want %d", d.Below[b], b, want)
		}
	}
	last := uint64(0)
	for _, b := range bounds {
		if d.Below[b] < last {
			t.Errorf("fewer below %v", b)
		}
		last = d.Below[b]
	}
}

// TestStatusCounts: what operators see, and that it outlives a reload.
func TestStatusCounts(t *testing.T) {
	f := newFixture(t)
	s := guestSpec(t)
	f.swap(t, nil, s)
	for _, what := range []string{"typical", "typical", "exit", "error"} {
		_, _ = f.one("guest", what) // the counts are looked at
	}
	st := f.Plugins()[0]
	if st.Calls != 4 || !maps.Equal(st.Verdicts, map[string]uint64{"continue": 2}) || st.Traps != 1 ||
		!maps.Equal(st.Failures, map[Kind]uint64{KindTrap: 1, KindResult: 1}) || st.Took.Count != 4 {
		t.Errorf("%+v", st)
	}
	if st.Memory < 1<<20 || st.MemoryPeak < st.Memory || st.MemoryLimit != DefaultMemory {
		t.Errorf("memory %d, peak %d, limit %d", st.Memory, st.MemoryPeak, st.MemoryLimit)
	}
	if _, err := f.one("guest", "fat"); err != nil { // past half the limit: not kept
		t.Fatal(err)
	}
	fat := f.Plugins()[0]
	if fat.MemoryPeak < DefaultMemory/2 || fat.Memory > DefaultMemory/2 {
		t.Errorf("memory %d, peak %d", fat.Memory, fat.MemoryPeak)
	}
	s.Limits.Memory = 32 << 20
	f.swap(t, nil, s)
	again := f.Plugins()[0]
	if again.Calls != 5 || again.Verdicts["continue"] != 3 || again.Took.Count != 0 || again.MemoryPeak != fat.MemoryPeak {
		t.Errorf("after a reload %+v", again)
	}
	f.swap(t, nil)
	if n := len(f.Plugins()); n != 0 {
		t.Errorf("%d plugins", n)
	}
}
