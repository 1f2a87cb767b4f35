package accounts

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// TokenPrefix begins every API token, so that scanners of leaked secrets know
// one: weir_ID_SECRET.
const TokenPrefix = "weir_"

const (
	kindToken = "token"
	maxTokens = 10_000
	// usedEvery is how fine the last use of a token or session is kept.
	usedEvery = time.Minute
)

// Token is an API token as it is shown.
type Token struct {
	ID   string `json:"id"`
	Name string `json:"name"` // what it is for
	Grant
	Created  time.Time `json:"created"`
	By       string    `json:"by"`
	Expires  time.Time `json:"expires,omitzero"` // zero: never
	LastUsed time.Time `json:"last_used,omitzero"`
	LastFrom string    `json:"last_from,omitempty"`
}

// tokenRecord is a token as it is stored.
type tokenRecord struct {
	Token
	Hash    string `json:"hash"`              // SHA-256 of the secret
	Owner   string `json:"owner,omitempty"`   // the user who made it: it may no more than they may
	Account string `json:"account,omitempty"` // the owner's ID: it ends with that account, not with the name
}

// actor is who a token's requests are by. Its name alone would not do: tokens of
// two tenants may have the same, and what is kept for the one (searches, columns,
// answers, jobs) would be the other's.
func (r *tokenRecord) actor() string { return "token:" + r.Name + "#" + r.ID }

// NewToken is what making a token takes.
type NewToken struct {
	Name    string
	Grant   Grant
	Expires time.Time
}

// AddToken makes a token and gives its secret, which is not kept. Where a user
// asks, or a token of theirs, it ends with them; and no later than the token that
// asks.
func (s *Service) AddToken(ctx context.Context, who scope.Scope, by Identity, n NewToken) (Token, string, error) {
	from, err := s.makerOf(ctx, by)
	if err != nil {
		return Token{}, "", err
	}
	n.Name = strings.TrimSpace(n.Name)
	if n.Name == "" || len(n.Name) > 100 || strings.ContainsFunc(n.Name, func(r rune) bool { return r < ' ' }) {
		return Token{}, "", invalid("a token has a name of up to 100 characters: what it is for")
	}
	now := s.now()
	if !n.Expires.IsZero() && !n.Expires.After(now) {
		return Token{}, "", invalid("the end of a token lies in the future")
	}
	if !from.ends.IsZero() && (n.Expires.IsZero() || n.Expires.After(from.ends)) {
		n.Expires = from.ends
	}
	if err := s.mayGrant(who, &n.Grant); err != nil {
		return Token{}, "", err
	}
	if docs, err := s.o.Docs.ListDocs(ctx, "", kindToken, ""); err != nil {
		return Token{}, "", fmt.Errorf("listing tokens: %w", err)
	} else if len(docs) >= maxTokens {
		return Token{}, "", invalid("there are %d tokens already; revoke some", len(docs))
	}
	secret := rand.Text() + rand.Text()
	var id [5]byte
	for {
		_, _ = rand.Read(id[:]) // never fails (crypto/rand)
		r := tokenRecord{
			Token: Token{ID: strings.ToLower(base32.StdEncoding.EncodeToString(id[:])), Name: n.Name, Grant: n.Grant, Created: now, By: who.Actor, Expires: n.Expires.UTC()},
			Hash:  digest(secret), Owner: from.owner, Account: from.account,
		}
		err := s.put(ctx, kindToken, r.ID, &r, 0)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return Token{}, "", fmt.Errorf("making a token: %w", err)
		}
		return r.Token, TokenPrefix + r.ID + "_" + secret, nil
	}
}

// maker is with what a token that is made ends.
type maker struct {
	owner, account string    // the user, and their account's ID; "": nobody
	ends           time.Time // zero: never
}

// makerOf is with what a token ends that somebody makes. Who came in by OIDC has
// no account to end with, so that they make none.
func (s *Service) makerOf(ctx context.Context, by Identity) (maker, error) {
	switch {
	case by.User != "":
		u, _, err := s.user(ctx, by.User)
		if errors.Is(err, ErrNotFound) {
			err = ErrForbidden // removed at this moment
		}
		return maker{owner: by.User, account: u.ID}, err
	case by.Token != "":
		var r tokenRecord
		if _, err := s.get(ctx, kindToken, by.Token, &r); err != nil {
			return maker{}, ErrForbidden
		}
		if r.Owner == "" && !r.Expires.IsZero() {
			return maker{}, invalid("a token that ends makes no others")
		}
		return maker{r.Owner, r.Account, r.Expires}, nil
	case by.Session != "":
		return maker{}, invalid("you have no account here for the token to end with; ask an administrator for one")
	}
	return maker{}, nil
}

// Tokens lists the tokens that a scope manages, newest first.
func (s *Service) Tokens(ctx context.Context, who scope.Scope) ([]Token, error) {
	if !mayAudit(who) || who.Level == lifecycle.LevelMailbox {
		return nil, ErrForbidden
	}
	docs, err := s.o.Docs.ListDocs(ctx, "", kindToken, "")
	if err != nil {
		return nil, fmt.Errorf("listing tokens: %w", err)
	}
	out := []Token{}
	for _, d := range docs {
		var r tokenRecord
		if err := json.Unmarshal(d.JSON, &r); err != nil {
			s.o.Logger.Error("a token cannot be read", "token", d.Key, "err", err)
			continue
		}
		if mayHold(who, r.Grant, s.o.Tenants) {
			out = append(out, r.Token)
		}
	}
	slices.SortFunc(out, func(a, b Token) int { return b.Created.Compare(a.Created) })
	return out, nil
}

// RevokeToken ends a token, by its ID. ErrNotFound.
func (s *Service) RevokeToken(ctx context.Context, who scope.Scope, id string) error {
	if who.Role != lifecycle.RoleOperator || who.Level == lifecycle.LevelMailbox {
		return ErrForbidden
	}
	for {
		var r tokenRecord
		rev, err := s.get(ctx, kindToken, strings.ToLower(id), &r)
		if err == nil && !mayHold(who, r.Grant, s.o.Tenants) {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		err = s.o.Docs.DeleteDoc(ctx, "", kindToken, r.ID, rev)
		if errors.Is(err, store.ErrConflict) { // it was used meanwhile
			continue
		}
		if errors.Is(err, store.ErrNotFound) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("revoking token %s: %w", r.ID, err)
		}
		return nil
	}
}

// byToken finds who a bearer token is.
func (s *Service) byToken(ctx context.Context, given, source string) (Identity, error) {
	if b := s.o.Bootstrap(); b != "" && subtle.ConstantTimeCompare([]byte(digest(given)), []byte(digest(b))) == 1 {
		return Identity{Scope: scope.Admin("token"), How: HowBootstrap}, nil
	}
	id, secret, ok := strings.Cut(strings.TrimPrefix(given, TokenPrefix), "_")
	if !ok || !strings.HasPrefix(given, TokenPrefix) || len(id) > 16 {
		return Identity{}, ErrSignedOut
	}
	var r tokenRecord
	rev, err := s.get(ctx, kindToken, id, &r)
	if errors.Is(err, ErrNotFound) {
		return Identity{}, ErrSignedOut
	}
	if err != nil {
		return Identity{}, err
	}
	now := s.now()
	if subtle.ConstantTimeCompare([]byte(digest(secret)), []byte(r.Hash)) != 1 || !r.Expires.IsZero() && !now.Before(r.Expires) {
		return Identity{}, ErrSignedOut
	}
	if r.Owner != "" {
		owner, _, err := s.user(ctx, r.Owner)
		if errors.Is(err, ErrNotFound) || err == nil && (owner.Disabled || owner.ID != r.Account) {
			return Identity{}, ErrSignedOut
		}
		if err != nil {
			return Identity{}, err
		}
		has, err := owner.Grant.scope(owner.Name, s.o.Tenants)
		if err != nil || !mayManage(has, r.Grant, s.o.Tenants) {
			return Identity{}, ErrSignedOut
		}
	}
	sc, err := r.Grant.scope(r.actor(), s.o.Tenants)
	if err != nil {
		s.o.Logger.Warn("a token is not let in", "token", r.ID, "err", err)
		return Identity{}, ErrSignedOut
	}
	if now.Sub(r.LastUsed) >= usedEvery || r.LastFrom != source {
		r.LastUsed, r.LastFrom = now, source
		if err := s.put(ctx, kindToken, r.ID, &r, rev); err != nil && !errors.Is(err, store.ErrConflict) {
			s.o.Logger.Warn("the last use of a token is not noted", "token", r.ID, "err", err)
		}
	}
	return Identity{Scope: sc, How: HowToken, Token: r.ID}, nil
}
