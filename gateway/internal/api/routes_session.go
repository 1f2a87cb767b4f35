package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// SignInRequest is a name and a password.
type SignInRequest struct {
	Name     string `json:"name" minLength:"1" maxLength:"254"`
	Password string `json:"password" minLength:"1" maxLength:"1024"`
}

// CodeRequest is the second step.
type CodeRequest struct {
	Pending string `json:"pending" minLength:"1" maxLength:"2048" doc:"From the first step"`
	Code    string `json:"code" minLength:"1" maxLength:"64" doc:"Of the app, or a recovery code"`
}

// SignedIn is what came of a step.
type SignedIn struct {
	SignedIn bool     `json:"signed_in" doc:"The session is in the cookie"`
	Who      string   `json:"who,omitempty"`
	Level    string   `json:"level,omitempty" enum:"admin,domain,mailbox"`
	Pending  string   `json:"pending,omitempty" doc:"Another step is asked for: send this with it, within 5 minutes"`
	Ways     []string `json:"ways,omitempty" doc:"What that step may be: code"`
}

// cookieOutput is an answer that sets the session's cookie.
type cookieOutput[T any] struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      T
}

func (s *server) sessionRoutes(a huma.API) {
	const tag = "sign-in"
	bad := []int{http.StatusTooManyRequests, http.StatusUnprocessableEntity, http.StatusServiceUnavailable}
	open := func(id, method, path, summary, description string) huma.Operation {
		op := route(id, method, path, tag, summary, description, bad...)
		op.Security = []map[string][]string{{}}
		return op
	}
	mine := func(id, method, path, summary, description string) huma.Operation {
		return own(route(id, method, path, tag, summary, description, append(bad, http.StatusForbidden)...))
	}
	huma.Register(a, open("sign-in", http.MethodPost, "/v1/sign-in", "Sign in with a name and a password",
		"Sets a cookie, or asks for a second step. What was wrong is not told; who guesses has to wait, longer each time (429)."), s.signIn)
	huma.Register(a, open("sign-in-code", http.MethodPost, "/v1/sign-in/code", "Sign in: the second step", ""), s.signInCode)
	huma.Register(a, mine("sign-out", http.MethodPost, "/v1/sign-out", "Sign out", "Ends the session of the cookie."), s.signOut)
	huma.Register(a, mine("me", http.MethodGet, "/v1/me", "Who asks, and what they may", ""), s.me)
	huma.Register(a, mine("my-account", http.MethodGet, "/v1/me/account", "One's own account", "Its ways to sign in: password, codes, passkeys. Who came by a link, a provider or a token has none (403)."), s.myAccount)
	huma.Register(a, mine("change-password", http.MethodPost, "/v1/me/password", "Change one's own password", "Every session ends; this one goes on under a new cookie."), s.changePassword)
	huma.Register(a, mine("begin-totp", http.MethodPost, "/v1/me/totp", "Begin to use codes of an app", "Gives a secret; it is in force once a code of it was confirmed."), s.beginTOTP)
	huma.Register(a, mine("confirm-totp", http.MethodPost, "/v1/me/totp/confirm", "Ask for codes from now on", "Gives recovery codes, each good for one sign-in without the app. They are shown this once."), s.confirmTOTP)
	huma.Register(a, mine("end-totp", http.MethodPost, "/v1/me/totp/remove", "Ask for codes no more", ""), s.endTOTP)
	huma.Register(a, mine("list-sessions", http.MethodGet, "/v1/sessions", "Sessions", "One's own, and those of the accounts one manages."), s.sessions)
	huma.Register(a, own(route("end-session", http.MethodDelete, "/v1/sessions/{id}", tag, "End a session", "", http.StatusNotFound)), s.endSession)
}

// noAccounts answers where there are none.
func (s *server) noAccounts() error {
	if s.Accounts == nil {
		return problem(http.StatusNotFound, "there are no accounts here", "ask the running gateway")
	}
	return nil
}

// accountsProblem is problemOf with the words of accounts.
func (s *server) accountsProblem(ctx context.Context, doing string, err error) error {
	var wait *accounts.Wait
	switch {
	case errors.As(err, &wait):
		after := http.Header{"Retry-After": {strconv.Itoa(int(wait.For/time.Second) + 1)}}
		return huma.ErrorWithHeaders(problem(http.StatusTooManyRequests, doing+": "+wait.Error(), ""), after)
	case errors.Is(err, accounts.ErrInvalid):
		return problem(http.StatusUnprocessableEntity, doing+": "+err.Error(), "")
	case errors.Is(err, accounts.ErrForbidden):
		return problem(http.StatusForbidden, doing+": "+err.Error(), "")
	case errors.Is(err, accounts.ErrNotFound):
		return problem(http.StatusNotFound, doing+": "+accounts.ErrNotFound.Error(), "list them first")
	case errors.Is(err, accounts.ErrCredentials):
		return problem(http.StatusUnauthorized, doing+": "+accounts.ErrCredentials.Error(), "")
	case errors.Is(err, accounts.ErrSignedOut):
		return problem(http.StatusUnauthorized, doing+": "+accounts.ErrSignedOut.Error(), "sign in")
	case errors.Is(err, accounts.ErrProvider): // what it says is for the log
		return problem(http.StatusBadGateway, doing+": "+accounts.ErrProvider.Error(), "try again; the gateway's log says more")
	case errors.Is(err, accounts.ErrBusy):
		return problem(http.StatusServiceUnavailable, doing+": "+accounts.ErrBusy.Error(), "")
	case errors.Is(err, store.ErrNotFound):
		return problem(http.StatusNotFound, doing+": there is none of that name", "list them first")
	}
	return s.problemOf(ctx, doing, err)
}

// entered records a sign-in that ended, well or not, and makes the answer. One
// that cannot be recorded does not count. Those that come while somebody has to
// wait are summed up.
func (s *server) entered(ctx context.Context, name, how string, e accounts.Entry, err error) (*cookieOutput[SignedIn], error) {
	s.recordLocked(ctx)
	var wait *accounts.Wait
	if errors.As(err, &wait) && !s.locked.count(network(sourceOf(ctx)), s.now()) {
		return nil, s.accountsProblem(ctx, "signing in", err)
	}
	r := requestOf(ctx)
	entry := audit.Entry{Actor: name, Source: sourceOf(ctx), Action: "sign-in", Target: name, Tenant: e.Scope.TenantName(), Details: map[string]string{"how": how}}
	if entry.Actor == "" {
		entry.Actor = "somebody"
	}
	if e.Who != "" {
		entry.Actor, entry.Target = orElse(e.Scope.Actor, e.Who), e.Who
		if entry.Actor != e.Who && strings.HasPrefix(how, accounts.HowOIDC) {
			entry.Details[audit.ActorName] = e.Who
		}
	}
	if err != nil {
		entry.Refused = refusalOf(err)
	}
	if e.Pending != "" {
		entry.Action = "sign-in-begun"
	}
	if s.Audit != nil {
		if failed := s.Audit.Record(ctx, entry); failed != nil {
			s.log.ErrorContext(ctx, "a sign-in is refused, for it cannot be recorded", slog.String("actor", entry.Actor), slog.Any("err", failed))
			if e.Secret != "" {
				if undo := s.Accounts.End(context.WithoutCancel(ctx), e.Secret); undo != nil {
					s.log.ErrorContext(ctx, "a session that was not recorded stays in the store; nobody has its secret", slog.Any("err", undo))
				}
			}
			return nil, problem(http.StatusServiceUnavailable, "this cannot be recorded in the audit log, so nobody signs in", "see the gateway's log")
		}
	}
	if err != nil {
		s.log.InfoContext(ctx, "sign-in refused", slog.String("source", entry.Source), slog.String("how", how), slog.String("reason", entry.Refused))
		return nil, s.accountsProblem(ctx, "signing in", err)
	}
	if e.Pending != "" {
		return &cookieOutput[SignedIn]{Body: SignedIn{Pending: e.Pending, Ways: []string{"code"}}}, nil
	}
	return &cookieOutput[SignedIn]{
		SetCookie: []http.Cookie{*s.Accounts.Cookie(r, e.Secret)},
		Body:      SignedIn{SignedIn: true, Who: e.Who, Level: string(e.Scope.Level)},
	}, nil
}

// recordLocked records the sums of refusals whose time is over.
func (s *server) recordLocked(ctx context.Context) {
	if s.Audit == nil {
		return
	}
	for net, n := range s.locked.due(s.now()) {
		entry := audit.Entry{Actor: "somebody", Source: net, Action: "sign-in", Refused: "locked out: too many tries", Details: map[string]string{"times": strconv.Itoa(n)}}
		if err := s.Audit.Record(context.WithoutCancel(ctx), entry); err != nil {
			s.log.ErrorContext(ctx, "sign-ins that were refused are not in the audit log", slog.String("source", net), slog.Int("times", n), slog.Any("err", err))
		}
	}
}

// refusalOf is what the audit log says of a sign-in that failed.
func refusalOf(err error) string {
	var wait *accounts.Wait
	switch {
	case errors.As(err, &wait):
		return "locked out: " + wait.Error()
	case errors.Is(err, accounts.ErrCredentials):
		return accounts.ErrCredentials.Error()
	}
	return err.Error()
}

func (s *server) signIn(ctx context.Context, in *struct{ Body SignInRequest }) (*cookieOutput[SignedIn], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	name := signInName(in.Body.Name)
	e, err := s.Accounts.SignIn(ctx, name, in.Body.Password, fromOf(ctx))
	return s.entered(ctx, name, accounts.HowPassword, e, err)
}

func (s *server) signInCode(ctx context.Context, in *struct{ Body CodeRequest }) (*cookieOutput[SignedIn], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	e, err := s.Accounts.SecondStep(ctx, in.Body.Pending, in.Body.Code, fromOf(ctx))
	return s.entered(ctx, e.Who, accounts.HowPassword+" and code", e, err)
}

func (s *server) signOut(ctx context.Context, _ *struct{}) (*cookieOutput[SignedIn], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	r := requestOf(ctx)
	if err := s.Accounts.SignOut(r); err != nil {
		return nil, s.accountsProblem(ctx, "signing out", err)
	}
	return &cookieOutput[SignedIn]{SetCookie: []http.Cookie{*s.Accounts.Cookie(r, "")}}, nil
}

// Me is who asks.
type Me struct {
	Who     string   `json:"who"`
	How     string   `json:"how" doc:"What they came in with: socket, admin token, token, password, passkey, link, oidc …"`
	Level   string   `json:"level" enum:"admin,domain,mailbox"`
	Role    string   `json:"role" enum:"operator,auditor,helpdesk"`
	Tenant  string   `json:"tenant,omitempty"`
	Domains []string `json:"domains,omitempty"`
	Mailbox string   `json:"mailbox,omitempty"`
	Account string   `json:"account,omitempty" doc:"Name of the user account, where there is one"`
	Session string   `json:"session,omitempty"`
}

func meOf(id accounts.Identity) Me {
	sc := id.Scope
	return Me{
		Who: orElse(id.Name, sc.Actor), How: id.How, Level: string(sc.Level), Role: roleName(sc), Tenant: sc.TenantName(), Domains: sc.Domains, Mailbox: sc.Mailbox,
		Account: id.User, Session: id.Session,
	}
}

func roleName(sc scope.Scope) string { return orElse(string(sc.Role), "operator") }

func (s *server) me(ctx context.Context, _ *struct{}) (*output[Me], error) {
	return &output[Me]{meOf(identityOf(ctx))}, nil
}

func (s *server) myAccount(ctx context.Context, _ *struct{}) (*output[accounts.User], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	u, err := s.Accounts.Own(ctx, identityOf(ctx))
	if err != nil {
		return nil, s.accountsProblem(ctx, "looking at the account", err)
	}
	return &output[accounts.User]{u}, nil
}

func (s *server) changePassword(ctx context.Context, in *struct {
	Body struct {
		Old      string `json:"old" minLength:"1" maxLength:"1024"`
		Password string `json:"password" minLength:"1" maxLength:"1024"`
	}
}) (*cookieOutput[SignedIn], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	e, err := s.Accounts.ChangePassword(ctx, identityOf(ctx), in.Body.Old, in.Body.Password, fromOf(ctx))
	if err != nil {
		return nil, s.accountsProblem(ctx, "changing the password", err)
	}
	return &cookieOutput[SignedIn]{
		SetCookie: []http.Cookie{*s.Accounts.Cookie(requestOf(ctx), e.Secret)},
		Body:      SignedIn{SignedIn: true, Who: e.Who, Level: string(e.Scope.Level)},
	}, nil
}

func (s *server) beginTOTP(ctx context.Context, _ *struct{}) (*output[accounts.Enrolment], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	e, err := s.Accounts.BeginTOTP(ctx, identityOf(ctx))
	if err != nil {
		return nil, s.accountsProblem(ctx, "beginning with codes", err)
	}
	return &output[accounts.Enrolment]{e}, nil
}

// OneCode is one code of an app.
type OneCode struct {
	Code string `json:"code" minLength:"1" maxLength:"64"`
}

// RecoveryCodes are shown once.
type RecoveryCodes struct {
	Codes []string `json:"codes"`
}

func (s *server) confirmTOTP(ctx context.Context, in *struct{ Body OneCode }) (*output[RecoveryCodes], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	codes, err := s.Accounts.ConfirmTOTP(ctx, identityOf(ctx), in.Body.Code, fromOf(ctx))
	if err != nil {
		return nil, s.accountsProblem(ctx, "confirming codes", err)
	}
	return &output[RecoveryCodes]{RecoveryCodes{codes}}, nil
}

func (s *server) endTOTP(ctx context.Context, in *struct{ Body OneCode }) (*output[Changed], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	if err := s.Accounts.EndTOTP(ctx, identityOf(ctx), in.Body.Code, fromOf(ctx)); err != nil {
		return nil, s.accountsProblem(ctx, "doing without codes", err)
	}
	return &output[Changed]{Changed{1}}, nil
}

func (s *server) sessions(ctx context.Context, in *struct {
	PageInput
	Own bool `query:"own" doc:"One's own alone"`
}) (*output[listItems[accounts.Session]], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	items, err := s.Accounts.Sessions(ctx, identityOf(ctx))
	if err != nil {
		return nil, s.accountsProblem(ctx, "listing sessions", err)
	}
	if in.Own {
		items = slices.DeleteFunc(items, func(x accounts.Session) bool { return !x.Own })
	}
	return paged(in.PageInput, "sessions", items, func(x *accounts.Session) string { return newestFirst(x.Created, x.ID) })
}

func (s *server) endSession(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"64"`
}) (*output[Changed], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	if err := s.Accounts.EndSession(ctx, identityOf(ctx), in.ID); err != nil {
		return nil, s.accountsProblem(ctx, "ending a session", err)
	}
	return &output[Changed]{Changed{1}}, nil
}
