package archive

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
)

// rig is an archive beside a real store.
type rig struct {
	t   testing.TB
	dir string
	st  *badgerstore.Store
	a   *Archive
	now time.Time
}

func newRig(t *testing.T) *rig { t.Helper(); return newRigTB(t) }

func newRigTB(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	st, err := badgerstore.Open(badgerstore.Options{Dir: filepath.Join(r.dir, "store"), Logger: slog.New(slog.DiscardHandler), FreeWatermark: 100 << 20, BallastSize: -1, Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	r.st = st
	r.open()
	return r
}

func (r *rig) options() Options {
	return Options{Dir: filepath.Join(r.dir, "archive"), KeyFile: filepath.Join(r.dir, "archive.key"), OwnKey: true, Store: r.st,
		Clock: func() time.Time { return r.now }, Logger: slog.New(slog.DiscardHandler)}
}

func (r *rig) open() {
	r.t.Helper()
	a, err := Open(r.t.Context(), r.options())
	if err != nil {
		r.t.Fatal(err)
	}
	r.a = a
}

func (r *rig) addr(s string) mail.Address {
	r.t.Helper()
	a, err := mail.ParseAddress(s)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// message is one for addresses whose domain's first word is their tenant.
func (r *rig) message(to ...string) *store.Message {
	r.t.Helper()
	m := &store.Message{ID: mail.NewID(r.now), Direction: mail.Inbound, Received: r.now, Sender: r.addr("s@far.test")}
	for i, s := range to {
		a := r.addr(s)
		tenant, _, _ := strings.Cut(a.Domain(), ".")
		m.Recipients = append(m.Recipients, store.Recipient{N: i + 1, Address: a, Tenant: tenant, Status: mail.StatusDelivered, Changed: r.now})
	}
	return m
}

func (r *rig) stage(tenant string, m *store.Message, body string, ns ...int) *Staged {
	r.t.Helper()
	s, err := r.a.Stage(r.t.Context(), tenant, m, ns, strings.NewReader(body), int64(len(body)))
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// keep archives a message for all its recipients, and records it.
func (r *rig) keep(m *store.Message, body string) {
	r.t.Helper()
	ns := map[string][]int{}
	for i := range m.Recipients {
		ns[m.Recipients[i].Tenant] = append(ns[m.Recipients[i].Tenant], m.Recipients[i].N)
	}
	var staged []*Staged
	for t, n := range ns {
		staged = append(staged, r.stage(t, m, body, n...))
	}
	for i := range m.Recipients {
		m.Recipients[i].Archived = true
	}
	r.record(m)
	for _, s := range staged {
		s.File()
	}
}

func (r *rig) record(m *store.Message) {
	r.t.Helper()
	r.st.Record(m, nil)
	if err := r.st.Sync(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// body reads a copy whole.
func (r *rig) body(tenant string, id mail.ID) (string, error) {
	c, err := r.a.Copy(r.t.Context(), tenant, id)
	if err != nil {
		return "", err
	}
	defer c.Close()
	b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
	return string(b), err
}

// files are those below the archive's folder that are no keys.
func (r *rig) files() (out []string) {
	r.t.Helper()
	for _, d := range []string{"mail", "incoming"} {
		root := filepath.Join(r.a.o.Dir, d)
		err := filepath.WalkDir(root, func(p string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				out = append(out, p)
			}
			return nil
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return out
}

// secret reports whether a text stands in a file.
func secret(t *testing.T, file, text string) bool {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return !bytes.Contains(b, []byte(text))
}
