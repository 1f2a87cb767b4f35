package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/query"
)

// PluginActionRequest calls a custom action for IDs, or for what a filter
// finds.
type PluginActionRequest struct {
	Plugin string         `json:"plugin" minLength:"1" maxLength:"64"`
	Action string         `json:"action" minLength:"1" maxLength:"64"`
	IDs    []string       `json:"ids,omitempty" maxItems:"1000" doc:"Message or recipient IDs, or unique beginnings"`
	Q      string         `json:"q,omitempty" maxLength:"4096" doc:"Filter in its text form"`
	Filter *query.Filter  `json:"filter,omitempty" doc:"Filter as a tree; narrows q"`
	Params map[string]any `json:"params,omitempty" doc:"By the action's params; numbers and bools may be strings"`
	DryRun bool           `json:"dry_run,omitempty" doc:"Count only"`
}

// TrainRequest calls every training action of the plugins that the messages'
// tenants use.
type TrainRequest struct {
	As     string        `json:"as" enum:"spam,ham"`
	IDs    []string      `json:"ids,omitempty" maxItems:"1000" doc:"Message or recipient IDs, or unique beginnings"`
	Q      string        `json:"q,omitempty" maxLength:"4096" doc:"Filter in its text form"`
	Filter *query.Filter `json:"filter,omitempty" doc:"Filter as a tree; narrows q"`
	DryRun bool          `json:"dry_run,omitempty" doc:"Count only"`
}

// PluginActionResult is what became of the calls.
type PluginActionResult struct {
	DryRun  bool         `json:"dry_run,omitempty"`
	Matched int          `json:"matched" doc:"Calls that were to be made, and what they could not be made for"`
	Called  int          `json:"called" doc:"Calls that ended well"`
	Items   []PluginItem `json:"items" doc:"One for each call, and for each recipient named that it is not for; at most 1000"`
}

func (s *server) pluginRoutes(a huma.API) {
	const tag = "plugins"
	errs := []int{http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity}
	huma.Register(a, route("list-plugin-actions", http.MethodGet, "/v1/plugin-actions", tag, "Custom actions of plugins",
		"Those that the caller's level may use. Which of them are offered for a message stands in its recipients' actions."), s.pluginActions)
	huma.Register(a, route("call-plugin-action", http.MethodPost, "/v1/plugin-actions", tag, "Call a custom action",
		"Once for each message and tenant; the answer has what the plugin says. Parameters are checked by the plugin's manifest; errors name the field.", errs...), s.callAction)
	huma.Register(a, route("train", http.MethodPost, "/v1/train", tag, "Teach the plugins that learn",
		"Calls every training action of the plugins that the messages' tenants use.", errs...), s.train)
	huma.Register(a, route("list-plugin-tasks", http.MethodGet, "/v1/plugin-tasks", tag, "Calls of plugins that wait",
		"What plugins have scheduled and policy asked for, and what was given up lately; the oldest first, whenever it is due.", http.StatusForbidden), s.pluginTasks)
}

func (s *server) pluginActions(ctx context.Context, in *PageInput) (*output[listItems[PluginAction]], error) {
	items := s.PluginActions.Actions(scopeOf(ctx))
	return paged(*in, "plugin-actions", items, func(a *PluginAction) string { return byName(a.Plugin, a.Action) })
}

func (s *server) pluginTasks(ctx context.Context, in *PageInput) (*output[listItems[PluginTask]], error) {
	if err := adminOnly(ctx); err != nil {
		return nil, err
	}
	items := s.PluginActions.Tasks(scopeOf(ctx))
	return paged(*in, "plugin-tasks", items, func(x *PluginTask) string { return oldestFirst(x.Created, x.ID) })
}

func (s *server) callAction(ctx context.Context, in *struct{ Body PluginActionRequest }) (*output[PluginActionResult], error) {
	r := &in.Body
	return s.callPlugins(ctx, "calling "+r.Plugin+" "+r.Action, PluginOrder{Plugin: r.Plugin, Action: r.Action, Params: r.Params, DryRun: r.DryRun}, r.IDs, r.Q, r.Filter)
}

func (s *server) train(ctx context.Context, in *struct{ Body TrainRequest }) (*output[PluginActionResult], error) {
	r := &in.Body
	return s.callPlugins(ctx, "training", PluginOrder{Train: r.As, DryRun: r.DryRun}, r.IDs, r.Q, r.Filter)
}

func (s *server) callPlugins(ctx context.Context, doing string, o PluginOrder, ids []string, q string, f *query.Filter) (*output[PluginActionResult], error) {
	ctx, cancel := context.WithTimeout(ctx, actionTimes*s.Timeout)
	defer cancel()
	var p *Problem
	if o.IDs, o.Filter, p = s.selection(ctx, ids, q, f); p != nil {
		return nil, p
	}
	out, err := s.PluginActions.Call(ctx, scopeOf(ctx), o)
	if err != nil {
		return nil, s.pluginProblem(ctx, doing, err)
	}
	const most = 1000 // items in an answer
	res := PluginActionResult{DryRun: o.DryRun, Matched: out.Matched, Called: out.Called, Items: out.Items}
	if len(res.Items) > most {
		res.Items = res.Items[:most]
	}
	if res.Items == nil {
		res.Items = []PluginItem{}
	}
	return &output[PluginActionResult]{res}, nil
}

// pluginProblem is problemOf with the errors of custom actions.
func (s *server) pluginProblem(ctx context.Context, doing string, err error) error {
	var unknown *UnknownAction
	var params *BadParams
	switch {
	case errors.As(err, &unknown):
		return problem(http.StatusUnprocessableEntity, unknown.Text, "see: weir plugin actions")
	case errors.As(err, &params):
		p := problem(http.StatusUnprocessableEntity, doing+" needs other parameters", "see: weir plugin actions")
		for _, e := range params.Errors {
			p.Errors = append(p.Errors, e.String())
		}
		return p
	}
	return s.problemOf(ctx, doing, err)
}
