package daemon

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
	"github.com/mailweir/weir/policy"
)

// archiveDaemon is as much of a gateway as its archive needs.
func archiveDaemon(t *testing.T) *Daemon {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.hcl")
	if err := os.WriteFile(file, []byte(`gateway {
  hostname = "mx.test"
  data_dir = "./var"
}
tenant "acme" {
  domains = ["acme.test", "acme.example"]
  route { hosts = ["127.0.0.1:2526"] }
  retain { archive = "30d" }
}
tenant "other" {
  domains = ["other.test"]
  route { hosts = ["127.0.0.1:2526"] }
}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	p, diags := policy.Load(file, policy.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	st, err := badgerstore.Open(badgerstore.Options{Dir: t.TempDir(), BallastSize: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	d := &Daemon{o: Options{Now: time.Now}, log: slog.New(slog.DiscardHandler), snaps: &snapshots{}, store: st}
	d.snaps.current.Store(p)
	g := p.Gateway()
	g.DataDir, g.Watermark = t.TempDir(), 1
	if err := d.openArchive(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	return d
}

// Whose archive it is decides who holds it; only an administrator lifts a hold or
// destroys a key. What is not somebody's looks like what is not there.
func TestB57_who_may_hold_and_destroy(t *testing.T) {
	s := archiveService{archiveDaemon(t)}
	admin, acme := scope.Admin("root"), scope.Domain("ann", "acme.test", "acme.example")
	strangers := map[string]scope.Scope{
		"part of the domains": scope.Domain("bob", "acme.test"), "another tenant": scope.Domain("eve", "other.test"),
		"another tenant's admin": scope.Admin("eve").Within("other"), "a mailbox": scope.Mailbox("x", "x@acme.test"), "nobody": {},
	}
	held, err := s.AddHold(t.Context(), acme, api.LegalHold{Tenant: "acme", All: true, Reason: "case 17"})
	if err != nil || held.By != "ann" {
		t.Fatalf("%+v, %v", held, err)
	}
	for who, sc := range strangers {
		_, err := s.AddHold(t.Context(), sc, api.LegalHold{Tenant: "acme", All: true})
		_, none := s.AddHold(t.Context(), sc, api.LegalHold{Tenant: "nobody", All: true})
		if !errors.Is(err, store.ErrNotFound) || strings.ReplaceAll(err.Error(), "acme", "nobody") != none.Error() {
			t.Errorf("%s places a hold: %v; for no tenant: %v", who, err, none)
		}
		if err := s.LiftHold(t.Context(), sc, held.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s lifts it: %v", who, err)
		}
		if hs, err := s.Holds(sc); err != nil || len(hs) != 0 {
			t.Errorf("%s sees %+v, %v", who, hs, err)
		}
		if _, err := s.DestroyKey(t.Context(), sc, "acme"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s destroys the key: %v", who, err)
		}
		if us, _ := s.Usage(t.Context(), sc); len(us) > 1 || len(us) == 1 && us[0].Tenant != "other" {
			t.Errorf("%s sees %+v", who, us)
		}
		if _, err := s.Check(t.Context(), sc, false, false); err == nil {
			t.Errorf("%s checks it", who)
		}
	}
	if err := s.LiftHold(t.Context(), acme, held.ID); !errors.Is(err, lifecycle.ErrRefused) {
		t.Errorf("the domain lifts its hold: %v", err)
	}
	if _, err := s.DestroyKey(t.Context(), acme, "acme"); !errors.Is(err, lifecycle.ErrRefused) {
		t.Errorf("the domain destroys its key: %v", err)
	}
	if hs, err := s.Holds(acme); err != nil || len(hs) != 1 {
		t.Errorf("%+v, %v", hs, err)
	}
	if _, err := s.DestroyKey(t.Context(), admin, "acme"); err == nil {
		t.Error("a key goes under a legal hold")
	}
	if err := s.LiftHold(t.Context(), admin.Within("acme"), held.ID); err != nil {
		t.Error(err)
	}
}

// Storage is added up by tenant and purpose, a message once for each.
func TestB81_storage_use(t *testing.T) {
	d := archiveDaemon(t)
	add := func(size int, rs ...store.Recipient) {
		t.Helper()
		now := time.Now()
		m := &store.Message{ID: mail.NewID(now), Direction: mail.Inbound, Received: now, Size: int64(size)}
		dr, err := d.store.NewDraft(t.Context(), int64(size))
		if err != nil {
			t.Fatal(err)
		}
		defer dr.Discard()
		if _, err := dr.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		for i := range rs {
			rs[i].N, rs[i].Changed = i+1, now
		}
		m.Recipients = rs
		if _, err := d.store.Enqueue(t.Context(), &store.Admission{Message: m, Draft: dr}); err != nil {
			t.Fatal(err)
		}
	}
	add(100, store.Recipient{Tenant: "acme", Status: mail.StatusQueued}, store.Recipient{Tenant: "acme", Status: mail.StatusQueueFrozen}, store.Recipient{Tenant: "other", Status: mail.StatusQuarantined})
	add(1000, store.Recipient{Tenant: "acme", Status: mail.StatusStalled}, store.Recipient{Tenant: "acme", Status: mail.StatusDelivered})
	add(7, store.Recipient{Tenant: "other", Status: mail.StatusBounced}, store.Recipient{Tenant: "other", Status: mail.StatusQueued})
	us, err := archiveService{d}.Usage(t.Context(), scope.Admin("root"))
	if err != nil || len(us) != 2 {
		t.Fatalf("%+v, %v", us, err)
	}
	want := []api.StorageUse{
		{Tenant: "acme", Queue: 100, QueueMessages: 1, Quarantine: 1000, QuarantineMessages: 1, Retain: "720h0m0s"},
		{Tenant: "other", Queue: 7, QueueMessages: 1, Quarantine: 100, QuarantineMessages: 1, Failed: 7, FailedMessages: 1},
	}
	for i := range want {
		if us[i] != want[i] {
			t.Errorf("%+v, want %+v", us[i], want[i])
		}
	}
}
