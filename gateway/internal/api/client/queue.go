package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
)

// Shape sums up the queue by some dimensions, the top largest groups of each.
func (c *Client) Shape(ctx context.Context, s Search, by []string, top int) (*api.QueueShape, error) {
	params, err := Search{Q: s.Q, Filter: s.Filter}.params()
	if err != nil {
		return nil, err
	}
	if len(by) > 0 {
		params.Set("by", strings.Join(by, ","))
	}
	if top > 0 {
		params.Set("top", strconv.Itoa(top))
	}
	return fetch[api.QueueShape](ctx, c, "/v1/queue/shape", params)
}

// Outbound reports on outgoing mail since a time, with limit messages told of.
func (c *Client) Outbound(ctx context.Context, q string, since time.Time, limit int) (*api.OutboundReport, error) {
	params := url.Values{"limit": {strconv.Itoa(limit)}}
	if q != "" {
		params.Set("q", q)
	}
	if !since.IsZero() {
		params.Set("since", since.UTC().Format(time.RFC3339))
	}
	return fetch[api.OutboundReport](ctx, c, "/v1/reports/outbound", params)
}

// StartJob begins a job.
func (c *Client) StartJob(ctx context.Context, r api.JobRequest) (*api.Job, error) {
	out := new(api.Job)
	if err := c.call(ctx, http.MethodPost, "/v1/jobs", nil, r, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Jobs gives the jobs there are and were, newest first.
func (c *Client) Jobs(ctx context.Context, most ...AtMost) ([]api.Job, error) {
	return every[api.Job](ctx, c, "/v1/jobs", nil, most)
}

func jobPath(id, tail string) string { return "/v1/jobs/" + url.PathEscape(id) + tail }

// Job gives one job.
func (c *Client) Job(ctx context.Context, id string) (*api.Job, error) {
	return fetch[api.Job](ctx, c, jobPath(id, ""), nil)
}

// CancelJob stops one.
func (c *Client) CancelJob(ctx context.Context, id string) (*api.Job, error) {
	out := new(api.Job)
	if err := c.call(ctx, http.MethodPost, jobPath(id, "/cancel"), nil, nil, out); err != nil {
		return nil, err
	}
	return out, nil
}

// JobResults gives what became of each recipient, page by page; with refused
// only what was not done. It ends after the first error.
func (c *Client) JobResults(ctx context.Context, id string, refused bool) iter.Seq2[api.ActionItem, error] {
	return func(yield func(api.ActionItem, error) bool) {
		for cursor := ""; ; {
			params := pageParams(nil, cursor, pageSize)
			if refused {
				params.Set("refused", "true")
			}
			p, err := fetch[api.JobResults](ctx, c, jobPath(id, "/results"), params)
			if err != nil {
				yield(api.ActionItem{}, err)
				return
			}
			for _, it := range p.Items {
				if !yield(it, nil) {
					return
				}
			}
			if cursor = p.Next; cursor == "" {
				return
			}
		}
	}
}
