package wire

import (
	"bytes"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"mime/quotedprintable"
	"strings"
	"testing"
	"testing/iotest"
)

func encodeAll(t *testing.T, e encoder, src []byte) string {
	t.Helper()
	b, err := io.ReadAll(&encoded{src: iotest.OneByteReader(bytes.NewReader(src)), enc: e})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEncodingsComeBack: what is encoded decodes to the same, in lines that
// are short and never begin like a delimiter.
func TestEncodingsComeBack(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	alphabet := []byte("aab  \t=-.\r\n\r\n\r\nÄ\xff\x00From --")
	for n := range 400 {
		src := make([]byte, rnd.IntN(300)+n%7)
		for i := range src {
			src[i] = alphabet[rnd.IntN(len(alphabet))]
		}
		q := encodeAll(t, &quoted{}, src)
		back, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(q)))
		if err != nil || !bytes.Equal(back, src) {
			t.Fatalf("%q became %q, %v", src, back, err)
		}
		b := encodeAll(t, &b64{}, src)
		if int64(len(b)) != base64Len(int64(len(src))) {
			t.Fatalf("%d octets take %d, not %d", len(src), len(b), base64Len(int64(len(src))))
		}
		back, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(b, "\r\n", ""))
		if err != nil || !bytes.Equal(back, src) {
			t.Fatalf("%q became %q, %v", src, back, err)
		}
		for _, s := range []string{q, b} {
			if strings.Contains(strings.ReplaceAll(s, "\r\n", ""), "\r") || strings.Contains(strings.ReplaceAll(s, "\r\n", ""), "\n") {
				t.Fatalf("a bare line end in %q", s)
			}
			for line := range strings.SplitSeq(s, "\r\n") {
				if len(line) > 76 || strings.HasPrefix(line, "-") || strings.HasSuffix(line, " ") || strings.HasSuffix(line, "\t") {
					t.Fatalf("line %q", line)
				}
			}
		}
	}
}
