package journal

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// small is a run that takes some seconds.
func small(t *testing.T, l limits) (string, error) {
	t.Helper()
	var out strings.Builder
	err := Run(t.Context(), Options{Records: 500, Dir: t.TempDir(), Rounds: 1, Turn: 50 * time.Millisecond, turns: 1, Out: &out, limits: func(int) limits { return l }})
	return out.String(), err
}

// TestKept: every figure is printed, and nothing is over limits that are far.
func TestKept(t *testing.T) {
	t.Parallel()
	out, err := small(t, limits{page: time.Minute, scan: time.Minute, count: time.Minute, memory: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"recorded    50", "octets a record in the store, ", " in the index\n", "alone       ", "in pairs    ", "scans       ", "counts      ", "facets      ", "recording   ", "limits      kept: "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if _, err := os.Stat("/proc/self/status"); err == nil && !strings.Contains(out, "MiB of its own at the most while recording and searching") {
		t.Errorf("the memory is not told:\n%s", out)
	}
}

// TestExceeded: each limit that cannot be kept is named, and the figures still
// stand there.
func TestExceeded(t *testing.T) {
	t.Parallel()
	out, err := small(t, limits{share: 1000})
	var over *ExceededError
	if !errors.As(err, &over) {
		t.Fatalf("Run gave %v\n%s", err, out)
	}
	want := []string{"first pages alone: ", "first pages in pairs: ", "counts: ", "recording while searches run: "}
	if _, err := os.Stat("/proc/self/status"); err == nil {
		want = append(want, "memory while recording: ", "memory while indexing: ", "memory while searching: ", "memory while recording and searching: ")
	}
	for _, w := range want {
		if !strings.Contains(over.Error(), w) {
			t.Errorf("no %q in %v", w, over)
		}
	}
	if !strings.Contains(out, "recording   ") || strings.Contains(out, "kept") {
		t.Errorf("printed\n%s", out)
	}
}

func TestLimitsOfAHistory(t *testing.T) {
	for records, page := range map[int]time.Duration{100_000: 100 * time.Millisecond, 1_000_000: 100 * time.Millisecond, 1_000_003: 100 * time.Millisecond, 10_000_000: 250 * time.Millisecond} {
		if l := limitsFor(records); l.page != page || l.count != 500*time.Millisecond || l.share != 0.8 || l.memory != 500<<20 {
			t.Errorf("%d records: %+v", records, l)
		}
	}
}

func TestAnonymousMemory(t *testing.T) {
	const status = "Name:\tweir\nVmRSS:\t  900000 kB\nRssAnon:\t  426972 kB\nRssFile:\t 1258720 kB\n"
	if n, ok := anonymous(status); n != 426972<<10 || !ok {
		t.Errorf("anonymous = %d, %v", n, ok)
	}
	if _, ok := anonymous("Name:\tweir\nVmRSS:\t 1 kB\n"); ok {
		t.Error("what is not told was read")
	}
}
