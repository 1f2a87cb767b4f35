package archive

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

const body = "Subject: the price\r\n\r\nforty-two thousand pounds\r\n"

// One message for two tenants is two copies, each with its own recipients and
// under its own key, and neither readable on the disk.
func TestB81_two_tenants_in_one_message(t *testing.T) {
	r := newRig(t)
	m := r.message("a@acme.test", "b@acme.test", "x@other.test")
	r.keep(m, body)
	files := r.files()
	if len(files) != 2 {
		t.Fatalf("%d files: %v", len(files), files)
	}
	for _, f := range files {
		for _, s := range []string{"forty-two", "price", "acme.test", "other.test"} {
			if !secret(t, f, s) {
				t.Errorf("%s shows %q", f, s)
			}
		}
	}
	for tenant, want := range map[string]string{"acme": "a@acme.test b@acme.test", "other": "x@other.test"} {
		c, err := r.a.Copy(t.Context(), tenant, m.ID)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, rc := range c.Meta.Message.Recipients {
			got = append(got, rc.Address.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s's copy is for %v", tenant, got)
		}
		if err := c.Verify(); err != nil {
			t.Error(err)
		}
		c.Close()
		if b, err := r.body(tenant, m.ID); err != nil || b != body {
			t.Errorf("%q, %v", b, err)
		}
	}
	if _, err := r.a.Copy(t.Context(), "../other", m.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another folder: %v", err)
	}
	// Another tenant's copy under one's own name does not open.
	if err := os.Rename(r.a.filed(place{"other", m.ID}), r.a.filed(place{"acme", m.ID})); err != nil {
		t.Fatal(err)
	}
	if _, err := r.body("acme", m.ID); !errors.Is(err, ErrNoKey) {
		t.Errorf("another tenant's copy: %v", err)
	}
}

// Every octet of a copy counts: whatever is changed, cut off, put behind or taken
// from another copy shows.
func TestTampering(t *testing.T) {
	r := newRig(t)
	text := strings.Repeat("0123456789abcdef", 3*chunkLen/16) + "end"
	a, b := r.message("a@acme.test"), r.message("a@acme.test")
	b.ID = mail.NewID(r.now)
	r.keep(a, text)
	r.keep(b, text)
	path := r.a.filed(place{"acme", a.ID})
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(r.a.filed(place{"acme", b.ID}))
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, file []byte) {
		t.Helper()
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := r.body("acme", a.ID); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNoKey) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for at := range whole {
		flipped := bytes.Clone(whole)
		flipped[at] ^= 0x10
		try("an octet changed", flipped)
	}
	for range 50 {
		try("cut short", whole[:rand.IntN(len(whole))])
	}
	try("longer", append(bytes.Clone(whole), 0))
	try("empty", nil)
	try("another message's", other)
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := r.body("acme", a.ID); err != nil || got != text {
		t.Errorf("the copy itself: %v", err)
	}
}

// A copy can be read from anywhere, and of any length.
func TestReadAt(t *testing.T) {
	r := newRig(t)
	for _, n := range []int{0, 1, chunkLen - 1, chunkLen, chunkLen + 1, 2*chunkLen + 7} {
		text := make([]byte, n)
		for i := range text {
			text[i] = byte(rand.Uint32())
		}
		m := r.message("a@acme.test")
		r.keep(m, string(text))
		c, err := r.a.Copy(t.Context(), "acme", m.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(io.NewSectionReader(c, 0, c.Size()), text); err != nil {
			t.Errorf("%d octets: %v", n, err)
		}
		c.Close()
	}
}

// reader gives n octets without having them.
type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	for i := range p {
		p[i] = byte(i * 7)
	}
	return len(p), nil
}

// A body of 50 MiB is archived and read back in a few hundred KiB.
func TestB81_flat_memory(t *testing.T) {
	r := newRig(t)
	small := r.message("a@acme.test")
	r.keep(small, body) // what is made once
	const size = 50 << 20
	m := r.message("a@acme.test")
	allocated := func(f func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	got := allocated(func() {
		s, err := r.a.Stage(t.Context(), "acme", m, []int{1}, zeros{}, size)
		if err != nil {
			t.Fatal(err)
		}
		s.File()
		c, err := r.a.Copy(t.Context(), "acme", m.ID)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if c.Size() != size {
			t.Errorf("%d octets", c.Size())
		}
		if err := c.Verify(); err != nil {
			t.Error(err)
		}
	})
	if got > 16<<20 { // of which most is free again
		t.Errorf("it allocated %d KiB in all", got>>10)
	}
	t.Logf("it allocated %d KiB in all", got>>10)
}

// A start after a crash: a copy without a record is of a message that was never
// taken, and goes; one with a record stays.
func TestCrashBetweenCopyAndRecord(t *testing.T) {
	r := newRig(t)
	lost, kept := r.message("a@acme.test"), r.message("a@acme.test")
	r.stage("acme", lost, body, 1)
	r.stage("acme", kept, body, 1)
	kept.Recipients[0].Archived = true
	r.record(kept)
	if err := os.WriteFile(filepath.Join(r.a.o.Dir, "incoming", tmpStart+"1"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.open()
	if files := r.files(); len(files) != 1 || files[0] != r.a.filed(place{"acme", kept.ID}) {
		t.Errorf("%v", files)
	}
	if b, err := r.body("acme", kept.ID); err != nil || b != body {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := r.body("acme", lost.ID); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

// A copy that is filed for some does not go because one for more could not be
// made safe; one that is new does.
func TestStageKeepsWhatIsFiled(t *testing.T) {
	r := newRig(t)
	m := r.message("a@acme.test", "b@acme.test")
	broken := errors.New("the disk does not sync")
	works := r.a.syncDir
	stage := func(n int) error {
		r.a.syncDir = func(string) error { return broken }
		defer func() { r.a.syncDir = works }()
		_, err := r.a.Stage(t.Context(), "acme", m, []int{n}, strings.NewReader(body), int64(len(body)))
		return err
	}
	if err := stage(1); !errors.Is(err, broken) || len(r.files()) != 0 {
		t.Fatalf("a new one: %v, %v", err, r.files())
	}
	r.stage("acme", m, body, 1).File()
	if err := stage(2); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if got, err := r.body("acme", m.ID); err != nil || got != body {
		t.Errorf("the copy that was filed: %q, %v", got, err)
	}
}

// What was not taken leaves no copy; the same message staged again for others is
// one copy for all.
func TestStage(t *testing.T) {
	r := newRig(t)
	m := r.message("a@acme.test", "b@acme.test")
	r.stage("acme", m, body, 1).Discard()
	if files := r.files(); len(files) != 0 {
		t.Fatalf("%v", files)
	}
	one := r.stage("acme", m, body, 1)
	again := r.stage("acme", m, body, 1)
	again.Discard() // it is not its own
	two := r.stage("acme", m, body, 2)
	one.File()
	two.File()
	three := r.stage("acme", m, body, 1, 2)
	three.Discard()
	c, err := r.a.Copy(t.Context(), "acme", m.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if len(c.Meta.Message.Recipients) != 2 || len(r.files()) != 1 {
		t.Errorf("%+v in %v", c.Meta.Message.Recipients, r.files())
	}
}

func TestKeysThatAreMissing(t *testing.T) {
	fails := func(r *rig, o Options, want string) {
		t.Helper()
		if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	r := newRig(t)
	o := r.options()
	if _, err := os.Stat(o.KeyFile); err == nil {
		t.Error("a key was made before it was needed")
	}
	named := o
	named.OwnKey = false
	fails(r, named, "openssl rand -hex 32")
	m := r.message("a@acme.test")
	r.keep(m, body)
	if fi, err := os.Stat(o.KeyFile); err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", fi, err)
	}
	master, err := os.ReadFile(o.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	write := func(file string, b []byte, mode os.FileMode) {
		t.Helper()
		if err := errors.Join(os.WriteFile(file, b, 0o600), os.Chmod(file, mode)); err != nil {
			t.Fatal(err)
		}
	}
	os.Remove(o.KeyFile)
	fails(r, o, "is missing")
	write(o.KeyFile, []byte(strings.Repeat("00", 32)), 0o600)
	fails(r, o, "is another one")
	write(o.KeyFile, []byte("short"), 0o600)
	fails(r, o, "hexadecimal digits")
	write(o.KeyFile, master, 0o644)
	fails(r, o, "chmod 600")
	write(o.KeyFile, master, 0o600)
	keyFiles, err := filepath.Glob(filepath.Join(o.Dir, "keys", "acme", "*"))
	if err != nil || len(keyFiles) != 1 {
		t.Fatal(keyFiles, err)
	}
	key, err := os.ReadFile(keyFiles[0])
	if err != nil {
		t.Fatal(err)
	}
	write(keyFiles[0], bytes.Replace(key, []byte(`"acme"`), []byte(`"acne"`), 1), 0o600)
	fails(r, o, "or the file was changed")
	os.Remove(keyFiles[0])
	fails(r, o, "no key in")
	write(keyFiles[0], key, 0o600)
	r.open()
	if b, err := r.body("acme", m.ID); err != nil || b != body {
		t.Errorf("%q, %v", b, err)
	}
}

// Below the watermark nothing is archived, and the caller hears why; nor where the
// disk is full while a copy is written. Nothing stays of it.
func TestB81_full_disk(t *testing.T) {
	r := newRig(t)
	m := r.message("a@acme.test")
	r.a.o.MinFree = 1 << 60
	if _, err := r.a.Stage(t.Context(), "acme", m, []int{1}, strings.NewReader(body), int64(len(body))); !errors.Is(err, store.ErrFull) {
		t.Errorf("%v", err)
	}
	r.a.o.MinFree = 0
	if _, err := r.a.Stage(t.Context(), "acme", m, []int{1}, broken{}, chunkLen+1); err == nil {
		t.Error("a message that cannot be read is archived")
	}
	if files := r.files(); len(files) != 0 {
		t.Errorf("%v", files)
	}
	if err := fullOr(&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}); !errors.Is(err, store.ErrFull) {
		t.Error(err)
	}
}

// broken is a body whose second chunk cannot be read.
type broken struct{ zeros }

func (b broken) ReadAt(p []byte, off int64) (int, error) {
	if off >= chunkLen {
		return 0, errors.New("bad block")
	}
	return b.zeros.ReadAt(p, off)
}
