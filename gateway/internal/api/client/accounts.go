package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/audit"
)

// Me says who the caller is.
func (c *Client) Me(ctx context.Context) (*api.Me, error) {
	return fetch[api.Me](ctx, c, "/v1/me", nil)
}

// Users lists users.
func (c *Client) Users(ctx context.Context, most ...AtMost) ([]accounts.User, error) {
	return every[accounts.User](ctx, c, "/v1/users", nil, most)
}

func userPath(name string) string { return "/v1/users/" + url.PathEscape(name) }

// User gives one user.
func (c *Client) User(ctx context.Context, name string) (*accounts.User, error) {
	return fetch[accounts.User](ctx, c, userPath(name), nil)
}

// CreateUser makes a user.
func (c *Client) CreateUser(ctx context.Context, r api.UserRequest) (*accounts.User, error) {
	out := new(accounts.User)
	return out, c.call(ctx, http.MethodPost, "/v1/users", nil, r, out)
}

// ChangeUser changes a user.
func (c *Client) ChangeUser(ctx context.Context, name string, r api.UserPatch) (*accounts.User, error) {
	out := new(accounts.User)
	return out, c.call(ctx, http.MethodPatch, userPath(name), nil, r, out)
}

// RemoveUser removes a user.
func (c *Client) RemoveUser(ctx context.Context, name string) error {
	_, err := c.changed(ctx, http.MethodDelete, userPath(name), nil, nil)
	return err
}

// Tokens lists API tokens.
func (c *Client) Tokens(ctx context.Context, most ...AtMost) ([]accounts.Token, error) {
	return every[accounts.Token](ctx, c, "/v1/tokens", nil, most)
}

// CreateToken makes an API token; the answer has its secret.
func (c *Client) CreateToken(ctx context.Context, r api.TokenRequest) (*api.NewToken, error) {
	out := new(api.NewToken)
	return out, c.call(ctx, http.MethodPost, "/v1/tokens", nil, r, out)
}

// RevokeToken ends a token, by its ID.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	_, err := c.changed(ctx, http.MethodDelete, "/v1/tokens/"+url.PathEscape(id), nil, nil)
	return err
}

// Sessions lists sessions.
func (c *Client) Sessions(ctx context.Context, most ...AtMost) ([]accounts.Session, error) {
	return every[accounts.Session](ctx, c, "/v1/sessions", nil, most)
}

// EndSession ends a session, by its ID.
func (c *Client) EndSession(ctx context.Context, id string) error {
	_, err := c.changed(ctx, http.MethodDelete, "/v1/sessions/"+url.PathEscape(id), nil, nil)
	return err
}

// AuditQuery says which entries of the audit log are wanted.
type AuditQuery struct {
	Tenant, Actor, Action, Target, Message string
	Since, Until                           time.Time
	Refused                                bool
}

func (q AuditQuery) params() url.Values {
	v := url.Values{}
	for k, s := range map[string]string{"tenant": q.Tenant, "actor": q.Actor, "action": q.Action, "target": q.Target, "message": q.Message} {
		if s != "" {
			v.Set(k, s)
		}
	}
	for k, t := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !t.IsZero() {
			v.Set(k, t.UTC().Format(time.RFC3339Nano))
		}
	}
	if q.Refused {
		v.Set("refused", "true")
	}
	return v
}

// Audit gives a page of the audit log, newest first, and the cursor of the next.
func (c *Client) Audit(ctx context.Context, q AuditQuery, cursor string, limit int) ([]audit.Entry, string, error) {
	v := q.params()
	if cursor != "" {
		v.Set("cursor", cursor)
	}
	if limit > 0 {
		v.Set("limit", strconv.Itoa(limit))
	}
	p, err := fetch[items[audit.Entry]](ctx, c, "/v1/audit", v)
	if err != nil {
		return nil, "", err
	}
	return p.Items, p.Next, nil
}

// AuditExport opens the audit log as JSON lines, oldest first. The caller
// closes it.
func (c *Client) AuditExport(ctx context.Context, q AuditQuery) (io.ReadCloser, error) {
	resp, err := c.do(ctx, http.MethodGet, "/v1/audit/export", q.params(), nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// AuditVerify checks the audit log. head is the hash of an entry that it has
// to hold, or "".
func (c *Client) AuditVerify(ctx context.Context, head string) (*audit.Report, error) {
	v := url.Values{}
	if head != "" {
		v.Set("head", head)
	}
	return fetch[audit.Report](ctx, c, "/v1/audit/verify", v)
}
