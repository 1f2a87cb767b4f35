package wire

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// TestScan holds the scanner to a plain reading of the same octets.
func TestScan(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	pieces := []string{"abcdefghij", "\r\n", "\r\n", "\r", "\n", "\x00", "ä", "\xe4", "€", " \r\n", "-- \r\n"}
	for range 3000 {
		var b []byte
		for range rnd.IntN(12) {
			p := pieces[rnd.IntN(len(pieces))]
			if rnd.IntN(3) > 0 && (p == "\r" || p == "\n" || p == "\x00" || p == "\xe4") {
				continue
			}
			b = append(b, p...)
		}
		var want stats
		want.utf8 = utf8.Valid(b)
		want.size = int64(len(b))
		col := 0
		for i, c := range b {
			switch {
			case c == '\n' && (i == 0 || b[i-1] != '\r'), c == '\r' && (i+1 == len(b) || b[i+1] != '\n'), c == 0:
				want.bare = true
			}
			if c >= 0x80 {
				want.highs++
			}
			if c == '\n' {
				want.longest, col = max(want.longest, col), 0
			} else if c != '\r' {
				col++
			}
		}
		want.longest = max(want.longest, col)
		want.high = want.highs > 0
		for _, r := range []io.Reader{bytes.NewReader(b), iotest.OneByteReader(bytes.NewReader(b)), iotest.HalfReader(bytes.NewReader(b))} {
			got, err := scan(r)
			tail := got.tail
			got.tail = nil
			if err != nil || got.size != want.size || got.high != want.high || got.highs != want.highs || got.bare != want.bare || got.utf8 != want.utf8 {
				t.Fatalf("%q: %+v, want %+v", b, got, want)
			}
			if !want.bare && got.longest != want.longest {
				t.Fatalf("%q: longest %d, want %d", b, got.longest, want.longest)
			}
			if !bytes.HasSuffix(b, tail) || len(tail) != min(len(b), tailLen) {
				t.Fatalf("%q: tail %q", b, tail)
			}
		}
	}
}
