package client

import (
	"context"

	"github.com/mailweir/weir/gateway/internal/api"
)

// Fields gives the fields of the log.
func (c *Client) Fields(ctx context.Context, most ...AtMost) ([]api.FieldInfo, error) {
	return every[api.FieldInfo](ctx, c, "/v1/fields", nil, most)
}

// Verbs gives the actions that the caller's level and role are offered.
func (c *Client) Verbs(ctx context.Context, most ...AtMost) ([]api.VerbInfo, error) {
	return every[api.VerbInfo](ctx, c, "/v1/verbs", nil, most)
}
