package document

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// corpus is the folder of documents made with the real tools; see make.py there.
const corpus = "../../stall/testdata/documents"

// corpusDir is corpus, or another folder with an expected.tsv.
func corpusDir() string {
	if d := os.Getenv("WEIR_DOCUMENTS"); d != "" {
		return d
	}
	return corpus
}

// TestCorpus: no miss, no false alarm.
func TestCorpus(t *testing.T) {
	list, err := os.ReadFile(filepath.Join(corpusDir(), "expected.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	files, hits := 0, 0
	for line := range strings.Lines(string(list)) {
		name, want, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			continue
		}
		files++
		b, err := os.ReadFile(filepath.Join(corpusDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		fs, err := Inspect(bytes.NewReader(b), int64(len(b)), name, "", Limits{Depth: DefaultDepth})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := causes(fs); got != want {
			t.Errorf("%s: got %s %v, want %s", name, got, fs, want)
		}
		if want != "-" {
			hits++
		}
	}
	if files < 80 || hits < 40 {
		t.Fatalf("%d files with %d findings: the corpus is not whole", files, hits)
	}
	t.Logf("%d files, %d with findings", files, hits)
}

// causes joins the causes, "-" for none.
func causes(fs []Finding) string {
	var cs []string
	for _, f := range fs {
		if !slices.Contains(cs, f.Cause) {
			cs = append(cs, f.Cause)
		}
	}
	if cs == nil {
		return "-"
	}
	slices.Sort(cs)
	return strings.Join(cs, ",")
}
