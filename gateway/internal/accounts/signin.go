package accounts

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mailweir/weir/gateway/internal/scope"
)

// ErrCredentials is all that is said of a sign-in that failed, whatever was
// wrong with it.
var ErrCredentials = errors.New("the name, the password or the code is wrong")

// From is where a sign-in comes from.
type From struct {
	Source string // address
	Agent  string // of the browser
}

// Entry is a sign-in that went well: Secret goes into the cookie. Pending is
// set instead where a second step is asked for.
type Entry struct {
	Who     string
	Secret  string
	Pending string
	Scope   scope.Scope
}

// SignIn checks a name and a password. ErrCredentials, *Wait, ErrBusy.
func (s *Service) SignIn(ctx context.Context, name, password string, from From) (Entry, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	if len(name) > 254 {
		name = name[:254]
	}
	if err := s.slow.begin(name, from.Source); err != nil {
		return Entry{}, err
	}
	r, _, err := s.user(ctx, name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Entry{}, err
	}
	hash := ""
	if err == nil && !r.Disabled {
		hash = r.Hash
	}
	ok, err := s.hashes.matches(ctx, hash, password)
	if err != nil {
		return Entry{}, err
	}
	if !ok {
		return Entry{}, ErrCredentials
	}
	if len(r.Secret) > 0 {
		return s.second(r)
	}
	s.slow.right(name, from.Source)
	return s.enter(ctx, r, HowPassword, from)
}

// enter begins a session for a user.
func (s *Service) enter(ctx context.Context, r *record, how string, from From) (Entry, error) {
	sc, err := r.Grant.scope(r.Name, s.o.Tenants)
	if err != nil {
		s.o.Logger.Warn("an account is not let in", "user", r.Name, "err", err)
		return Entry{}, ErrCredentials
	}
	secret, err := s.begin(ctx, sessionRecord{Who: r.Name, User: r.Name, Epoch: r.Epoch, How: how, Source: from.Source, Agent: from.Agent})
	if err != nil {
		return Entry{}, err
	}
	if _, err := s.change(ctx, r.Name, func(r *record) error { r.LastSignIn = s.now(); return nil }); err != nil {
		return Entry{}, fmt.Errorf("signing in: %w", err)
	}
	return Entry{Who: r.Name, Secret: secret, Scope: sc}, nil
}

// ChangePassword changes one's own password. Every other session ends, and
// this one too: the answer's Secret is the new one.
func (s *Service) ChangePassword(ctx context.Context, who Identity, old, password string, from From) (Entry, error) {
	if who.User == "" || who.Session == "" {
		return Entry{}, ErrForbidden
	}
	if err := s.slow.begin(who.User, from.Source); err != nil {
		return Entry{}, err
	}
	r, _, err := s.user(ctx, who.User)
	if err != nil {
		return Entry{}, err
	}
	ok, err := s.hashes.matches(ctx, r.Hash, old)
	if err != nil {
		return Entry{}, err
	}
	if !ok {
		return Entry{}, ErrCredentials
	}
	s.slow.right(who.User, from.Source)
	if err := checkPassword(r.Name, password); err != nil {
		return Entry{}, err
	}
	hash, err := s.hashes.hash(ctx, password)
	if err != nil {
		return Entry{}, err
	}
	was := r.Hash
	var changed record
	if _, err := s.change(ctx, r.Name, func(r *record) error {
		if r.Hash != was || r.Disabled {
			return ErrCredentials // somebody else changed it meanwhile
		}
		r.Hash = hash
		r.Epoch++
		changed = *r
		return nil
	}); err != nil {
		return Entry{}, err
	}
	return s.enter(ctx, &changed, who.How, from)
}
