package accounts

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/scope"
)

// An account that is made anew under a name has nothing of the one before: not
// its sessions, not its tokens, not those made with them.
func TestRemovedUsersComeNotBackWithTheName(t *testing.T) {
	h := open(t)
	h.add("anna")
	first, id := h.enters("anna")
	_, token := h.token(id, NewToken{Name: "mine"})
	byToken, err := h.byToken(t.Context(), token, "")
	if err != nil {
		t.Fatal(err)
	}
	_, second := h.token(byToken, NewToken{Name: "of mine"})

	// Tokens outlive a change of the password, sessions do not.
	if _, err := h.ChangePassword(t.Context(), id, passphrase, passphrase+"s", From{}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.bySession(t.Context(), first, ""); !errors.Is(err, ErrSignedOut) {
		t.Errorf("a session after the change: %v", err)
	}
	if _, err := h.byToken(t.Context(), token, ""); err != nil {
		t.Errorf("a token after the change: %v", err)
	}

	// What the removal deletes is put back, as if it were begun at that moment.
	docs := map[string][]byte{}
	for _, kind := range []string{kindToken, kindSession} {
		all, err := h.o.Docs.ListDocs(t.Context(), "", kind, "")
		if err != nil || len(all) == 0 {
			t.Fatal(all, err)
		}
		for _, d := range all {
			docs[kind+"/"+d.Key] = d.JSON
		}
	}
	if err := h.RemoveUser(t.Context(), scope.Admin("root"), "anna"); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{kindToken, kindSession} {
		if all, err := h.o.Docs.ListDocs(t.Context(), "", kind, ""); err != nil || len(all) != 0 {
			t.Errorf("%d of kind %s are left, %v", len(all), kind, err)
		}
	}
	h.add("anna")
	for name, b := range docs {
		kind, key, _ := bytes.Cut([]byte(name), []byte("/"))
		var raw jsonText = b
		if err := h.put(t.Context(), string(kind), string(key), raw, 0); err != nil {
			t.Fatal(err)
		}
	}
	for what, secret := range map[string]string{"token": token, "token of a token": second} {
		if _, err := h.byToken(t.Context(), secret, ""); !errors.Is(err, ErrSignedOut) {
			t.Errorf("a %s of the account before: %v", what, err)
		}
	}
	for _, s := range []uint64{1, 2} { // of an epoch that was counted from 1
		secret, err := h.begin(t.Context(), sessionRecord{Who: "anna", User: "anna", Epoch: s, How: HowPassword})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.bySession(t.Context(), secret, ""); !errors.Is(err, ErrSignedOut) {
			t.Errorf("a session of the account before: %v", err)
		}
	}
	if _, id := h.enters("anna"); id.User != "anna" {
		t.Errorf("%+v", id)
	}
}

type jsonText []byte

func (j jsonText) MarshalJSON() ([]byte, error) { return j, nil }

// A token that ends makes none that outlives it.
func TestATokenThatEndsMakesNoneThatDoesNot(t *testing.T) {
	h := open(t)
	h.add("anna")
	_, id := h.enters("anna")
	ends := h.now.Add(time.Hour)
	_, secret := h.token(id, NewToken{Name: "short", Expires: ends})
	by, err := h.byToken(t.Context(), secret, "")
	if err != nil {
		t.Fatal(err)
	}
	for asked, want := range map[time.Time]time.Time{
		{}: ends, ends.Add(time.Hour): ends, ends: ends, ends.Add(-time.Minute): ends.Add(-time.Minute),
	} {
		if got, _ := h.token(by, NewToken{Name: "further", Expires: asked}); !got.Expires.Equal(want) {
			t.Errorf("asked for until %v: until %v, want %v", asked, got.Expires, want)
		}
	}
	if got, _ := h.token(id, NewToken{Name: "for good"}); !got.Expires.IsZero() {
		t.Errorf("a session's token ends: %v", got.Expires)
	}
}
