package archive

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// seen is what a walk with a key told, one line each.
type seen struct{ lines []string }

func (v *seen) Entry(e *Entry, r io.ReaderAt, size int64) error {
	line := e.Path + " " + string(e.Type)
	switch {
	case e.Encrypted:
		line = e.Path + " encrypted"
	case r != nil:
		b := make([]byte, size)
		n, err := r.ReadAt(b, 0)
		if err != nil && err != io.EOF {
			line += " " + err.Error()
		}
		line += " " + strconv.Itoa(n)
	}
	v.lines = append(v.lines, line)
	return nil
}

func (v *seen) Problem(p Problem) error {
	v.lines = append(v.lines, "! "+strings.TrimSpace(p.Path+" "+p.Cause+" "+p.Detail))
	return nil
}

func unlocked(t *testing.T, b []byte, pass string) (lines []string, opened, wrong, unsupported int) {
	t.Helper()
	var v seen
	k := NewKey(pass)
	bud := NewBudget(Limits{Verify: 64 << 20})
	bud.Unlock(k)
	if err := Walk(bytes.NewReader(b), int64(len(b)), "a.bin", bud, &v); err != nil {
		t.Fatal(err)
	}
	for _, o := range k.Openings() {
		opened, wrong, unsupported = opened+o.Opened, wrong+o.Wrong, unsupported+o.Unsupported
	}
	return v.lines, opened, wrong, unsupported
}

// stallCorpus are archives made with the real tools.
const stallCorpus = "../../stall/testdata"

func fixtureOf(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(stallCorpus, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestKeyOpensRealArchives(t *testing.T) {
	for _, name := range []string{
		"zipcrypto.zip", "aes256.zip", "stream-enc.zip", "zip64-enc.zip", "stub.zip", "trailing.zip", "nested-deflated.zip", "nested-stored.zip",
		"data.7z", "store.7z", "many.7z", "header.7z",
		"archives/zip-aes128.zip", "archives/zip-aes192.zip", "archives/zip-aes256.zip",
		"archives/7z-encrypted.7z", "archives/7z-encrypted-names.7z", "archives/7z-encrypted-stored.7z", "archives/7z-encrypted-bzip2.7z", "archives/7z-one-encrypted.7z",
	} {
		t.Run(name, func(t *testing.T) {
			b := fixtureOf(t, name)
			lines, opened, wrong, unsup := unlocked(t, b, "secret")
			if opened == 0 || wrong+unsup > 0 || strings.Contains(strings.Join(lines, "\n"), "encrypted") {
				t.Errorf("opened %d, wrong %d, unsupported %d: %q", opened, wrong, unsup, lines)
			}
			for _, pass := range []string{"", "Secret", "secret ", "geheim", "1234"} {
				lines, opened, wrong, unsup = unlocked(t, b, pass)
				if opened > 0 || wrong == 0 || unsup > 0 || !strings.Contains(strings.Join(lines, "\n"), "! ") {
					t.Errorf("password %q: opened %d, wrong %d, unsupported %d: %q", pass, opened, wrong, unsup, lines)
				}
			}
		})
	}
}

// FuzzKey: whatever an archive is, trying a password on it ends without a panic.
func FuzzKey(f *testing.F) {
	for _, dir := range []string{stallCorpus, "../../unlock/testdata"} {
		names, _ := filepath.Glob(filepath.Join(dir, "*.*"))
		for _, n := range names {
			if b, err := os.ReadFile(n); err == nil && len(b) < 4<<10 {
				f.Add(b)
			}
		}
	}
	f.Add(rar5Of("secret", "a.txt", []byte("text"), true, true, 1))
	f.Add(rar5Of("secret", "a.txt", []byte("text"), false, true, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v seen
		k := NewKey("secret")
		k.hashed = maxHashed - 32<<20 // keys are cheap
		bud := NewBudget(Limits{Bytes: 2 << 20, Entries: 100, Verify: 1 << 20})
		bud.Unlock(k)
		if err := Walk(bytes.NewReader(b), int64(len(b)), "a.bin", bud, &v); err != nil {
			t.Error(err)
		}
		for _, o := range k.Openings() {
			if o.Opened < 0 || o.Wrong+o.Unsupported > 0 && !strings.Contains(strings.Join(v.lines, "\n"), "!") {
				t.Errorf("%+v without a problem: %q", o, v.lines)
			}
		}
	})
}
