package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/mailweir/weir/gateway/internal/api"
)

// TLSReports is how TLS to recipients' domains went on a day, "2026-11-22";
// "" is today.
func (c *Client) TLSReports(ctx context.Context, day string, most ...AtMost) (*api.TLSDays, error) {
	out := &api.TLSDays{Day: day}
	var err error
	out.Items, err = turn(most, func(cursor string, limit int) ([]api.TLSDay, string, error) {
		// The first page says which day it is: midnight comes between no two.
		p, err := fetch[api.TLSDays](ctx, c, "/v1/tls-reports", pageParams(dayParams(out.Day), cursor, limit))
		if err != nil {
			return nil, "", err
		}
		out.Day = p.Day
		return p.Items, p.Next, nil
	})
	return out, err
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
