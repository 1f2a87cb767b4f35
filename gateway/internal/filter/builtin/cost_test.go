package builtin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mimetree"
	"github.com/mailweir/weir/sdk/abi"
)

// manyRules is a configuration such as a tenant has: lists of addresses,
// wildcards and a few expressions.
func manyRules() abi.Value {
	cfg := abi.Object()
	block := func(name string, set func(b *abi.Value)) abi.Value {
		b := abi.Object()
		b.Set("_labels", abi.Strings(name))
		set(&b)
		return b
	}
	var senders []string
	for _, s := range []string{"spam", "junk", "offer", "prize", "casino"} {
		for i := range 100 {
			senders = append(senders, s+string(rune('a'+i%26))+string(rune('a'+i/26))+"@"+s+".test")
		}
	}
	cfg.Set("block", abi.List(
		block("senders", func(b *abi.Value) { b.Set("sender", abi.Strings(senders...)) }),
		block("domains", func(b *abi.Value) { b.Set("sender_domain", abi.Strings("*.spam.test", ".junk.test", "*casino*")) }),
		block("subjects", func(b *abi.Value) { b.Set("subject", abi.Strings("*viagra*", `/win+er/`, "*lottery*")) }),
		block("names", func(b *abi.Value) { b.Set("attachment_name", abi.Strings("*.exe", "*.scr", "*.js", "*.vbs")) }),
		block("types", func(b *abi.Value) {
			b.Set("attachment_type", abi.Strings("application/vnd.microsoft.portable-executable"))
		}),
	))
	return cfg
}

// decoding is a tree that says how long the reads of plugins took: that is
// transfer decoding, in the host.
type decoding struct {
	*mimetree.Tree
	took time.Duration
}

func (d *decoding) ReadPart(part int, off int64, p []byte) (int, error) {
	t := time.Now()
	defer func() { d.took += time.Since(t) }()
	return d.Tree.ReadPart(part, off, p)
}

// BenchmarkMessage is what the standard chain costs a message, with parsing it.
// beyond-ns/op leaves out parsing and transfer decoding.
func BenchmarkMessage(b *testing.B) {
	g := newGate(b, manyRules())
	small := letter + "Content-Type: text/plain\r\n\r\n" + strings.Repeat("All work and no play makes Jack a dull boy.\r\n", 88)
	for name, msg := range map[string]string{
		"4KiB":       small,
		"1MiB_zip":   attached("a.zip", zipOf(b, file{name: "a.bin", content: noise(700 << 10)}, file{name: "b.txt", content: []byte("b")})),
		"1MiB_text":  attached("a.txt", []byte(strings.Repeat("The quick brown fox jumps over the lazy dog, and the dog ", 13000))),
		"1MiB_noise": attached("a.bin", noise(700<<10)),
	} {
		for _, plugins := range [][]string{nil, {"rules"}, {"attachments"}, {"stall"}, {"rules", "attachments", "stall"}} {
			b.Run(name+"/"+strings.Join(append([]string{"parse"}, plugins...), "+"), func(b *testing.B) {
				b.ReportAllocs()
				var beyond time.Duration
				n := 0
				for b.Loop() {
					d := &decoding{Tree: g.parse(msg)}
					t := time.Now()
					g.judgeAll(b, d, msg, plugins...)
					beyond += time.Since(t) - d.took
					n++
				}
				if len(plugins) > 0 {
					b.ReportMetric(float64(beyond.Nanoseconds())/float64(n), "beyond-ns/op")
				}
			})
		}
	}
}
