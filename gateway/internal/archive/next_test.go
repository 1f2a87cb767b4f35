package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// cutAfter ends the next change of the master key after some steps: made, one for
// each key that is wrapped, kept, placed.
func (r *rig) cutAfter(steps int) {
	r.a.keys.stop = func(string) error {
		if steps--; steps == 0 {
			return errCut
		}
		return nil
	}
}

func (r *rig) put(file, content string) {
	r.t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// aKey is a file of a master key.
func aKey(digits string) string { return strings.Repeat(digits, masterLen) + "\n" }

// Whatever somebody does with the master key that comes while a change of it is
// interrupted, in the process that goes on: nothing is wrapped under a key that no
// file has, and the next start reads every copy, also that of a tenant that came
// meanwhile.
func TestB81_the_master_key_that_comes_is_the_one_in_its_file(t *testing.T) {
	const tenants = 2
	for cut := 1; cut <= tenants+2; cut++ { // made, two wrapped, kept
		for _, with := range []string{"replaced", "deleted", "half-written", "placed"} {
			if with == "placed" && cut <= tenants { // it is for who finds every key wrapped
				continue
			}
			t.Run(fmt.Sprint(with, "_after_step_", cut), func(t *testing.T) {
				r := newRig(t)
				copies := map[string]mail.ID{}
				one := func(tenant string) {
					m := r.message("a@" + tenant + ".test")
					r.keep(m, body)
					copies[tenant] = m.ID
				}
				for i := range tenants {
					one(fmt.Sprint("t", i))
				}
				next := r.a.o.KeyFile + nextEnd
				r.cutAfter(cut)
				if _, err := r.a.RotateKey(t.Context(), "admin"); !errors.Is(err, errCut) {
					t.Fatal(err)
				}
				r.a.keys.stop = nil
				made, err := os.ReadFile(next)
				if err != nil {
					t.Fatal(err)
				}
				before := r.keyFiles()
				wrapped := cut > 1
				switch with {
				case "replaced":
					r.put(next, aKey("b0"))
				case "deleted":
					if err := os.Remove(next); err != nil {
						t.Fatal(err)
					}
				case "half-written":
					r.put(next, "b0b0b0")
				case "placed":
					if err := os.Rename(next, r.a.o.KeyFile); err != nil {
						t.Fatal(err)
					}
				}
				one("new")
				_, err = r.a.RotateKey(t.Context(), "admin")
				switch refused := with != "placed" && (wrapped || with == "half-written"); {
				case refused != (err != nil):
					t.Fatalf("%v, want a refusal: %v", err, refused)
				case refused && !errors.Is(err, ErrNextKey):
					t.Errorf("%v", err)
				case refused && wrapped && !strings.Contains(err.Error(), "put it back"):
					t.Errorf("it does not say what to do: %v", err)
				case refused && !wrapped && !strings.Contains(err.Error(), "(umask 077; openssl rand -hex 32 > "+next+")"):
					t.Errorf("it does not say what to do: %v", err)
				case refused:
					for f, b := range before {
						if now := r.keyFiles()[f]; !bytes.Equal(now, b) {
							t.Errorf("%s was wrapped by what was refused", f)
						}
					}
					if wrapped {
						r.put(next, string(made))
					}
				}
				r.open()
				r.reads(copies)
				if refused := err != nil; refused {
					if !wrapped {
						if err := os.Remove(next); err != nil {
							t.Fatal(err)
						}
					}
					if _, err := r.a.RotateKey(t.Context(), "admin"); err != nil {
						t.Fatal(err)
					}
				}
				r.open()
				r.reads(copies)
				if _, err := os.Stat(next); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%v", err)
				}
			})
		}
	}
}

// What fails in the middle of a change, as on a full disk, changes nothing of which
// file is asked next: with no key under the first, an operator's own takes its
// place, as the error advises.
func TestB81_a_master_key_that_replaces_one_nothing_is_under(t *testing.T) {
	r := newRig(t)
	m := r.message("a@acme.test")
	r.keep(m, body)
	next := r.a.o.KeyFile + nextEnd
	r.put(next, aKey("a0"))
	r.open()
	// The key's folder takes no file.
	dir := filepath.Join(r.a.o.Dir, "keys", "acme")
	if err := os.Rename(dir, dir+"~"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.a.RotateKey(t.Context(), "admin"); err == nil {
		t.Fatal("it is changed")
	}
	if err := os.Rename(dir+"~", dir); err != nil {
		t.Fatal(err)
	}
	r.put(next, aKey("b0"))
	if _, err := r.a.RotateKey(t.Context(), "admin"); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(r.a.o.KeyFile); err != nil || string(b) != aKey("b0") {
		t.Errorf("%q, %v", b, err)
	}
	r.open()
	r.reads(map[string]mail.ID{"acme": m.ID})
}

// A key that is changed while all are being wrapped does not take the old one's
// place.
func TestB81_a_master_key_is_proven_by_its_file(t *testing.T) {
	r := newRig(t)
	m := r.message("a@acme.test")
	r.keep(m, body)
	next := r.a.o.KeyFile + nextEnd
	was, err := os.ReadFile(r.a.o.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	var made []byte
	r.a.keys.stop = func(step string) error {
		if step == "wrapped" {
			if made, err = os.ReadFile(next); err != nil {
				t.Fatal(err)
			}
			r.put(next, aKey("b0"))
		}
		return nil
	}
	if _, err := r.a.RotateKey(t.Context(), "admin"); err == nil || !strings.Contains(err.Error(), "put it back") {
		t.Errorf("%v", err)
	}
	r.a.keys.stop = nil
	if now, err := os.ReadFile(r.a.o.KeyFile); err != nil || !bytes.Equal(now, was) {
		t.Errorf("the master key is another: %v", err)
	}
	r.put(next, string(made))
	if _, err := r.a.RotateKey(t.Context(), "admin"); err != nil {
		t.Fatal(err)
	}
	r.open()
	r.reads(map[string]mail.ID{"acme": m.ID})
}

// A master key that only lies ready is used for nothing: it may be taken away.
func TestB81_a_master_key_that_lies_ready_is_not_used(t *testing.T) {
	r := newRig(t)
	old := r.message("a@acme.test")
	r.keep(old, body)
	next := r.a.o.KeyFile + nextEnd
	r.put(next, aKey("a0"))
	r.open()
	m := r.message("a@new.test")
	r.keep(m, body)
	if err := os.Remove(next); err != nil {
		t.Fatal(err)
	}
	r.open()
	r.reads(map[string]mail.ID{"acme": old.ID, "new": m.ID})
}

// A master key beside the one that is keeps the gateway from its start only where a
// key needs it.
func TestB81_a_spoilt_key_beside_the_master_key(t *testing.T) {
	for name, spoil := range map[string]func(next string) error{
		"half-written": func(next string) error { return os.WriteFile(next, []byte("a0a0"), 0o600) },
		"read by others": func(next string) error {
			return errors.Join(os.WriteFile(next, []byte(aKey("a0")), 0o600), os.Chmod(next, 0o644))
		},
		"not to be read":  func(next string) error { return os.Mkdir(next, 0o700) },
		"of no one's use": func(next string) error { return os.WriteFile(next, nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			m := r.message("a@acme.test")
			r.keep(m, body)
			next := r.a.o.KeyFile + nextEnd
			if err := spoil(next); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			o := r.options()
			o.Logger = slog.New(slog.NewTextHandler(&log, nil))
			a, err := Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			r.a = a
			r.reads(map[string]mail.ID{"acme": m.ID})
			if !strings.Contains(log.String(), next) || !strings.Contains(log.String(), "level=WARN") {
				t.Errorf("the log says nothing of it: %q", &log)
			}
			if _, err := r.a.RotateKey(t.Context(), "admin"); err == nil || !strings.Contains(err.Error(), "(umask 077; openssl rand -hex 32 > "+next+")") {
				t.Errorf("%v", err)
			}

			// With a key that is under it, it is needed.
			if err := os.RemoveAll(next); err != nil {
				t.Fatal(err)
			}
			r.cutAfter(2)
			if _, err := r.a.RotateKey(t.Context(), "admin"); !errors.Is(err, errCut) {
				t.Fatal(err)
			}
			if err := errors.Join(os.Remove(next), spoil(next)); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), next) {
				t.Errorf("it opens without what its keys are under: %v", err)
			}
		})
	}
}
