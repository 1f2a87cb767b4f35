package accounts

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// ErrSignedOut: the request names nobody who may come in. It says no more, so
// that a token or session that ended looks like one that never was.
var ErrSignedOut = errors.New("you are not signed in, or not any more")

// How somebody came in.
const (
	HowBootstrap = "admin token"
	HowToken     = "token"
	HowPassword  = "password"
	HowPasskey   = "passkey"
	HowLink      = "link"
	HowOIDC      = "oidc"
	HowSocket    = "socket"
)

// Identity is who makes a request.
type Identity struct {
	Scope   scope.Scope
	How     string
	Name    string // to show; the scope's actor is who it is
	User    string // name of the account; "" where there is none
	Session string // short ID, where it is a session
	Token   string // ID, where it is a token

	person person // of a session
}

// person is who somebody is, however they are called: an account, whom a provider
// vouches for, or who reads a mailbox.
type person struct{ user, provider, subject, mailbox string }

const (
	kindSession   = "session"
	cookieName    = "weir_session"
	secureCookie  = "__Host-weir_session" // RFC 6265bis §4.1.3.2
	defaultIdle   = time.Hour
	defaultMost   = 12 * time.Hour
	maxSessions   = 50 // of one account; the oldest ends
	shortSession  = 12 // characters of the ID that is shown
	sweepSessions = 10 * time.Minute
)

// CookieNames are the names of the cookie that carries a session: over https,
// and over http.
func CookieNames() (secure, plain string) { return secureCookie, cookieName }

// Session is a session as it is shown.
type Session struct {
	ID      string    `json:"id"`
	Who     string    `json:"who"`
	How     string    `json:"how"`
	Grant   Grant     `json:"grant"`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"`
	Source  string    `json:"source,omitempty"`
	Agent   string    `json:"agent,omitempty"`
	Current bool      `json:"current,omitempty"`
	Own     bool      `json:"own,omitempty"` // of who asks
}

// sessionRecord is a session as it is stored, under the hash of its secret.
type sessionRecord struct {
	Who     string    `json:"who"`             // to show
	User    string    `json:"user,omitempty"`  // account
	Epoch   uint64    `json:"epoch,omitempty"` // the account's at sign-in
	How     string    `json:"how"`
	Grant   Grant     `json:"grant,omitzero"` // where there is no account: of a link
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"`
	Source  string    `json:"source,omitempty"`
	Agent   string    `json:"agent,omitempty"`

	Provider string              `json:"provider,omitempty"` // of OIDC
	Subject  string              `json:"subject,omitempty"`  // whom it means: what it calls them they may change
	Claims   map[string][]string `json:"claims,omitempty"`   // those that grants ask for
}

func (r *sessionRecord) person() person {
	switch {
	case r.User != "":
		return person{user: r.User}
	case r.Provider != "":
		return person{provider: r.Provider, subject: r.Subject}
	}
	return person{mailbox: r.Grant.Mailbox}
}

// actor is who the session's requests are by: nothing that somebody may choose,
// for what is kept for the one (searches, answers, jobs) would be another's.
func (r *sessionRecord) actor() string {
	if r.User == "" && r.Provider != "" {
		return r.Subject + " (" + r.Provider + ")"
	}
	if r.User == "" { // who reads a mailbox is not who has an account of its name
		return audit.ByLink(r.Grant.Mailbox)
	}
	return r.Who
}

func (s *Service) limits() (idle, longest time.Duration) {
	idle, longest = s.o.Limits()
	if idle <= 0 {
		idle = defaultIdle
	}
	if longest <= 0 {
		longest = defaultMost
	}
	return idle, longest
}

func (s *Service) over(r *sessionRecord, now time.Time) bool {
	idle, longest := s.limits()
	return now.Sub(r.Seen) >= idle || now.Sub(r.Created) >= longest || r.Seen.Sub(now) > time.Hour
}

// begin makes a session and gives its secret, for the cookie.
func (s *Service) begin(ctx context.Context, r sessionRecord) (string, error) {
	r.Created = s.now()
	r.Seen = r.Created
	if len(r.Agent) > 200 {
		r.Agent = strings.ToValidUTF8(r.Agent[:200], "")
	}
	secret := rand.Text() + rand.Text()
	if err := s.put(ctx, kindSession, digest(secret), &r, 0); err != nil {
		return "", fmt.Errorf("beginning a session: %w", err)
	}
	s.crowd(ctx, r.person())
	return secret, nil
}

// crowd ends the oldest sessions of somebody who has too many.
func (s *Service) crowd(ctx context.Context, who person) {
	docs, err := s.o.Docs.ListDocs(ctx, "", kindSession, "")
	if err != nil {
		return
	}
	type one struct {
		doc store.Doc
		at  time.Time
	}
	var own []one
	for _, d := range docs {
		var r sessionRecord
		if json.Unmarshal(d.JSON, &r) == nil && r.person() == who {
			own = append(own, one{d, r.Created})
		}
	}
	slices.SortFunc(own, func(a, b one) int { return a.at.Compare(b.at) })
	for ; len(own) > maxSessions; own = own[1:] {
		_ = s.o.Docs.DeleteDoc(ctx, "", kindSession, own[0].doc.Key, own[0].doc.Rev) // used at this moment: the next sign-in ends it
	}
}

// Identify finds who makes a request: by its bearer token, else by its cookie.
// ErrSignedOut, or an error of the store.
func (s *Service) Identify(r *http.Request) (Identity, error) {
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, given, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return Identity{}, ErrSignedOut
		}
		return s.byToken(r.Context(), strings.TrimSpace(given), s.Source(r))
	}
	if secret := s.carried(r); secret != "" {
		return s.bySession(r.Context(), secret, s.Source(r))
	}
	return Identity{}, ErrSignedOut
}

// Scope is Identify's scope alone.
func (s *Service) Scope(r *http.Request) (scope.Scope, error) {
	id, err := s.Identify(r)
	return id.Scope, err
}

func (s *Service) bySession(ctx context.Context, secret, source string) (Identity, error) {
	key := digest(secret)
	var r sessionRecord
	rev, err := s.get(ctx, kindSession, key, &r)
	if errors.Is(err, ErrNotFound) {
		return Identity{}, ErrSignedOut
	}
	if err != nil {
		return Identity{}, err
	}
	now := s.now()
	if s.over(&r, now) {
		s.drop(ctx, key, rev)
		return Identity{}, ErrSignedOut
	}
	g, err := s.granted(ctx, &r)
	if errors.Is(err, ErrSignedOut) {
		s.drop(ctx, key, rev)
	}
	if err != nil {
		return Identity{}, err
	}
	sc, err := g.scope(r.actor(), s.o.Tenants)
	if err != nil {
		s.o.Logger.Warn("an account is not let in", "user", r.Who, "err", err)
		return Identity{}, ErrSignedOut
	}
	if now.Sub(r.Seen) >= usedEvery {
		r.Seen, r.Source = now, source
		if err := s.put(ctx, kindSession, key, &r, rev); err != nil && !errors.Is(err, store.ErrConflict) {
			s.o.Logger.Warn("the last use of a session is not noted", "user", r.Who, "err", err)
		}
	}
	return Identity{Scope: sc, How: r.How, Name: r.Who, User: r.User, Session: key[:shortSession], person: r.person()}, nil
}

// granted is what a session may now. ErrSignedOut: nothing any more.
func (s *Service) granted(ctx context.Context, r *sessionRecord) (Grant, error) {
	switch {
	case r.User != "":
		u, _, err := s.user(ctx, r.User)
		if errors.Is(err, ErrNotFound) || err == nil && (u.Disabled || u.Epoch != r.Epoch) {
			return Grant{}, ErrSignedOut
		}
		if err != nil {
			return Grant{}, err
		}
		return u.Grant, nil
	case r.Provider != "":
		p, ok := s.provider(r.Provider)
		if !ok || r.Subject == "" {
			return Grant{}, ErrSignedOut
		}
		g, ok := p.grant(r.Claims)
		if !ok {
			return Grant{}, ErrSignedOut
		}
		if g.Level == lifecycle.LevelMailbox { // the mailbox's domain says whose
			if err := g.tidy(s.o.Tenants); err != nil {
				return Grant{}, ErrSignedOut
			}
		}
		return g, nil
	case r.Grant.Level == lifecycle.LevelMailbox && s.o.Links():
		return r.Grant, nil
	}
	return Grant{}, ErrSignedOut
}

func (s *Service) drop(ctx context.Context, key string, rev uint64) {
	if err := s.o.Docs.DeleteDoc(ctx, "", kindSession, key, rev); err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
		s.o.Logger.Warn("a session that is over stays in the store", "err", err)
	}
}

// Sessions lists the sessions that a scope sees: one's own, and those of the
// accounts one manages. Newest first.
func (s *Service) Sessions(ctx context.Context, who Identity) ([]Session, error) {
	out := []Session{}
	err := s.eachSession(ctx, func(d store.Doc, r *sessionRecord, g Grant) error {
		if s.mine(who, r, g) {
			out = append(out, Session{
				ID: d.Key[:shortSession], Who: r.Who, How: r.How, Grant: g, Created: r.Created, Seen: r.Seen, Source: r.Source, Agent: r.Agent,
				Current: who.Session != "" && strings.HasPrefix(d.Key, who.Session), Own: who.Session != "" && r.person() == who.person,
			})
		}
		return nil
	})
	slices.SortFunc(out, func(a, b Session) int { return b.Created.Compare(a.Created) })
	return out, err
}

// mine reports whether somebody may see and end a session.
func (s *Service) mine(who Identity, r *sessionRecord, g Grant) bool {
	if who.Session != "" && r.person() == who.person {
		return true
	}
	return who.Scope.Level != lifecycle.LevelMailbox && mayManage(who.Scope, g, s.o.Tenants)
}

func (s *Service) eachSession(ctx context.Context, do func(store.Doc, *sessionRecord, Grant) error) error {
	docs, err := s.o.Docs.ListDocs(ctx, "", kindSession, "")
	if err != nil {
		return fmt.Errorf("listing sessions: %w", err)
	}
	now := s.now()
	for _, d := range docs {
		var r sessionRecord
		if err := json.Unmarshal(d.JSON, &r); err != nil || len(d.Key) < shortSession || s.over(&r, now) {
			continue
		}
		g, err := s.granted(ctx, &r)
		if errors.Is(err, ErrSignedOut) {
			continue
		}
		if err == nil {
			err = do(d, &r, g)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// EndSession ends a session by its ID. ErrNotFound.
func (s *Service) EndSession(ctx context.Context, who Identity, id string) error {
	found := false
	err := s.eachSession(ctx, func(d store.Doc, r *sessionRecord, g Grant) error {
		if d.Key[:shortSession] != id || !s.mine(who, r, g) {
			return nil
		}
		found = true
		return s.remove(ctx, kindSession, d.Key)
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	return err
}

// remove deletes a document whatever its revision.
func (s *Service) remove(ctx context.Context, kind, key string) error {
	for {
		d, err := s.o.Docs.GetDoc(ctx, "", kind, key)
		if err == nil {
			err = s.o.Docs.DeleteDoc(ctx, "", kind, key, d.Rev)
		}
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	}
}

// SignOut ends the session of a request's cookie, if there is one.
func (s *Service) SignOut(r *http.Request) error {
	if secret := s.carried(r); secret != "" {
		if err := s.remove(r.Context(), kindSession, digest(secret)); err != nil {
			return fmt.Errorf("signing out: %w", err)
		}
	}
	return nil
}

// End ends the session with a secret.
func (s *Service) End(ctx context.Context, secret string) error {
	return s.remove(ctx, kindSession, digest(secret))
}

// Cookie carries a session's secret; "" takes it away.
func (s *Service) Cookie(r *http.Request, secret string) *http.Cookie {
	_, longest := s.limits()
	c := &http.Cookie{Name: cookieName, Value: secret, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(longest / time.Second)}
	if s.secure(r) {
		c.Name, c.Secure = secureCookie, true
	}
	if secret == "" {
		c.MaxAge = -1
	}
	return c
}

// carried is the secret of a request's session, "" where there is none. Only
// the name that Cookie gives is looked at: where that is the prefixed one, any
// page of a neighbouring host could have set the other.
func (s *Service) carried(r *http.Request) string {
	c, err := r.Cookie(s.Cookie(r, "").Name)
	if err != nil {
		return ""
	}
	return c.Value
}

// secure reports whether the browser came by https.
func (s *Service) secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(s.o.URL(), "https://")
}

// Source is the address a request came from: the client's, or where a proxy of
// ours asks, the one it asks for.
func (s *Service) Source(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	proxies := s.o.Proxies()
	trusted := func(a string) bool {
		ip, err := netip.ParseAddr(a)
		return err == nil && slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(ip.Unmap()) })
	}
	if len(proxies) == 0 || !trusted(host) {
		return host
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- { // the last one was written by our proxy
		a := strings.TrimSpace(hops[i])
		if _, err := netip.ParseAddr(a); err != nil {
			break
		}
		host = a
		if !trusted(a) {
			break
		}
	}
	return host
}

// Run mails links, and removes what is over, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	var posting sync.WaitGroup
	posting.Go(func() { s.post(ctx) })
	defer posting.Wait()
	t := time.NewTicker(sweepSessions)
	defer t.Stop()
	for {
		s.sweep(ctx)
		if err := s.sweepLinks(ctx); err != nil && ctx.Err() == nil {
			s.o.Logger.Warn("links that were used stay in the store", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

func (s *Service) sweep(ctx context.Context) {
	docs, err := s.o.Docs.ListDocs(ctx, "", kindSession, "")
	if err != nil {
		s.o.Logger.Warn("sessions that are over cannot be removed", "err", err)
		return
	}
	now := s.now()
	for _, d := range docs {
		var r sessionRecord
		if json.Unmarshal(d.JSON, &r) != nil || s.over(&r, now) {
			s.drop(ctx, d.Key, d.Rev)
		}
	}
}
