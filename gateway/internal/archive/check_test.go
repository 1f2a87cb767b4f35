package archive

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// found is what a check comes to, as words.
func (r *rig) found(o CheckOptions) string {
	r.t.Helper()
	rep, err := r.a.Check(r.t.Context(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for _, f := range rep.Found {
		w := f.Tenant + " " + f.What
		if f.Repaired {
			w += " repaired"
		}
		out = append(out, w)
	}
	return strings.Join(out, ", ")
}

func (r *rig) want(o CheckOptions, want string) {
	r.t.Helper()
	if got := r.found(o); got != want {
		r.t.Errorf("found %q, want %q", got, want)
	}
}

// A record without its copy is reported, and so is a copy without its record: it
// is given one made of what it says of itself.
func TestB81_copies_and_records_are_compared(t *testing.T) {
	r := newRig(t)
	m := r.message("a@acme.test", "x@other.test")
	m.Summary.Subject = "the price"
	r.keep(m, body)
	r.want(CheckOptions{Deep: true}, "")

	// The journal lost the record.
	if err := r.st.Update(t.Context(), m.ID, func(m *store.Message) ([]mail.Event, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	if err := r.st.Forget(t.Context(), m.ID); err != nil {
		t.Fatal(err)
	}
	r.want(CheckOptions{}, "acme without-record, other without-record")
	r.want(CheckOptions{Repair: true}, "acme without-record repaired")
	r.want(CheckOptions{}, "")
	got, err := r.st.Get(t.Context(), m.ID)
	if err != nil || got.Summary.Subject != "the price" || len(got.Recipients) != 2 || !got.Recipients[0].Archived || !got.Recipients[1].Archived || got.Recipients[0].Status != mail.StatusDelivered {
		t.Fatalf("%+v, %v", got, err)
	}

	// A copy goes from the disk.
	n := r.message("b@acme.test")
	r.keep(n, body)
	if err := os.Remove(r.a.filed(place{"acme", n.ID})); err != nil {
		t.Fatal(err)
	}
	if s := r.found(CheckOptions{}); !strings.Contains(s, "acme without-copy") {
		t.Errorf("found %q", s)
	}
	r.found(CheckOptions{Repair: true})
	if got, err := r.st.Get(t.Context(), n.ID); err != nil || got.Recipients[0].Archived {
		t.Errorf("%+v, %v", got, err)
	}
	if s := r.found(CheckOptions{}); strings.Contains(s, "without-copy") {
		t.Errorf("found %q", s)
	}
}

// A record that does not say so, of a copy that nobody deleted (the store is of an
// earlier day than the archive), is told of it.
func TestCheckMarksRecords(t *testing.T) {
	r := newRig(t)
	m := r.message("a@acme.test")
	r.stage("acme", m, body, 1).File()
	r.record(m)
	path := r.a.filed(place{"acme", m.ID})
	r.want(CheckOptions{}, "") // it may be just being recorded
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	r.want(CheckOptions{}, "acme without-record")
	r.want(CheckOptions{Repair: true}, "acme without-record repaired")
	if got, err := r.st.Get(t.Context(), m.ID); err != nil || !got.Recipients[0].Archived {
		t.Errorf("%+v, %v", got, err)
	}
}

// What was deleted and came back (the power failed before the disk knew) is found;
// what is damaged stays for an operator to look at.
func TestCheckFindsWhatCameBack(t *testing.T) {
	r := newRig(t)
	m := r.message("a@acme.test")
	r.keep(m, body)
	path := r.a.filed(place{"acme", m.ID})
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if gone, err := r.a.Expire(t.Context(), "acme", m.ID, r.now); err != nil || !gone {
		t.Fatal(gone, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * time.Hour)
	if err := errors.Join(os.WriteFile(path, whole, 0o600), os.Chtimes(path, old, old)); err != nil {
		t.Fatal(err)
	}
	r.want(CheckOptions{}, "acme deleted")
	r.want(CheckOptions{Repair: true}, "acme deleted repaired")
	r.want(CheckOptions{}, "")

	n := r.message("a@acme.test")
	r.keep(n, strings.Repeat("x", 2*chunkLen))
	path = r.a.filed(place{"acme", n.ID})
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte{1, 2, 3}, fi.Size()/2)
	if err = errors.Join(err, f.Close(), os.WriteFile(filepath.Join(filepath.Dir(path), "notes"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	r.want(CheckOptions{Deep: true, Repair: true}, "acme damaged, acme no-copy")
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// Once its key is destroyed a tenant's archive is unreadable, also with the files
// of a backup, and the others' are as they were. Mail that comes after has a new
// key.
func TestB81_crypto_shredding(t *testing.T) {
	r := newRig(t)
	m := r.message("a@acme.test", "x@other.test")
	r.keep(m, body)
	path := r.a.filed(place{"acme", m.ID})
	backup, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.a.AddHold(t.Context(), Hold{Tenant: "acme", All: true, By: "lawyer"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.a.DestroyKey(t.Context(), "acme", "admin"); !errors.Is(err, ErrHeld) {
		t.Errorf("under a legal hold: %v", err)
	}
	r.open() // holds are durable
	hold := r.a.Holds("acme")
	if len(hold) != 1 {
		t.Fatalf("%+v", hold)
	}
	if err := r.a.LiftHold(t.Context(), hold[0].ID, "lawyer"); err != nil {
		t.Fatal(err)
	}
	keys, copies, err := r.a.DestroyKey(t.Context(), "acme", "admin")
	if err != nil || keys != 1 || copies != 1 {
		t.Fatal(keys, copies, err)
	}
	if err := os.WriteFile(path, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, again := range []string{"at once", "after a restart"} {
		if _, err := r.body("acme", m.ID); !errors.Is(err, ErrNoKey) || !strings.Contains(err.Error(), "destroyed") {
			t.Errorf("%s: %v", again, err)
		}
		r.open()
	}
	if b, err := r.body("other", m.ID); err != nil || b != body {
		t.Errorf("the other tenant's: %q, %v", b, err)
	}
	got, err := r.st.Get(t.Context(), m.ID)
	if err != nil || got.Recipients[0].Archived || !got.Recipients[1].Archived {
		t.Errorf("%+v, %v", got, err)
	}
	n := r.message("a@acme.test")
	r.keep(n, body)
	if b, err := r.body("acme", n.ID); err != nil || b != body {
		t.Errorf("what came after: %q, %v", b, err)
	}
}

// A legal hold on one message keeps it and no other; recipients of one copy share
// it, so that the copy of one who is held stays for all.
func TestB57_legal_hold(t *testing.T) {
	r := newRig(t)
	m, n := r.message("a@acme.test", "b@acme.test"), r.message("c@acme.test")
	r.keep(m, body)
	r.keep(n, body)
	for _, bad := range []Hold{{Tenant: "acme"}, {Tenant: "acme", Q: "x:", All: true}, {Tenant: "", All: true}, {Tenant: "acme", Q: "nofield:("}, {Tenant: "..", All: true}} {
		if _, err := r.a.AddHold(t.Context(), bad); !errors.Is(err, ErrHold) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := r.a.AddHold(t.Context(), Hold{Tenant: "acme", Q: "recipient:a@acme.test", By: "lawyer"}); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		m    *store.Message
		gone bool
	}{{m, false}, {n, true}} {
		if gone, err := r.a.Expire(t.Context(), "acme", x.m.ID, r.now); err != nil || gone != x.gone {
			t.Errorf("%s: %v, %v", x.m.Recipients[0].Address, gone, err)
		}
	}
	held, done := r.a.Deleting()
	defer done()
	if err := held(m, &m.Recipients[1]); !errors.Is(err, ErrHeld) {
		t.Errorf("the neighbour of one who is held: %v", err)
	}
}

func TestUsage(t *testing.T) {
	r := newRig(t)
	var size int64
	for range 3 {
		m := r.message("a@acme.test", "x@other.test")
		r.keep(m, body)
		fi, err := os.Stat(r.a.filed(place{"acme", m.ID}))
		if err != nil {
			t.Fatal(err)
		}
		size += fi.Size()
		r.now = r.now.Add(30 * time.Hour)
	}
	for range 2 { // the second time from what is known
		u, err := r.a.Usage(t.Context())
		if err != nil || u["acme"] != (Size{3, size}) || u["other"].Copies != 3 || len(u) != 2 {
			t.Errorf("%+v, %v", u, err)
		}
	}
}
