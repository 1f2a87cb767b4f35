package builtin

import (
	"bytes"
	"compress/gzip"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
)

func packed(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.Bytes()
}

func TestModule(t *testing.T) {
	built := fstest.MapFS{
		"rules.wasm.gz": {Data: packed("r")}, "stall.wasm.gz": {Data: packed("s")}, "torn.wasm.gz": {Data: packed("t")[:15]},
		"placeholder.txt": {}, "builtin.go": {},
	}
	if got := names(built); !reflect.DeepEqual(got, []string{"rules", "stall", "torn"}) {
		t.Error(got)
	}
	if b, err := module(built, "stall"); err != nil || string(b) != "s" {
		t.Error(string(b), err)
	}
	for name, fs := range map[string]fstest.MapFS{"rulez": built, "torn": built, "rules": {"placeholder.txt": {}}, "../rules": built} {
		if _, err := module(fs, name); err == nil || !strings.Contains(err.Error(), "make plugins") {
			t.Errorf("%s: %v must name the remedy", name, err)
		}
	}
}

func TestEmbeddedFilesAreFound(t *testing.T) {
	if _, err := modules.ReadFile("placeholder.txt"); err != nil {
		t.Error(err)
	}
	for _, n := range Names() {
		if b, err := Module(n); err != nil || len(b) < 8 {
			t.Errorf("%s: %d octets, %v", n, len(b), err)
		}
	}
}
