package sqlindex

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

func TestChangesAndEnds(t *testing.T) {
	ms := sample(t, 50)
	x := newIndex(t)
	apply(t, x, 1, ms...)
	m := ms[7]
	m.Recipients[0].Status, m.Recipients[0].Tenant = mail.StatusReleased, "moved"
	m.Sender = address(t, "other@way.test")
	more := m.Recipients[0]
	more.N = len(m.Recipients) + 1
	m.Recipients = append(m.Recipients, more)
	apply(t, x, 2, m)
	find := func(text string) []Key {
		t.Helper()
		f, err := query.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := all(t, x, f, 10)
		return got
	}
	if got := find("tenant:moved status:released sender:other@way.test"); len(got) != 2 {
		t.Errorf("%v", got)
	}
	if got, want := find("id:"+m.ID.String()), len(m.Recipients); len(got) != want {
		t.Errorf("%d rows of a message with %d recipients", len(got), want)
	}
	if err := x.Apply(t.Context(), State{"e1", 3}, []Change{{ID: m.ID}}); err != nil {
		t.Fatal(err)
	}
	if got := find("id:" + m.ID.String()); len(got) != 0 {
		t.Errorf("forgotten, and found: %v", got)
	}
	f, _ := query.Parse("subject:voi")
	got, _ := all(t, x, f, 1000)
	want := expected(t, slices.DeleteFunc(slices.Clone(ms), func(o *store.Message) bool { return o == m }), f)
	if !slices.Equal(got, want) {
		t.Errorf("words of a message that is gone: %d rows, want %d", len(got), len(want))
	}
	if err := x.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st, err := x.State(t.Context()); err != nil || st != (State{}) {
		t.Error(st, err)
	}
	var cs []Change
	for _, m := range ms {
		cs = append(cs, Change{m.ID, m})
	}
	if err := x.Apply(t.Context(), State{}, cs); err != nil {
		t.Fatal(err)
	}
	if err := x.Finish(t.Context(), State{"e2", 7}); err != nil {
		t.Fatal(err)
	}
	if st, err := x.State(t.Context()); err != nil || st != (State{"e2", 7}) {
		t.Error(st, err)
	}
	apply(t, x, 8, ms...)
	if got, want := find("tenant:acme"), expected(t, ms, query.Where("tenant", query.Is, "acme")); !slices.Equal(got, want) {
		t.Errorf("made anew: %d rows, want %d", len(got), len(want))
	}
}

func TestKeepsAndBeginsAnew(t *testing.T) {
	dir := t.TempDir()
	ms := sample(t, 20)
	open := func() *Index {
		t.Helper()
		x, err := Open(t.Context(), dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	x := open()
	apply(t, x, 42, ms...)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = open()
	if st, err := x.State(t.Context()); err != nil || st != (State{"e1", 42}) {
		t.Error(st, err)
	}
	got, _ := all(t, x, query.Where("tenant", query.Is, "beta"), 100)
	if want := expected(t, ms, query.Where("tenant", query.Is, "beta")); !slices.Equal(got, want) {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "search.db")
	for what, spoil := range map[string]func() error{
		"no database": func() error {
			return os.WriteFile(path, []byte("this is no database at all, and long enough to be seen as none"), 0o600)
		},
		"cut in half": func() error { return os.Truncate(path, 9000) },
		"another's": func() error {
			x := open()
			_, err := x.write.ExecContext(t.Context(), "PRAGMA user_version = 77")
			return errors.Join(err, x.Close())
		},
	} {
		x := open()
		apply(t, x, 7, ms...)
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		x = open()
		if st, err := x.State(t.Context()); err != nil || st != (State{}) {
			t.Errorf("%s: %v, %v", what, st, err)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBudget(t *testing.T) {
	ms := sample(t, 60)
	x := newIndex(t)
	apply(t, x, 1, ms...)
	f := query.Where("reason", query.Contains, "nowhere")
	p, err := x.Search(t.Context(), Question{Filter: f, Now: now, Limit: 10, Budget: time.Minute})
	if err != nil || len(p.Keys) != 0 || p.More || !p.Back.IsZero() {
		t.Errorf("%+v, %v", p, err)
	}
}
