package accounts

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/mailweir/weir/gateway/internal/store"
)

// Passkeys are discoverable (W3C WebAuthn, resident keys) and verify their
// user: nobody names an account before they have proved that it is theirs, so
// that there is nothing to ask about names, and one is two factors.

const (
	kindHandle  = "passkey-handle"
	maxPasskeys = 20
	ceremonyFor = 5 * time.Minute
)

// Passkey is a passkey as it is shown.
type Passkey struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Created  time.Time `json:"created"`
	LastUsed time.Time `json:"last_used,omitzero"`
}

// passkey is one as it is stored.
type passkey struct {
	Name       string              `json:"name"`
	Created    time.Time           `json:"created"`
	LastUsed   time.Time           `json:"last_used,omitzero"`
	Credential webauthn.Credential `json:"credential"`
}

func (p passkey) shown() Passkey {
	return Passkey{ID: keyID(p.Credential.ID), Name: p.Name, Created: p.Created, LastUsed: p.LastUsed}
}

func keyID(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }

// holder is a user as package webauthn sees them.
type holder struct{ r *record }

func (h holder) WebAuthnID() []byte          { return h.r.Handle }
func (h holder) WebAuthnName() string        { return h.r.Name }
func (h holder) WebAuthnDisplayName() string { return h.r.Name }
func (h holder) WebAuthnCredentials() []webauthn.Credential {
	var out []webauthn.Credential
	for _, p := range h.r.Passkeys {
		out = append(out, p.Credential)
	}
	return out
}

// Ceremony is what a browser is asked for, and what it sends back with it.
type Ceremony struct {
	Options json.RawMessage `json:"options" doc:"For navigator.credentials: create({publicKey}) or get({publicKey}), as JSON"`
	State   string          `json:"state" doc:"Send it back with the answer"`
}

// party is this gateway to passkeys: the name people reach it by.
func (s *Service) party() (*webauthn.WebAuthn, error) {
	u, err := url.Parse(s.o.URL())
	if err != nil || u.Hostname() == "" || !strings.ContainsFunc(u.Hostname(), func(r rune) bool { return r >= 'a' && r <= 'z' }) || strings.Contains(u.Hostname(), ":") {
		return nil, invalid("passkeys are bound to the name of a site: set url in the policy's admin block, such as \"https://mail.example.net\"")
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: "Weir", RPOrigins: []string{u.Scheme + "://" + u.Host},
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired},
		AttestationPreference:  protocol.PreferNoAttestation,
	})
	if err != nil {
		return nil, fmt.Errorf("passkeys: %w", err)
	}
	return w, nil
}

// carried is a ceremony between its two steps; the browser carries it, sealed.
type carried struct {
	Data webauthn.SessionData `json:"d"`
	User string               `json:"u,omitempty"`
	Ends time.Time            `json:"e"`
}

const sealedRegistration, sealedLogin = "passkey registration", "passkey sign-in"

func (s *Service) carry(what, user string, data *webauthn.SessionData, options any) (Ceremony, error) {
	o, err := json.Marshal(options)
	if err != nil {
		return Ceremony{}, err
	}
	b, err := json.Marshal(carried{*data, user, s.now().Add(ceremonyFor)})
	if err != nil {
		return Ceremony{}, err
	}
	return Ceremony{o, base64.RawURLEncoding.EncodeToString(s.seal.seal(b, what))}, nil
}

// carriedBack opens a ceremony's state: it holds once.
func (s *Service) carriedBack(what, state string) (carried, error) {
	var c carried
	b, err := base64.RawURLEncoding.DecodeString(state)
	if err == nil {
		b, err = s.seal.open(b, what)
	}
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil || !s.now().Before(c.Ends) || !s.once.take(what+c.Data.Challenge, c.Ends) {
		return c, ErrCredentials
	}
	return c, nil
}

// BeginPasskey begins to add a passkey to one's own account.
func (s *Service) BeginPasskey(ctx context.Context, who Identity) (Ceremony, error) {
	if who.User == "" || who.Session == "" {
		return Ceremony{}, ErrForbidden
	}
	w, err := s.party()
	if err != nil {
		return Ceremony{}, err
	}
	handle := make([]byte, 32)
	_, _ = rand.Read(handle) // never fails (crypto/rand)
	var got record
	if _, err := s.change(ctx, who.User, func(r *record) error {
		if len(r.Passkeys) >= maxPasskeys {
			return invalid("an account has at most %d passkeys; remove one", maxPasskeys)
		}
		if len(r.Handle) == 0 {
			r.Handle = handle
		}
		got = *r
		return nil
	}); err != nil {
		return Ceremony{}, err
	}
	if err := s.put(ctx, kindHandle, hex.EncodeToString(got.Handle), got.Name, 0); err != nil && !errors.Is(err, store.ErrConflict) {
		return Ceremony{}, fmt.Errorf("beginning with a passkey: %w", err)
	}
	h := holder{&got}
	options, data, err := w.BeginRegistration(h, webauthn.WithExclusions(webauthn.Credentials(h.WebAuthnCredentials()).CredentialDescriptors()))
	if err != nil {
		return Ceremony{}, fmt.Errorf("beginning with a passkey: %w", err)
	}
	return s.carry(sealedRegistration, got.Name, data, options)
}

// AddPasskey takes the browser's answer. ErrCredentials.
func (s *Service) AddPasskey(ctx context.Context, who Identity, name, state string, answer []byte) (Passkey, error) {
	if who.User == "" || who.Session == "" {
		return Passkey{}, ErrForbidden
	}
	w, err := s.party()
	if err != nil {
		return Passkey{}, err
	}
	if name = strings.TrimSpace(name); name == "" || len(name) > 100 {
		return Passkey{}, invalid("a passkey has a name of up to 100 characters: the device it is on")
	}
	c, err := s.carriedBack(sealedRegistration, state)
	if err != nil || c.User != who.User {
		return Passkey{}, ErrCredentials
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Passkey{}, invalid("the browser's answer does not read")
	}
	var added passkey
	_, err = s.change(ctx, who.User, func(r *record) error {
		cred, err := w.CreateCredential(holder{r}, c.Data, parsed)
		if err != nil {
			s.o.Logger.Info("a passkey is not taken", "user", r.Name, "err", err)
			return ErrCredentials
		}
		if slices.ContainsFunc(r.Passkeys, func(p passkey) bool { return slices.Equal(p.Credential.ID, cred.ID) }) {
			return invalid("that passkey is there already")
		}
		cred.Attestation = webauthn.CredentialAttestation{} // it is not asked for, and not kept
		added = passkey{Name: name, Created: s.now(), Credential: *cred}
		r.Passkeys = append(r.Passkeys, added)
		return nil
	})
	return added.shown(), err
}

// RemovePasskey removes one's own passkey. ErrNotFound.
func (s *Service) RemovePasskey(ctx context.Context, who Identity, id string) error {
	if who.User == "" || who.Session == "" {
		return ErrForbidden
	}
	_, err := s.change(ctx, who.User, func(r *record) error {
		n := len(r.Passkeys)
		r.Passkeys = slices.DeleteFunc(r.Passkeys, func(p passkey) bool { return keyID(p.Credential.ID) == id })
		if len(r.Passkeys) == n {
			return ErrNotFound
		}
		return nil
	})
	return err
}

// BeginPasskeySignIn asks for any passkey that is for this gateway.
func (s *Service) BeginPasskeySignIn() (Ceremony, error) {
	w, err := s.party()
	if err != nil {
		return Ceremony{}, err
	}
	options, data, err := w.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Ceremony{}, fmt.Errorf("signing in with a passkey: %w", err)
	}
	return s.carry(sealedLogin, "", data, options)
}

// PasskeySignIn takes the browser's answer. ErrCredentials, *Wait.
func (s *Service) PasskeySignIn(ctx context.Context, state string, answer []byte, from From) (Entry, error) {
	if err := s.slow.begin("\x00passkey", from.Source); err != nil {
		return Entry{}, err
	}
	w, err := s.party()
	if err != nil {
		return Entry{}, err
	}
	c, err := s.carriedBack(sealedLogin, state)
	if err != nil {
		return Entry{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return Entry{}, ErrCredentials
	}
	var broken error
	user, cred, err := w.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		var name string
		if _, err := s.get(ctx, kindHandle, hex.EncodeToString(handle), &name); err != nil {
			if !errors.Is(err, ErrNotFound) {
				broken = err
			}
			return nil, err
		}
		r, _, err := s.user(ctx, name)
		if err != nil && !errors.Is(err, ErrNotFound) {
			broken = err
		}
		if err != nil {
			return nil, err
		}
		return holder{r}, nil
	}, c.Data, parsed)
	if broken != nil {
		return Entry{}, broken
	}
	if err != nil {
		s.o.Logger.Info("a passkey is not let in", "source", from.Source, "err", err)
		return Entry{}, ErrCredentials
	}
	h, ok := user.(holder)
	if !ok || h.r.Disabled || cred.Authenticator.CloneWarning {
		return Entry{}, ErrCredentials
	}
	var now record
	if _, err := s.change(ctx, h.r.Name, func(r *record) error {
		i := slices.IndexFunc(r.Passkeys, func(p passkey) bool { return slices.Equal(p.Credential.ID, cred.ID) })
		if i < 0 || r.Disabled || r.Epoch != h.r.Epoch {
			return ErrCredentials
		}
		cred.Attestation = webauthn.CredentialAttestation{}
		r.Passkeys[i].Credential, r.Passkeys[i].LastUsed = *cred, s.now()
		now = *r
		return nil
	}); err != nil {
		return Entry{}, err
	}
	s.slow.right("\x00passkey", from.Source)
	return s.enter(ctx, &now, HowPasskey, from)
}
