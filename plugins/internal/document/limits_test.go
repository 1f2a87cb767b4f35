package document

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/mailweir/weir/plugins/internal/document/octets"
)

func sample(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(corpus, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDepth: what lies deeper than the limit is unreadable, never clean.
func TestDepth(t *testing.T) {
	b := sample(t, "attachment-encrypted.msg")
	for depth, want := range []string{CauseUnreadable, CauseEncryptedDocument} {
		fs, err := Inspect(bytes.NewReader(b), int64(len(b)), "", "", Limits{Depth: depth})
		if err != nil || causes(fs) != want {
			t.Errorf("depth %d: %v %v", depth, fs, err)
		}
	}
}

// TestBudget: what is beyond the budget is unreadable, never clean.
func TestBudget(t *testing.T) {
	b := sample(t, "vba.docm")
	for _, budget := range []Budget{NewBudget(1000, 1000), NewBudget(1<<20, 3)} {
		fs, err := Inspect(bytes.NewReader(b), int64(len(b)), "", "", Limits{Depth: 5, Budget: budget})
		if err != nil || len(fs) == 0 {
			t.Errorf("%v %v", fs, err)
		}
	}
}

type failing struct {
	r    io.ReaderAt
	from int64
	err  error
}

func (f failing) ReadAt(b []byte, off int64) (int, error) {
	if off+int64(len(b)) > f.from {
		return 0, f.err
	}
	return f.r.ReadAt(b, off)
}

// TestReaderFails: an error of the reader is the caller's, no finding.
func TestReaderFails(t *testing.T) {
	broken := errors.New("the host failed")
	for _, name := range []string{"vba.docm", "plain-writer.doc", "plain-writer.pdf", "signed.p7m", "template.rtf", "plain-writer.fodt"} {
		b := sample(t, name)
		fs, err := Inspect(failing{bytes.NewReader(b), 0, broken}, int64(len(b)), name, "", Limits{Depth: 5})
		if !errors.Is(err, broken) {
			t.Errorf("%s: %v %v", name, fs, err)
		}
	}
}

// TestEmbedded: what is no document goes to the caller, and its error back.
func TestEmbedded(t *testing.T) {
	b := sample(t, "package-text.docx")
	var got []Embedded
	fs, err := Inspect(bytes.NewReader(b), int64(len(b)), "", "", Limits{Depth: 5, Embedded: func(e Embedded) error {
		text := make([]byte, e.Size)
		if _, err := e.R.ReadAt(text, 0); err != nil && err != io.EOF || string(text) != "Just text." {
			t.Errorf("%q %v", text, err)
		}
		got = append(got, e)
		return nil
	}})
	if err != nil || len(fs) != 0 || len(got) != 1 || got[0].Name != "a.txt" || got[0].Depth != 3 {
		t.Errorf("%v %v %v", got, fs, err)
	}
	stop := errors.New("enough")
	if _, err := Inspect(bytes.NewReader(b), int64(len(b)), "", "", Limits{Depth: 5, Embedded: func(Embedded) error { return stop }}); err != stop {
		t.Error(err)
	}
}

// TestWork: a document that has the same octets read over and over ends.
func TestWork(t *testing.T) {
	x := &inspection{work: 1000}
	s := x.meter(octets.Of(make([]byte, 600)))
	for range 2 {
		if _, err := s.At(0, 600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.At(0, 1); err != errWork {
		t.Error(err)
	}
}

// packed makes a package of parts of so many octets.
func packed(t *testing.T, size int, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, n := range append([]string{"[Content_Types].xml"}, names...) {
		w, err := z.Create(n)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("<a>")); err != nil {
			t.Fatal(err)
		}
		blank := make([]byte, 1<<20)
		for i := 0; n != "[Content_Types].xml" && i < size>>20; i++ {
			if _, err := w.Write(blank); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Write([]byte("</a>")); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestBombs: what is too long to be read whole is unreadable, in one part or in
// many, and takes no longer than the limits say.
func TestBombs(t *testing.T) {
	for name, b := range map[string][]byte{
		"one part":   packed(t, maxPart+1<<20, "word/document.xml"),
		"many parts": packed(t, 20<<20, "a/1.xml", "a/2.xml", "a/3.xml", "a/4.xml", "a/5.xml", "a/6.xml", "a/7.xml", "a/8.xml", "a/9.xml"),
	} {
		fs, err := Inspect(bytes.NewReader(b), int64(len(b)), "", "", Limits{Depth: 5})
		if err != nil || causes(fs) != CauseUnreadable {
			t.Errorf("%s: %v %v", name, fs, err)
		}
	}
	b := packed(t, 16<<20, "word/document.xml")
	if fs, err := Inspect(bytes.NewReader(b), int64(len(b)), "", "", Limits{Depth: 5}); err != nil || len(fs) != 0 {
		t.Errorf("%v %v", fs, err)
	}
}

// spent is a budget whose time is over.
type spent struct{}

func (spent) Entry() bool       { return true }
func (spent) Unpack(int64) bool { return false }

// TestTime: when the caller's time is over, what is left is unreadable.
func TestTime(t *testing.T) {
	b := sample(t, "plain-impress.ppt")
	fs, err := Inspect(bytes.NewReader(b), int64(len(b)), "", "", Limits{Depth: 5, Budget: spent{}})
	if err != nil || causes(fs) != CauseUnreadable {
		t.Errorf("%v %v", fs, err)
	}
}
