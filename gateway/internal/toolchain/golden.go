package toolchain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/rogpeppe/go-internal/diff"
)

// golden compares a step's verdicts with a file, or writes it.
func golden(st *Step, calls []*Called, update bool) ([]Mismatch, error) {
	var views []*View
	for _, c := range calls {
		views = append(views, viewOf(c))
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(views); err != nil {
		return nil, fmt.Errorf("golden file %s: %w", st.Golden, err)
	}
	if update {
		if err := os.WriteFile(st.Golden, b.Bytes(), 0o644); err != nil {
			return nil, fmt.Errorf("writing a golden file: %w", err)
		}
		return nil, nil
	}
	want, err := os.ReadFile(st.Golden)
	if errors.Is(err, os.ErrNotExist) {
		return []Mismatch{{Range: st.Range, Where: st.title(), What: "there is no golden file " + st.Golden + "; make it with --update"}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a golden file: %w", err)
	}
	if bytes.Equal(bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n")), b.Bytes()) {
		return nil, nil
	}
	d := diff.Diff(st.Golden, want, "now", b.Bytes())
	return []Mismatch{{Range: st.Range, Where: st.title(), What: "the verdicts are not those of the golden file (--update writes it anew)\n" + string(d)}}, nil
}
