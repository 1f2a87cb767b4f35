package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/tasks"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// openTasks reads what plugins' work waits. The plugin host is made after it,
// with it as its queue.
func (d *Daemon) openTasks(ctx context.Context) (*tasks.Service, error) {
	return tasks.Open(ctx, tasks.Options{
		Store: d.store, Host: func() tasks.Host { return d.host }, Policy: d.snaps.policy, Actions: func() *actions.Service { return d.actions },
		Clock: taskClock{d.o.Now}, Logger: d.log,
	})
}

// taskClock tells the daemon's time; it passes as the machine's does.
type taskClock struct{ now func() time.Time }

func (c taskClock) Now() time.Time { return c.now() }

func (c taskClock) Timer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// pluginActions adapts package tasks.
type pluginActions struct{ t *tasks.Service }

func (p pluginActions) Actions(sc scope.Scope) []api.PluginAction {
	return actionsOf(p.t.Actions(sc))
}

func (p pluginActions) Offered(sc scope.Scope, m *store.Message, r *store.Recipient) []api.PluginAction {
	return actionsOf(p.t.Offered(sc, m, r))
}

func actionsOf(os []tasks.Offer) []api.PluginAction {
	out := make([]api.PluginAction, 0, len(os))
	for _, o := range os {
		a := api.PluginAction{
			Plugin: o.Plugin, Action: o.Name, Title: o.Title, Doc: o.Doc, Statuses: o.Statuses, Level: o.Level, Body: o.Body, Train: o.Train,
		}
		if a.Level == "" {
			a.Level = "domain"
		}
		for _, p := range o.Params {
			a.Params = append(a.Params, paramOf(p))
		}
		out = append(out, a)
	}
	return out
}

func paramOf(p manifest.Attr) api.PluginParam {
	return api.PluginParam{Name: p.Name, Type: p.Type, Required: p.Required, Default: p.Default, OneOf: p.OneOf, Secret: p.Secret, Doc: p.Doc}
}

func (p pluginActions) Call(ctx context.Context, sc scope.Scope, o api.PluginOrder) (api.PluginOutcome, error) {
	res, err := p.t.Act(ctx, sc, tasks.Order{Plugin: o.Plugin, Action: o.Action, Train: o.Train, IDs: o.IDs, Filter: o.Filter, Params: o.Params, DryRun: o.DryRun})
	if err != nil {
		var unknown *tasks.Unknown
		var params *tasks.BadParams
		switch {
		case errors.As(err, &unknown):
			err = &api.UnknownAction{Text: unknown.Text}
		case errors.As(err, &params):
			bad := &api.BadParams{}
			for _, e := range params.Errs {
				bad.Errors = append(bad.Errors, api.ParamError{Name: e.Name, Text: e.Text})
			}
			err = bad
		}
		return api.PluginOutcome{}, err
	}
	out := api.PluginOutcome{Matched: res.Matched, Called: res.Called}
	for _, it := range res.Items {
		x := api.PluginItem{ID: it.ID, Recipients: it.Recipients, Plugin: it.Plugin, Action: it.Action, Text: it.Text, Error: it.Error}
		for _, r := range it.Results {
			x.Results = append(x.Results, api.PluginResult{Key: r.Key, Value: r.Value})
		}
		for i := range it.Findings {
			f := &it.Findings[i]
			c := api.PluginFinding{Class: f.Main, Score: f.Score, Explanation: f.Explanation}
			for _, s := range []string{f.Sub, f.Extra} {
				if s != "" {
					c.Class += "/" + s
				}
			}
			x.Findings = append(x.Findings, c)
		}
		out.Items = append(out.Items, x)
	}
	return out, nil
}

func (p pluginActions) Tasks(sc scope.Scope) []api.PluginTask {
	var out []api.PluginTask
	for _, t := range p.t.List(sc) {
		out = append(out, api.PluginTask{
			ID: t.ID, Plugin: t.Plugin, Tenant: t.Tenant, Stage: t.Stage, Name: t.Name, Key: t.Key, Message: t.Message.String(), Recipient: t.N,
			Actor: t.Actor, State: string(t.State), Created: t.Created, Next: t.Next, Tries: t.Tries, Error: t.Error,
		})
	}
	return out
}

// taskCollector shows what waits and what was called.
type taskCollector struct{ t *tasks.Service }

var (
	tasksDesc = prometheus.NewDesc("weir_plugin_tasks", "Calls of plugins that are to be made or were given up, by state.", []string{"plugin", "state"}, nil)
	taskCalls = prometheus.NewDesc("weir_plugin_action_calls_total", "Calls of custom actions and schedules, by result.", []string{"plugin", "stage", "name", "result"}, nil)
)

func (c taskCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- tasksDesc
	ch <- taskCalls
}

func (c taskCollector) Collect(ch chan<- prometheus.Metric) {
	for _, n := range c.t.Counts() {
		ch <- prometheus.MustNewConstMetric(tasksDesc, prometheus.GaugeValue, float64(n.N), n.Plugin, string(n.State))
	}
	for _, n := range c.t.Calls() {
		ch <- prometheus.MustNewConstMetric(taskCalls, prometheus.CounterValue, float64(n.N), n.Plugin, n.Stage, n.Name, n.Result)
	}
}
