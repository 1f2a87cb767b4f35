package keeper

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/archive"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// kept is an archive whose tenants keep their copies for so long.
type kept struct {
	*archive.Archive
	times map[string]time.Duration
}

func (k kept) Times() map[string]time.Duration { return k.times }

// archived records a delivered message that is in the archives of its recipients'
// tenants, the first words of their domains.
func (h *house) archived(a *archive.Archive, to ...string) *store.Message {
	h.t.Helper()
	m := &store.Message{ID: mail.NewID(h.now), Direction: mail.Inbound, Received: h.now, Sender: addr(h.t, "s@far.test"), Summary: store.Summary{Subject: "the merger"}}
	for i, s := range to {
		tenant, _, _ := strings.Cut(addr(h.t, s).Domain(), ".")
		m.Recipients = append(m.Recipients, store.Recipient{N: i + 1, Address: addr(h.t, s), Tenant: tenant, Status: mail.StatusDelivered, Archived: true, Changed: h.now})
	}
	const body = "Subject: the merger\r\n\r\nyes\r\n"
	for i := range m.Recipients {
		s, err := a.Stage(h.t.Context(), m.Recipients[i].Tenant, m, []int{i + 1}, strings.NewReader(body), int64(len(body)))
		if err != nil {
			h.t.Fatal(err)
		}
		defer s.File()
	}
	h.st.Record(m, nil)
	if err := h.st.Sync(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	return m
}

// Copies go when their tenant's time for them is over, but for those under a legal
// hold; their records live as long, however short the log is kept.
func TestB81_retention_and_legal_hold(t *testing.T) {
	dir := t.TempDir()
	k := kept{times: map[string]time.Duration{"acme": 100 * day, "other": 50 * day}}
	h := newHouse(t, Options{Retain: func(string) time.Duration { return 10 * day }})
	a, err := archive.Open(t.Context(), archive.Options{Dir: filepath.Join(dir, "archive"), KeyFile: filepath.Join(dir, "key"), OwnKey: true, Store: h.st, Clock: h.Now, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	k.Archive = a
	h.o.Archive = k
	m := h.archived(a, "a@acme.test", "x@other.test", "y@gone.test")
	held := h.archived(a, "boss@acme.test")
	hold, err := a.AddHold(t.Context(), archive.Hold{Tenant: "acme", Q: "recipient:boss@acme.test", By: "lawyer"})
	if err != nil {
		t.Fatal(err)
	}
	have := func(m *store.Message, want string) {
		t.Helper()
		now, err := h.st.Get(t.Context(), m.ID)
		var got []string
		if err == nil {
			for _, r := range now.Recipients {
				c, err := a.Copy(t.Context(), r.Tenant, m.ID)
				if err == nil {
					c.Close()
				}
				if (err == nil) != r.Archived {
					t.Errorf("the record of %s says %v, the archive %v", r.Address, r.Archived, err)
				}
				if r.Archived {
					got = append(got, r.Tenant)
				}
			}
		} else if !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		} else {
			got = []string{"forgotten"}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("after %s: archived for %q, want %q", h.now.Format("2006-01-02"), s, want)
		}
	}
	step := func(d time.Duration) {
		t.Helper()
		h.now = h.now.Add(d)
		if _, _, err := h.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	step(20 * day) // the log's time is over
	have(m, "acme other gone")
	step(31 * day)
	have(m, "acme gone")
	step(60 * day)
	have(m, "gone") // of a tenant that is not in the policy nothing is deleted
	have(held, "acme")
	if err := a.LiftHold(t.Context(), hold.ID, "lawyer"); err != nil {
		t.Fatal(err)
	}
	step(time.Hour)
	have(held, "forgotten")
	events, err := h.st.Events(t.Context(), m.ID)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range events {
		if e.Type == mail.EventArchive && strings.Contains(e.Text, "its time is over") {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d events tell of it: %+v", n, events)
	}
	k.times["gone"] = day
	if _, err := a.Expire(context.Background(), "gone", m.ID, h.now); err != nil {
		t.Fatal(err)
	}
	step(time.Hour)
	have(m, "forgotten")
}
