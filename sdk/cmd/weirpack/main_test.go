package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailweir/weir/sdk/abi/manifest"
)

func TestPack(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	module := write("m.wasm", "\x00asm\x01\x00\x00\x00")
	good := write("manifest.json", `{"name":"a","version":"1","abi":1,"minor":0,"hooks":["message"],"config":{}}`)
	out := filepath.Join(dir, "sub", "a.wasm")
	if _, err := (job{dir, good, module, out}).pack(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := manifest.Read(b); err != nil || m.Name != "a" {
		t.Error(m, err)
	}
	plain := len(b)
	zipped := out + ".gz"
	if n, err := (job{dir, good, module, zipped}).pack(); err != nil || n == plain {
		t.Fatal(n, err)
	}
	f, err := os.Open(zipped)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, b) {
		t.Errorf("packed, it is %q, %v", got, err)
	}
	segments := "\x0b\x0f\x02" + "\x00\x41\x00\x0b\x02ab" + "\x00\x41\x04\x0b\x02cd" // at 0 and 4
	two := write("two.wasm", "\x00asm\x01\x00\x00\x00"+"\x05\x03\x01\x00\x01"+segments)
	if _, err := (job{dir, good, two, out}).pack(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(out); err != nil || !strings.Contains(string(b), "ab\x00\x00cd") {
		t.Errorf("a module that was built otherwise keeps its many segments: %q, %v", b, err)
	}
	for want, j := range map[string]job{
		"reading its manifest": {dir, filepath.Join(dir, "none.json"), module, out},
		"no stage is called":   {dir, write("bad.json", `{"name":"a","version":"1","abi":1,"hooks":["mesage"]}`), module, out},
		"not a WebAssembly":    {dir, good, good, out},
		"building it":          {dir, good, "", out}, // a folder without Go files
	} {
		if _, err := j.pack(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if left, _ := filepath.Glob(out + ".new"); left != nil {
		t.Error("left behind:", left)
	}
}
