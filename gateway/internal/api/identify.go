package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/scope"
)

// Authenticator finds who makes a request; *accounts.Service is one.
type Authenticator interface {
	// Identify gives accounts.ErrSignedOut to whom it does not know.
	Identify(r *http.Request) (accounts.Identity, error)
	// Source is the address a request came from.
	Source(r *http.Request) string
}

var _ Authenticator = (*accounts.Service)(nil)

// AdminToken is an Authenticator that knows the administrator alone, by one
// bearer token (RFC 6750 §2.1). The empty one knows nobody.
type AdminToken string

// Identify implements Authenticator.
func (t AdminToken) Identify(r *http.Request) (accounts.Identity, error) {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || given == "" || t == "" {
		return accounts.Identity{}, accounts.ErrSignedOut
	}
	// Digests of equal length, so that not even the length shows in the time.
	want, got := sha256.Sum256([]byte(t)), sha256.Sum256([]byte(strings.TrimSpace(given)))
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return accounts.Identity{}, accounts.ErrSignedOut
	}
	return accounts.Identity{Scope: scope.Admin("token"), How: accounts.HowBootstrap}, nil
}

// Source implements Authenticator.
func (AdminToken) Source(r *http.Request) string { return sourceOfRequest(r) }

// only is an Authenticator that takes everybody for one.
type only func(*http.Request) accounts.Identity

func (o only) Identify(r *http.Request) (accounts.Identity, error) { return o(r), nil }
func (only) Source(r *http.Request) string                         { return sourceOfRequest(r) }

// metrics are about every tenant's mail.
func (s *server) metrics(who Authenticator, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.MetricsFree == nil || s.MetricsFree() {
			next.ServeHTTP(w, r)
			return
		}
		id, p := s.identify(who, r)
		if p == nil && !id.Scope.Everything() {
			p = problem(http.StatusForbidden, "the metrics are for the administrator", "make a token for it: weir token create metrics --level admin --role auditor")
		}
		if p != nil {
			writeProblem(w, p)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// publicPaths begins the paths that a request may ask without being anybody.
const publicPaths = "/v1/sign-in"

// identify finds who makes a request, or says why it is refused.
func (s *server) identify(who Authenticator, r *http.Request) (accounts.Identity, *Problem) {
	id, err := who.Identify(r)
	switch {
	case err == nil:
		return id, nil
	case errors.Is(err, accounts.ErrSignedOut) && public(r):
		return accounts.Identity{}, nil
	case errors.Is(err, accounts.ErrSignedOut):
		return id, problem(http.StatusUnauthorized, "this path needs a token or a session that holds",
			"sign in, or send a token (weir token create), or the one in data_dir/"+TokenFile+", as: Authorization: Bearer TOKEN")
	}
	p, ok := s.problemOf(r.Context(), "finding out who asks", err).(*Problem)
	if !ok {
		p = problem(http.StatusInternalServerError, "who asks could not be found out", "")
	}
	return id, p
}

func public(r *http.Request) bool {
	return r.URL.Path == publicPaths || strings.HasPrefix(r.URL.Path, publicPaths+"/")
}

type (
	identityKey struct{}
	requestKey  struct{}
)

// identityOf is who makes the request.
func identityOf(ctx context.Context) accounts.Identity {
	id, _ := ctx.Value(identityKey{}).(accounts.Identity)
	return id
}

// requestOf is the HTTP request itself, for cookies.
func requestOf(ctx context.Context) *http.Request {
	r, _ := ctx.Value(requestKey{}).(*http.Request)
	return r
}

// fromOf is where a sign-in comes from.
func fromOf(ctx context.Context) accounts.From {
	f := accounts.From{Source: sourceOf(ctx)}
	if r := requestOf(ctx); r != nil {
		f.Agent = r.UserAgent()
	}
	return f
}

// everything reports an administrator of all tenants.
func everything(ctx context.Context) bool { return scopeOf(ctx).Everything() }
