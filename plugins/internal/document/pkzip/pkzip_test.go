package pkzip

import (
	"archive/zip"
	"bytes"
	"io"
	"testing"

	"github.com/mailweir/weir/plugins/internal/document/octets"
)

func archive(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, h := range []*zip.FileHeader{{Name: "a.xml", Method: zip.Deflate}, {Name: `dir\b.xml`, Method: zip.Store}} {
		e, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Write(bytes.Repeat([]byte(h.Name), 100)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func yes() bool { return true }

func TestOpen(t *testing.T) {
	b := archive(t)
	for name, in := range map[string][]byte{
		"plain":  b,
		"behind": append(bytes.Clone(b), "junk"...),
		"front":  append([]byte("junk"), b...),
	} {
		p, err := Open(octets.Of(in), yes)
		if err != nil || len(p.Entries) != 2 || p.Entries[1].Name != "dir/b.xml" {
			t.Fatalf("%s: %v", name, err)
		}
		for range 2 {
			for i := range p.Entries {
				r, err := p.Open(&p.Entries[i])
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				got, err := io.ReadAll(r)
				if err != nil || len(got) != 100*len(p.Entries[i].Name) {
					t.Errorf("%s: %d octets, %v", name, len(got), err)
				}
			}
		}
	}
}

func TestDamaged(t *testing.T) {
	b := archive(t)
	for name, in := range map[string][]byte{
		"cut off": b[:len(b)-10], "empty": nil, "end alone": b[len(b)-22:],
	} {
		if _, err := Open(octets.Of(in), yes); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Open(octets.Of(b), func() bool { return false }); err == nil {
		t.Error("more entries than allowed")
	}
	two := bytes.Clone(b)
	copy(two[30:], "b.xml") // the local header's name
	p, err := Open(octets.Of(two), yes)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Open(&p.Entries[0]); err != errDouble {
		t.Error(err)
	}
	p.Entries[0].Method = 14
	if _, err := p.Open(&p.Entries[0]); err == nil {
		t.Error("an unknown method was read")
	}
}
