package archive

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const corpus = "../../stall/testdata/archives"

// recorder notes what a walk finds: "path", "path (encrypted)", "path/",
// "! cause path".
type recorder struct {
	lines   []string
	details []string
	content map[string][]byte // of entries that could be read whole
	fail    error
}

func (r *recorder) Entry(e *Entry, c io.ReaderAt, size int64) error {
	l := e.Path
	switch {
	case e.Encrypted:
		l += " (encrypted)"
	case e.Dir:
		l = strings.TrimSuffix(l, "/") + "/"
	case c == nil:
		l += " (closed)"
	}
	r.lines = append(r.lines, l)
	if c != nil && size < 1<<20 {
		b := make([]byte, size)
		if size > 10 { // from the end, as readers of ZIPs do
			if n, _ := c.ReadAt(b[size-10:], size-10); n != 10 {
				return r.fail
			}
		}
		if n, _ := c.ReadAt(b, 0); int64(n) == size {
			if r.content == nil {
				r.content = map[string][]byte{}
			}
			r.content[e.Path] = b
		}
	}
	return r.fail
}

func (r *recorder) Problem(p Problem) error {
	r.lines = append(r.lines, "! "+p.Cause+" "+p.Path)
	r.details = append(r.details, p.Detail)
	return nil
}

func walk(t testing.TB, b []byte, name string, lim Limits) *recorder {
	t.Helper()
	var r recorder
	if err := Walk(bytes.NewReader(b), int64(len(b)), name, NewBudget(lim), &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(corpus, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestContents: whatever packed them, the files are the same octets. Formats
// without a checksum are proven by nothing else.
func TestContents(t *testing.T) {
	note := bytes.Repeat([]byte("All work and no play makes Jack a dull boy.\n"), 20)
	ref := walk(t, read(t, "zip-copy.zip"), "", Limits{})
	want := map[string][]byte{"note.txt": note, "report.csv": ref.content["report.csv"], "prog": ref.content["prog"]}
	if len(want["report.csv"]) < 3000 || len(want["prog"]) < 3000 {
		t.Fatal("the reference is not whole")
	}
	list, err := os.ReadFile(filepath.Join(corpus, "expected.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(list)) {
		name, cause, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if cause != "-" {
			continue
		}
		r := walk(t, read(t, name), name, Limits{})
		for path, b := range r.content {
			base := strings.ToLower(path[strings.LastIndexByte(path, '/')+1:])
			if w, ok := want[base]; ok {
				seen++
				if !bytes.Equal(b, w) {
					t.Errorf("%s: %s: %d octets, want %d", name, path, len(b), len(w))
				}
			}
		}
		if slices.ContainsFunc(r.lines, func(l string) bool { return strings.HasPrefix(l, "!") || strings.Contains(l, "(") }) {
			t.Errorf("%s: %q", name, r.lines)
		}
	}
	if seen < 150 {
		t.Errorf("only %d files compared", seen)
	}
}

func TestPaths(t *testing.T) {
	for name, want := range map[string][]string{
		"tar-encrypted-inside.tar.Z":  {"tar-encrypted-inside.tar", "tar-encrypted-inside.tar/zip-aes256.zip", "! encrypted-archive tar-encrypted-inside.tar/zip-aes256.zip/note.txt"},
		"gzip-two-members.gz":         {"gzip-two-members"},
		"message-holds-encrypted.eml": {"part 1", "a.7z", "! encrypted-archive a.7z/note.txt"},
		"7z-one-encrypted.7z":         {"note.txt", "! encrypted-archive report.csv", "report.csv (encrypted)"},
		"7z-lzma.7z":                  {"folder/", "folder/copy.txt", "note.txt", "report.csv", "prog"},
		"tar-long-name.tar":           {strings.Repeat("x", 120) + ".txt"},
		"ace.ace":                     {"! unsupported-archive "},
		"7z-sfx-encrypted.exe":        {"! encrypted-archive note.txt"},
	} {
		r := walk(t, read(t, name), name, Limits{})
		for _, w := range want {
			if !slices.Contains(r.lines, w) {
				t.Errorf("%s: %q lacks %q", name, r.lines, w)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name string
		lim  Limits
		want string
	}{
		{"zip-many.zip", Limits{Entries: 100}, "! limit "},
		{"7z-lzma2.7z", Limits{Entries: 2}, "! limit "},
		{"tar-ustar.tar", Limits{Entries: 1}, "! limit "},
		{"zip-nested-clean.zip", Limits{Depth: -1}, "! limit "},
		{"zip-seven-deep.zip", Limits{Depth: 3}, "! limit level6.zip/level5.zip/level4.zip/level3.zip"},
		{"tar-plain.tar.xz", Limits{Bytes: 4 << 10}, "! limit tar-plain.tar"},
		{"xz-large-dictionary.xz", Limits{Memory: 64 << 10}, "! limit "},
		{"7z-ppmd.7z", Limits{Memory: 64 << 10}, "! limit folder/copy.txt"},
		{"tar-plain.tar.zst", Limits{Memory: 1 << 20}, "! limit "},
		{"gzip-bomb.gz", Limits{Time: time.Nanosecond}, "! limit gzip-bomb"},
		{"gzip-bomb.gz", Limits{Bytes: 40 << 20}, "! limit gzip-bomb"},
	} {
		r := walk(t, read(t, c.name), c.name, c.lim)
		if !slices.Contains(r.lines, c.want) {
			t.Errorf("%s: %q lacks %q", c.name, r.lines, c.want)
		}
	}
}

// TestMemoryIsGivenBack: after any walk nothing is held.
func TestMemoryIsGivenBack(t *testing.T) {
	files, err := os.ReadDir(corpus)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data := read(t, f.Name())
		b := NewBudget(Limits{})
		if err := Walk(bytes.NewReader(data), int64(len(data)), "", b, &recorder{}); err != nil {
			t.Fatal(err)
		}
		if b.held != 0 {
			t.Errorf("%s: %d octets are still held", f.Name(), b.held)
		}
		if got := int64(len(b.free)) * chunkSize; got > Defaults.Memory {
			t.Errorf("%s: %d octets were taken", f.Name(), got)
		}
	}
}

var errTest = errors.New("test")

type failing struct{ r io.ReaderAt }

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > 100 {
		return 0, errTest
	}
	return f.r.ReadAt(p, off)
}

// TestErrorsAreNotProblems: those of the reader and of the visitor come back.
func TestErrorsAreNotProblems(t *testing.T) {
	for _, name := range []string{"zip-deflate.zip", "7z-lzma2.7z", "tar-plain.tar.gz", "tar-plain.tar.bz2", "tar-plain.tar.zst", "rar5-stored.rar", "iso-joliet.iso", "cab-mszip.cab"} {
		b := read(t, name)
		if err := Walk(failing{bytes.NewReader(b)}, int64(len(b)), "", NewBudget(Limits{}), &recorder{}); err != errTest {
			t.Errorf("%s, reader: %v", name, err)
		}
		if err := Walk(bytes.NewReader(b), int64(len(b)), "", NewBudget(Limits{}), &recorder{fail: errTest}); err != errTest {
			t.Errorf("%s, visitor: %v", name, err)
		}
	}
}

// TestDamageIsSeen: an octet changed anywhere in an archive with checksums
// makes a problem, or leaves its files as they were.
func TestDamageIsSeen(t *testing.T) {
	for _, name := range []string{"zip-deflate.zip", "zip-lzma.zip", "zip-bzip2.zip", "7z-lzma2.7z", "7z-ppmd.7z", "xz-crc32.xz", "arj-m1.arj", "arj-m4.arj", "lzh-lh5.lzh", "tar-plain.tar.gz", "tar-plain.tar.zst", "rar5-stored.rar"} {
		b := read(t, name)
		sound := walk(t, b, name, Limits{})
		for i := 0; i < len(b); i += 1 + len(b)/60 {
			d := bytes.Clone(b)
			d[i] ^= 0x5a
			r := walk(t, d, name, Limits{})
			if slices.ContainsFunc(r.lines, func(l string) bool { return strings.HasPrefix(l, "!") }) {
				continue
			}
			for path, c := range sound.content {
				if got, ok := r.content[path]; ok && !bytes.Equal(got, c) {
					t.Errorf("%s: octet %d changed %s unseen", name, i, path)
				}
			}
		}
	}
}

// FuzzWalk: whatever the octets, a walk ends in time, without a panic or an
// error, and gives its memory back.
func FuzzWalk(f *testing.F) {
	files, _ := os.ReadDir(corpus)
	for _, e := range files {
		if b, err := os.ReadFile(filepath.Join(corpus, e.Name())); err == nil && len(b) < 8<<10 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		lim := Limits{Bytes: 4 << 20, Memory: 20 << 20, Entries: 500, Time: time.Second}
		bud := NewBudget(lim)
		begin := time.Now()
		if err := Walk(bytes.NewReader(b), int64(len(b)), "x", bud, &recorder{}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%v", took)
		}
		if bud.held != 0 {
			t.Errorf("%d octets are still held", bud.held)
		}
	})
}
