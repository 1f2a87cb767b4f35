package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestNatively: the Rust crate builds for the machine at hand, where authors
// test their own functions, and the examples' native tests pass.
func TestNatively(t *testing.T) {
	examples := filepath.Join("..", "..", "..", "..", "examples")
	for _, c := range []struct {
		name, tool string
		args       []string
		runs       bool // what it makes is a test
	}{
		{"rust crate", "rustc", []string{"--edition", "2021", "--crate-type", "lib", "--emit", "metadata", "-D", "warnings", "../../../../sdk/rust/src/lib.rs"}, false},
		{"rust example", "rustc", []string{"--edition", "2021", "--test", filepath.Join(examples, "plugin-rust/src/beginning.rs")}, true},
		{"c example", "clang", []string{"-Wall", "-Wextra", "-Werror", filepath.Join(examples, "plugin-c/mediatype_test.c")}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			tool, err := exec.LookPath(c.tool)
			if err != nil && os.Getenv("WEIR_CI") == "" {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(t.TempDir(), "out")
			if b, err := exec.Command(tool, append(c.args, "-o", out)...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, b)
			}
			if !c.runs {
				return
			}
			if b, err := exec.Command(out).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, b)
			}
		})
	}
}
