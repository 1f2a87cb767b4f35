package mail

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What xtext takes, it gives back, in characters that may stand in a command.
func TestXtextThereAndBack(t *testing.T) {
	for plain, wire := range map[string]string{"": "", "a@b.test": "a@b.test", "a+b=c d": "a+2Bb+3Dc+20d", "\r\n\x00": "+0D+0A+00"} {
		if got := EncodeXtext(plain); got != wire {
			t.Errorf("%q: %q, want %q", plain, got, wire)
		}
	}
	if got, ok := DecodeXtext("a+2bb"); !ok || got != "a+b" {
		t.Errorf("lower case: %q %v", got, ok)
	}
	rapid.Check(t, func(rt *rapid.T) {
		s := strings.Map(func(r rune) rune { return r & 0x7f }, rapid.String().Draw(rt, "s"))
		x := EncodeXtext(s)
		if strings.ContainsAny(x, " =\r\n\x00") {
			rt.Errorf("%q", x)
		}
		if got, ok := DecodeXtext(x); !ok || got != s {
			rt.Errorf("%q became %q", s, got)
		}
	})
}

func TestNotify(t *testing.T) {
	for in, want := range map[string]string{"never": "NEVER", "Failure,success": "SUCCESS,FAILURE", "DELAY": "DELAY", "SUCCESS,SUCCESS": "SUCCESS"} {
		if n, ok := ParseNotify(in); !ok || n.String() != want {
			t.Errorf("%s: %s %v", in, n, ok)
		}
	}
	for _, c := range []struct {
		in                      string
		success, failure, delay bool
		without                 string
	}{
		{"", false, true, true, ""},
		{"NEVER", false, false, false, "NEVER"},
		{"SUCCESS", true, false, false, "NEVER"},
		{"SUCCESS,FAILURE", true, true, false, "FAILURE"},
		{"DELAY", false, false, true, "DELAY"},
	} {
		var n Notify
		if c.in != "" {
			n, _ = ParseNotify(c.in)
		}
		if n.Success() != c.success || n.Failure() != c.failure || n.Delay() != c.delay || n.WithoutSuccess().String() != c.without {
			t.Errorf("%q: %v %v %v %s", c.in, n.Success(), n.Failure(), n.Delay(), n.WithoutSuccess())
		}
	}
}

// What only ASCII may carry has nothing left that RFC 6533 wants embedded, and
// what came in that form, whole or in part, stays as it is.
func TestEscapeUnicode(t *testing.T) {
	for in, want := range map[string]string{
		"a+b=c@d.test": "a+b=c@d.test", `j\x{FC}\x{2B}x@d.test`: `j\x{FC}\x{2B}x@d.test`, `jü\x{2B}x@d.test`: `j\x{FC}\x{2B}x@d.test`,
		"ü+=@d.test": `\x{FC}\x{2B}\x{3D}@d.test`, `"ü\\ x"@d.test`: `"\x{FC}\x{5C}\x{5C}\x{20}x"@d.test`, `ü\x{}\x{zz}\`: `\x{FC}\x{5C}x{}\x{5C}x{zz}\x{5C}`, "😀": `\x{1F600}`,
	} {
		if got := EscapeUnicode(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for wire, want := range map[string]string{`utf-8;j\x{FC}\x{2B}x@d.test`: `utf-8;j\x{FC}\x{2B}x@d.test`, "utf-8;jü+2Bx@d.test": `utf-8;j\x{FC}\x{2B}x@d.test`} {
		if o, ok := ParseORcpt(wire, true); !ok || WireORcpt(o) != want {
			t.Errorf("%q: %q goes on as %q", wire, o, WireORcpt(o))
		}
	}
}

// An original recipient goes on in ASCII, and never longer than a command may be.
func TestOriginalRecipientOnTheWire(t *testing.T) {
	for in, want := range map[string]string{
		"rfc822;a+b@c.test": "rfc822;a+2Bb@c.test", "utf-8;jü@c.test": `utf-8;j\x{FC}@c.test`, "x400;/C=de/ x": "x400;/C+3Dde/+20x",
		"utf-8;jü+a=b@c.test": `utf-8;j\x{FC}\x{2B}a\x{3D}b@c.test`,
		"":                    "", "rfc822;" + strings.Repeat("=", 200): "",
	} {
		if got := WireORcpt(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		s, unicode := rapid.String().Draw(rt, "s"), rapid.Bool().Draw(rt, "unicode")
		o, ok := ParseORcpt(rapid.SampledFrom([]string{"", "rfc822;", "utf-8;"}).Draw(rt, "type")+s, unicode)
		if !ok {
			return
		}
		w := WireORcpt(o)
		if strings.ContainsAny(w, " \r\n\x00") || !isASCII(w) || len(w) > MaxORcpt {
			rt.Errorf("%q becomes %q", s, w)
		}
	})
}
