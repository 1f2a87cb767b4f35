package toolchain

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"

	"github.com/mailweir/weir/sdk/abi/manifest"
)

// TestSnippetHoldsNoTemplates: what a stranger's manifest says is pasted into a
// policy, whose expressions read variables and files.
func TestSnippetHoldsNoTemplates(t *testing.T) {
	evil := `${file("/etc/passwd")} %{ if true }"`
	m := &manifest.Manifest{
		Name: "shout", Version: "1", ABI: 1, Hooks: []string{"message"},
		Grants: []manifest.Grant{{Kind: "kv", Reason: evil}},
		Config: manifest.Block{
			Attrs: []manifest.Attr{
				{Name: "how", Type: "string", Required: true, OneOf: []string{evil}, Doc: evil},
				{Name: "what", Type: "string", Default: evil, Doc: evil},
			},
			Blocks: []manifest.BlockType{{Name: "when", Labels: []string{evil}, Min: 1}},
		},
	}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	text := snippet(m, "sha256:00")
	f, diags := hclparse.NewParser().ParseHCL([]byte(text), "snippet.hcl")
	if diags.HasErrors() {
		t.Fatal(diags, text)
	}
	if strings.Contains(strings.ReplaceAll(text, "$${", ""), "= \"${") {
		t.Error(text)
	}
	body, _, _ := f.Body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "ruleset", LabelNames: []string{"name"}}}})
	filters, _, _ := body.Blocks[0].Body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "filter", LabelNames: []string{"name"}}}})
	config, _, _ := filters.Blocks[0].Body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "config"}}})
	attrs, _, _ := config.Blocks[0].Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "how"}}, Blocks: []hcl.BlockHeaderSchema{{Type: "when", LabelNames: []string{"l"}}}})
	v, diags := attrs.Attributes["how"].Expr.Value(nil) // without variables and functions
	if diags.HasErrors() || v.AsString() != evil {
		t.Error(v, diags)
	}
	if len(attrs.Blocks) != 1 {
		t.Error("the block is not there")
	}
}
