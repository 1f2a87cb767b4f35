package client

import (
	"context"
	"net/http"

	"github.com/mailweir/weir/gateway/internal/api"
)

// Destinations gives every next hop and how it is doing.
func (c *Client) Destinations(ctx context.Context, most ...AtMost) ([]api.DestinationStatus, error) {
	return every[api.DestinationStatus](ctx, c, "/v1/destinations", nil, most)
}

// SuspendDestination keeps back what goes to a destination; whether anything
// does, as far as is remembered.
func (c *Client) SuspendDestination(ctx context.Context, r api.SuspendRequest) (known bool, err error) {
	var out api.Suspended
	err = c.call(ctx, http.MethodPost, "/v1/destinations/suspend", nil, r, &out)
	return out.Known, err
}

// ResumeDestination has a destination tried again; whether anything kept it back.
func (c *Client) ResumeDestination(ctx context.Context, name string) (bool, error) {
	var out api.Resumed
	err := c.call(ctx, http.MethodPost, "/v1/destinations/resume", nil, api.ResumeRequest{Name: name}, &out)
	return out.Resumed, err
}
