package policy

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/mailweir/weir/sdk/abi/manifest"
)

func TestEvaluatorChecksAsAConfigurationDoes(t *testing.T) {
	schema := &manifest.Block{Attrs: []manifest.Attr{
		{Name: "letters", Type: "number", Default: 8.0, Doc: "Letters"},
		{Name: "list", Type: "list(string)", Grant: "lists", Doc: "Lists"},
	}}
	read := func(text string, grants map[string][]string) (Value, hcl.Diagnostics) {
		f, diags := hclsyntax.ParseConfig([]byte(text), "x.hcl", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		return NewEvaluator(".", nil).Typed(f.Body.(*hclsyntax.Body), schema, "config", hcl.Range{Filename: "x.hcl"}, grants)
	}
	if v, diags := read(`list = [lower("A")]`, map[string][]string{"lists": {}}); diags.HasErrors() || v.Get("letters").Number != 8 || v.Get("list").StringList()[0] != "a" {
		t.Error(v, diags)
	}
	for text, want := range map[string]string{`letter = 3`: "letters", `list = ["a"]`: "needs the grant", `letters = "many"`: "number", `letters = nope`: "nope"} {
		if _, diags := read(text, nil); !diags.HasErrors() || !strings.Contains(diags.Error(), want) {
			t.Errorf("%s: %v, want %q", text, diags, want)
		}
	}
}
