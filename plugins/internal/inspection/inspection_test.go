package inspection

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mailweir/weir/plugins/internal/archive"
	"github.com/mailweir/weir/plugins/internal/filetype"
	"github.com/mailweir/weir/sdk/abi"
)

func TestVariants(t *testing.T) {
	for name, want := range map[string][]string{
		"":                    nil,
		"...":                 nil,
		"A.PDF":               {"a.pdf"},
		"dir/a.exe":           {"a.exe"},
		`c:\dir\a.exe. . `:    {"a.exe"},
		"a.exe::$DATA":        {"a.exe::$data", "a.exe", "$data"},
		"a.exe\x00.pdf":       {"a.exe.pdf", "a.exe"},
		"a\u202egpj.exe":      {"agpj.exe"},
		"a.exe\u3000":         {"a.exe"},
		"\ufeffa\u00ad.e\txe": {"a.e xe"},
		"'a.exe'":             {"a.exe"},
	} {
		if got := variants(name); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestWildcard(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "abc", true}, {"a*", "abc", true}, {"*c", "abc", true}, {"a*c", "abbc", true},
		{"a*c", "abcd", false}, {"?", "ü", true}, {"?", "", false}, {"*invoice*", "my invoice 12.pdf", true}, {"*.exe", "exe", false},
		{"*a*b*c*", "xxaxxbxxcxx", true}, {"*a*b*c*", "xxcxxbxxaxx", false},
	} {
		if got := wildcard(c.pattern, c.s); got != c.want {
			t.Errorf("%q of %q: %t", c.pattern, c.s, got)
		}
	}
	// It takes no time that grows with the square of anything large.
	wildcard(strings.Repeat("*a", 100)+"b", strings.Repeat("a", 20_000))
}

func TestClean(t *testing.T) {
	if got := Clean("a\r\nb\x7f\u202ec\u0085ü"); got != "a__b__c_ü" {
		t.Errorf("%q", got)
	}
	if got := Clean(strings.Repeat("ü", 150)); len(got) > 200 || !utf8.ValidString(got) {
		t.Errorf("%d octets", len(got))
	}
}

// FuzzPart: whatever an attachment is and is called, there is an end without a
// panic, and with findings that can be shown.
func FuzzPart(f *testing.F) {
	f.Add("invoice.pdf.exe", []byte("MZ"))
	f.Add("a\u202e.zip", []byte("PK\x03\x04"))
	f.Add("x:y:z", []byte("#!/bin/sh"))
	r, err := Build(abi.Object())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		x := Inspector{Rules: r, Budget: archive.NewBudget(archive.Limits{Bytes: 4 << 20, Entries: 200}), Thorough: len(b)%2 == 0}
		x.Found = func(path string, j Judgement) {
			if j.Main == "" || j.Reason == "" || j.Action == abi.ActionContinue && !j.Strip || strings.ContainsAny(Clean(path), "\r\n") {
				t.Errorf("%q %+v", path, j)
			}
		}
		if err := x.Part(Part{Names: []string{name, "b"}, R: bytes.NewReader(b), Size: int64(len(b))}); err != nil {
			t.Error(err)
		}
	})
}

// Every extension is in lower case, and none of them is one that people write
// documents with.
func TestExtensions(t *testing.T) {
	for _, e := range Extensions {
		if e != strings.ToLower(e) || strings.ContainsAny(e, "./ ") || harmless[e] || written[e] {
			t.Errorf("%q", e)
		}
	}
	for t2 := range words {
		if !program(t2) && !packed(t2) && t2 != filetype.DOS && t2 != filetype.Script {
			t.Errorf("%q is never spoken of", t2)
		}
	}
}
