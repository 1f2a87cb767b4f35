package identities

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
)

func open(t *testing.T, dir string) (*Book, func()) {
	t.Helper()
	st, err := badgerstore.Open(badgerstore.Options{Dir: dir, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(t.Context(), Options{Docs: st, Clock: func() time.Time { return time.Unix(1_800_000_000, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	return b, func() { st.Close() }
}

func addr(t *testing.T, s string) mail.Address {
	t.Helper()
	if s == "" {
		return mail.Address{}
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestB61_identity_is_resolved_from_user_sender_and_client(t *testing.T) {
	b, end := open(t, t.TempDir())
	defer end()
	for _, i := range []Identity{
		{Name: "newsletter", Sender: "news@acme.test", User: "app", By: "anna"},
		{Name: "sales", Sender: "@acme.test", By: "anna"},
		{Name: "printer", Client: "192.0.2.0/28", By: "anna"},
		{Name: "app", User: "app", By: "anna"},
	} {
		i.Tenant = "acme"
		if _, added, err := b.Add(t.Context(), i); err != nil || !added {
			t.Fatal(i.Name, added, err)
		}
	}
	client := netip.MustParseAddr("192.0.2.3")
	for _, c := range []struct {
		name, tenant, user, sender string
		client                     netip.Addr
		want                       string
	}{
		{"most_particular", "acme", "app", "News@acme.test", client, "newsletter"},
		{"domain_before_user", "acme", "app", "x@acme.test", client, "sales"},
		{"user_alone", "acme", "app", "", client, "app"},
		{"client_alone", "acme", "", "", client, "printer"},
		{"client_that_is_mapped", "acme", "", "", netip.MustParseAddr("::ffff:192.0.2.3"), "printer"},
		{"another_tenant_knows_none_of_it", "beta", "app", "news@acme.test", client, "app as news@acme.test"},
		{"sender_itself", "beta", "", "Bob@beta.test", client, "bob@beta.test"},
		{"user_is_the_sender", "beta", "bob@beta.test", "bob@beta.test", client, "bob@beta.test"},
		{"nobody", "beta", "", "", client, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := b.Resolve(Facts{c.tenant, c.user, addr(t, c.sender), c.client}); got.Name != c.want || got.Lock != nil {
				t.Errorf("%+v, want %q", got, c.want)
			}
		})
	}
}

func TestB62_B63_locks_hold_until_unlocked_by_hand(t *testing.T) {
	dir := t.TempDir()
	b, end := open(t, dir)
	f := Facts{"acme", "app", addr(t, "bob@acme.test"), netip.MustParseAddr("192.0.2.3")}
	name := b.Resolve(f).Name
	ctx := t.Context()
	if ok, err := b.Lock(ctx, Identity{Tenant: "acme", Name: name, User: "app", Sender: "bob@acme.test", By: "anna"}, Lock{By: "anna", Reason: "sends spam"}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if ok, err := b.Lock(ctx, Identity{Tenant: "acme", Name: name}, Lock{By: "carl"}); ok || err != nil {
		t.Errorf("locked twice: %v, %v", ok, err)
	}
	if ok, err := b.LockUser(ctx, LockedUser{Tenant: "acme", User: UserOf("", f.Client), Lock: Lock{By: "anna"}}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	end()
	b, end = open(t, dir) // a restart unlocks nobody
	defer end()
	if r := b.Resolve(f); r.Lock == nil || r.Lock.By != "anna" || r.What != "identity app as bob@acme.test" {
		t.Errorf("%+v", r)
	}
	if r := b.Resolve(Facts{"acme", "", addr(t, "x@acme.test"), f.Client}); r.Lock == nil || r.What != "client [192.0.2.3]" {
		t.Errorf("%+v", r)
	}
	if r := b.Resolve(Facts{"beta", "app", addr(t, "bob@acme.test"), f.Client}); r.Lock != nil {
		t.Errorf("another tenant is locked: %+v", r)
	}
	if ok, err := b.Unlock(ctx, "acme", name); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := b.UnlockUser(ctx, "acme", "[192.0.2.3]"); err != nil {
		t.Fatal(err)
	}
	if err := b.UnlockUser(ctx, "acme", "[192.0.2.3]"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if r := b.Resolve(f); r.Lock != nil || r.Name != name {
		t.Errorf("%+v", r)
	}
	if err := b.Remove(ctx, "acme", name); err != nil {
		t.Fatal(err)
	}
	if got := b.List("acme"); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsNoIdentity(t *testing.T) {
	b, end := open(t, t.TempDir())
	defer end()
	for name, i := range map[string]Identity{
		"no tenant":   {Sender: "a@b.test", By: "x"},
		"nobody":      {Tenant: "t", Sender: "a@b.test"},
		"anything":    {Tenant: "t", Name: "x", By: "x"},
		"bad sender":  {Tenant: "t", Sender: "a b@c.test", By: "x"},
		"bad client":  {Tenant: "t", Client: "nowhere", By: "x"},
		"line break":  {Tenant: "t", User: "a\nb", By: "x"},
		"bad network": {Tenant: "t", Client: "192.0.2.0/99", By: "x"},
	} {
		if _, _, err := b.Add(t.Context(), i); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := b.Add(t.Context(), Identity{Tenant: "t", Name: "n", User: "u", By: "x"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Add(t.Context(), Identity{Tenant: "t", Name: "n", User: "other", By: "x"}); !errors.Is(err, ErrInvalid) {
		t.Errorf("one name for two: %v", err)
	}
}
