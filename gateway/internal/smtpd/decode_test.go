package smtpd

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// referenceDecode is the definition, one byte at a time and slow: it looks at
// the whole input, finds the end of data by searching for it, and then undoes
// dot-stuffing line by line. ok is false if there is no end.
func referenceDecode(in string, dots, normalise bool) (msg string, rest string, faulty, ok bool) {
	body := in
	if dots {
		end := strings.Index("\r\n"+in, "\r\n.\r\n")
		if end < 0 {
			return "", "", false, false
		}
		// The CRLF in front of the dot is the last line's.
		body, rest = in[:end], in[end+3:]
	}
	var b strings.Builder
	start, lf := true, false // behind CRLF, behind a bare LF
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch {
		case c == 0:
			faulty = true
		case c == '\r' && (i+1 == len(body) || body[i+1] != '\n'):
			faulty = true
		case c == '\n' && (i == 0 || body[i-1] != '\r'):
			if !normalise {
				faulty = true
			}
			b.WriteString("\r\n")
			start, lf = false, true
			continue
		}
		if c == '.' && dots && (start || lf) {
			start, lf = false, false
			continue
		}
		b.WriteByte(c)
		start, lf = c == '\n', false
	}
	return b.String(), rest, faulty, true
}

// decodeAll runs the decoder over in, cut into pieces of size step.
func decodeAll(in string, step int, dots, normalise bool) (msg, rest string, faulty, done bool) {
	d := decoder{dots: dots, normalise: normalise}
	var b bytes.Buffer
	for !done && in != "" {
		n := min(step, len(in))
		m, used, end := d.decode([]byte(in[:n]))
		b.Write(m)
		in, done = in[used:], end
	}
	if !dots {
		done = true
		b.Write(d.finish())
	}
	return b.String(), in, d.fault != faultNone, done
}

func compareDecoders(t *testing.T, in string, step int, dots, normalise bool) {
	t.Helper()
	wantMsg, wantRest, wantFault, wantDone := referenceDecode(in, dots, normalise)
	if !dots && !wantFault && wantMsg != "" && !strings.HasSuffix(wantMsg, "\r\n") {
		wantMsg += "\r\n"
	}
	msg, rest, faulty, done := decodeAll(in, step, dots, normalise)
	switch {
	case done != wantDone:
		t.Fatalf("%q by %d: end of data %v, want %v", in, step, done, wantDone)
	case !done:
		return
	case faulty != wantFault:
		t.Fatalf("%q by %d: fault %v, want %v", in, step, faulty, wantFault)
	case rest != wantRest:
		t.Fatalf("%q by %d: rest %q, want %q", in, step, rest, wantRest)
	case !faulty && msg != wantMsg:
		t.Fatalf("%q by %d: message %q, want %q", in, step, msg, wantMsg)
	}
}

func TestDecoder(t *testing.T) {
	for _, c := range []struct {
		name, in, msg, rest string
		normalise           bool
		fault               fault
	}{
		{name: "empty_message", in: ".\r\n", msg: ""},
		{name: "plain", in: "A: b\r\n\r\nx\r\n.\r\nQUIT\r\n", msg: "A: b\r\n\r\nx\r\n", rest: "QUIT\r\n"},
		{name: "stuffed_dot", in: "..\r\n...x\r\n.y\r\n.\r\n", msg: ".\r\n..x\r\ny\r\n"},
		{name: "bare_cr", in: "a\rb\r\n.\r\n", fault: faultBareCR},
		{name: "bare_lf", in: "a\nb\r\n.\r\n", fault: faultBareLF},
		{name: "nul", in: "a\x00b\r\n.\r\n", fault: faultNUL},
		{name: "nul_behind_the_end_is_not_ours", in: "a\r\n.\r\n\x00\r\r", msg: "a\r\n", rest: "\x00\r\r"},
		{name: "bare_lf_normalised", in: "a\nb\n\nc\r\n.\r\n", msg: "a\r\nb\r\n\r\nc\r\n", normalise: true},
		{name: "lf_dot_lf_normalised_is_content", in: "a\n.\nb\r\n.\r\n", msg: "a\r\n\r\nb\r\n", normalise: true},
		{name: "lf_dot_crlf_normalised_is_content", in: "a\n.\r\nb\r\n.\r\n", msg: "a\r\n\r\nb\r\n", normalise: true},
		{name: "bare_cr_is_a_fault_when_normalising", in: "a\rb\r\n.\r\n", normalise: true, fault: faultBareCR},
		{name: "cr_cr_lf_dot_crlf_ends_and_is_a_fault", in: "a\r\r\n.\r\nQUIT\r\n", rest: "QUIT\r\n", fault: faultBareCR},
		{name: "dot_cr_cr_lf_does_not_end", in: "a\r\n.\r\r\nb\r\n.\r\n", fault: faultBareCR},
	} {
		t.Run(c.name, func(t *testing.T) {
			for step := 1; step <= len(c.in); step++ {
				d := decoder{dots: true, normalise: c.normalise}
				var b bytes.Buffer
				in, done := c.in, false
				for !done {
					if in == "" {
						t.Fatalf("by %d: no end found", step)
					}
					m, n, end := d.decode([]byte(in[:min(step, len(in))]))
					b.Write(m)
					in, done = in[n:], end
				}
				if d.fault != c.fault || in != c.rest || c.fault == faultNone && b.String() != c.msg {
					t.Fatalf("by %d: message %q fault %d rest %q", step, b.String(), d.fault, in)
				}
			}
		})
	}
}

// Every short string over the bytes that matter, cut in every way.
func TestDecoderAgainstReferenceExhaustively(t *testing.T) {
	const alphabet = "\r\n.x\x00"
	length := 6
	if testing.Short() {
		length = 5
	}
	var in []byte
	var walk func(n int)
	walk = func(n int) {
		for _, normalise := range []bool{false, true} {
			for _, step := range []int{1, 2, 3, 100} {
				compareDecoders(t, string(in)+"\r\n.\r\nQ", step, true, normalise)
				compareDecoders(t, string(in), step, false, normalise)
			}
		}
		if n == length {
			return
		}
		for i := range len(alphabet) {
			in = append(in, alphabet[i])
			walk(n + 1)
			in = in[:len(in)-1]
		}
	}
	walk(0)
}

func FuzzDecoder(f *testing.F) {
	for _, s := range []string{"a\r\n.\r\n", "..\r\n.\r\nx", "\n.\n", "\r.\r", "\r\r\n.\r\n", "\r\n.\r\r\n.\r\n", "a\x00\r\n.\r\n", "\n..\r\n.\r\n"} {
		f.Add(s, uint8(3), false)
	}
	f.Fuzz(func(t *testing.T, s string, step uint8, normalise bool) {
		compareDecoders(t, s, int(step)+1, true, normalise)
		compareDecoders(t, s, int(step)+1, false, normalise)
	})
}

func BenchmarkDecode(b *testing.B) {
	line := strings.Repeat("y", 70) + "\r\n"
	for name, msg := range map[string]string{
		"text":       strings.Repeat(line, 1<<20/len(line)),
		"dots":       strings.Repeat(".."+line, 1<<20/len(line)),
		"short":      strings.Repeat("ab\r\n", 1<<18),
		"normalise":  strings.Repeat(line[:70]+"\n", 1<<20/len(line)),
		"dots_only":  strings.Repeat("..\r\n", 1<<18),
		"empty_line": strings.Repeat("\r\n", 1<<19),
	} {
		b.Run(name, func(b *testing.B) {
			wire := []byte(msg + "\r\n.\r\n")
			buf := make([]byte, bufferSize)
			b.SetBytes(int64(len(wire)))
			b.ReportAllocs()
			d := decoder{}
			for b.Loop() {
				d = decoder{dots: true, normalise: name == "normalise", scratch: d.scratch}
				in, done := wire, false
				for !done {
					n := copy(buf, in) // the read from the socket
					m, used, end := d.decode(buf[:n])
					io.Discard.Write(m)
					in, done = in[used:], end
				}
				if d.fault != faultNone {
					b.Fatal(d.fault)
				}
			}
		})
	}
}
