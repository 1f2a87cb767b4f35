package manifest

import (
	"strings"
	"testing"
)

// TestTextsAreFitForATerminal: whatever a stranger's manifest says is shown.
func TestTextsAreFitForATerminal(t *testing.T) {
	for name, spoil := range map[string]func(m *Manifest, s string){
		"version":     func(m *Manifest, s string) { m.Version = s },
		"description": func(m *Manifest, s string) { m.Description = s },
		"reason":      func(m *Manifest, s string) { m.Grants[0].Reason = s },
		"doc":         func(m *Manifest, s string) { m.Config.Blocks[0].Attrs[0].Doc = s },
		"label":       func(m *Manifest, s string) { m.Config.Blocks[0].Labels[0] = s },
		"one of":      func(m *Manifest, s string) { m.Config.Attrs[0].OneOf = []string{s} },
		"default":     func(m *Manifest, s string) { m.Config.Attrs[0].Default = map[string]any{s: []any{"x"}} },
		"name":        func(m *Manifest, s string) { m.Config.Attrs[0].Name = s },
		"class":       func(m *Manifest, s string) { m.Classes = []string{s} },
	} {
		for _, bad := range []string{"a\x1b[2Jb", "a\nb", "a\u009b2Jb", "a\u202eb", "a\u2028b", strings.Repeat("a", maxText+1)} {
			m := sample()
			spoil(m, bad)
			err := m.Validate()
			if err == nil || strings.Contains(err.Error(), bad) {
				t.Errorf("%s %.20q: %v", name, bad, err)
			}
		}
	}
	m := sample()
	m.Description = "für Ärzte — 漢字"
	if err := m.Validate(); err != nil {
		t.Error(err)
	}
}
