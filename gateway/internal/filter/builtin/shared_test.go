package builtin_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/filter"
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

// TestInspectorsNeedTheirName: under another manifest the program is nothing.
func TestInspectorsNeedTheirName(t *testing.T) {
	if len(builtin.Names()) == 0 {
		if os.Getenv("WEIR_CI") != "" {
			t.Fatal("CI builds the plugins before it tests them")
		}
		t.Skip(`no plugins in this binary: "make plugins" builds them`)
	}
	b, err := builtin.Module("attachments")
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	m.Name = "inspectors"
	code, err := manifest.WithoutCustom(b, manifest.Section)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = manifest.Append(code, m); err != nil {
		t.Fatal(err)
	}
	h := filter.NewHost(filter.Options{Logger: slog.New(slog.DiscardHandler), CacheDir: t.TempDir()})
	defer h.Close(context.Background())
	err = h.Swap(context.Background(), []filter.Spec{{Name: "x", Source: "x.wasm", Module: b, Trusted: true}}, nil)
	if err == nil || !strings.Contains(err.Error(), "no plugin inspectors; it has attachments, stall, unlock") {
		t.Errorf("%v", err)
	}
}
