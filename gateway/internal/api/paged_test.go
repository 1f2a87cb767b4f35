package api

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func plainKey(s *string) string { return *s }

// walk reads a list to its end, with between called before each page but the
// first.
func walk(t *testing.T, limit int, list *[]string, between func()) []string {
	t.Helper()
	var got []string
	for cursor, n := "", 0; ; n++ {
		if n > 1000 {
			t.Fatal("the list has no end")
		}
		if n > 0 {
			between()
		}
		items, next, err := cut(PageInput{cursor, limit}, "things", *list, plainKey)
		if err != nil {
			t.Fatal(err)
		}
		if len(items) > limit || next != "" && len(items) == 0 {
			t.Fatalf("a page of %d items, next %q", len(items), next)
		}
		got = append(got, items...)
		if next == "" {
			return got
		}
		cursor = next
	}
}

func TestPagesHoldEverythingOnceInOrder(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 6, 7} {
		for limit := 1; limit <= n+1; limit++ {
			var list []string
			for i := range n {
				list = append(list, fmt.Sprint(i))
			}
			want := slices.Clone(list)
			rand.Shuffle(n, func(i, j int) { list[i], list[j] = list[j], list[i] })
			if got := walk(t, limit, &list, func() {}); !slices.Equal(got, want) {
				t.Errorf("%d items, %d at a time: %v", n, limit, got)
			}
		}
	}
}

// Items that share a key, as may happen with times, are neither lost nor
// repeated where a page ends between them.
func TestPagesOfItemsWithOneKey(t *testing.T) {
	all := []string{"a", "b", "b", "b", "b", "c"}
	for limit := 1; limit <= 7; limit++ {
		if got := walk(t, limit, &all, func() {}); !slices.Equal(got, all) {
			t.Errorf("%d at a time: %v", limit, got)
		}
	}
}

// What comes or goes while pages are turned makes no other item come twice or
// be left out: those that were there all the time are given once each.
func TestPagesWhileItemsComeAndGo(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		stay := map[string]bool{}
		var list []string
		for i := range 40 {
			k := fmt.Sprintf("%03d", i*10)
			list = append(list, k)
			stay[k] = i%3 != 0
		}
		new := 0
		got := walk(t, 1+rnd.IntN(6), &list, func() {
			for range rnd.IntN(4) {
				new++
				list = append(list, fmt.Sprintf("%03d-%d", rnd.IntN(400), new))
			}
			for range rnd.IntN(4) {
				i := rnd.IntN(len(list))
				if !stay[list[i]] {
					list = slices.Delete(list, i, i+1)
				}
			}
			rnd.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		})
		times := map[string]int{}
		for _, k := range got {
			if times[k]++; times[k] > 1 {
				t.Errorf("seed %d: %s came twice", seed, k)
			}
		}
		for k, stays := range stay {
			if stays && times[k] != 1 {
				t.Errorf("seed %d: %s came %d times", seed, k, times[k])
			}
		}
		if !slices.IsSorted(got) {
			t.Errorf("seed %d: out of order: %v", seed, got)
		}
	}
}

func TestCursorIsGoodForItsListAlone(t *testing.T) {
	all := []string{"a", "b"}
	_, next, err := cut(PageInput{"", 1}, "rules acme", all, plainKey)
	if err != nil || next == "" || strings.Contains(next, "rules") {
		t.Fatalf("next %q, %v", next, err)
	}
	for _, c := range []struct{ cursor, name string }{
		{next, "rules beta"}, {next, "rules"}, {next, "lists acme"}, {next[1:], "rules acme"}, {"%%", "rules acme"}, {"AAAA", "rules acme"},
		{writeCursor("rules acme", "a", 0), "rules acme"},
	} {
		if _, _, err := cut(PageInput{c.cursor, 1}, c.name, all, plainKey); err == nil {
			t.Errorf("%s takes the cursor %q", c.name, c.cursor)
		}
	}
}

func TestKeysSortAsTheySay(t *testing.T) {
	at := func(sec int64) time.Time { return time.Unix(sec, 5) }
	for _, keys := range [][]string{
		{oldestFirst(at(-7), "z"), oldestFirst(at(7), "z"), oldestFirst(at(1_700_000_000), "a"), oldestFirst(at(1_700_000_000), "b"), oldestFirst(at(1_700_000_001), "a")},
		{newestFirst(at(1_700_000_001), "b"), newestFirst(at(1_700_000_000), "a"), newestFirst(at(1_700_000_000), "b"), newestFirst(at(-7), "a")},
		{downwards("b"), downwards("ab"), downwards("aa"), downwards("a"), downwards("")},
		{numbered(0), numbered(9), numbered(10), numbered(1 << 40)},
		{byName("a", "z"), byName("a-b", "a"), byName("b", "")},
	} {
		if !slices.IsSorted(keys) {
			t.Errorf("out of order: %q", keys)
		}
	}
}
