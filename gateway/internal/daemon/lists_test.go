package daemon

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mailweir/weir/gateway/internal/lists"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
	"github.com/mailweir/weir/policy"
)

// A key for a mailbox's own list says nothing about a list of the policy: that
// would have the recipient's domain let every sender in.
func TestPolicysListsAreNotAskedForMailboxes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.hcl")
	if err := os.WriteFile(file, []byte(`gateway {
  hostname = "mx.test"
  data_dir = "./var"
}
list "partners" {
  entries = ["acme.test", "bank.test"]
}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	p, diags := policy.Load(file, policy.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	st, err := badgerstore.Open(badgerstore.Options{Dir: t.TempDir(), BallastSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	added, err := lists.Open(t.Context(), lists.Options{Docs: st})
	if err != nil {
		t.Fatal(err)
	}
	s := &snapshots{}
	s.current.Store(p)
	l := newLists(s, added)
	for key, want := range map[string]bool{
		"x@bank.test": true, `"a>b"@bank.test`: true, "x@evil.test": false,
		"x@evil.test>ann@acme.test": false, "x@bank.test>ann@acme.test": false,
	} {
		if _, _, found, err := l.Lookup(t.Context(), "acme", "partners", []string{key}); found != want || err != nil {
			t.Errorf("%s: %v, %v", key, found, err)
		}
	}
}
