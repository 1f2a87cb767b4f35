package conformance

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/mailweir/weir/sdk/abi"
)

// TestReadmeExamples builds the example at the top of each SDK's README as it
// stands there, and runs it. Its manifest asks for no grant: a module that
// imported what it does not use would not load.
func TestReadmeExamples(t *testing.T) {
	for _, x := range []struct{ guest, block, file string }{
		{"rust", "rust", "src/lib.rs"}, {"assemblyscript", "ts", "assembly/index.ts"}, {"c", "c", "plugin.c"},
	} {
		t.Run(x.guest, func(t *testing.T) {
			var g guest
			for _, one := range guests {
				if one.name == x.guest {
					g = one
				}
			}
			text, err := fs.ReadFile(g.sdk, "README.md")
			if err != nil {
				t.Fatal(err)
			}
			m := regexp.MustCompile("(?s)```" + x.block + "\n(.*?)```").FindSubmatch(text)
			if m == nil {
				t.Fatalf("no %s block", x.block)
			}
			g.name, g.source = x.guest+" readme", t.TempDir()
			for name, b := range map[string][]byte{
				x.file: m[1], "asconfig.json": asconfig(t),
				"manifest.json": []byte(`{"name":"readme","version":"1","abi":1,"minor":0,"hooks":["message"],"config":{}}`),
			} {
				if err := write(filepath.Join(g.source, g.folder, filepath.FromSlash(name)), b); err != nil {
					t.Fatal(err)
				}
			}
			h := newHost(t, g)
			for _, subject := range []string{"", "not empty"} {
				v, err := h.Call(context.Background(), "guest", &abi.Event{Stage: abi.StageMessage},
					&mailed{headers: []abi.Header{{Name: "Subject", Value: subject}}})
				if err != nil {
					t.Fatal(err)
				}
				want := 0
				if subject == "" {
					want = 1
				}
				if len(v.Findings) != want || want > 0 && (v.Findings[0].Sub != "empty-subject" || v.Findings[0].Score != 1) {
					t.Errorf("subject %q: %+v", subject, v.Findings)
				}
			}
			t.Logf("%d KiB", len(g.module(t))>>10)
		})
	}
}

// asconfig is the compiler's settings, those of the conformance guest.
func asconfig(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(source, "assemblyscript", "asconfig.json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(name string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o644)
}
