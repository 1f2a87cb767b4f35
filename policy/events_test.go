package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestEvents(t *testing.T) {
	dir := t.TempDir()
	src := `
gateway {
  hostname = "mx.acme.test"
  data_dir = "var"
}
admin {
  address = "127.0.0.1:8080"
  limits { requests = 60 }
}
events "siem" {
  types   = ["Delivery", "Bounce"]
  tenants = ["acme"]
  filter  = "direction:inbound"
  keep    = "2d"
  webhook {
    url           = "https://siem.acme.test/weir"
    secret        = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    old_secret    = "a text of at least 24 characters"
    allow_private = ["10.0.0.9:8443"]
  }
}
tenant "acme" {
  domains = ["acme.test"]
  route { hosts = ["127.0.0.1:2526"] }
  events "own" {
    file {
      path = "own.jsonl"
      size = "2MiB"
    }
  }
}
`
	path := filepath.Join(dir, "config.hcl")
	if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	p, diags := Load(path, Options{CheckSearch: func(s string) error {
		if s != "direction:inbound" {
			return fmt.Errorf("asked about %q", s)
		}
		return nil
	}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	all := p.Events()
	if len(all) != 2 || all[0].Name != "siem" || all[1].Name != "acme/own" {
		t.Fatalf("%+v", all)
	}
	siem, own := all[0], all[1]
	if w := siem.Webhook; siem.File != nil || len(w.Secrets) != 2 || len(w.Secrets[0]) != 24 || string(w.Secrets[1]) != "a text of at least 24 characters" ||
		len(w.Private) != 1 || w.Batch != 100 || w.Timeout != 15*time.Second || siem.Keep != 48*time.Hour || len(siem.Types) != 2 || siem.Filter != "direction:inbound" {
		t.Errorf("%+v %+v", siem, *w)
	}
	if strings.Contains(fmt.Sprint(siem.Webhook), "characters") {
		t.Error("a secret is printed")
	}
	if f := own.File; own.Webhook != nil || f.Path != filepath.Join(dir, "own.jsonl") || f.Size != 2<<20 || f.Files != 10 || strings.Join(own.Tenants, " ") != "acme" || own.Keep != 7*24*time.Hour {
		t.Errorf("%+v %+v", own, *f)
	}
	if l := p.AdminLimits(); l.Requests != 60 || l.Burst != 200 || l.Streams != 8 {
		t.Errorf("limits %+v", l)
	}
	_, diags = Load(path, Options{CheckSearch: func(string) error { return fmt.Errorf("no such field") }})
	if !diags.HasErrors() || !strings.Contains(diags.Error(), "no such field") {
		t.Errorf("a filter that does not read: %v", diags)
	}
}
