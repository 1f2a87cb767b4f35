package accounts

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
)

// house is a Service over a real store.
type house struct {
	*Service
	t   *testing.T
	now time.Time
}

const passphrase = "Sphinx of quartz, judge"

func open(t *testing.T, providers ...Provider) *house {
	t.Helper()
	st, err := badgerstore.Open(badgerstore.Options{Dir: t.TempDir(), NoSync: true, Logger: slog.New(slog.DiscardHandler), Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	h := &house{t: t, now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	h.Service, err = New(Options{
		Docs: st, Tenants: hosted{"acme": {"acme.test"}}, Key: bytes.Repeat([]byte("k"), 32), Clock: func() time.Time { return h.now },
		Providers: func() []Provider { return providers },
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// add makes an administrator.
func (h *house) add(name string) {
	h.t.Helper()
	if _, err := h.AddUser(h.t.Context(), scope.Admin("root"), NewUser{Name: name, Grant: Grant{Level: lifecycle.LevelAdmin}, Password: passphrase}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) enters(name string) (secret string, id Identity) {
	h.t.Helper()
	e, err := h.SignIn(h.t.Context(), name, passphrase, From{Source: "192.0.2.1"})
	if err != nil {
		h.t.Fatal(err)
	}
	return e.Secret, h.session(e.Secret)
}

func (h *house) session(secret string) Identity {
	h.t.Helper()
	id, err := h.bySession(h.t.Context(), secret, "192.0.2.1")
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

func (h *house) token(by Identity, n NewToken) (Token, string) {
	h.t.Helper()
	n.Grant.Level = lifecycle.LevelAdmin
	t, secret, err := h.AddToken(h.t.Context(), by.Scope, by, n)
	if err != nil {
		h.t.Fatal(err)
	}
	return t, secret
}

// provider lets staff look at a tenant, and manage nobody.
func provider(name string) Provider {
	g := Grant{Level: lifecycle.LevelDomain, Tenant: "acme", Role: lifecycle.RoleHelpdesk}
	return Provider{Name: name, Grants: []ProviderGrant{{Claim: "staff", Value: "true", Grant: g}}}
}

// Whom a provider vouches for is who its subject is, whatever they call
// themselves; and who reads a mailbox is not the account of that name.
func TestPeopleAreNotWhatTheyAreCalled(t *testing.T) {
	h := open(t, provider("corp"), provider("other"))
	if _, err := h.AddUser(t.Context(), scope.Admin("root"), NewUser{Name: "anna@acme.test", Grant: Grant{Level: lifecycle.LevelMailbox}, Password: passphrase}); err != nil {
		t.Fatal(err)
	}
	oidc := func(of, subject string) Identity {
		t.Helper()
		e, err := h.enterOIDC(t.Context(), provider(of), subject, map[string]any{"staff": true, "preferred_username": "boss", "email": "anna@acme.test", "email_verified": true}, From{})
		if err != nil {
			t.Fatal(err)
		}
		id := h.session(e.Secret)
		if id.Scope.Actor != e.Scope.Actor || id.Name != e.Who {
			t.Errorf("%+v for %+v", id, e)
		}
		return id
	}
	e, err := h.begin(t.Context(), sessionRecord{Who: "anna@acme.test", How: HowLink, Grant: Grant{Level: lifecycle.LevelMailbox, Tenant: "acme", Mailbox: "anna@acme.test"}})
	if err != nil {
		t.Fatal(err)
	}
	_, account := h.enters("anna@acme.test")
	people := map[string]Identity{"account": account, "link": h.session(e), "one": oidc("corp", "1"), "two": oidc("corp", "2"), "one elsewhere": oidc("other", "1")}
	actors := map[string]string{}
	for name, id := range people {
		if name != "link" && actors[id.Scope.Actor] != "" {
			t.Errorf("%s and %s are both %q", name, actors[id.Scope.Actor], id.Scope.Actor)
		}
		actors[id.Scope.Actor] = name
		own, err := h.Sessions(t.Context(), id)
		if err != nil || len(own) != 1 || !own[0].Current {
			t.Errorf("%s sees %+v, %v", name, own, err)
		}
	}
}

// One's own sessions are one's own however one signed in, and whatever one is called.
func TestSessionsOfOnePerson(t *testing.T) {
	p := provider("corp")
	h := open(t, p)
	var id Identity
	for _, name := range []string{"anna", "boss"} {
		e, err := h.enterOIDC(t.Context(), p, "1", map[string]any{"staff": true, "preferred_username": name}, From{})
		if err != nil {
			t.Fatal(err)
		}
		id = h.session(e.Secret)
		if id.Scope.Actor != "1 (corp)" || id.Name != name+" (corp)" {
			t.Errorf("%+v", id)
		}
	}
	if own, err := h.Sessions(t.Context(), id); err != nil || len(own) != 2 {
		t.Errorf("%+v, %v", own, err)
	}
	for _, subject := range []string{"", string(bytes.Repeat([]byte("x"), 256))} {
		if _, err := h.enterOIDC(t.Context(), p, subject, map[string]any{"staff": true}, From{}); !errors.Is(err, ErrProvider) {
			t.Errorf("a subject of %d octets: %v", len(subject), err)
		}
	}
}
