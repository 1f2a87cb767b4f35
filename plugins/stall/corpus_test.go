package stall

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mailweir/weir/sdk/abi"
)

// specimen is a file of the corpus with the causes that are expected of it.
type specimen struct {
	name   string
	causes []string
	data   []byte
}

// corpus reads the folders of files that the real tools made; see make.py in each.
func corpus(t testing.TB) (out []specimen) {
	t.Helper()
	for _, dir := range []string{"archives", "documents"} {
		list, err := os.ReadFile(filepath.Join("testdata", dir, "expected.tsv"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(list)) {
			name, causes, ok := strings.Cut(strings.TrimSpace(line), "\t")
			if !ok {
				t.Fatalf("%s: %q", dir, line)
			}
			b, err := os.ReadFile(filepath.Join("testdata", dir, name))
			if err != nil {
				t.Fatal(err)
			}
			s := specimen{name: dir + "/" + name, data: b}
			if causes != "-" {
				s.causes = strings.Split(causes, ",")
			}
			out = append(out, s)
		}
	}
	if len(out) < 150 {
		t.Fatalf("only %d files: the corpus is not whole", len(out))
	}
	return out
}

func causesOfVerdict(v *abi.Verdict) (out []string) {
	for _, f := range v.Findings {
		if !slices.Contains(out, f.Sub) {
			out = append(out, f.Sub)
		}
	}
	slices.Sort(out)
	return out
}

func TestCorpus(t *testing.T) {
	for _, s := range corpus(t) {
		t.Run(s.name, func(t *testing.T) {
			name := "a.bin" // its content tells what an archive is
			if dir, base, _ := strings.Cut(s.name, "/"); dir == "documents" {
				name = base // a CSV is told by its name alone
			}
			v := verdictOn(t, name, s.data)
			if got := causesOfVerdict(v); !slices.Equal(got, s.causes) {
				t.Errorf("%v, want %v", got, s.causes)
				for _, f := range v.Findings {
					t.Log(f.Path, f.Explanation)
				}
			}
			if s := brief(v); strings.Contains(s, "BAD") {
				t.Error(s)
			}
		})
	}
}
