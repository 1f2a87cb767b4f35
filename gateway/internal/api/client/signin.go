package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/api"
)

// A sign-in that ends well leaves a session with the client: what it asks from
// then on is asked under it, as a browser would, until SignOut. None of these
// requests is sent again by itself, for nothing is kept of secrets.

// SignInWays gives the ways to sign in that there are.
func (c *Client) SignInWays(ctx context.Context) (*api.Ways, error) {
	return fetch[api.Ways](ctx, c, "/v1/sign-in/ways", nil)
}

// SignIn signs in with a name and a password. The answer may ask for a second
// step: SignInCode.
func (c *Client) SignIn(ctx context.Context, name, password string) (*api.SignedIn, error) {
	return send[api.SignedIn](ctx, c, http.MethodPost, "/v1/sign-in", api.SignInRequest{Name: name, Password: password})
}

// SignInCode is the second step of a sign-in; pending is from the first.
func (c *Client) SignInCode(ctx context.Context, pending, code string) (*api.SignedIn, error) {
	return send[api.SignedIn](ctx, c, http.MethodPost, "/v1/sign-in/code", api.CodeRequest{Pending: pending, Code: code})
}

// AskLink has a link mailed to a mailbox. The answer is the same whether there
// is one or not.
func (c *Client) AskLink(ctx context.Context, mailbox string) (*api.LinkAsked, error) {
	return send[api.LinkAsked](ctx, c, http.MethodPost, "/v1/sign-in/link", map[string]string{"mailbox": mailbox})
}

// OpenLink signs in by the token of a link.
func (c *Client) OpenLink(ctx context.Context, token string) (*api.SignedIn, error) {
	return send[api.SignedIn](ctx, c, http.MethodPost, "/v1/sign-in/link/open", map[string]string{"token": token})
}

// BeginPasskeySignIn gives what to ask an authenticator for.
func (c *Client) BeginPasskeySignIn(ctx context.Context) (*accounts.Ceremony, error) {
	return send[accounts.Ceremony](ctx, c, http.MethodPost, "/v1/sign-in/passkey/begin", nil)
}

// PasskeySignIn signs in with what the authenticator answers.
func (c *Client) PasskeySignIn(ctx context.Context, a api.PasskeyAnswer) (*api.SignedIn, error) {
	return send[api.SignedIn](ctx, c, http.MethodPost, "/v1/sign-in/passkey", a)
}

// SignOut ends the client's session.
func (c *Client) SignOut(ctx context.Context) error {
	_, err := send[api.SignedIn](ctx, c, http.MethodPost, "/v1/sign-out", nil)
	return err
}

// ChangePassword changes one's own password. Every session ends but the
// client's, which goes on.
func (c *Client) ChangePassword(ctx context.Context, old, password string) (*api.SignedIn, error) {
	return send[api.SignedIn](ctx, c, http.MethodPost, "/v1/me/password", map[string]string{"old": old, "password": password})
}

// BeginTOTP gives a secret for an app; it is in force once ConfirmTOTP got one
// of its codes.
func (c *Client) BeginTOTP(ctx context.Context) (*accounts.Enrolment, error) {
	return send[accounts.Enrolment](ctx, c, http.MethodPost, "/v1/me/totp", nil)
}

// ConfirmTOTP has codes asked for from now on, and gives the recovery codes.
func (c *Client) ConfirmTOTP(ctx context.Context, code string) (*api.RecoveryCodes, error) {
	return send[api.RecoveryCodes](ctx, c, http.MethodPost, "/v1/me/totp/confirm", api.OneCode{Code: code})
}

// EndTOTP has codes asked for no more.
func (c *Client) EndTOTP(ctx context.Context, code string) error {
	_, err := c.changed(ctx, http.MethodPost, "/v1/me/totp/remove", nil, api.OneCode{Code: code})
	return err
}

// BeginPasskey gives what to ask a new authenticator for.
func (c *Client) BeginPasskey(ctx context.Context) (*accounts.Ceremony, error) {
	return send[accounts.Ceremony](ctx, c, http.MethodPost, "/v1/me/passkeys/begin", nil)
}

// AddPasskey adds an authenticator to one's own account, under the name of the
// device it is on.
func (c *Client) AddPasskey(ctx context.Context, name string, a api.PasskeyAnswer) (*accounts.Passkey, error) {
	return send[accounts.Passkey](ctx, c, http.MethodPost, "/v1/me/passkeys", struct {
		api.PasskeyAnswer
		Name string `json:"name"`
	}{a, name})
}

// RemovePasskey removes an authenticator of one's own, by its ID.
func (c *Client) RemovePasskey(ctx context.Context, id string) error {
	_, err := c.changed(ctx, http.MethodDelete, "/v1/me/passkeys/"+url.PathEscape(id), nil, nil)
	return err
}

// MyAccount gives one's own account, where there is one.
func (c *Client) MyAccount(ctx context.Context) (*accounts.User, error) {
	return fetch[accounts.User](ctx, c, "/v1/me/account", nil)
}
