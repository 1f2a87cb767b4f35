package xmlscan

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
)

// spell writes the tokens of a document in one line.
func spell(r io.Reader, doctype bool) string {
	var out strings.Builder
	s := New(r)
	s.AllowDoctype = doctype
	for {
		t, err := s.Next()
		if err != nil {
			if err != io.EOF {
				out.WriteString(" !" + err.Error())
			}
			return out.String()
		}
		switch t.Kind {
		case Start:
			out.WriteString("<" + t.Prefix + "|" + t.Name)
			for _, a := range t.Attrs {
				out.WriteString(" " + a.Prefix + "|" + a.Name + "=" + a.Value)
			}
			out.WriteString(">")
		case End:
			out.WriteString("</" + t.Name + ">")
		case Text:
			out.WriteString(t.Text)
		case Instruction:
			out.WriteString("?")
		}
	}
}

func wide(s string, little bool, mark bool) string {
	var b []byte
	u := utf16.Encode([]rune(s))
	if mark {
		u = append([]uint16{0xfeff}, u...)
	}
	for _, c := range u {
		if little {
			b = append(b, byte(c), byte(c>>8))
		} else {
			b = append(b, byte(c>>8), byte(c))
		}
	}
	return string(b)
}

func TestTokens(t *testing.T) {
	const doc = `<a x:b="1 &amp; 2" c='&#x68;&#116;tp>'><!-- <z> --><b/>t&lt;ü<![CDATA[<&]]></a>`
	const want = "<|a x|b=1 & 2 |c=http>><|b></b>t<ü<&</a>"
	for name, in := range map[string]string{
		"plain":                     doc,
		"mark":                      "\xef\xbb\xbf" + doc,
		"UTF-16 little":             wide(doc, true, true),
		"UTF-16 big":                wide(doc, false, true),
		"UTF-16 little, unmarked":   wide(doc, true, false),
		"UTF-16 big, unmarked":      wide(doc, false, false),
		"white space in the markup": strings.ReplaceAll(doc, `x:b="1`, "x:b\r\n=\t\"1"),
	} {
		for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in))} {
			if got := spell(r, false); got != want {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
}

func TestDamaged(t *testing.T) {
	for in, want := range map[string]string{
		`<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`: " !" + string(ErrDoctype),
		`<a b="c`:                                " !" + string(ErrMarkup),
		`<a><!-- `:                               "<|a> !" + string(ErrMarkup),
		`<?xml version="1.0" encoding="UTF-7"?>`: " !" + string(ErrEncoding),
		"<\x00\x00\x00a\x00\x00\x00":             " !" + string(ErrEncoding),
		`<?xml version="1.0" encoding='utf-8'?><a>&unknown;</a>`: "?<|a>&unknown;</a>",
	} {
		if got := spell(strings.NewReader(in), false); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
	if got := spell(strings.NewReader(`<a><![if !mso]><b/><![endif]></a>`), false); got != "<|a><|b></b></a>" {
		t.Error(got)
	}
	if got := spell(strings.NewReader(`<!DOCTYPE a PUBLIC "x" "y"><a/>`), true); got != "<|a></a>" {
		t.Error(got)
	}
	if got := spell(strings.NewReader(`<!DOCTYPE a [<!ENTITY x "y">]><a/>`), true); got != " !"+string(ErrDoctype) {
		t.Error(got)
	}
}

// TestLong: markup and text beyond the buffer stay whole.
func TestLong(t *testing.T) {
	long := strings.Repeat("x&amp;", 20000)
	in := `<a b="` + long + `">` + long + `</a>`
	plain := strings.ReplaceAll(long, "&amp;", "&")
	if got := spell(iotest.HalfReader(strings.NewReader(in)), false); got != "<|a |b="+plain+">"+plain+"</a>" {
		t.Error("differs")
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0"?><a b="c">d</a>`))
	f.Add([]byte(wide(`<a/>`, true, true)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := New(strings.NewReader(string(b)))
		for n := 0; ; n++ {
			if _, err := s.Next(); err != nil {
				return
			}
			if n > 2*len(b)+10 {
				t.Fatal("more tokens than octets")
			}
		}
	})
}
