package saved_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/saved"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
)

var ctx = context.Background()

var (
	root  = scope.Admin("root")
	ann   = scope.Domain("ann@acme.test", "acme.test").Within("acme")
	bea   = scope.Domain("bea@acme.test", "acme.test").Within("acme")
	carl  = scope.Domain("carl@other.test", "other.test").Within("other")
	users = scope.Mailbox("ann@acme.test", "ann@acme.test")
)

func open(t *testing.T) *saved.Service {
	t.Helper()
	s, err := badgerstore.Open(badgerstore.Options{Dir: t.TempDir(), NoSync: true, Logger: slog.New(slog.DiscardHandler), Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return saved.New(saved.Options{Docs: s, Manages: func(sc scope.Scope, tenant string) bool {
		return sc.Everything() || slices.Contains(sc.Domains, tenant+".test")
	}})
}

func save(t *testing.T, s *saved.Service, sc scope.Scope, x saved.Search) {
	t.Helper()
	if _, err := s.Put(ctx, sc, x); err != nil {
		t.Fatal(err)
	}
}

func TestSearchesAreTheirOwnersUnlessShared(t *testing.T) {
	s := open(t)
	save(t, s, ann, saved.Search{Name: "Mine", Query: "status:queued"})
	save(t, s, ann, saved.Search{Name: "ours", Query: "status:stalled", Columns: []string{"sender"}, Sort: "-size", Share: "acme"})
	save(t, s, root, saved.Search{Name: "all", Query: "class:malware", Share: saved.Everyone})
	names := func(sc scope.Scope) string {
		all, err := s.List(ctx, sc)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, x := range all {
			if !x.BuiltIn {
				out = append(out, x.Name)
			}
		}
		return strings.Join(out, " ")
	}
	for _, x := range []struct {
		sc   scope.Scope
		want string
	}{{ann, "Mine ours all"}, {bea, "all ours"}, {carl, "all"}, {users, "all"}, {root, "all ours"}} {
		if got := names(x.sc); got != x.want {
			t.Errorf("%s sees %q, want %q", x.sc.Actor, got, x.want)
		}
	}
	if x, err := s.Get(ctx, bea, "OURS"); err != nil || x.Query != "status:stalled" || x.Mine || x.Owner != "ann@acme.test" {
		t.Errorf("shared: %+v, %v", x, err)
	}
	for _, sc := range []scope.Scope{carl, users} {
		if _, err := s.Get(ctx, sc, "ours"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s/%s: %v", sc.Level, sc.Actor, err)
		}
	}
	// Another's is neither replaced nor removed.
	save(t, s, bea, saved.Search{Name: "ours", Query: "status:bounced"})
	if err := s.Delete(ctx, carl, "ours"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("removing another's: %v", err)
	}
	if x, err := s.Get(ctx, ann, "ours"); err != nil || x.Query != "status:stalled" {
		t.Errorf("%+v, %v", x, err)
	}
	if err := s.Delete(ctx, ann, "ours"); err != nil {
		t.Error(err)
	}
	if _, err := s.Get(ctx, ann, "ours"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("removed: %v", err)
	}
	if err := s.Delete(ctx, root, "bea@acme.test/ours"); err != nil {
		t.Error(err)
	}
}

// Seeing everything is not enough to remove or share: the role has to let one act.
// And a name is not an owner: those of other levels and tenants have it, too.
func TestAnothersSearchIsRemovedByOperatorsOnly(t *testing.T) {
	s := open(t)
	save(t, s, ann, saved.Search{Name: "x", Query: "status:queued"})
	save(t, s, users, saved.Search{Name: "x", Query: "status:stalled"})
	save(t, s, bea, saved.Search{Name: "y"})
	for _, role := range []lifecycle.Role{lifecycle.RoleAuditor, lifecycle.RoleHelpdesk} {
		looks, own := root, ann
		looks.Role, own.Role = role, role
		if err := s.Delete(ctx, looks, "bea@acme.test/y"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s removes another's: %v", role, err)
		}
		for _, x := range []struct {
			sc    scope.Scope
			share string
		}{{looks, saved.Everyone}, {looks, "acme"}, {own, "acme"}} {
			if _, err := s.Put(ctx, x.sc, saved.Search{Name: "z", Share: x.share}); !errors.Is(err, saved.ErrInvalid) {
				t.Errorf("%s of %s shares with %s: %v", role, x.sc.Level, x.share, err)
			}
		}
		save(t, s, looks, saved.Search{Name: "z"})
	}
	if err := s.Delete(ctx, root, "ann@acme.test/x"); !errors.Is(err, store.ErrAmbiguous) || !strings.Contains(err.Error(), "domain@acme:ann@acme.test") {
		t.Errorf("two of that name: %v", err)
	}
	if err := s.Delete(ctx, root, "domain@acme:ann@acme.test/x"); err != nil {
		t.Error(err)
	}
	if _, err := s.Get(ctx, ann, "x"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it is there still: %v", err)
	}
	if x, err := s.Get(ctx, users, "x"); err != nil || x.Query != "status:stalled" {
		t.Errorf("the mailbox's: %+v, %v", x, err)
	}
	if err := s.Delete(ctx, root, "bea@acme.test/y"); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotBeSaved(t *testing.T) {
	s := open(t)
	for name, x := range map[string]struct {
		sc scope.Scope
		saved.Search
	}{
		"no name":            {ann, saved.Search{}},
		"slash":              {ann, saved.Search{Name: "a/b"}},
		"hyphen":             {ann, saved.Search{Name: "-a"}},
		"view":               {ann, saved.Search{Name: "pending"}},
		"query":              {ann, saved.Search{Name: "a", Query: "nonsense:1"}},
		"sort":               {ann, saved.Search{Name: "a", Sort: "size desc"}},
		"source":             {ann, saved.Search{Name: "a", Source: "elsewhere"}},
		"shared with all":    {ann, saved.Search{Name: "a", Share: saved.Everyone}},
		"shared with others": {ann, saved.Search{Name: "a", Share: "other"}},
		"by a mailbox":       {users, saved.Search{Name: "a", Share: "acme"}},
	} {
		if _, err := s.Put(ctx, x.sc, x.Search); !errors.Is(err, saved.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Put(ctx, scope.Scope{}, saved.Search{Name: "a"}); err == nil {
		t.Error("saved by nobody")
	}
}

func TestB9_columns_are_remembered_for_each_user(t *testing.T) {
	s := open(t)
	set := func(sc scope.Scope, view string, cols ...string) saved.Preferences {
		t.Helper()
		p, err := s.SetPreferences(ctx, sc, saved.Preferences{Columns: map[string][]string{view: cols}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	set(ann, "queue", "sender", "size")
	set(ann, "pending", "next")
	set(bea, "queue", "status")
	if p, err := s.Preferences(ctx, ann); err != nil || strings.Join(p.Columns["queue"], " ") != "sender size" || len(p.Columns) != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	if p := set(ann, "queue"); len(p.Columns) != 1 {
		t.Errorf("forgotten: %+v", p)
	}
	if p, err := s.Preferences(ctx, users); err != nil || len(p.Columns) != 0 {
		t.Errorf("the mailbox of the same name: %+v, %v", p, err)
	}
}

// The views are searches like any other, and hold what the documents say.
func TestB6_B132_B133_B134_B146_views(t *testing.T) {
	row := func(st mail.Status, kind string) store.Row {
		return store.Row{Message: &store.Message{Kind: kind, Direction: mail.Inbound}, Recipient: &store.Recipient{Status: st}}
	}
	want := map[string][]mail.Status{
		"queue":      {mail.StatusQueued, mail.StatusDeliveryFailed},
		"pending":    {mail.StatusAccepted, mail.StatusQueued, mail.StatusQueueFrozen, mail.StatusStalled},
		"quarantine": {mail.StatusQuarantined, mail.StatusStalled},
		"refused":    {mail.StatusBounced, mail.StatusDeliveryFailed, mail.StatusQueueBounced, mail.StatusQueueExpired, mail.StatusRejected},
		"mail-in":    mail.Statuses(),
	}
	for _, v := range saved.Views() {
		f, err := query.Parse(v.Query)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		m, err := query.Compile(f, time.Now())
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		for _, st := range mail.Statuses() {
			if v.Name != "delivery" && m.Match(row(st, "")) != slices.Contains(want[v.Name], st) {
				t.Errorf("%s: %s is in it: %v", v.Name, st, m.Match(row(st, "")))
			}
		}
		if v.Name == "mail-in" && m.Match(row(mail.StatusDelivered, "dsn")) {
			t.Error("what the gateway made itself did not come in")
		}
		tried := row(mail.StatusDelivered, "")
		if v.Name == "delivery" {
			if m.Match(tried) {
				t.Error("the delivery log holds what was never tried")
			}
			tried.Recipient.Attempts = 1
			if !m.Match(tried) {
				t.Error("the delivery log lacks what was tried")
			}
		}
	}
}
