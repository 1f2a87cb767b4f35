package archive

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// BenchmarkStage is what an archive costs before a message is sent on: encrypted,
// on stable storage, and then filed.
func BenchmarkStage(b *testing.B) {
	for _, size := range []int{4 << 10, 50 << 10, 1 << 20} {
		for _, writers := range []int{1, 10, 50} {
			b.Run(fmt.Sprintf("%dKiB/%d", size>>10, writers), func(b *testing.B) {
				r := newRigTB(b)
				text := randomMail(size)
				m := r.message("a@acme.test")
				b.SetBytes(int64(size))
				b.SetParallelism(max(1, writers/2)) // of two processors
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						n := *m
						n.ID = mail.NewID(r.now)
						s, err := r.a.Stage(b.Context(), "acme", &n, []int{1}, bytes.NewReader(text), int64(len(text)))
						if err != nil {
							b.Error(err)
							return
						}
						s.File()
					}
				})
			})
		}
	}
}

// randomMail is mail that does not compress beyond base64: an attachment.
func randomMail(size int) []byte {
	raw := make([]byte, size*3/4)
	for i := range raw {
		raw[i] = byte(rand.Uint32())
	}
	return []byte(base64.StdEncoding.EncodeToString(raw))
}

// TestCompression is what the documents say of how much a copy takes.
func TestCompression(t *testing.T) {
	r := newRig(t)
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operator.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		body string
		most float64
	}{"text": {string(text), 0.5}, "attachment": {string(randomMail(1 << 20)), 0.78}, "small": {"Subject: x\r\n\r\nhi\r\n" + strings.Repeat("a line of text\r\n", 40), 1.5}} {
		m := r.message("a@acme.test")
		r.keep(m, c.body)
		fi, err := os.Stat(r.a.filed(place{"acme", m.ID}))
		if err != nil {
			t.Fatal(err)
		}
		got := float64(fi.Size()) / float64(len(c.body))
		t.Logf("%s: %d octets take %d, %.2f", name, len(c.body), fi.Size(), got)
		if got > c.most {
			t.Errorf("%s: %.2f of its size", name, got)
		}
	}
}
