package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
)

// Count counts what a search finds.
func (c *Client) Count(ctx context.Context, s Search) (*api.CountResult, error) {
	return sum[api.CountResult](ctx, c, "/v1/messages/count", s, nil)
}

// Facets gives the most frequent values of fields among what a search finds.
func (c *Client) Facets(ctx context.Context, s Search, limit int, fields ...string) (*api.FacetsResult, error) {
	v := url.Values{"fields": {strings.Join(fields, ",")}}
	if limit > 0 {
		v.Set("limit", strconv.Itoa(limit))
	}
	return sum[api.FacetsResult](ctx, c, "/v1/messages/facets", s, v)
}

// Histogram gives how much of what a search finds was received when; step is
// such as "1h".
func (c *Client) Histogram(ctx context.Context, s Search, step string) (*api.HistogramResult, error) {
	return sum[api.HistogramResult](ctx, c, "/v1/messages/histogram", s, url.Values{"step": {step}})
}

func sum[T any](ctx context.Context, c *Client, path string, s Search, more url.Values) (*T, error) {
	params, err := Search{Q: s.Q, Filter: s.Filter}.params()
	if err != nil {
		return nil, err
	}
	for k, v := range more {
		params[k] = v
	}
	return fetch[T](ctx, c, path, params)
}

// Index tells the state of the search index.
func (c *Client) Index(ctx context.Context) (*api.IndexInfo, error) {
	return fetch[api.IndexInfo](ctx, c, "/v1/index", nil)
}

// RebuildIndex has the search index made anew, and does not wait.
func (c *Client) RebuildIndex(ctx context.Context) (*api.IndexInfo, error) {
	out := new(api.IndexInfo)
	if err := c.call(ctx, http.MethodPost, "/v1/index/rebuild", nil, nil, out); err != nil {
		return nil, err
	}
	return out, nil
}

// ParseFilter gives a filter in both of its forms: what Q and Filter say.
func (c *Client) ParseFilter(ctx context.Context, s Search) (*api.FilterForms, error) {
	return sum[api.FilterForms](ctx, c, "/v1/filter", s, nil)
}
