package client

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/identities"
)

// Identities gives a tenant's identities of outgoing mail that somebody
// configured or locked.
func (c *Client) Identities(ctx context.Context, tenant string, most ...AtMost) ([]identities.Identity, error) {
	return every[identities.Identity](ctx, c, "/v1/identities", ofTenant(tenant), most)
}

// AddIdentity configures an identity.
func (c *Client) AddIdentity(ctx context.Context, o api.IdentityOrder) (*identities.Identity, error) {
	out := new(identities.Identity)
	if err := c.call(ctx, http.MethodPost, "/v1/identities", nil, o, out); err != nil {
		return nil, err
	}
	return out, nil
}

// RemoveIdentity removes an identity, and its lock.
func (c *Client) RemoveIdentity(ctx context.Context, n api.IdentityName) (int, error) {
	return c.changed(ctx, http.MethodPost, "/v1/identities/remove", nil, n)
}

// LockIdentity lets an identity send no more; 0: it is locked already.
func (c *Client) LockIdentity(ctx context.Context, n api.IdentityName) (int, error) {
	return c.changed(ctx, http.MethodPost, "/v1/identities/lock", nil, n)
}

// UnlockIdentity lets an identity send again; 0: it is not locked.
func (c *Client) UnlockIdentity(ctx context.Context, n api.IdentityName) (int, error) {
	return c.changed(ctx, http.MethodPost, "/v1/identities/unlock", nil, n)
}

// LockedUsers gives the users that may not send for a tenant.
func (c *Client) LockedUsers(ctx context.Context, tenant string, most ...AtMost) ([]identities.LockedUser, error) {
	return every[identities.LockedUser](ctx, c, "/v1/locked-users", ofTenant(tenant), most)
}

// LockUser lets a user send no more for a tenant; 0: it is locked already.
func (c *Client) LockUser(ctx context.Context, n api.IdentityName) (int, error) {
	return c.changed(ctx, http.MethodPost, "/v1/locked-users", nil, n)
}

// UnlockUser lets a user send again.
func (c *Client) UnlockUser(ctx context.Context, n api.IdentityName) (int, error) {
	return c.changed(ctx, http.MethodPost, "/v1/locked-users/remove", nil, n)
}

// ComposeReply prepares an answer to a message.
func (c *Client) ComposeReply(ctx context.Context, id string) (*api.ReplyDraft, error) {
	return fetch[api.ReplyDraft](ctx, c, messagePath(id, "/reply"), nil)
}

// SendReply sends an answer to a message, and gives the ID of the new one.
func (c *Client) SendReply(ctx context.Context, id string, r api.ReplyRequest) (string, error) {
	out := new(api.Sent)
	err := c.call(ctx, http.MethodPost, messagePath(id, "/reply"), nil, r, out)
	return out.ID, err
}

// BodyFor is Body for a verb that shows a message.
func (c *Client) BodyFor(ctx context.Context, id, verb string) (io.ReadCloser, error) {
	resp, err := c.do(ctx, http.MethodGet, messagePath(id, "/body"), url.Values{"verb": {verb}}, nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
