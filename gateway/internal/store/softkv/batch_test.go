package softkv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func number(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) }

func TestBatch_does_what_the_methods_do(t *testing.T) {
	now := time.Unix(1e9, 0)
	s := begin(t, t.TempDir(), Options{Clock: func() time.Time { return now }})
	if err := s.Set("p", "t", "old", []byte("there"), time.Minute); err != nil {
		t.Fatal(err)
	}
	r, err := s.Batch("p", "t", []Op{
		{Kind: OpGet, Key: "old"},
		{Kind: OpGet, Key: "new"},
		{Kind: OpSet, Key: "new", Value: []byte("n"), TTL: time.Second},
		{Kind: OpGet, Key: "new"},
		{Kind: OpAdd, Key: "sum", Delta: 5},
		{Kind: OpAdd, Key: "sum", Delta: -7},
		{Kind: OpGet, Key: "sum"},
		{Kind: OpDelete, Key: "old"},
		{Kind: OpDelete, Key: "old"},
		{Kind: OpGet, Key: "old"},
	}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%q %v %q %d %d %d %v %v %v", r[0].Value, r[1].Found, r[3].Value, r[4].Sum, r[5].Sum, number(r[6].Value), r[7].Found, r[8].Found, r[9].Found)
	if want := `"there" false "n" 5 -2 -2 true false false`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for _, other := range []string{"u", ""} {
		if _, found, _ := s.Get("p", other, "sum"); found {
			t.Error("another tenant sees it")
		}
	}
	now = now.Add(2 * time.Second)
	if _, found, _ := s.Get("p", "t", "new"); found {
		t.Error("its time is over")
	}
}

func TestBatch_writes_nothing_when_it_cannot_be_answered(t *testing.T) {
	s := begin(t, t.TempDir(), Options{})
	big := make([]byte, 60<<10)
	for i := range 3 {
		if err := s.Set("p", "t", "big"+strconv.Itoa(i), big, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Set("p", "t", "text", []byte("no counter"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Add("p", "t", "full", math.MaxInt64, 0); err != nil {
		t.Fatal(err)
	}
	reads := []Op{{Kind: OpSet, Key: "x", Value: []byte("x")}, {Kind: OpGet, Key: "big0"}, {Kind: OpGet, Key: "big1"}, {Kind: OpGet, Key: "big2"}}
	wide := append([]Op{}, reads...) // more than one transaction
	for i := range 30 {
		wide = append(wide, Op{Kind: OpSet, Key: "w" + strconv.Itoa(i), Value: big})
	}
	for name, c := range map[string]struct {
		ops  []Op
		want error
	}{
		"reads too much":         {reads, ErrBatch},
		"reads too much, wide":   {wide, ErrBatch},
		"adds to a text":         {[]Op{{Kind: OpSet, Key: "x", Value: []byte("x")}, {Kind: OpAdd, Key: "text", Delta: 1}}, ErrNotCounter},
		"adds too much":          {[]Op{{Kind: OpSet, Key: "x", Value: []byte("x")}, {Kind: OpAdd, Key: "full", Delta: 1}}, ErrNotCounter},
		"adds to a text, wide":   {append(append([]Op{}, wide[4:]...), Op{Kind: OpSet, Key: "c", Value: []byte("c")}, Op{Kind: OpAdd, Key: "c", Delta: 1}), ErrNotCounter},
		"a key that is too long": {[]Op{{Kind: OpSet, Key: "x", Value: []byte("x")}, {Kind: OpGet, Key: strings.Repeat("k", MaxKey)}}, ErrTooLarge},
	} {
		if _, err := s.Batch("p", "t", c.ops, 100<<10); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		for _, k := range []string{"x", "w0", "c"} {
			if _, found, _ := s.Get("p", "t", k); found {
				t.Errorf("%s: wrote %s", name, k)
			}
		}
	}
	if _, err := s.Batch("p", "t", wide, 1<<20); err != nil {
		t.Errorf("a batch of several transactions: %v", err)
	}
	for i := range 30 {
		if v, found, err := s.Get("p", "t", "w"+strconv.Itoa(i)); !found || len(v) != len(big) || err != nil {
			t.Errorf("w%d: %v %v", i, found, err)
		}
	}
}

func TestBatches_in_parallel_lose_nothing(t *testing.T) {
	s := begin(t, t.TempDir(), Options{})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for range 20 {
				var ops []Op
				for k := range 50 { // each in another order: no two wait for one another
					ops = append(ops, Op{Kind: OpAdd, Key: strconv.Itoa((k*7 + w*13) % 50), Delta: 1})
				}
				if _, err := s.Batch("p", "t", ops, 0); err != nil {
					t.Error(err)
				}
				if err := s.Sync(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for k := range 50 {
		if n, err := s.Add("p", "t", strconv.Itoa(k), 0, 0); n != 80 || err != nil {
			t.Errorf("%d: %d, %v", k, n, err)
		}
	}
}

// BenchmarkBatch is what a classifier does: it reads 200 keys for a message, or
// adds to 200 to learn one.
func BenchmarkBatch(b *testing.B) {
	s := begin(b, b.TempDir(), Options{})
	ops := make([]Op, 200)
	run := func(b *testing.B, kind OpKind, sync bool) {
		for b.Loop() {
			for i := range ops {
				ops[i] = Op{Kind: kind, Key: "token-" + strconv.Itoa(i), Delta: 1}
			}
			if _, err := s.Batch("bayes", "acme", ops, 1<<20); err != nil {
				b.Fatal(err)
			}
			if sync {
				if err := s.Sync(); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.Run("add", func(b *testing.B) { run(b, OpAdd, false) })
	b.Run("add+sync", func(b *testing.B) { run(b, OpAdd, true) })
	b.Run("get", func(b *testing.B) { run(b, OpGet, false) })
	b.Run("get one by one", func(b *testing.B) {
		for b.Loop() {
			for i := range 200 {
				if _, _, err := s.Get("bayes", "acme", "token-"+strconv.Itoa(i)); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

func begin(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
