package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/query"
)

// Search is what to look for.
type Search struct {
	Q      string       // text form
	Filter query.Filter // narrows Q
	Cursor string       // "" the start
	Limit  int          // rows of a page; 0 the gateway's default
	Fields []string     // of a row; none: all
	Sort   string       // field, with - in front highest first; "" newest message first

	Told func(*api.SearchPage) // gets each page that All reads; nil nobody does
}

func (s Search) params() (url.Values, error) {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	set("q", s.Q)
	set("cursor", s.Cursor)
	set("sort", s.Sort)
	set("fields", strings.Join(s.Fields, ","))
	if s.Limit > 0 {
		v.Set("limit", strconv.Itoa(s.Limit))
	}
	if !s.Filter.IsZero() {
		b, err := json.Marshal(s.Filter)
		if err != nil {
			return nil, fmt.Errorf("writing the filter: %w", err)
		}
		v.Set("filter", string(b))
	}
	return v, nil
}

// Search gives one page of rows.
func (c *Client) Search(ctx context.Context, s Search) (*api.SearchPage, error) {
	return get[api.SearchPage](ctx, c, "/v1/messages", s)
}

// Deliveries gives one page of the delivery log, latest attempt first. The filter
// may ask about attempts; Fields are those of recipients' rows to have, too.
func (c *Client) Deliveries(ctx context.Context, s Search) (*api.DeliveryPage, error) {
	s.Sort = ""
	return get[api.DeliveryPage](ctx, c, "/v1/deliveries", s)
}

func get[T any](ctx context.Context, c *Client, path string, s Search) (*T, error) {
	params, err := s.params()
	if err != nil {
		return nil, err
	}
	return fetch[T](ctx, c, path, params)
}

func fetch[T any](ctx context.Context, c *Client, path string, params url.Values) (*T, error) {
	out := new(T)
	if err := c.call(ctx, http.MethodGet, path, params, nil, out); err != nil {
		return nil, err
	}
	return out, nil
}

// All gives every row that matches, page by page, at most limit of them (0:
// no limit). It ends after the first error.
func (c *Client) All(ctx context.Context, s Search, limit int) iter.Seq2[api.Row, error] {
	return pages(s, limit, func(s Search) ([]api.Row, string, error) {
		p, err := c.Search(ctx, s)
		if err != nil {
			return nil, "", err
		}
		if s.Told != nil {
			s.Told(p)
		}
		return p.Items, p.Next, nil
	})
}

// AllDeliveries gives the rows of the delivery log that match, page by page, at
// most limit of them (0: no limit). told gets each page; nil: nobody does.
func (c *Client) AllDeliveries(ctx context.Context, s Search, limit int, told func(*api.DeliveryPage)) iter.Seq2[api.Delivery, error] {
	return pages(s, limit, func(s Search) ([]api.Delivery, string, error) {
		p, err := c.Deliveries(ctx, s)
		if err != nil {
			return nil, "", err
		}
		if told != nil {
			told(p)
		}
		return p.Items, p.Next, nil
	})
}

// pageSize is how many rows are asked for at a time.
const pageSize = 500

func pages[T any](s Search, limit int, next func(Search) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		given := 0
		s.Limit = pageSize
		if limit > 0 {
			s.Limit = min(limit, pageSize)
		}
		for {
			items, cursor, err := next(s)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, it := range items {
				if limit > 0 && given == limit {
					return
				}
				given++
				if !yield(it, nil) {
					return
				}
			}
			if cursor == "" || limit > 0 && given == limit {
				return
			}
			s.Cursor = cursor
		}
	}
}

func messagePath(id, tail string) string { return "/v1/messages/" + url.PathEscape(id) + tail }

// Message gives one message; id may be the unique beginning of one.
func (c *Client) Message(ctx context.Context, id string) (*api.Message, error) {
	return fetch[api.Message](ctx, c, messagePath(id, ""), nil)
}

// Explain gives everything there is to say about a message.
func (c *Client) Explain(ctx context.Context, id string) (*api.Explanation, error) {
	return fetch[api.Explanation](ctx, c, messagePath(id, "/explain"), nil)
}

// ExplainReply says what a mail server's answer means. host is who gave it, or
// "".
func (c *Client) ExplainReply(ctx context.Context, reply, host string) (*api.ReplyExplanation, error) {
	return fetch[api.ReplyExplanation](ctx, c, "/v1/explain", url.Values{"reply": {reply}, "host": {host}})
}

// Attempts gives the delivery attempts of a message, oldest first.
func (c *Client) Attempts(ctx context.Context, id string, most ...AtMost) ([]api.Attempt, error) {
	return every[api.Attempt](ctx, c, messagePath(id, "/attempts"), nil, most)
}

// Events gives what happened to a message, oldest first.
func (c *Client) Events(ctx context.Context, id string, most ...AtMost) ([]api.Event, error) {
	return every[api.Event](ctx, c, messagePath(id, "/events"), nil, most)
}

// Body opens a message for download. The caller closes it; a download that
// breaks off ends in an error other than io.EOF.
func (c *Client) Body(ctx context.Context, id string) (io.ReadCloser, error) {
	resp, err := c.do(ctx, http.MethodGet, messagePath(id, "/body"), nil, nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// Act applies a verb.
func (c *Client) Act(ctx context.Context, r api.ActionRequest) (*api.ActionResult, error) {
	out := new(api.ActionResult)
	if err := c.call(ctx, http.MethodPost, "/v1/actions", nil, r, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Summary gives the number of recipients by live status.
func (c *Client) Summary(ctx context.Context) (*api.Summary, error) {
	return fetch[api.Summary](ctx, c, "/v1/queue/summary", nil)
}

// Plugins gives the loaded plugins.
func (c *Client) Plugins(ctx context.Context, most ...AtMost) ([]api.PluginStatus, error) {
	return every[api.PluginStatus](ctx, c, "/v1/plugins", nil, most)
}

// Policy describes the policy in force.
func (c *Client) Policy(ctx context.Context) (*api.PolicyInfo, error) {
	return fetch[api.PolicyInfo](ctx, c, "/v1/policy", nil)
}

// Reload has the gateway read its policy anew, or, with checkOnly, only say
// what is wrong with it.
func (c *Client) Reload(ctx context.Context, checkOnly bool) (*api.ReloadResult, error) {
	params := url.Values{}
	if checkOnly {
		params.Set("check", "true")
	}
	out := new(api.ReloadResult)
	if err := c.call(ctx, http.MethodPost, "/v1/reload", params, nil, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Version says which build answers.
func (c *Client) Version(ctx context.Context) (*api.VersionInfo, error) {
	return fetch[api.VersionInfo](ctx, c, "/v1/version", nil)
}

// Ready gives nil when the gateway can take mail.
func (c *Client) Ready(ctx context.Context) error {
	resp, err := c.do(ctx, http.MethodGet, "/readyz", nil, nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
