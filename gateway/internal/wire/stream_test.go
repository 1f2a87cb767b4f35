package wire

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// vast is a message whose one part is text of many lines, in base64 or not,
// made as it is read.
type vast struct {
	head string
	line string
	n    int64
}

func (v vast) Size() int64 { return int64(len(v.head)) + v.n*int64(len(v.line)) }

func (v vast) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		switch in := at - int64(len(v.head)); {
		case in < 0:
			n += copy(p[n:], v.head[at:])
		case at >= v.Size():
			return n, io.EOF
		default:
			n += copy(p[n:], v.line[in%int64(len(v.line)):])
		}
	}
	return n, nil
}

func vastMail(encoding string, octets int64) vast {
	v := vast{head: "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: " + encoding + "\r\n\r\n"}
	v.line = strings.Repeat("AAAA", 18) + "\r\n"
	if encoding == "quoted-printable" {
		v.line = strings.Repeat("=E4=\r\n", 10) + "\r\n"
	}
	v.n = octets / int64(len(v.line))
	return v
}

// A large part is not held in memory, whatever becomes of its encoding and
// character set.
func TestVastPartsPassThrough(t *testing.T) {
	for _, encoding := range []string{"7bit", "quoted-printable", "base64"} {
		for name, text := range map[string]string{"as_it_is": "bye", "converted": "10 \u20ac"} {
			t.Run(encoding+"_"+name, func(t *testing.T) {
				v := vastMail(encoding, 8<<20)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				p, err := Message{Parts: []mail.PartEdit{app(0, text)}, Body: v, Size: v.Size()}.Plan()
				if err != nil {
					t.Fatal(err)
				}
				n, err := io.Copy(io.Discard, p.Reader())
				if err != nil || n != p.Size() {
					t.Fatalf("%d of %d, %v", n, p.Size(), err)
				}
				runtime.ReadMemStats(&after)
				if got := after.TotalAlloc - before.TotalAlloc; got > 3<<20 {
					t.Errorf("%d KiB for a part of 8 MiB", got>>10)
				}
			})
		}
	}
}

// BenchmarkAppend is what a banner costs, planning and reading.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int64{4 << 10, 1 << 20} {
		for _, encoding := range []string{"7bit", "quoted-printable", "base64"} {
			b.Run(fmt.Sprintf("%s_%dKiB", encoding, size>>10), func(b *testing.B) {
				v := vastMail(encoding, size)
				body := make([]byte, v.Size())
				if _, err := v.ReadAt(body, 0); err != nil && err != io.EOF {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					p, err := Message{Parts: []mail.PartEdit{app(0, "bye\n")}, Body: strings.NewReader(string(body)), Size: v.Size()}.Plan()
					if err != nil {
						b.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, p.Reader()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
