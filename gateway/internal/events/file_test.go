package events_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/events"
)

// lines reads the events of a file, and complains of what is no line of JSON.
func lines(t *testing.T, path string) []events.Event {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []events.Event
	for _, l := range bytes.SplitAfter(b, []byte("\n")) {
		if len(l) == 0 {
			continue
		}
		var e events.Event
		if err := json.Unmarshal(l, &e); err != nil || l[len(l)-1] != '\n' {
			t.Fatalf("line %q: %v", l, err)
		}
		out = append(out, e)
	}
	return out
}

func toFile(f events.File) events.Sink {
	return events.Sink{Name: "log", Kind: "file", To: f.Path, Keep: 24 * time.Hour, Batch: 100, Print: fmt.Sprint(f.Path, f.Size, f.Files), Open: f.Open}
}

func TestFileGetsLines(t *testing.T) {
	j, c := open(t), newClock()
	path := filepath.Join(t.TempDir(), "events.jsonl")
	f := events.File{Path: path, Size: 1 << 20, Files: 3, Clock: c.now}
	s := j.run(nil, c, toFile(f))
	j.delivered(20, "acme", start)
	s.until("written", func() bool { return s.is("log").Delivered == 20 })
	s.stop()
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	// A crash tore the last line: it goes, and what follows stands on lines of
	// its own.
	h, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = h.WriteString(`{"seq":21,"at":"2026-11-2`)
	}
	if err != nil || h.Close() != nil {
		t.Fatal(err)
	}
	s = j.run(nil, c, toFile(f))
	j.delivered(5, "acme", start)
	s.until("written", func() bool { return s.is("log").Delivered == 5 })
	got := lines(t, path)
	for i, e := range got {
		if e.Seq != uint64(i+1) || e.Type != "Delivery" || !e.At.Equal(start) {
			t.Errorf("line %d: %+v", i, e)
		}
	}
	if len(got) != 25 {
		t.Errorf("%d lines, want 25", len(got))
	}
}

func TestFileIsBegunAnew(t *testing.T) {
	j, c := open(t), newClock()
	dir := t.TempDir()
	path := filepath.Join(dir, "events.jsonl")
	beside := path + ".notes" // not ours
	if err := os.WriteFile(beside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := j.run(nil, c, toFile(events.File{Path: path, Size: 2000, Files: 2, Clock: c.now}))
	total := uint64(0)
	for range 12 {
		c.forward(time.Second)
		j.delivered(5, "acme", start)
		total += 5
		s.until("written", func() bool { return s.is("log").Delivered == total })
	}
	old, err := filepath.Glob(path + ".2*")
	if err != nil || len(old) != 2 {
		t.Fatalf("older files %v, want 2", old)
	}
	slices.Sort(old)
	var got []events.Event
	for _, p := range append(old, path) {
		st, err := os.Stat(p)
		if err != nil || st.Size() > 2000 {
			t.Errorf("%s has %d octets, at most 2000 were wanted", p, st.Size())
		}
		got = append(got, lines(t, p)...)
	}
	for i, e := range got {
		if want := total - uint64(len(got)-1-i); e.Seq != want {
			t.Fatalf("line %d is %d, want %d", i, e.Seq, want)
		}
	}
	if _, err := os.Stat(beside); err != nil {
		t.Errorf("a file of others is gone: %v", err)
	}
}

func TestFileThatOthersMovedAwayIsMadeAnew(t *testing.T) {
	j, c := open(t), newClock()
	path := filepath.Join(t.TempDir(), "events.jsonl")
	s := j.run(nil, c, toFile(events.File{Path: path, Size: 1 << 20, Files: 2, Clock: c.now}))
	j.delivered(3, "acme", start)
	s.until("written", func() bool { return s.is("log").Delivered == 3 })
	if err := os.Rename(path, path+".1"); err != nil { // as logrotate does
		t.Fatal(err)
	}
	j.delivered(2, "acme", start)
	s.until("written", func() bool { return s.is("log").Delivered == 5 })
	if a, b := lines(t, path+".1"), lines(t, path); len(a) != 3 || len(b) != 2 || b[0].Seq != 4 {
		t.Errorf("%d and %d lines", len(a), len(b))
	}
}

func TestFileThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	j, c := open(t), newClock()
	dir := filepath.Join(t.TempDir(), "later")
	path := filepath.Join(dir, "events.jsonl")
	s := j.run(nil, c, toFile(events.File{Path: path, Size: 1 << 20, Files: 2, Clock: c.now}))
	j.delivered(3, "acme", start)
	s.until("failed", func() bool { return s.is("log").State == "retrying" })
	if got := s.is("log").Error; !strings.Contains(got, "no such file or directory") {
		t.Errorf("error %q", got)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.until("written", func() bool { return s.is("log").Delivered == 3 })
	if got := lines(t, path); len(got) != 3 {
		t.Errorf("%d lines", len(got))
	}
}

func TestFileIsAPlainFile(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "other"), link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, link} {
		if _, err := (events.File{Path: path, Size: 1}).Open(); err == nil || !strings.Contains(err.Error(), "plain file") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
