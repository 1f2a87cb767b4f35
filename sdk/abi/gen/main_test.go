package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGeneratedFilesAreCurrent(t *testing.T) {
	files, err := generate("../weir1.schema")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what weir1.schema gives (%v): run go generate ./sdk/abi", name, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"record A { b Nothing }", `nothing is called "Nothing"`},
		{"record A { b record B }", `nothing is called "B"`},
		{"record A { b u32", "does not end"},
		{"record A { b u32 b u32 }", "twice"},
		{"record A { b record A }", "no end"},
		{"record A { b list list u32 }", "list of lists"},
		{"enum A { b = x }", "A.b"},
		{"enum A { b }", `"="`},
		{"enum A { b = 1 } record A { }", "declared twice"},
		{"thing A { }", "enum or record"},
	} {
		if _, err := parse(c.src); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.src, err, c.want)
		}
	}
}
