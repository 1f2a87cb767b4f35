package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/mailweir/weir/gateway/internal/api"
)

// TLSReports is how TLS to recipients' domains went on a day, "2026-11-22";
// "" is today.
func (c *Client) TLSReports(ctx context.Context, day string) (*api.TLSDays, error) {
	var out api.TLSDays
	return &out, c.call(ctx, http.MethodGet, "/v1/tls-reports", dayParams(day), nil, &out)
}

// TLSReport is one domain's report of a day (RFC 8460).
func (c *Client) TLSReport(ctx context.Context, day, domain string) (*api.TLSDomainReport, error) {
	var out api.TLSDomainReport
	return &out, c.call(ctx, http.MethodGet, "/v1/tls-reports/"+url.PathEscape(domain), dayParams(day), nil, &out)
}

func dayParams(day string) url.Values {
	if day == "" {
		return nil
	}
	return url.Values{"day": {day}}
}
