package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/mailweir/weir/gateway/internal/api"
)

func searchPath(name string) string { return "/v1/searches/" + url.PathEscape(name) }

// send makes a request with a body and reads its answer.
func send[T any](ctx context.Context, c *Client, method, path string, in any) (*T, error) {
	out := new(T)
	if err := c.call(ctx, method, path, nil, in, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Searches gives the saved searches that the caller may use, and the views that
// everybody has.
func (c *Client) Searches(ctx context.Context, most ...AtMost) ([]api.SavedSearch, error) {
	return every[api.SavedSearch](ctx, c, "/v1/searches", nil, most)
}

// SavedSearch gives a saved search or a view by its name.
func (c *Client) SavedSearch(ctx context.Context, name string) (*api.SavedSearch, error) {
	return fetch[api.SavedSearch](ctx, c, searchPath(name), nil)
}

// SaveSearch saves a search, in place of the caller's own of that name.
func (c *Client) SaveSearch(ctx context.Context, name string, r api.SavedSearchRequest) (*api.SavedSearch, error) {
	return send[api.SavedSearch](ctx, c, http.MethodPut, searchPath(name), r)
}

// DeleteSearch removes a saved search.
func (c *Client) DeleteSearch(ctx context.Context, name string) error {
	_, err := send[api.Done](ctx, c, http.MethodDelete, searchPath(name), nil)
	return err
}

// Preferences gives what the caller's screens remember.
func (c *Client) Preferences(ctx context.Context) (*api.Preferences, error) {
	return fetch[api.Preferences](ctx, c, "/v1/preferences", nil)
}

// SetPreferences keeps what is given, and leaves the rest.
func (c *Client) SetPreferences(ctx context.Context, p api.Preferences) (*api.Preferences, error) {
	return send[api.Preferences](ctx, c, http.MethodPut, "/v1/preferences", p)
}

// EventSinks gives the receivers of events.
func (c *Client) EventSinks(ctx context.Context, most ...AtMost) ([]api.EventSink, error) {
	return every[api.EventSink](ctx, c, "/v1/event-sinks", nil, most)
}

// ResumeEventSink has a receiver of events tried now.
func (c *Client) ResumeEventSink(ctx context.Context, name string) error {
	_, err := send[api.Done](ctx, c, http.MethodPost, "/v1/event-sinks/resume", map[string]string{"name": name})
	return err
}
