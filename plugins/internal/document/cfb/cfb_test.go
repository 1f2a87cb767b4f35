package cfb

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mailweir/weir/plugins/internal/document/octets"
)

const corpus = "../../../stall/testdata/documents"

func open(t *testing.T, name string) (*File, []byte) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(corpus, name))
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(octets.Of(b), 1000)
	if err != nil {
		t.Fatal(err)
	}
	return f, b
}

func TestOpen(t *testing.T) {
	f, _ := open(t, "vba.doc")
	if f.Damaged {
		t.Error("damaged")
	}
	e := f.Root.Child("macros").Child("VBA").Stream("DIR")
	if e == nil || e.Path() != "Macros/VBA/dir" || e.Parent.Parent.Parent != f.Root {
		t.Fatal("no such stream")
	}
	s := f.Open(e)
	if b, err := s.At(0, s.Size); err != nil || b[0] != 1 {
		t.Errorf("%x %v", b, err)
	}
	if _, err := s.At(s.Size-1, 2); err == nil {
		t.Error("read beyond the end")
	}
	w := f.Root.Stream("WordDocument")
	if b, err := f.Open(w).At(w.Size-10, 10); err != nil || len(b) != 10 {
		t.Error(err)
	}
	n := 0
	f.Root.Walk(func(*Entry) bool { n++; return true })
	if n < 8 {
		t.Errorf("%d entries", n)
	}
}

// TestDamaged: loops and links that lead nowhere are seen, and end.
func TestDamaged(t *testing.T) {
	_, b := open(t, "vba.doc")
	dir := (int64(octets.U32(b[48:])) + 1) << 9
	damaged := func(change func(b []byte)) (*File, error) {
		c := append([]byte(nil), b...)
		change(c)
		return Open(octets.Of(c), 1000)
	}
	put := func(b []byte, v uint32) { b[0], b[1], b[2], b[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24) }
	for name, change := range map[string]func([]byte){
		"a sibling that is the root": func(b []byte) { put(b[dir+entryLen+68:], 0) },
		"a child beyond the end":     func(b []byte) { put(b[dir+76:], 5000) },
		"a child that is itself":     func(b []byte) { put(b[dir+76:], 0) },
	} {
		f, err := damaged(change)
		if err != nil || !f.Damaged {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func([]byte){
		"sectors of no known size":   func(b []byte) { b[30] = 3 },
		"no directory":               func(b []byte) { put(b[48:], 0xfffffffe) },
		"no root":                    func(b []byte) { b[dir+66] = 1 },
		"an unknown mark":            func(b []byte) { b[0] = 0 },
		"a cutoff nobody reads":      func(b []byte) { put(b[56:], 0) },
		"a directory without an end": func(b []byte) { put(b[48:], 0xfffffff0) },
	} {
		if _, err := damaged(change); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Open(octets.Of(b), 3); err == nil {
		t.Error("more entries than allowed")
	}
}
