package document

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func BenchmarkInspect(b *testing.B) {
	for _, name := range []string{"note.txt", "plain-writer.docx", "vba.docm", "plain-impress.ppt", "vba.xls", "plain-writer.pdf", "objstm-owner.pdf", "aes-256-owner.pdf", "aes-256-user.pdf", "enveloped.p7m", "public.asc", "object-macro.rtf", "plain-writer.fodt"} {
		data, err := os.ReadFile(filepath.Join(corpus, name))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Inspect(bytes.NewReader(data), int64(len(data)), name, "", Limits{Depth: 5}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
