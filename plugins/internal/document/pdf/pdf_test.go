package pdf

import (
	"bytes"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailweir/weir/plugins/internal/document/octets"
)

func TestValues(t *testing.T) {
	p := parser{b: []byte(`<</A 1/B#41 (x\)\(\101\n(y)\
z)/C[1 0 R 2.5 -3 true null/N<48 656>]/D<</E 7 0 R>>% note
/F/G/H false>> `)}
	d, ok := p.value().(Dict)
	if !ok || p.short {
		t.Fatalf("%v", d)
	}
	if d["A"] != int64(1) || d["BA"] != String("x)(A\n(y)z") || d["F"] != Name("G") || d["H"] != false {
		t.Errorf("%#v", d)
	}
	c := d["C"].(Array)
	if len(c) != 7 || c[0] != (Ref{1, 0}) || c[1] != 2.5 || c[2] != int64(-3) || c[4] != nil || c[6] != String("He`") {
		t.Errorf("%#v", c)
	}
	if d["D"].(Dict)["E"] != (Ref{7, 0}) {
		t.Errorf("%#v", d["D"])
	}
	for _, bad := range []string{"<<", "[1", "(a", "<41", "/", strings.Repeat("[", 1000), "<</A"} {
		p := parser{b: []byte(bad)}
		p.value()
		if !p.short {
			t.Errorf("%.20q is whole", bad)
		}
	}
}

func TestFilters(t *testing.T) {
	f := &File{s: octets.Of(nil)}
	lzw, _ := hex.DecodeString("800b6050220c0c8501") // ISO 32000-2 §7.4.4.2, example
	for name, c := range map[string]struct{ in, want string }{
		"ASCIIHexDecode":  {"48 65 6c6C 6F7>", "Hellop"},
		"ASCII85Decode":   {"87cURD]i,\"Ebo80~>", "Hello World!"},
		"RunLengthDecode": {"\x02abc\xfed\x80zzz", "abcddd"},
		"LZWDecode":       {string(lzw), "-----A---B"},
		"Crypt":           {"x", "x"},
	} {
		r, err := f.filter(strings.NewReader(c.in), Name(name), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != c.want {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	if _, err := f.filter(nil, "JPXDecode", nil); err == nil {
		t.Error("an unknown filter was taken")
	}
	p := &png{r: bytes.NewReader([]byte{2, 1, 2, 3, 2, 1, 1, 1, 1, 5, 1, 1}), bpp: 1, row: make([]byte, 4), prev: make([]byte, 3)}
	if got, _ := io.ReadAll(p); !bytes.Equal(got, []byte{1, 2, 3, 2, 3, 4, 5, 6, 7}) {
		t.Errorf("%v", got)
	}
}

// TestEncryption: every revision, with a user password and without one.
func TestEncryption(t *testing.T) {
	const corpus = "../../../stall/testdata/documents"
	for _, kind := range []string{"rc4-40", "rc4-128", "v4-rc4", "aes-128", "cleartext", "aes-256-r5", "aes-256", "objstm"} {
		for who, want := range map[string]error{"user": ErrPassword, "owner": nil} {
			b, err := os.ReadFile(filepath.Join(corpus, kind+"-"+who+".pdf"))
			if err != nil {
				t.Fatal(err)
			}
			f, err := Open(octets.Of(b))
			if err != want {
				t.Errorf("%s-%s: %v", kind, who, err)
			}
			if err != nil {
				continue
			}
			// The key is right if the page's content can be unpacked.
			page := f.Dict(f.Array(f.Dict(f.Catalog()["Pages"])["Kids"])[0])
			s, ok := f.Resolve(page["Contents"]).(*Stream)
			if !ok {
				t.Fatalf("%s: no content", kind)
			}
			if text, err := f.Decode(s, 1<<20); err != nil || !bytes.Contains(text, []byte("BT")) {
				t.Errorf("%s-%s: %.40q %v", kind, who, text, err)
			}
		}
	}
}

func FuzzOpen(f *testing.F) {
	names, err := filepath.Glob("../../../stall/testdata/documents/*.pdf")
	if err != nil || len(names) == 0 {
		f.Fatal(err)
	}
	for _, n := range names {
		if b, err := os.ReadFile(n); err == nil {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Open(octets.Of(b))
		if err != nil {
			return
		}
		n := 0
		file.Objects(func(int, any) bool { n++; return n < 10_000 })
		if _, err := file.Repair(); err != nil {
			return
		}
	})
}
