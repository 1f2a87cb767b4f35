package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/mailweir/weir/gateway/internal/api"
)

// PreviewDigest gives what a mailbox's digest would say now.
func (c *Client) PreviewDigest(ctx context.Context, mailbox string) (*api.DigestPreview, error) {
	return fetch[api.DigestPreview](ctx, c, "/v1/digests/preview", url.Values{"mailbox": {mailbox}})
}

// SendDigest sends a mailbox its digest now.
func (c *Client) SendDigest(ctx context.Context, mailbox string) (*api.SentMail, error) {
	out := new(api.SentMail)
	return out, c.call(ctx, http.MethodPost, "/v1/digests", nil, map[string]any{"mailbox": mailbox}, out)
}

// Reports lists the reports that are sent by mail.
func (c *Client) Reports(ctx context.Context, most ...AtMost) ([]api.ReportPlan, error) {
	return every[api.ReportPlan](ctx, c, "/v1/reports", nil, most)
}

// RunReport has a report made now. tenant "" is the gateway's; to, where it is
// not empty, gets it instead of those who always do.
func (c *Client) RunReport(ctx context.Context, tenant, name string, to []string) (*api.SentMail, error) {
	in := map[string]any{"name": name}
	if tenant != "" {
		in["tenant"] = tenant
	}
	if len(to) > 0 {
		in["to"] = to
	}
	out := new(api.SentMail)
	return out, c.call(ctx, http.MethodPost, "/v1/reports/run", nil, in, out)
}
