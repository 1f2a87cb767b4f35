package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/lists"
)

type items[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

func ofTenant(tenant string) url.Values { return url.Values{"tenant": {tenant}} }

// Lists gives a tenant's named lists.
func (c *Client) Lists(ctx context.Context, tenant string, most ...AtMost) ([]api.ListInfo, error) {
	return every[api.ListInfo](ctx, c, "/v1/lists", ofTenant(tenant), most)
}

// ListEntries gives one page of what operators added to a list, and the cursor
// of the next.
func (c *Client) ListEntries(ctx context.Context, q lists.Query) ([]lists.Entry, string, error) {
	v := ofTenant(q.Tenant)
	if q.Mailbox != nil {
		v.Set("mailbox", *q.Mailbox)
		if *q.Mailbox == "" {
			v.Set("mailbox", "-")
		}
	}
	if q.Prefix != "" {
		v.Set("prefix", q.Prefix)
	}
	if q.After != "" {
		v.Set("cursor", q.After)
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	p, err := fetch[items[lists.Entry]](ctx, c, "/v1/lists/"+url.PathEscape(q.List), v)
	if err != nil {
		return nil, "", err
	}
	return p.Items, p.Next, nil
}

// AddEntries adds to a list; how many entries are new.
func (c *Client) AddEntries(ctx context.Context, list string, r api.ListChange) (int, error) {
	return c.changed(ctx, http.MethodPost, "/v1/lists/"+url.PathEscape(list), nil, r)
}

// RemoveEntries removes from a list; how many entries were there.
func (c *Client) RemoveEntries(ctx context.Context, list string, r api.ListChange) (int, error) {
	return c.changed(ctx, http.MethodPost, "/v1/lists/"+url.PathEscape(list)+"/remove", nil, r)
}

func (c *Client) changed(ctx context.Context, method, path string, params url.Values, body any) (int, error) {
	out := new(api.Changed)
	err := c.call(ctx, method, path, params, body, out)
	return out.Changed, err
}

// Rules gives the filtering rules that operators added.
func (c *Client) Rules(ctx context.Context, tenant string, most ...AtMost) ([]lists.Rule, error) {
	return every[lists.Rule](ctx, c, "/v1/rules", ofTenant(tenant), most)
}

// AddRule adds a filtering rule.
func (c *Client) AddRule(ctx context.Context, r api.RuleRequest) (*lists.Rule, error) {
	out := new(lists.Rule)
	if err := c.call(ctx, http.MethodPost, "/v1/rules", nil, r, out); err != nil {
		return nil, err
	}
	return out, nil
}

// RemoveRule removes a filtering rule.
func (c *Client) RemoveRule(ctx context.Context, tenant, id string) error {
	_, err := c.changed(ctx, http.MethodDelete, "/v1/rules/"+url.PathEscape(id), ofTenant(tenant), nil)
	return err
}

// ClassActions gives what operators chose for classes of findings.
func (c *Client) ClassActions(ctx context.Context, tenant string, most ...AtMost) ([]lists.Override, error) {
	return every[lists.Override](ctx, c, "/v1/class-actions", ofTenant(tenant), most)
}

// SetClassAction chooses what becomes of a class.
func (c *Client) SetClassAction(ctx context.Context, r api.ClassActionRequest) error {
	_, err := c.changed(ctx, http.MethodPut, "/v1/class-actions", nil, r)
	return err
}

// ClearClassAction leaves a class to the policy again.
func (c *Client) ClearClassAction(ctx context.Context, tenant, class string) error {
	v := ofTenant(tenant)
	v.Set("class", class)
	_, err := c.changed(ctx, http.MethodDelete, "/v1/class-actions", v, nil)
	return err
}
