package accounts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
)

// Provider is one provider of OpenID Connect, as the policy has it.
type Provider struct {
	Name, Title, Issuer, ClientID, ClientSecret string

	Scopes   []string
	Accounts bool   // a verified mail address signs in to the user of that name
	CA       []byte // PEM; nil: the system's
	Grants   []ProviderGrant
}

// ProviderGrant is what people with a claim may. The mailbox of the level
// mailbox is their verified address.
type ProviderGrant struct {
	Claim, Value string
	Grant        Grant
}

// ErrProvider: the provider is not there, does not answer, or answers what
// does not hold. Its text is for the log.
var ErrProvider = errors.New("the provider did not sign you in")

const (
	oidcCookie       = "weir_oidc"
	sealedOIDC       = "OpenID Connect"
	oidcFor          = 10 * time.Minute
	providerAnswer   = 1 << 20 // octets
	providerPatience = 10 * time.Second
	providerFor      = time.Hour // what it says of itself is believed so long
	maxClaims        = 200
	maxSubject       = 255 // OpenID Connect Core 1.0 §2
)

// halfOIDC is a sign-in between its two steps; the browser carries it, sealed.
type halfOIDC struct {
	Provider string    `json:"p"`
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"` // of PKCE (RFC 7636)
	Ends     time.Time `json:"e"`
}

// providers remembers what providers say of themselves.
type providers struct {
	mu sync.Mutex
	by map[string]known
}

type known struct {
	at       time.Time
	provider *oidc.Provider
	client   *http.Client
}

func (s *Service) provider(name string) (Provider, bool) {
	all := s.o.Providers()
	i := slices.IndexFunc(all, func(p Provider) bool { return p.Name == name })
	if i < 0 {
		return Provider{}, false
	}
	return all[i], true
}

// Providers are the names and titles of the providers there are.
func (s *Service) Providers() []Provider {
	var out []Provider
	for _, p := range s.o.Providers() {
		out = append(out, Provider{Name: p.Name, Title: p.Title})
	}
	return out
}

// ask finds out where a provider has what.
func (s *Service) ask(p Provider) (known, error) {
	sum := sha256.Sum256(p.CA)
	key := p.Issuer + "\x00" + string(sum[:])
	s.idps.mu.Lock()
	k, ok := s.idps.by[key]
	s.idps.mu.Unlock()
	if ok && s.now().Sub(k.at) < providerFor {
		return k, nil
	}
	tr := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: providerPatience, Proxy: http.ProxyFromEnvironment}
	if p.CA != nil {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(p.CA) {
			return known{}, fmt.Errorf("%w: there is no certificate in its ca file", ErrProvider)
		}
		tr.TLSClientConfig.RootCAs = pool
	}
	client := &http.Client{Transport: bounded{tr}, Timeout: providerPatience}
	// The context is the provider's for good: it fetches keys by it.
	pr, err := oidc.NewProvider(oidc.ClientContext(context.Background(), client), p.Issuer)
	if err != nil {
		return known{}, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	k = known{s.now(), pr, client}
	s.idps.mu.Lock()
	defer s.idps.mu.Unlock()
	if s.idps.by == nil || len(s.idps.by) > 100 {
		s.idps.by = map[string]known{}
	}
	s.idps.by[key] = k
	return k, nil
}

// bounded keeps a provider from filling the memory.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, providerAnswer), resp.Body}
	}
	return resp, err
}

func (s *Service) oauth(p Provider, k known) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: k.provider.Endpoint(), Scopes: p.Scopes,
		RedirectURL: s.o.URL() + "/v1/sign-in/oidc/" + p.Name + "/callback",
	}
}

// BeginOIDC gives the provider's page to go to, and a cookie to keep meanwhile.
// ErrNotFound, ErrProvider.
func (s *Service) BeginOIDC(r *http.Request, name string) (string, *http.Cookie, error) {
	p, ok := s.provider(name)
	if !ok {
		return "", nil, ErrNotFound
	}
	k, err := s.ask(p)
	if err != nil {
		return "", nil, err
	}
	h := halfOIDC{p.Name, rand.Text(), rand.Text(), oauth2.GenerateVerifier(), s.now().Add(oidcFor)}
	b, err := json.Marshal(h)
	if err != nil {
		return "", nil, err
	}
	c := &http.Cookie{
		Name: oidcCookie, Value: base64.RawURLEncoding.EncodeToString(s.seal.seal(b, sealedOIDC)), Path: "/v1/sign-in/oidc/",
		HttpOnly: true, Secure: s.secure(r), SameSite: http.SameSiteLaxMode, MaxAge: int(oidcFor / time.Second),
	}
	return s.oauth(p, k).AuthCodeURL(h.State, oidc.Nonce(h.Nonce), oauth2.S256ChallengeOption(h.Verifier)), c, nil
}

// OIDCSignIn takes the browser that comes back from the provider.
// ErrCredentials, ErrProvider, *Wait.
func (s *Service) OIDCSignIn(ctx context.Context, r *http.Request, name string, from From) (Entry, error) {
	if err := s.slow.begin("\x00oidc", from.Source); err != nil {
		return Entry{}, err
	}
	p, ok := s.provider(name)
	if !ok {
		return Entry{}, ErrCredentials
	}
	h, err := s.halfway(r, name)
	if err != nil {
		return Entry{}, err
	}
	q := r.URL.Query()
	if e := q.Get("error"); e != "" {
		return Entry{}, fmt.Errorf("%w: it says %.100q", ErrProvider, e)
	}
	k, err := s.ask(p)
	if err != nil {
		return Entry{}, err
	}
	ctx = oidc.ClientContext(ctx, k.client)
	tokens, err := s.oauth(p, k).Exchange(ctx, q.Get("code"), oauth2.VerifierOption(h.Verifier))
	if err != nil {
		var answer *oauth2.RetrieveError
		if errors.As(err, &answer) { // its text has the answer's body
			err = fmt.Errorf("it answers %s", answer.ErrorCode)
		}
		return Entry{}, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := k.provider.Verifier(&oidc.Config{ClientID: p.ClientID, Now: s.o.Clock}).Verify(ctx, raw)
	if err != nil {
		return Entry{}, fmt.Errorf("%w: its ID token does not hold: %w", ErrProvider, err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(h.Nonce)) != 1 {
		return Entry{}, fmt.Errorf("%w: its ID token is for another sign-in", ErrProvider)
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	e, err := s.enterOIDC(ctx, p, id.Subject, claims, from)
	if err == nil {
		s.slow.right("\x00oidc", from.Source)
	}
	return e, err
}

// halfway opens the cookie of the first step. It holds once.
func (s *Service) halfway(r *http.Request, name string) (halfOIDC, error) {
	var h halfOIDC
	c, err := r.Cookie(oidcCookie)
	if err != nil {
		return h, ErrCredentials
	}
	b, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err == nil {
		b, err = s.seal.open(b, sealedOIDC)
	}
	if err == nil {
		err = json.Unmarshal(b, &h)
	}
	state := r.URL.Query().Get("state")
	if err != nil || h.Provider != name || !s.now().Before(h.Ends) || subtle.ConstantTimeCompare([]byte(state), []byte(h.State)) != 1 || !s.once.take(sealedOIDC+h.State, h.Ends) {
		return h, ErrCredentials
	}
	return h, nil
}

// enterOIDC begins the session of whom a provider vouches for.
func (s *Service) enterOIDC(ctx context.Context, p Provider, subject string, claims map[string]any, from From) (Entry, error) {
	if subject == "" || len(subject) > maxSubject {
		return Entry{}, fmt.Errorf("%w: its ID token names nobody, or at too great length", ErrProvider)
	}
	kept := keepClaims(p, claims)
	if email := verified(claims); p.Accounts && email != "" {
		u, _, err := s.user(ctx, email)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return Entry{}, err
		}
		if err == nil {
			if u.Disabled {
				return Entry{}, ErrCredentials
			}
			return s.enter(ctx, u, HowOIDC+" "+p.Name, from)
		}
	}
	g, ok := p.grant(kept)
	if ok && g.Level == lifecycle.LevelMailbox {
		ok = g.tidy(s.o.Tenants) == nil
	}
	if !ok {
		s.o.Logger.Info("a provider vouches for somebody to whom the policy grants nothing", "provider", p.Name, "subject", subject)
		return Entry{}, ErrCredentials
	}
	who := subject // to show
	for _, k := range []string{"email", "preferred_username"} {
		if t, _ := claims[k].(string); t != "" && (k != "email" || verified(claims) != "") {
			who = t
			break
		}
	}
	if len(who) > 200 {
		who = who[:200]
	}
	who = strings.ToValidUTF8(who, "?") + " (" + p.Name + ")"
	r := sessionRecord{Who: who, How: HowOIDC + " " + p.Name, Provider: p.Name, Subject: subject, Claims: kept, Source: from.Source, Agent: from.Agent}
	sc, err := g.scope(r.actor(), s.o.Tenants)
	if err != nil {
		s.o.Logger.Warn("an account is not let in", "user", who, "err", err)
		return Entry{}, ErrCredentials
	}
	secret, err := s.begin(ctx, r)
	if err != nil {
		return Entry{}, err
	}
	return Entry{Who: who, Secret: secret, Scope: sc}, nil
}

// verified is the address that the provider has verified; "" none.
func verified(claims map[string]any) string {
	email, _ := claims["email"].(string)
	a, err := mail.ParseAddress(email)
	yes := claims["email_verified"] == true || claims["email_verified"] == "true"
	if err != nil || a.Domain() == "" || !yes {
		return ""
	}
	return a.Key()
}

// keepClaims are the claims that grants ask for, as texts.
func keepClaims(p Provider, claims map[string]any) map[string][]string {
	out := map[string][]string{}
	if e := verified(claims); e != "" {
		out["email"] = []string{e}
	}
	for _, g := range p.Grants {
		if g.Claim == "email" {
			continue
		}
		switch v := claims[g.Claim].(type) {
		case string:
			out[g.Claim] = []string{v}
		case bool:
			out[g.Claim] = []string{strconv.FormatBool(v)}
		case []any:
			var texts []string
			for _, e := range v[:min(len(v), maxClaims)] {
				if t, ok := e.(string); ok {
					texts = append(texts, t)
				}
			}
			out[g.Claim] = texts
		}
	}
	return out
}

// grant is what claims come to: the first grant that fits.
func (p Provider) grant(claims map[string][]string) (Grant, bool) {
	for _, g := range p.Grants {
		fits := slices.ContainsFunc(claims[g.Claim], func(v string) bool {
			if g.Claim == "email" {
				return strings.EqualFold(v, g.Value) || strings.HasPrefix(g.Value, "@") && strings.EqualFold(v[strings.LastIndexByte(v, '@'):], g.Value)
			}
			return v == g.Value
		})
		if !fits {
			continue
		}
		out := g.Grant
		if out.Level == lifecycle.LevelMailbox {
			if len(claims["email"]) == 0 {
				continue
			}
			out.Mailbox = claims["email"][0]
		}
		return out, true
	}
	return Grant{}, false
}
