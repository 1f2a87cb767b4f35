package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// B81: retain.archive switches an archive on, a direction or a group switches
// its part off.
func TestB81_archive_settings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.hcl")
	if err := os.WriteFile(file, []byte(`
gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
  archive { key_file = "keys/master" }
}
tenant "none" {
  domains = ["none.test"]
  route { hosts = ["127.0.0.1:2526"] }
}
tenant "both" {
  domains = ["both.test"]
  route { hosts = ["127.0.0.1:2526"] }
  retain { archive = "365d" }
  group "council" {
    members = ["works-council@both.test"]
    inbound { archive = false }
  }
}
tenant "in" {
  domains = ["in.test"]
  route { hosts = ["127.0.0.1:2526"] }
  retain { archive = "10d" }
  outbound { archive = false }
  group "sales" {
    members = ["sales@in.test"]
    outbound { archive = true }
  }
}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	p, diags := Load(file, Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for at, want := range map[string]bool{
		"none inbound x@none.test": false, "both inbound x@both.test": true, "both outbound x@both.test": true,
		"both inbound works-council@both.test": false, "both outbound works-council@both.test": true,
		"in inbound x@in.test": true, "in outbound x@in.test": false, "in outbound sales@in.test": true,
	} {
		f := strings.Fields(at)
		tn, _ := p.Tenant(f[0])
		if got := tn.Settings(f[1], f[2]).Archive; got != want {
			t.Errorf("%s: %v", at, got)
		}
	}
	tn, _ := p.Tenant("both")
	if tn.Retain().Archive != 365*24*time.Hour {
		t.Error(tn.Retain().Archive)
	}
	place, dir := p.Gateway().Archive, filepath.Dir(file)
	if place.Dir != "" || place.KeyFile != filepath.Join(dir, "keys", "master") {
		t.Errorf("%+v", place)
	}
}
