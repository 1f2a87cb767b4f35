package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/policy"
)

// TestNoticeWordsAreThosePolicyKnows keeps what the policy checks templates
// with and what notices give them the same: a template that loads is one that
// can be used, and each field there is can be used.
func TestNoticeWordsAreThosePolicyKnows(t *testing.T) {
	dir := t.TempDir()
	load := func(text string) error {
		config := fmt.Sprintf("gateway {\n  hostname = \"mx.weir.test\"\n  data_dir = \"var\"\n}\ntenant \"t\" {\n  domains = [\"t.test\"]\n  notify {\n    template \"failed\" { text = %q }\n  }\n}\n", text)
		if err := os.WriteFile(filepath.Join(dir, "a.hcl"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, diags := policy.Load(dir, policy.Options{}); diags.HasErrors() {
			return diags
		}
		return nil
	}
	fields := func(of reflect.Type) (out []string) {
		for f := range of.Fields() {
			if f.IsExported() {
				out = append(out, f.Name)
			}
		}
		return out
	}
	for _, f := range fields(reflect.TypeFor[notify.Words]()) {
		if err := load("x{{." + f + "}}"); err != nil {
			t.Errorf("a notice gives .%s, the policy refuses it: %v", f, err)
		}
	}
	for _, f := range fields(reflect.TypeFor[notify.Said]()) {
		if err := load("x{{range .Recipients}}{{." + f + "}}{{end}}"); err != nil {
			t.Errorf("a recipient of a notice gives .%s, the policy refuses it: %v", f, err)
		}
	}
	reference := string(policy.Reference())
	words := reference[strings.Index(reference, "## Words of a notice"):]
	words = words[:strings.Index(words, "## Expressions")]
	if got, want := strings.Count(words, "\n| `"), len(fields(reflect.TypeFor[notify.Words]()))+len(fields(reflect.TypeFor[notify.Said]())); got != want {
		t.Errorf("the policy knows %d fields, notices give %d", got, want)
	}
	if load("x{{.Nothing}}") == nil {
		t.Error("an unknown field is taken")
	}
}
