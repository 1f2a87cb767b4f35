package accounts

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/store"
)

// oneUser keeps the documents of a user and a session.
type oneUser map[string]store.Doc

func (d oneUser) GetDoc(_ context.Context, _, kind, key string) (store.Doc, error) {
	doc, ok := d[kind+"/"+key]
	if !ok {
		return store.Doc{}, store.ErrNotFound
	}
	return doc, nil
}

func (d oneUser) PutDoc(_ context.Context, doc store.Doc, _ uint64) (uint64, error) {
	doc.Rev = d[doc.Kind+"/"+doc.Key].Rev + 1
	d[doc.Kind+"/"+doc.Key] = doc
	return doc.Rev, nil
}

func (d oneUser) DeleteDoc(_ context.Context, _, kind, key string, _ uint64) error {
	delete(d, kind+"/"+key)
	return nil
}

func (oneUser) ListDocs(context.Context, string, string, string) ([]store.Doc, error) {
	return nil, nil
}

// Over https only the cookie counts that no neighbouring host can have set, and
// only it is what signing out ends.
func TestCookieIsReadUnderItsOwnName(t *testing.T) {
	for _, c := range []struct {
		name, url, cookie string
		tls, in           bool
	}{
		{"https", "", secureCookie, true, true},
		{"https, the other", "", cookieName, true, false},
		{"https before a proxy", "https://weir.test", secureCookie, false, true},
		{"https before a proxy, the other", "https://weir.test", cookieName, false, false},
		{"http", "http://weir.test", cookieName, false, true},
		{"http, the other", "http://weir.test", secureCookie, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := New(Options{Docs: oneUser{}, Tenants: hosted{"acme": {"acme.test"}}, Key: bytes.Repeat([]byte("k"), 32), URL: func() string { return c.url }})
			if err != nil {
				t.Fatal(err)
			}
			g := Grant{Level: lifecycle.LevelMailbox, Tenant: "acme", Mailbox: "ann@acme.test"}
			secret, err := s.begin(t.Context(), sessionRecord{Who: "ann@acme.test", How: HowLink, Grant: g})
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/me", nil)
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			r.AddCookie(&http.Cookie{Name: c.cookie, Value: secret})
			if _, err := s.Identify(r); (err == nil) != c.in || err != nil && !errors.Is(err, ErrSignedOut) {
				t.Errorf("%v, want in: %v", err, c.in)
			}
			if err := s.SignOut(r); err != nil {
				t.Fatal(err)
			}
			if _, err := s.bySession(t.Context(), secret, ""); errors.Is(err, ErrSignedOut) != c.in {
				t.Errorf("after signing out: %v", err)
			}
		})
	}
}
