package document

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzInspect: whatever the content is, Inspect ends, and within its budget.
func FuzzInspect(f *testing.F) {
	entries, err := os.ReadDir(corpus)
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		if b, err := os.ReadFile(filepath.Join(corpus, e.Name())); err == nil && len(b) < 16<<10 {
			f.Add(b, e.Name())
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, name string) {
		begin := time.Now()
		fs, err := Inspect(bytes.NewReader(b), int64(len(b)), name, "", Limits{Depth: 3, Budget: NewBudget(4<<20, 2000)})
		if err != nil {
			t.Fatalf("an error of the content came out as one of the reader: %v", err)
		}
		if len(fs) > maxFindings {
			t.Fatalf("%d findings", len(fs))
		}
		if d := time.Since(begin); d > 3*time.Second {
			t.Fatalf("%d octets took %v", len(b), d)
		}
	})
}

// TestTruncated: a document cut off anywhere, or with one octet changed, is
// inspected without a panic.
func TestTruncated(t *testing.T) {
	entries, err := os.ReadDir(corpus)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		b, err := os.ReadFile(filepath.Join(corpus, e.Name()))
		if err != nil || len(b) > 64<<10 || len(b) == 0 {
			continue
		}
		for step := 1; step < 8; step++ {
			cut := b[:len(b)*step/8]
			changed := bytes.Clone(b)
			changed[(i*7919+step*104729)%len(b)] ^= byte(1 << (step % 8))
			for _, c := range [][]byte{cut, changed} {
				if _, err := Inspect(bytes.NewReader(c), int64(len(c)), e.Name(), "", Limits{Depth: 3}); err != nil {
					t.Errorf("%s: %v", e.Name(), err)
				}
			}
		}
	}
}
