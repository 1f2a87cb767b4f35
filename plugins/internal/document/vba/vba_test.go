package vba

import (
	"bytes"
	"strings"
	"testing"
)

// The examples of [MS-OVBA] §3.2.
func TestDecompress(t *testing.T) {
	for want, packed := range map[string][]byte{
		"abcdefghijklmnopqrstuv.":                                  {0x01, 0x19, 0xb0, 0x00, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x00, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x00, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x2e},
		"#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa": {0x01, 0x2f, 0xb0, 0x00, 0x23, 0x61, 0x61, 0x61, 0x62, 0x63, 0x64, 0x65, 0x82, 0x66, 0x00, 0x70, 0x61, 0x67, 0x68, 0x69, 0x6a, 0x01, 0x38, 0x08, 0x61, 0x6b, 0x6c, 0x00, 0x30, 0x6d, 0x6e, 0x6f, 0x70, 0x06, 0x71, 0x02, 0x70, 0x04, 0x10, 0x72, 0x73, 0x74, 0x75, 0x76, 0x10, 0x77, 0x78, 0x79, 0x7a, 0x00, 0x3c},
		strings.Repeat("a", 73):                                    {0x01, 0x03, 0xb0, 0x02, 0x61, 0x45, 0x00},
	} {
		got, err := Decompress(packed)
		if err != nil || string(got) != want {
			t.Errorf("%q %v, want %q", got, err, want)
		}
	}
	for _, bad := range [][]byte{nil, {0}, {1, 3, 0xb0, 2, 'a', 0x45, 0xff}, {1, 3, 0x80, 0}, {1, 3, 0xb0, 1, 0, 0}} {
		if b, err := Decompress(bad); err == nil {
			t.Errorf("%x gave %q", bad, b)
		}
	}
}

// pack makes a container of one chunk without copies.
func pack(s string) []byte {
	b := []byte{1, 0, 0}
	for i := 0; i < len(s); i += 8 {
		b = append(append(b, 0), s[i:min(len(s), i+8)]...)
	}
	n := len(b) - 1 - 3
	b[1], b[2] = byte(n), byte(n>>8)|0xb0
	return b
}

func TestModuleHasCode(t *testing.T) {
	const head = "Attribute VB_Name = \"Module1\"\r\n"
	lines := func(n int) []byte { // a compiled form with n lines
		b := append(make([]byte, 60), 0xfe, 0xca, 1, 0, byte(n), 0)
		return append(b, make([]byte, 12*n+40)...)
	}
	for name, c := range map[string]struct {
		cache  []byte
		source string
		want   bool
	}{
		"attributes only":              {nil, head, false},
		"options and comments":         {nil, head + "Option Explicit\r\n' hello\r\nRem x\r\n\r\n", false},
		"a procedure":                  {nil, head + "Sub A()\r\nEnd Sub\r\n", true},
		"a declaration":                {nil, head + "Dim a As Long", true},
		"a name that begins as option": {nil, head + "OptionA = 1", true},
		"compiled as the source":       {lines(1), head + "Option Explicit\r\n", false},
		"compiled, but no source":      {lines(9), head, true},
	} {
		b := append(bytes.Clone(c.cache), pack(c.source)...)
		if got := moduleHasCode(b, len(c.cache), true); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if got := moduleHasCode(b, 0, false); got != c.want {
			t.Errorf("%s, offset unknown: %v", name, got)
		}
	}
	if !moduleHasCode([]byte("no source at all"), 0, false) {
		t.Error("what cannot be read counts as code")
	}
}

func FuzzDecompress(f *testing.F) {
	f.Add(pack("Attribute VB_Name"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if out, err := Decompress(b); err == nil && len(out) > maxModule {
			t.Fatal("too large")
		}
	})
}
