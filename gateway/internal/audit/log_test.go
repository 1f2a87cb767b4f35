package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var key = bytes.Repeat([]byte("k"), 32)

func opened(t *testing.T, dir string, o ...func(*Options)) *Log {
	t.Helper()
	opts := Options{Dir: dir, Key: key}
	for _, f := range o {
		f(&opts)
	}
	l, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func record(t *testing.T, l *Log, n int) {
	t.Helper()
	for i := range n {
		if err := l.Record(t.Context(), Entry{Actor: "anna", Action: "view", Tenant: "acme", Target: fmt.Sprintf("m%d.1", i), Details: map[string]string{"b": "2", "a": "<1>"}}); err != nil {
			t.Fatal(err)
		}
	}
}

func verified(t *testing.T, dir, known string) Report {
	t.Helper()
	r, err := Verify(t.Context(), dir, key, known)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func file(t *testing.T, dir string) string {
	t.Helper()
	segs, err := segments(dir)
	if err != nil || len(segs) == 0 {
		t.Fatalf("%v, %v", segs, err)
	}
	return segs[0].path
}

// Whatever is done to the files shows.
func TestB40_TamperingShows(t *testing.T) {
	all := func(b []byte) [][]byte { whole, _ := lines(b); return whole }
	join := func(ls [][]byte) []byte { return append(bytes.Join(ls, []byte("\n")), '\n') }
	for name, c := range map[string]struct {
		do   func(dir string, b []byte) []byte
		want string
	}{
		"changed":   {func(_ string, b []byte) []byte { return bytes.Replace(b, []byte(`"m4.1"`), []byte(`"m5.1"`), 1) }, "changed"},
		"who":       {func(_ string, b []byte) []byte { return bytes.Replace(b, []byte(`"anna"`), []byte(`"otto"`), 1) }, "changed"},
		"removed":   {func(_ string, b []byte) []byte { ls := all(b); return join(append(ls[:4:4], ls[5:]...)) }, "entries 5 to 5 are missing"},
		"first":     {func(_ string, b []byte) []byte { return join(all(b)[1:]) }, "entries 1 to 1 are missing"},
		"reordered": {func(_ string, b []byte) []byte { ls := all(b); ls[3], ls[4] = ls[4], ls[3]; return join(ls) }, "missing"},
		"doubled":   {func(_ string, b []byte) []byte { ls := all(b); return join(append(ls[:5:5], ls[4:]...)) }, "stands where"},
		"truncated": {func(_ string, b []byte) []byte { return join(all(b)[:7]) }, "entries 8 to 10 are missing at the end"},
		"emptied":   {func(string, []byte) []byte { return nil }, "missing at the end"},
		"junk":      {func(_ string, b []byte) []byte { return append([]byte("{}\n"), b...) }, "not whole"},
		"forged": {func(_ string, b []byte) []byte { // every hash anew
			ls := all(b)
			prev := ""
			for i := range ls {
				e, _ := open(ls[i])
				if i == 4 {
					e.Actor = "otto"
				}
				e.Prev = prev
				line, _ := seal(&e)
				prev, ls[i] = e.Hash, bytes.TrimSuffix(line, []byte("\n"))
			}
			return join(ls)
		}, "not the entry that the head names"},
		"head removed": {func(dir string, b []byte) []byte { _ = os.Remove(filepath.Join(dir, headName)); return b }, "head is missing"},
		"head forged": {func(dir string, b []byte) []byte {
			_ = writeHead(dir, []byte("another key"), head{Seq: 3, First: 1}, false)
			return b
		}, "not written with this gateway's key"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := opened(t, dir)
			record(t, l, 10)
			l.Close()
			if r := verified(t, dir, ""); len(r.Problems) != 0 || r.Entries != 10 || r.First != 1 || r.Last != 10 {
				t.Fatalf("untouched: %+v", r)
			}
			b, err := os.ReadFile(file(t, dir))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file(t, dir), c.do(dir, b), 0o600); err != nil {
				t.Fatal(err)
			}
			r := verified(t, dir, "")
			if !strings.Contains(fmt.Sprint(r.Problems), c.want) {
				t.Fatalf("problems %+v, want %q", r.Problems, c.want)
			}
			// A gateway that starts on it goes on, and does not cover it up.
			again := opened(t, dir)
			record(t, again, 2)
			again.Close()
			if r := verified(t, dir, ""); len(r.Problems) == 0 {
				found, _, err := again.List(t.Context(), Query{Action: ActionDamaged})
				if err != nil || len(found) == 0 {
					t.Errorf("after a restart nothing shows any more: %v", err)
				}
			}
		})
	}
}

// Who can write the key's file, too, is found out by what was noted elsewhere.
func TestB40_AnchorNotedElsewhere(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, dir)
	record(t, l, 5)
	_, noted := l.Head()
	record(t, l, 5)
	l.Close()
	if r := verified(t, dir, noted); len(r.Problems) != 0 {
		t.Fatalf("%+v", r.Problems)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	l = opened(t, dir)
	record(t, l, 10)
	l.Close()
	if r := verified(t, dir, noted); !strings.Contains(fmt.Sprint(r.Problems), "written anew") {
		t.Errorf("a log that was made anew holds: %+v", r)
	}
}

func TestTornLineIsCutOff(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, dir)
	record(t, l, 3)
	l.Close()
	f, err := os.OpenFile(file(t, dir), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"seq":4,"at":"20`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	l = opened(t, dir)
	record(t, l, 1)
	if r := verified(t, dir, ""); len(r.Problems) != 0 || r.Entries != 4 {
		t.Errorf("%+v", r)
	}
}

func TestManyAtOneTime(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, dir, func(o *Options) { o.SegmentSize = 4096 })
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for range 20 {
				if err := l.Record(context.Background(), Entry{Actor: fmt.Sprint(i), Action: "x"}); err != nil {
					t.Error(err)
				}
				if _, _, err := l.List(context.Background(), Query{Limit: 3}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if r := verified(t, dir, ""); len(r.Problems) != 0 || r.Entries != 320 {
		t.Errorf("%+v", r)
	}
	n := 0
	if err := l.Each(t.Context(), Query{Actor: "7"}, func(Entry) error { n++; return nil }); err != nil || n != 20 {
		t.Errorf("%d entries of one, %v", n, err)
	}
}

func TestPagesGoBack(t *testing.T) {
	l := opened(t, t.TempDir(), func(o *Options) { o.SegmentSize = 1000 })
	record(t, l, 25)
	var got []uint64
	for before := uint64(0); ; {
		page, next, err := l.List(t.Context(), Query{Limit: 10, Before: before})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			got = append(got, e.Seq)
		}
		if before = next; next == 0 {
			break
		}
	}
	if len(got) != 25 || got[0] != 25 || got[24] != 1 {
		t.Errorf("%v", got)
	}
	if es, _, err := l.List(t.Context(), Query{Message: "m7"}); err != nil || len(es) != 1 || es[0].Target != "m7.1" {
		t.Errorf("%v, %v", es, err)
	}
	if es, _, err := l.List(t.Context(), Query{Tenant: "beta"}); err != nil || len(es) != 0 {
		t.Errorf("%v, %v", es, err)
	}
}

// What is past its time goes, and what is left still holds.
func TestOldEntriesGo(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	l := opened(t, dir, func(o *Options) {
		o.Clock = func() time.Time { return now }
		o.Keep = func() time.Duration { return 48 * time.Hour }
	})
	for range 6 {
		record(t, l, 2)
		now = now.Add(24 * time.Hour)
	}
	l.Close()
	r := verified(t, dir, "")
	if len(r.Problems) != 0 || r.First == 1 || r.Last < 12 {
		t.Errorf("%+v", r)
	}
	segs, _ := segments(dir)
	if err := os.Remove(segs[0].path); err != nil {
		t.Fatal(err)
	}
	if r := verified(t, dir, ""); len(r.Problems) == 0 {
		t.Error("a file that was taken away does not show")
	}
}

func TestClosedAndBrokenTakeNothing(t *testing.T) {
	l := opened(t, t.TempDir())
	l.Close()
	if err := l.Record(t.Context(), Entry{Actor: "a", Action: "b"}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("closed: %v", err)
	}
	dir := t.TempDir()
	l = opened(t, dir)
	if err := os.RemoveAll(dir); err != nil { // no file can be begun
		t.Fatal(err)
	}
	if err := l.Record(t.Context(), Entry{Actor: "a", Action: "b"}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("without a folder: %v", err)
	}
	if err := l.Record(t.Context(), Entry{Action: "b"}); err == nil {
		t.Error("an entry of nobody's is taken")
	}
}

func BenchmarkRecord(b *testing.B) {
	l, err := Open(Options{Dir: b.TempDir(), Key: key})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := l.Record(context.Background(), Entry{Actor: "a", Action: "b"}); err != nil {
				b.Error(err)
			}
		}
	})
}

func TestNamesAreBounded(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, dir)
	long := strings.Repeat("ä", maxBodyOfAForm/2)
	if err := l.Record(t.Context(), Entry{Actor: long, Source: long, Target: long, Action: "sign-in"}); err != nil {
		t.Fatal(err)
	}
	l.Close()
	b, err := os.ReadFile(file(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	e, err := open(bytes.TrimSuffix(b, []byte("\n")))
	if err != nil {
		t.Fatal(err)
	}
	for what, got := range map[string]string{"actor": e.Actor, "source": e.Source, "target": e.Target} {
		if len(got) > 512 || len(got) < 500 || !strings.HasSuffix(got, "ä…") {
			t.Errorf("%s: %d octets, …%q", what, len(got), got[max(0, len(got)-10):])
		}
	}
}

// maxBodyOfAForm is what a request may bring, octets.
const maxBodyOfAForm = 1 << 20
