package daemon_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/api"
)

// What keeps the master key of the archives from being changed is said to whoever
// asked for it, with what to do.
func TestB81_why_the_master_key_is_not_changed(t *testing.T) {
	p := startPeopleWith(t, strings.NewReplacer("OIDC", "", `domains  = ["acme.test", "acme.example"]
  rulesets = [ruleset.held]`, `domains  = ["acme.test", "acme.example"]
  retain { archive = "30d" }`).Replace(peoplePolicy))
	p.mail("ann@acme.test")
	next := filepath.Join(p.dir, "var", "archive.key.next")
	if err := os.WriteFile(next, []byte("5a5a"), 0o600); err != nil {
		t.Fatal(err)
	}
	admin := p.makeToken("root", api.GrantRequest{Level: "admin"})
	if a := admin.want(409, "POST", "/v1/archive/rotate-key", nil); !strings.Contains(a.text, next) || !strings.Contains(a.text, "umask 077") {
		t.Errorf("%s", a.text)
	}
	if err := os.Remove(next); err != nil {
		t.Fatal(err)
	}
	admin.want(200, "POST", "/v1/archive/rotate-key", nil)
}
