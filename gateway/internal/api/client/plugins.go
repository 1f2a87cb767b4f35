package client

import (
	"context"
	"net/http"

	"github.com/mailweir/weir/gateway/internal/api"
)

// PluginActions gives the custom actions that the caller may use.
func (c *Client) PluginActions(ctx context.Context, most ...AtMost) ([]api.PluginAction, error) {
	return every[api.PluginAction](ctx, c, "/v1/plugin-actions", nil, most)
}

// CallAction calls a custom action.
func (c *Client) CallAction(ctx context.Context, r api.PluginActionRequest) (*api.PluginActionResult, error) {
	out := new(api.PluginActionResult)
	if err := c.call(ctx, http.MethodPost, "/v1/plugin-actions", nil, r, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Train calls the training actions of the plugins concerned.
func (c *Client) Train(ctx context.Context, r api.TrainRequest) (*api.PluginActionResult, error) {
	out := new(api.PluginActionResult)
	if err := c.call(ctx, http.MethodPost, "/v1/train", nil, r, out); err != nil {
		return nil, err
	}
	return out, nil
}

// PluginTasks gives the calls of plugins that wait, or were given up.
func (c *Client) PluginTasks(ctx context.Context, most ...AtMost) ([]api.PluginTask, error) {
	return every[api.PluginTask](ctx, c, "/v1/plugin-tasks", nil, most)
}
