package toolchain

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/grant"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// snippet is the plugin and a use of it as HCL, to paste into a policy.
func snippet(m *manifest.Manifest, digest string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "plugin %q {\nsource = %q\n# digest = %q\n", m.Name, m.Name+".wasm", digest)
	if len(m.Grants) > 0 {
		b.WriteString("\ngrant {\n")
		for _, g := range m.Grants {
			hash := ""
			if g.Optional {
				hash = "# "
			}
			fmt.Fprintf(&b, "%s%s = %s # %s\n", hash, g.Kind, grantExample(g.Kind), oneLine(g.Reason))
		}
		b.WriteString("}\n")
	}
	b.WriteString("}\n")
	if judges(m) {
		fmt.Fprintf(&b, "\nruleset %q {\nfilter %q {\nplugin = plugin.%s\n", "example", m.Name, m.Name)
		if len(m.Config.Attrs)+len(m.Config.Blocks) > 0 {
			b.WriteString("config {\n")
			configExample(&b, &m.Config)
			b.WriteString("}\n")
		}
		b.WriteString("}\n}\n")
	}
	return string(policy.Format([]byte(b.String())))
}

// judges says that the plugin has a hook that a filter block can use.
func judges(m *manifest.Manifest) bool {
	for _, h := range m.Hooks {
		if s, _ := abi.ParseStage(h); s < abi.StageSchedule {
			return true
		}
	}
	return false
}

// grantExample is what stands behind the equals sign of a grant.
func grantExample(kind string) string {
	_, value, _ := strings.Cut(grant.Example(kind), " = ")
	return value
}

func configExample(b *strings.Builder, s *manifest.Block) {
	for _, a := range s.Attrs {
		switch {
		case a.Required:
			fmt.Fprintf(b, "%s = %s # %s\n", a.Name, exampleOf(&a), oneLine(a.Doc))
		case a.Default != nil:
			if v, err := json.Marshal(a.Default); err == nil {
				fmt.Fprintf(b, "# %s = %s # %s\n", a.Name, hclText(string(v)), oneLine(a.Doc))
			}
		default:
			fmt.Fprintf(b, "# %s = %s # %s\n", a.Name, exampleOf(&a), oneLine(a.Doc))
		}
	}
	for i := range s.Blocks {
		t := &s.Blocks[i]
		if t.Min == 0 {
			continue
		}
		b.WriteString(t.Name)
		for _, l := range t.Labels {
			b.WriteString(" " + hclText(fmt.Sprintf("%q", l)))
		}
		b.WriteString(" {\n")
		configExample(b, &t.Block)
		b.WriteString("}\n")
	}
}

func exampleOf(a *manifest.Attr) string {
	if len(a.OneOf) > 0 {
		return hclText(fmt.Sprintf("%q", a.OneOf[0]))
	}
	switch a.Type {
	case "number":
		return "1"
	case "bool":
		return "true"
	case "duration":
		return `"15m"`
	case "bytes":
		return `"1MiB"`
	case "list(string)", "set(string)":
		return `["…"]`
	case "list(number)":
		return "[1]"
	case "map(string)":
		return "{}"
	}
	return `"…"`
}

// hclText keeps quoted text from being read as a template: a manifest's words
// must not read the variables or files of whoever pastes them.
func hclText(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(s)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
