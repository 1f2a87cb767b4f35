package policy

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mailweir/weir/sdk/abi/manifest"
)

// TestWhoMaySign: the trust block applies to all plugins but those built in
// and those that name keys of their own; sources elsewhere stay as they are.
func TestWhoMaySign(t *testing.T) {
	const ann, bob = "ed25519:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=", "ed25519:QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="
	dir := t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("ann.pub", ann+"\n")
	put("config.hcl", `gateway {
  hostname = "mx.weir.test"
  data_dir = "./var"
}
trust { keys = [file("ann.pub")] }
plugin "own" { source = "builtin:rules" }
plugin "file" { source = "x/typed.wasm" }
plugin "oci" {
  source    = "oci://registry.test/typed:1"
  signed_by = ["`+bob+`"]
}
`)
	asked := map[string]Plugin{}
	p, diags := Load(filepath.Join(dir, "config.hcl"), Options{Environ: noEnviron, Manifests: func(g Gateway, p Plugin) (*manifest.Manifest, error) {
		if g.DataDir != filepath.Join(dir, "var") {
			t.Errorf("data_dir %q", g.DataDir)
		}
		asked[p.Name] = p
		return nil, nil
	}})
	if p == nil {
		t.Fatal(diags)
	}
	for name, want := range map[string]struct {
		source string
		keys   []string
	}{
		"own":  {"builtin:rules", nil},
		"file": {filepath.Join(dir, "x", "typed.wasm"), []string{ann}},
		"oci":  {"oci://registry.test/typed:1", []string{bob}},
	} {
		if got := asked[name]; got.Source != want.source || !slices.Equal(got.SignedBy, want.keys) {
			t.Errorf("%s: %q signed by %q", name, got.Source, got.SignedBy)
		}
	}
	for _, pl := range p.Plugins() {
		if !slices.Equal(pl.SignedBy, asked[pl.Name].SignedBy) {
			t.Errorf("%s is loaded with other keys than it is checked with", pl.Name)
		}
	}
}
