package softkv

import (
	"strings"
	"testing"
	"time"
)

func TestScan(t *testing.T) {
	c := newClock()
	s := open(t, t.TempDir(), c)
	for _, k := range []string{"b2", "a", "b1", "b3", "c"} {
		must(t, s.Set("p", "t", k, []byte("v"+k), time.Hour))
	}
	must(t, s.Set("p", "t", "b9", []byte("gone"), time.Minute))
	must(t, s.Set("p", "t", "b0", []byte("stays"), 0))
	must(t, s.Set("p", "tb1", "x", []byte("another tenant's"), 0))
	must(t, s.Set("pt", "", "b1", []byte("another plugin's"), 0))
	c.advance(time.Minute)
	for _, tc := range []struct {
		prefix, after string
		most          int
		want          string
	}{
		{"", "", 9, "a b0 b1 b2 b3 c"},
		{"b", "", 9, "b0 b1 b2 b3"},
		{"b", "", 2, "b0 b1"},
		{"b", "b1", 9, "b2 b3"},
		{"", "b1x", 9, "b2 b3 c"},
		{"b", "a", 9, "b0 b1 b2 b3"}, // a cursor before the prefix leaves nothing out
		{"b", "c", 9, ""},
		{"z", "", 9, ""},
	} {
		var got []string
		must(t, s.Scan("p", "t", tc.prefix, tc.after, func(key string, value []byte, end time.Time) bool {
			got = append(got, key)
			if want := "v" + key; key != "b0" && (string(value) != want || end.Sub(c.now()) != 59*time.Minute) {
				t.Errorf("%s: %q, ends %v", key, value, end)
			}
			if key == "b0" && !end.IsZero() {
				t.Errorf("b0 ends at %v", end)
			}
			return len(got) < tc.most
		}))
		if strings.Join(got, " ") != tc.want {
			t.Errorf("prefix %q after %q: got %v, want %s", tc.prefix, tc.after, got, tc.want)
		}
	}
	must(t, s.Close())
	if s.Scan("p", "t", "", "", func(string, []byte, time.Time) bool { return true }) == nil {
		t.Error("scanned a closed store")
	}
}
