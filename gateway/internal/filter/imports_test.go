package filter

import (
	"testing"

	"github.com/mailweir/weir/sdk/abi"
)

func TestEveryHostCallIsImplemented(t *testing.T) {
	declared := map[string]bool{}
	for _, h := range abi.HostCalls {
		declared[h.Name] = true
		if _, ok := hostFuncs[h.Name]; ok == h.Later {
			t.Errorf("%s: implemented %v, for a later version %v", h.Name, ok, h.Later)
		}
	}
	for name := range hostFuncs {
		if !declared[name] {
			t.Errorf("%s is not in the ABI", name)
		}
	}
}

// TestAllOfWASILinks loads a guest that imports all of WASI, so
// that every signature is looked at.
func TestAllOfWASILinks(t *testing.T) {
	var all []imported
	for name, w := range wasiFuncs {
		all = append(all, imported{wasiModule, name, w.params, w.result})
	}
	f := newFixture(t)
	f.swap(t, nil, Spec{Name: "tiny", Module: tiny(nil, all)})
	if _, err := f.one("tiny", "x"); err != nil {
		t.Error(err)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":             "plain",
		" a\r\n250 b\x00 ":  "a  250 b",
		"\x1b[31mred":       "[31mred",
		"\u009b31mred":      "31mred",
		"a\u202egnp\u2028b": "a gnp b",
		"bad \xff utf-8 ü":  "bad ? utf-8 ü",
		"a long line of it": "a long line of it",
	} {
		if got := clean([]byte(in), 100); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := clean([]byte("0123456789"), 4); got != "0123" {
		t.Error(got)
	}
}
