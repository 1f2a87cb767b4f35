package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/nettools"
)

func listOf[T any](ctx context.Context, c *Client, path string, in any) ([]T, error) {
	var out items[T]
	err := c.call(ctx, http.MethodPost, path, nil, in, &out)
	return out.Items, err
}

func oneOf[T any](ctx context.Context, c *Client, path string, in any) (*T, error) {
	out := new(T)
	if err := c.call(ctx, http.MethodPost, path, nil, in, out); err != nil {
		return nil, err
	}
	return out, nil
}

// TestRecipient asks whether recipients exist.
func (c *Client) TestRecipient(ctx context.Context, o nettools.CalloutOrder) ([]nettools.CalloutAnswer, error) {
	return listOf[nettools.CalloutAnswer](ctx, c, "/v1/tests/recipient", o)
}

// TestSender asks whether a sender could be answered.
func (c *Client) TestSender(ctx context.Context, o nettools.CalloutOrder) (*nettools.CalloutAnswer, error) {
	return oneOf[nettools.CalloutAnswer](ctx, c, "/v1/tests/sender", o)
}

// TestSMTP holds the dialogue that a delivery begins with.
func (c *Client) TestSMTP(ctx context.Context, o nettools.SMTPOrder) ([]nettools.SMTPTest, error) {
	return listOf[nettools.SMTPTest](ctx, c, "/v1/tests/smtp", o)
}

// TestTLS looks at the certificates of hosts.
func (c *Client) TestTLS(ctx context.Context, o nettools.TLSOrder) ([]nettools.TLSReport, error) {
	return listOf[nettools.TLSReport](ctx, c, "/v1/tests/tls", o)
}

// TestRoute tells where mail would go.
func (c *Client) TestRoute(ctx context.Context, o nettools.RouteOrder) (*nettools.RouteReport, error) {
	return oneOf[nettools.RouteReport](ctx, c, "/v1/tests/route", o)
}

// TestDNS asks the gateway's name servers.
func (c *Client) TestDNS(ctx context.Context, o nettools.DNSOrder) ([]nettools.DNSAnswer, error) {
	return listOf[nettools.DNSAnswer](ctx, c, "/v1/tests/dns", o)
}

// TestSelf tells whether the gateway's own names and addresses lead to one
// another: as the last check has it, or as one made now.
func (c *Client) TestSelf(ctx context.Context, fresh bool) (*nettools.SelfReport, error) {
	r, err := fetch[nettools.SelfReport](ctx, c, "/v1/tests/self", url.Values{"fresh": {strconv.FormatBool(fresh)}})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Recipients gives one page of what is remembered of a tenant's recipients, and
// the cursor of the next.
func (c *Client) Recipients(ctx context.Context, q nettools.RecipientsQuery) ([]nettools.KnownRecipient, string, error) {
	v := ofTenant(q.Tenant)
	for name, s := range map[string]string{"domain": q.Domain, "kind": q.Kind, "prefix": q.Prefix, "address": q.Address, "cursor": q.After} {
		if s != "" {
			v.Set(name, s)
		}
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	p, err := fetch[items[nettools.KnownRecipient]](ctx, c, "/v1/recipients", v)
	if err != nil {
		return nil, "", err
	}
	return p.Items, p.Next, nil
}

// ClearRecipients forgets; how many entries there were.
func (c *Client) ClearRecipients(ctx context.Context, r api.RecipientsClear) (int, error) {
	return c.changed(ctx, http.MethodPost, "/v1/recipients/clear", nil, r)
}
