package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
)

// GrantRequest is what an account is to be allowed.
type GrantRequest struct {
	Level   string   `json:"level" enum:"admin,domain,mailbox"`
	Role    string   `json:"role,omitempty" enum:"operator,auditor,helpdesk" doc:"auditor: sees everything but content and changes nothing; helpdesk: may test and retry, reads no content"`
	Tenant  string   `json:"tenant,omitempty" maxLength:"200" doc:"Of the levels domain and mailbox"`
	Domains []string `json:"domains,omitempty" maxItems:"1000" doc:"Of the level domain; none: all of the tenant's"`
	Mailbox string   `json:"mailbox,omitempty" maxLength:"320" doc:"Of the level mailbox"`
}

func (g GrantRequest) grant() accounts.Grant {
	return accounts.Grant{Level: lifecycle.Level(g.Level), Role: lifecycle.Role(g.Role), Tenant: g.Tenant, Domains: g.Domains, Mailbox: g.Mailbox}
}

// UserRequest makes a user.
type UserRequest struct {
	Name string `json:"name" minLength:"1" maxLength:"254" doc:"A mail address, or a login"`
	GrantRequest
	Password string `json:"password,omitempty" maxLength:"1024" doc:"At least 10 characters; none: sign-in by other ways"`
}

// UserPatch changes a user; what is absent stays.
type UserPatch struct {
	Grant     *GrantRequest `json:"grant,omitempty"`
	Disabled  *bool         `json:"disabled,omitempty"`
	Password  *string       `json:"password,omitempty" maxLength:"1024"`
	ResetTOTP bool          `json:"reset_totp,omitempty" doc:"Take away codes, recovery codes and passkeys, for who lost them"`
}

// TokenRequest makes a token.
type TokenRequest struct {
	Name string `json:"name" minLength:"1" maxLength:"100" doc:"What it is for"`
	GrantRequest
	Expires time.Time `json:"expires,omitzero" doc:"Its end; absent: it has none"`
}

// NewToken is a token with its secret, which is shown this once.
type NewToken struct {
	accounts.Token
	Secret string `json:"secret" doc:"Send it as: Authorization: Bearer SECRET. It is not kept"`
}

func (s *server) accountRoutes(a huma.API) {
	const tag = "accounts"
	bad := []int{http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity}
	huma.Register(a, route("list-users", http.MethodGet, "/v1/users", tag, "Users", "Those that the caller manages.", bad...), s.users)
	huma.Register(a, route("create-user", http.MethodPost, "/v1/users", tag, "Make a user", "", bad...), s.addUser)
	huma.Register(a, route("get-user", http.MethodGet, "/v1/users/{name}", tag, "One user", "", bad...), s.user)
	huma.Register(a, route("change-user", http.MethodPatch, "/v1/users/{name}", tag, "Change a user", "Every session of theirs ends.", bad...), s.changeUser)
	huma.Register(a, route("remove-user", http.MethodDelete, "/v1/users/{name}", tag, "Remove a user", "Their sessions end, and the tokens they made.", bad...), s.removeUser)
	huma.Register(a, route("list-tokens", http.MethodGet, "/v1/tokens", tag, "API tokens", "Those that the caller manages, newest first. Secrets are not kept.", bad...), s.tokens)
	huma.Register(a, route("create-token", http.MethodPost, "/v1/tokens", tag, "Make an API token", "It may no more than whoever makes it, and ends with them.", bad...), s.addToken)
	huma.Register(a, route("revoke-token", http.MethodDelete, "/v1/tokens/{token}", tag, "Revoke an API token", "", bad...), s.revokeToken)
}

func (s *server) users(ctx context.Context, in *PageInput) (*output[listItems[accounts.User]], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	items, err := s.Accounts.Users(ctx, scopeOf(ctx))
	if err != nil {
		return nil, s.accountsProblem(ctx, "listing users", err)
	}
	return paged(*in, "users", items, func(u *accounts.User) string { return u.Name })
}

func (s *server) addUser(ctx context.Context, in *struct{ Body UserRequest }) (*output[accounts.User], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	u, err := s.Accounts.AddUser(ctx, scopeOf(ctx), accounts.NewUser{Name: in.Body.Name, Grant: in.Body.grant(), Password: in.Body.Password})
	if err != nil {
		return nil, s.accountsProblem(ctx, "making a user", err)
	}
	return &output[accounts.User]{u}, nil
}

// UserParam names a user.
type UserParam struct {
	Name string `path:"name" maxLength:"254"`
}

func (s *server) user(ctx context.Context, in *UserParam) (*output[accounts.User], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	u, err := s.Accounts.User(ctx, scopeOf(ctx), in.Name)
	if err != nil {
		return nil, s.accountsProblem(ctx, "user "+in.Name, err)
	}
	return &output[accounts.User]{u}, nil
}

func (s *server) changeUser(ctx context.Context, in *struct {
	UserParam
	Body UserPatch
}) (*output[accounts.User], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	c := accounts.UserChange{Disabled: in.Body.Disabled, Password: in.Body.Password, ResetTOTP: in.Body.ResetTOTP}
	if in.Body.Grant != nil {
		g := in.Body.Grant.grant()
		c.Grant = &g
	}
	u, err := s.Accounts.ChangeUser(ctx, scopeOf(ctx), in.Name, c)
	if err != nil {
		return nil, s.accountsProblem(ctx, "changing user "+in.Name, err)
	}
	return &output[accounts.User]{u}, nil
}

func (s *server) removeUser(ctx context.Context, in *UserParam) (*output[Changed], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	if err := s.Accounts.RemoveUser(ctx, scopeOf(ctx), in.Name); err != nil {
		return nil, s.accountsProblem(ctx, "removing user "+in.Name, err)
	}
	return &output[Changed]{Changed{1}}, nil
}

func (s *server) tokens(ctx context.Context, in *PageInput) (*output[listItems[accounts.Token]], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	items, err := s.Accounts.Tokens(ctx, scopeOf(ctx))
	if err != nil {
		return nil, s.accountsProblem(ctx, "listing tokens", err)
	}
	return paged(*in, "tokens", items, func(t *accounts.Token) string { return newestFirst(t.Created, t.ID) })
}

func (s *server) addToken(ctx context.Context, in *struct{ Body TokenRequest }) (*output[NewToken], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	t, secret, err := s.Accounts.AddToken(ctx, scopeOf(ctx), identityOf(ctx), accounts.NewToken{Name: in.Body.Name, Grant: in.Body.grant(), Expires: in.Body.Expires})
	if err != nil {
		return nil, s.accountsProblem(ctx, "making a token", err)
	}
	return &output[NewToken]{NewToken{t, secret}}, nil
}

func (s *server) revokeToken(ctx context.Context, in *struct {
	Token string `path:"token" maxLength:"64" doc:"Its ID"`
}) (*output[Changed], error) {
	if err := s.noAccounts(); err != nil {
		return nil, err
	}
	if err := s.Accounts.RevokeToken(ctx, scopeOf(ctx), in.Token); err != nil {
		return nil, s.accountsProblem(ctx, "revoking token "+in.Token, err)
	}
	return &output[Changed]{Changed{1}}, nil
}
