package archive

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
)

// recorder notes what a walk finds: "path", "path (encrypted)", "path/",
// "! cause path: detail".
type recorder struct {
	lines []string
	read  bool
}

func (r *recorder) Entry(e *Entry, c io.ReaderAt, size int64) error {
	l := e.Path
	switch {
	case e.Encrypted:
		l += " (encrypted)"
	case e.Dir:
		l = strings.TrimSuffix(l, "/") + "/"
	case c == nil:
		l += " (closed)"
	}
	if e.Type != "" {
		l += " " + string(e.Type)
	}
	if c != nil && r.read {
		b := make([]byte, 16)
		n, _ := c.ReadAt(b, max(0, size-16))
		l += " " + string(b[:n])
	}
	r.lines = append(r.lines, l)
	return nil
}

func (r *recorder) Problem(p Problem) error {
	r.lines = append(r.lines, "! "+p.Cause+" "+p.Path+": "+p.Detail)
	return nil
}

func walk(t testing.TB, b []byte, name string, lim Limits) []string {
	t.Helper()
	var r recorder
	if err := Walk(bytes.NewReader(b), int64(len(b)), name, NewBudget(lim), &r); err != nil {
		t.Fatal(err)
	}
	return r.lines
}

func TestDev(t *testing.T) {
	for _, n := range strings.Fields(os.Getenv("DEV")) {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(n, "\n  "+strings.Join(walk(t, b, n, Limits{}), "\n  "))
	}
}
