package builtin_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/mailweir/weir/gateway/internal/filter/builtin"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// TestInspectorsAreOneProgram: the gateway shares compiled code between modules
// that differ in nothing but their manifests.
func TestInspectorsAreOneProgram(t *testing.T) {
	if len(builtin.Names()) == 0 {
		if os.Getenv("WEIR_CI") != "" {
			t.Fatal("CI builds the plugins before it tests them")
		}
		t.Skip(`no plugins in this binary: "make plugins" builds them`)
	}
	var first []byte
	for _, name := range []string{"attachments", "stall", "unlock"} {
		b, err := builtin.Module(name)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := manifest.Read(b); err != nil || m.Name != name {
			t.Fatalf("%s: its manifest: %v", name, err)
		}
		code, err := manifest.WithoutCustom(b, manifest.Section)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = code
		}
		if len(code) == len(b) || !bytes.Equal(code, first) {
			t.Errorf("%s is another program than attachments", name)
		}
	}
}
