package smtpc

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// stuff runs a body through a stuffer in blocks of n octets.
func stuff(body string, n int) (string, error) {
	s := newStuffer()
	var out []byte
	var err error
	for len(body) > 0 {
		k := min(n, len(body))
		if out, err = s.append(out, []byte(body[:k])); err != nil {
			return "", err
		}
		body = body[k:]
	}
	out, err = s.end(out)
	return string(out), err
}

func TestStuffer(t *testing.T) {
	for _, tc := range []struct {
		in, out string
		err     error
	}{
		{"", ".\r\n", nil},
		{"a\r\n", "a\r\n.\r\n", nil},
		{"a", "a\r\n.\r\n", nil},
		{".", "..\r\n.\r\n", nil},
		{".\r\n", "..\r\n.\r\n", nil},
		{"..\r\n.x\r\n", "...\r\n..x\r\n.\r\n", nil},
		{"a.\r\n\r\n.\r\nb.c\r\n", "a.\r\n\r\n..\r\nb.c\r\n.\r\n", nil},
		{"a\nb\r\n", "", errBareLF},
		{"\nb\r\n", "", errBareLF},
		{"a\r\n\n", "", errBareLF},
		{"a\rb\r\n", "", errBareCR},
		{"a\r\r\nb\r\n", "", errBareCR},
		{"a\r", "", errBareCR},
		{"a\r\n.\rb\r\n", "", errBareCR},
		{"a\x00b\r\n", "", errNUL},
		{"x\n.\r\ny\r\n", "", errBareLF},
		{"x\r\n.\ny\r\n", "", errBareLF},
		{"x\r.\r\ny\r\n", "", errBareCR},
	} {
		for n := 1; n <= len(tc.in)+1; n++ {
			got, err := stuff(tc.in, n)
			if !errors.Is(err, tc.err) || (err == nil && got != tc.out) {
				t.Errorf("%q in blocks of %d: got %q, %v; want %q, %v", tc.in, n, got, err, tc.out, tc.err)
			}
		}
	}
}

// TestStuffer_never_lets_a_second_end_through: whatever the body, what is sent
// holds exactly one end of data, at its end, and no stray CR, LF or NUL.
func TestStuffer_never_lets_a_second_end_through(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	alphabet := []string{"\r\n", "\r\n", ".", ".", "a", "\r", "\n", "\x00", "bc"}
	sent := 0
	for range 50_000 {
		var b strings.Builder
		for range r.IntN(12) {
			b.WriteString(alphabet[r.IntN(len(alphabet))])
		}
		out, err := stuff(b.String(), 1+r.IntN(5))
		if err != nil {
			continue
		}
		sent++
		if i := strings.Index("\r\n"+out, "\r\n.\r\n"); i != len(out)-3 {
			t.Fatalf("%q went out as %q", b.String(), out)
		}
		if rest := strings.ReplaceAll(out, "\r\n", ""); strings.ContainsAny(rest, "\r\n\x00") {
			t.Fatalf("%q went out as %q", b.String(), out)
		}
		plain := strings.TrimSuffix(out, ".\r\n")
		var back strings.Builder
		for line := range strings.Lines(plain) {
			back.WriteString(strings.TrimPrefix(line, "."))
		}
		if got := back.String(); got != b.String() && got != b.String()+"\r\n" {
			t.Fatalf("%q came back as %q", b.String(), got)
		}
	}
	if sent < 1000 {
		t.Fatalf("only %d bodies were good: the test tests nothing", sent)
	}
}

func FuzzStuffer(f *testing.F) {
	f.Add([]byte("a\r\n.\r\nb"), 3)
	f.Fuzz(func(t *testing.T, body []byte, n int) {
		if n < 1 || n > 100 {
			n = 7
		}
		whole, err1 := stuff(string(body), len(body)+1)
		parts, err2 := stuff(string(body), n)
		if (err1 == nil) != (err2 == nil) || whole != parts {
			t.Fatalf("blocks matter: %q %v, %q %v", whole, err1, parts, err2)
		}
	})
}

func BenchmarkStuffer(b *testing.B) {
	body := bytes.Repeat([]byte(strings.Repeat("x", 74)+"\r\n"), 32<<10/76)
	s, out := newStuffer(), make([]byte, 0, 80<<10)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := s.append(out[:0], body); err != nil {
			b.Fatal(err)
		}
	}
}
