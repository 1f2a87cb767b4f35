package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/mailweir/weir/policy"
)

// TestConfigurationsLoad: what is measured is a gateway that starts.
func TestConfigurationsLoad(t *testing.T) {
	for name, text := range map[string][]byte{
		"one tenant":   fmt.Appendf(nil, weirConfig, "./data", "10s", "127.0.0.1:2526"),
		"many tenants": tenantsConfig("./data", "127.0.0.1:2526", 3),
	} {
		path := filepath.Join(t.TempDir(), "config.hcl")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		p, diags := policy.Load(path, policy.Options{})
		if p == nil {
			t.Errorf("%s: %v", name, diags)
			continue
		}
		if ls := p.Listeners(); len(ls) != 1 || ls[0].Limits.Connections != 2000 {
			t.Errorf("%s: %+v", name, ls)
		}
	}
}
