package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"unicode"
)

// Bounds of what a manifest says, in octets.
const (
	maxText    = 4 << 10
	maxVersion = 64
)

// texts checks every string of a manifest. They are shown to operators, in
// terminals, pages and snippets of HCL, so a stranger's module must not move
// the cursor, hide what stands beside it or turn it round.
func (v *validator) texts(m *Manifest) {
	b, err := json.Marshal(m)
	if err != nil {
		v.add("%w", err)
		return
	}
	var x any
	if err := json.Unmarshal(b, &x); err != nil {
		v.add("%w", err)
		return
	}
	if len(m.Version) > maxVersion {
		v.add("version: %d octets; at most %d", len(m.Version), maxVersion)
	}
	v.text("manifest", x)
}

func (v *validator) text(where string, x any) {
	switch x := x.(type) {
	case string:
		if len(x) > maxText {
			v.add("%s: %d octets; at most %d", where, len(x), maxText)
		}
		for _, r := range x {
			if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
				v.add("%s: a line break or another control character (%U)", where, r)
				return
			}
		}
	case []any:
		for i, y := range x {
			v.text(fmt.Sprintf("%s[%d]", where, i), y)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(x)) {
			v.text(where, k)
			v.text(fmt.Sprintf("%s.%+.64q", where, k), x[k])
		}
	}
}
