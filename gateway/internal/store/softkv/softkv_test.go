package softkv

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mailweir/weir/gateway/internal/store"
)

type clock struct{ ns atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.ns.Load()) }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

func open(t *testing.T, dir string, c *clock) *Store {
	t.Helper()
	s, err := Open(dir, Options{Clock: c.now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newClock() *clock {
	c := new(clock)
	c.ns.Store(time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func want(t *testing.T, s *Store, plugin, tenant, key, value string) {
	t.Helper()
	v, found, err := s.Get(plugin, tenant, key)
	if err != nil || found != (value != "") || string(v) != value {
		t.Fatalf("%s/%s/%s is %q (%v), want %q; %v", plugin, tenant, key, v, found, value, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestNamespaces(t *testing.T) {
	s := open(t, t.TempDir(), newClock())
	for i, k := range [][3]string{{"ab", "c", "d"}, {"a", "bc", "d"}, {"a", "b", "cd"}, {"", "", "abcd"}} {
		must(t, s.Set(k[0], k[1], k[2], fmt.Appendf(nil, "%d", i), 0))
	}
	want(t, s, "ab", "c", "d", "0")
	want(t, s, "a", "bc", "d", "1")
	want(t, s, "a", "b", "cd", "2")
	must(t, s.Delete("a", "b", "cd"))
	must(t, s.Delete("a", "b", "cd"))
	want(t, s, "a", "b", "cd", "")
	want(t, s, "a", "bc", "d", "1")
}

func TestTimeToLive(t *testing.T) {
	c := newClock()
	dir := t.TempDir()
	s := open(t, dir, c)
	must(t, s.Set("p", "t", "short", []byte("x"), time.Minute))
	must(t, s.Set("p", "t", "renewed", []byte("x"), time.Minute))
	must(t, s.Set("p", "t", "ever", []byte("x"), 0))
	c.advance(59 * time.Second)
	must(t, s.Set("p", "t", "renewed", []byte("y"), time.Hour))
	want(t, s, "p", "t", "short", "x")
	must(t, s.Close())
	s = open(t, dir, c) // survives a restart
	c.advance(time.Second)
	want(t, s, "p", "t", "short", "")
	n, err := s.sweepOnce()
	if err != nil || n != 1 {
		t.Fatalf("swept %d, %v", n, err)
	}
	want(t, s, "p", "t", "renewed", "y")
	want(t, s, "p", "t", "ever", "x")
	c.advance(2 * time.Hour)
	want(t, s, "p", "t", "renewed", "")
	if n, err := s.sweepOnce(); err != nil || n != 1 {
		t.Fatalf("swept %d, %v", n, err)
	}
	if keys, err := s.ended(); err != nil || len(keys) != 0 {
		t.Fatalf("%d index entries are left, %v", len(keys), err)
	}
	want(t, s, "p", "t", "ever", "x")
}

func TestSweepLeavesWhatWasSetAnew(t *testing.T) {
	c := newClock()
	s := open(t, t.TempDir(), c)
	for i := range sweepBatch + 10 {
		must(t, s.Set("p", "t", fmt.Sprint(i), []byte("x"), time.Minute))
	}
	c.advance(time.Hour)
	must(t, s.Set("p", "t", "3", []byte("new"), time.Minute))
	if n, err := s.sweepOnce(); err != nil || n != sweepBatch+9 {
		t.Fatalf("swept %d, %v", n, err)
	}
	want(t, s, "p", "t", "3", "new")
}

func TestCAS(t *testing.T) {
	c := newClock()
	s := open(t, t.TempDir(), c)
	cas := func(old, value []byte, ok bool) {
		t.Helper()
		got, err := s.CAS("p", "t", "k", old, value, time.Minute)
		if err != nil || got != ok {
			t.Fatalf("swapped %v, want %v; %v", got, ok, err)
		}
	}
	cas([]byte("a"), []byte("b"), false)
	cas([]byte{}, []byte("b"), false) // an empty value is not the same as none
	cas(nil, []byte("a"), true)
	cas(nil, []byte("b"), false)
	cas([]byte("b"), []byte("c"), false)
	cas([]byte("a"), []byte{}, true)
	cas([]byte{}, []byte("c"), true)
	want(t, s, "p", "t", "k", "c")
	c.advance(time.Hour)
	cas([]byte("c"), []byte("d"), false)
	cas(nil, []byte("e"), true)
	want(t, s, "p", "t", "k", "e")
}

func TestAdd(t *testing.T) {
	c := newClock()
	s := open(t, t.TempDir(), c)
	add := func(delta, want int64) {
		t.Helper()
		if got, err := s.Add("p", "t", "n", delta, time.Minute); err != nil || got != want {
			t.Fatalf("%d, want %d; %v", got, want, err)
		}
	}
	add(5, 5)
	c.advance(50 * time.Second)
	add(-7, -2)
	want(t, s, "p", "t", "n", "\xfe\xff\xff\xff\xff\xff\xff\xff")
	c.advance(10 * time.Second) // a minute after the first Add
	add(1, 1)
	add(math.MaxInt64-1, math.MaxInt64)
	if _, err := s.Add("p", "t", "n", 1, 0); !errors.Is(err, ErrNotCounter) {
		t.Fatalf("overflow: %v", err)
	}
	must(t, s.Set("p", "t", "text", []byte("hello"), 0))
	if _, err := s.Add("p", "t", "text", 1, 0); !errors.Is(err, ErrNotCounter) {
		t.Fatalf("not a counter: %v", err)
	}
}

func TestLimits(t *testing.T) {
	s := open(t, t.TempDir(), newClock())
	if err := s.Set("p", "t", "k", make([]byte, MaxValue+1), 0); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	if err := s.Set("p", "t", string(make([]byte, MaxKey)), nil, 0); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	big := bytes.Repeat([]byte("x"), MaxValue)
	must(t, s.Set("p", "t", "k", big, time.Minute))
	want(t, s, "p", "t", "k", string(big))
}

func TestParallelCounter(t *testing.T) {
	s := open(t, t.TempDir(), newClock())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if _, err := s.Add("p", "t", "n", 1, time.Minute); err != nil {
					t.Error(err)
				}
				for {
					old, _, err := s.Get("p", "t", "cas")
					if err != nil {
						t.Error(err)
						return
					}
					ok, err := s.CAS("p", "t", "cas", old, append(bytes.Clone(old), 'x'), 0)
					if err != nil {
						t.Error(err)
						return
					}
					if ok {
						break
					}
				}
			}
		})
	}
	wg.Wait()
	if n, err := s.Add("p", "t", "n", 0, 0); err != nil || n != 800 {
		t.Fatalf("%d, %v", n, err)
	}
	v, _, err := s.Get("p", "t", "cas")
	if err != nil || len(v) != 800 {
		t.Fatalf("%d swaps, %v", len(v), err)
	}
}

func TestDamagedIsBegunAnew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "soft")
	c := newClock()
	s := open(t, dir, c)
	must(t, s.Set("p", "t", "k", []byte("v"), 0))
	must(t, s.Close())
	must(t, os.WriteFile(filepath.Join(dir, "MANIFEST"), []byte("nonsense"), 0o600))
	s = open(t, dir, c)
	want(t, s, "p", "t", "k", "")
	must(t, s.Set("p", "t", "k", []byte("v"), 0))
	if _, err := os.Stat(filepath.Join(dir+".damaged", "MANIFEST")); err != nil {
		t.Error(err)
	}
	// In use is not damaged.
	if _, err := Open(dir, Options{}); err == nil {
		t.Error("opened twice")
	}
	want(t, s, "p", "t", "k", "v")
}

func TestOpensAfterAKillWhileMakingALog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "soft")
	for _, n := range []string{"00099.mem", "000099.vlog"} {
		s := open(t, dir, newClock())
		must(t, s.Set("p", "t", "k", []byte("v"), 0))
		must(t, s.Close())
		must(t, os.WriteFile(filepath.Join(dir, n), nil, 0o600))
		s = open(t, dir, newClock())
		want(t, s, "p", "t", "k", "v")
		must(t, s.Close())
	}
}

func TestCloseEndsEverything(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s := open(t, t.TempDir(), newClock())
	must(t, s.Close())
	must(t, s.Close())
	if _, _, err := s.Get("p", "t", "k"); err == nil {
		t.Error("read from a closed store")
	}
	if err := s.Set("p", "t", "k", nil, 0); err == nil {
		t.Error("wrote to a closed store")
	}
	goleak.VerifyNone(t, before)
}

// TestMinFree: soft state gives way to mail long before the disk is full.
func TestMinFree(t *testing.T) {
	s, err := Open(t.TempDir(), Options{MinFree: 1 << 62})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Set("p", "t", "k", []byte("v"), 0); !errors.Is(err, store.ErrFull) {
		t.Error(err)
	}
}
