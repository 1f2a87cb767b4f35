package softkv

import (
	"errors"
	"strconv"
	"testing"
	"time"
)

func TestQuota(t *testing.T) {
	dir := t.TempDir()
	now := time.Unix(1e9, 0)
	o := Options{Clock: func() time.Time { return now }, Quota: func(plugin string) int64 {
		if plugin == "greedy" {
			return 4096
		}
		return 0
	}}
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	over := func(err error) {
		t.Helper()
		if !errors.Is(err, ErrQuota) {
			t.Errorf("%v is not ErrQuota", err)
		}
	}
	held := func(want int64) {
		t.Helper()
		if got := s.Used("greedy", "acme"); got != want {
			t.Errorf("%d octets in use, not %d", got, want)
		}
	}
	k, _ := entryKey("greedy", "acme", "a")
	each := int64(len(k)) + entryCost
	held(0)
	must(s.Set("greedy", "acme", "a", make([]byte, 2000), 0))
	must(s.Set("greedy", "acme", "b", make([]byte, 1000), time.Minute))
	held(2*each + 3000)
	over(s.Set("greedy", "acme", "c", make([]byte, 1000), 0))
	_, err = s.CAS("greedy", "acme", "c", nil, make([]byte, 1000), 0)
	over(err)
	ops := make([]Op, 20)
	for i := range ops {
		ops[i] = Op{Kind: OpAdd, Key: strconv.Itoa(i), Delta: 1}
	}
	_, err = s.Batch("greedy", "acme", ops, 1<<20)
	over(err)
	held(2*each + 3000) // what failed is given back
	if _, found, _ := s.Get("greedy", "acme", "c"); found {
		t.Error("it was written all the same")
	}
	must(s.Set("greedy", "acme", "a", make([]byte, 10), 0)) // smaller, in place of the old one
	held(2*each + 1010)
	must(s.Set("greedy", "other", "a", make([]byte, 3900), 0)) // each tenant has its own
	must(s.Set("modest", "acme", "a", make([]byte, 9000), 0))
	_, err = s.Batch("greedy", "acme", ops[:3], 1<<20)
	must(err)
	held(2*each + 1010 + 3*(each+8))
	must(s.Delete("greedy", "acme", "0"))
	held(2*each + 1010 + 2*(each+8))

	must(s.Close()) // counted anew
	s, err = Open(dir, o)
	must(err)
	held(2*each + 1010 + 2*(each+8))
	now = now.Add(time.Hour) // b has ended
	_, err = s.sweepOnce()
	must(err)
	held(each + 10 + 2*(each+8))
	must(s.Set("greedy", "acme", "c", make([]byte, 3000), 0))
}
