package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// errCut ends a change of the master key where the power would.
var errCut = errors.New("the power failed")

// keyFiles are the files of tenants' keys, by content.
func (r *rig) keyFiles() map[string][]byte {
	r.t.Helper()
	out := map[string][]byte{}
	files, err := filepath.Glob(filepath.Join(r.a.o.Dir, "keys", "*", "*"+keyEnd))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range files {
		if out[f], err = os.ReadFile(f); err != nil {
			r.t.Fatal(err)
		}
	}
	return out
}

func (r *rig) reads(copies map[string]mail.ID) {
	r.t.Helper()
	for tenant, id := range copies {
		if b, err := r.body(tenant, id); err != nil || b != body {
			r.t.Errorf("tenant %s: %q, %v", tenant, b, err)
		}
	}
}

// Wherever a change of the master key ends, the next start reads every copy, new
// ones are made, also for a tenant that had none, and the change can be finished.
// Then the old key opens nothing but what was backed up before.
func TestB81_master_key_is_changed_through_any_crash(t *testing.T) {
	const tenants = 3
	for stop := range tenants + 4 { // made, three wrapped, kept, placed, and none
		t.Run(fmt.Sprint("after_step_", stop), func(t *testing.T) {
			r := newRig(t)
			copies := map[string]mail.ID{}
			for i := range tenants {
				tenant := fmt.Sprint("t", i)
				m := r.message("a@" + tenant + ".test")
				r.keep(m, body)
				copies[tenant] = m.ID
			}
			keyFile := r.a.o.KeyFile
			master, err := os.ReadFile(keyFile)
			if err != nil {
				t.Fatal(err)
			}
			backup := r.keyFiles()
			steps := 0
			r.a.keys.stop = func(string) error {
				if steps++; steps == stop+1 {
					return errCut
				}
				return nil
			}
			_, err = r.a.RotateKey(t.Context(), "admin")
			if last := stop == tenants+3; (err == nil) != last || err != nil && !errors.Is(err, errCut) {
				t.Fatalf("%v after %d steps", err, steps)
			}
			for range 2 { // as the process that went on has it, and as the next start does
				r.reads(copies)
				m := r.message("b@t0.test", "b@new"+fmt.Sprint(len(copies))+".test")
				r.keep(m, body)
				copies[m.Recipients[1].Tenant] = m.ID
				r.open()
			}
			r.reads(copies)

			got, err := r.a.RotateKey(t.Context(), "admin")
			if err != nil || got.Keys != len(copies) || got.Master != keyFile {
				t.Fatalf("%+v, %v", got, err)
			}
			r.open()
			r.reads(copies)
			now, err := os.ReadFile(keyFile)
			if err != nil || bytes.Equal(now, master) {
				t.Errorf("the master key is what it was: %v", err)
			}
			if _, err := os.Stat(keyFile + nextEnd); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v", err)
			}
			olds, err := filepath.Glob(keyFile + oldEnd + "*")
			if err != nil {
				t.Fatal(err)
			}
			var first []byte
			for _, f := range olds {
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Equal(b, master) {
					first = b
				}
				if fi, err := os.Stat(f); err != nil || fi.Mode().Perm() != 0o600 {
					t.Errorf("%v, %v", fi, err)
				}
			}
			if first == nil {
				t.Fatalf("the key that was is not kept: %v", olds)
			}
			files := r.keyFiles()
			for f, b := range files {
				if bytes.Equal(b, backup[f]) {
					t.Errorf("%s is wrapped as it was", f)
				}
			}
			if err := os.WriteFile(keyFile, first, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), r.options()); err == nil || !strings.Contains(err.Error(), "does not open") {
				t.Errorf("the old master key opens it still: %v", err)
			}
			for f := range files { // a backup from before: its keys, with the key that was kept
				if b := backup[f]; b == nil {
					os.Remove(f)
					os.RemoveAll(filepath.Join(r.a.o.Dir, "mail", filepath.Base(filepath.Dir(f))))
				} else if err := os.WriteFile(f, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r.open()
			for i := range tenants {
				tenant := fmt.Sprint("t", i)
				r.reads(map[string]mail.ID{tenant: copies[tenant]})
			}
		})
	}
}

// The new master key may be the operator's; where the gateway may not write there
// it says what to do.
func TestMasterKeyOfTheOperator(t *testing.T) {
	r := newRig(t)
	if _, err := r.a.RotateKey(t.Context(), "admin"); !errors.Is(err, ErrNoMaster) {
		t.Errorf("%v", err)
	}
	m := r.message("a@acme.test")
	r.keep(m, body)
	next := r.a.o.KeyFile + nextEnd
	theirs := strings.Repeat("5a", masterLen) + "\n"
	if err := os.WriteFile(next, []byte(theirs), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := r.a.RotateKey(t.Context(), "admin"); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("%v", err)
	}
	if err := os.Chmod(next, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.a.RotateKey(t.Context(), "admin"); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(r.a.o.KeyFile); err != nil || string(b) != theirs {
		t.Errorf("%q, %v", b, err)
	}
	r.open()
	r.reads(map[string]mail.ID{"acme": m.ID})
	if os.Getuid() == 0 {
		return // who may write everywhere
	}
	dir := filepath.Dir(r.a.o.KeyFile)
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	if _, err := r.a.RotateKey(t.Context(), "admin"); err == nil || !strings.Contains(err.Error(), "openssl rand -hex 32 > ") {
		t.Errorf("%v", err)
	}
}
