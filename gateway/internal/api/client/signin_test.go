package client_test

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/scope"
)

type nobodyHosted struct{}

func (nobodyHosted) Domains(string) ([]string, bool) { return nil, false }
func (nobodyHosted) TenantOf(string) (string, bool)  { return "", false }

// A session that the client signs in with is the client's, and ends with it.
func TestClientKeepsItsSession(t *testing.T) {
	s := apitest.Sample().Services()
	a, err := accounts.New(accounts.Options{Docs: s.Docs, Tenants: nobodyHosted{}, Key: make([]byte, 32), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	const password = "a long enough password"
	if _, err := a.AddUser(t.Context(), scope.Admin("test"), accounts.NewUser{Name: "olga", Grant: accounts.Grant{Level: lifecycle.LevelAdmin}, Password: password}); err != nil {
		t.Fatal(err)
	}
	s.Accounts = a
	srv := httptest.NewServer(api.NewListener(s, a))
	defer srv.Close()
	c := client.New(client.Options{URL: srv.URL})
	defer c.Close()
	if _, err := c.Me(t.Context()); err == nil {
		t.Fatal("nobody is signed in, and somebody is known")
	}
	if in, err := c.SignIn(t.Context(), "olga", "not her password"); err == nil {
		t.Errorf("signed in: %+v", in)
	}
	if in, err := c.SignIn(t.Context(), "olga", password); err != nil || !in.SignedIn {
		t.Fatalf("%+v, %v", in, err)
	}
	if me, err := c.Me(t.Context()); err != nil || me.Account != "olga" {
		t.Errorf("%+v, %v", me, err)
	}
	if _, err := client.New(client.Options{URL: srv.URL}).Me(t.Context()); err == nil {
		t.Error("another client has her session")
	}
	if in, err := c.ChangePassword(t.Context(), password, password+" by far"); err != nil || !in.SignedIn {
		t.Errorf("%+v, %v", in, err)
	}
	if ss, err := c.Sessions(t.Context()); err != nil || len(ss) != 1 {
		t.Errorf("%+v, %v", ss, err)
	}
	if err := c.SignOut(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := c.Me(t.Context()); err == nil {
		t.Error("the session outlives its end")
	}
}
