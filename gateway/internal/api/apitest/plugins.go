package apitest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// PluginActions is two plugins with actions, in memory: "unlock open", which
// wants a password and says how long it was, and "bayes", which can be taught.
type PluginActions struct{ g *Gateway }

// Actions lists them.
func (p PluginActions) Actions(scope.Scope) []api.PluginAction {
	return []api.PluginAction{
		{Plugin: "bayes", Action: "spam", Title: "Train as spam", Level: "email", Body: true, Train: "spam"},
		{Plugin: "unlock", Action: "open", Title: "Open with a password", Doc: "Opens archives and looks into them.", Level: "domain", Body: true,
			Statuses: []string{string(mail.StatusStalled)}, Params: []api.PluginParam{
				{Name: "password", Type: "string", Required: true, Secret: true, Doc: "The password."},
				{Name: "tries", Type: "number", Default: 3.0, Doc: "How often."},
				{Name: "names", Type: "list(string)", Doc: "Only these files."},
			}},
	}
}

// Offered goes by status and body.
func (p PluginActions) Offered(s scope.Scope, m *store.Message, r *store.Recipient) []api.PluginAction {
	return slices.DeleteFunc(p.Actions(s), func(a api.PluginAction) bool {
		return a.Body && !m.HasBody || len(a.Statuses) > 0 && !slices.Contains(a.Statuses, string(r.Status))
	})
}

// Call answers for each message that is selected.
func (p PluginActions) Call(_ context.Context, s scope.Scope, o api.PluginOrder) (api.PluginOutcome, error) {
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	var out api.PluginOutcome
	if err := p.g.call(s); err != nil {
		return out, err
	}
	actions := slices.DeleteFunc(p.Actions(s), func(a api.PluginAction) bool {
		return o.Train != a.Train || o.Train == "" && (a.Plugin != o.Plugin || a.Action != o.Action)
	})
	if len(actions) == 0 {
		return out, &api.UnknownAction{Text: fmt.Sprintf("there is no action %q of plugin %q that you may call", o.Action, o.Plugin)}
	}
	if o.Train == "" {
		bad := &api.BadParams{}
		for _, x := range actions[0].Params {
			if _, ok := o.Params[x.Name]; x.Required && !ok {
				bad.Errors = append(bad.Errors, api.ParamError{Name: x.Name, Text: "it is needed, a " + x.Type + ": " + x.Doc})
			}
		}
		for k := range o.Params {
			if !slices.ContainsFunc(actions[0].Params, func(x api.PluginParam) bool { return x.Name == k }) {
				bad.Errors = append(bad.Errors, api.ParamError{Name: k, Text: "there is no such parameter."})
			}
		}
		if len(bad.Errors) > 0 {
			return out, bad
		}
	}
	var match *query.Matcher
	if o.Filter != nil {
		var err error
		if match, err = query.Compile(*o.Filter, Now); err != nil {
			return out, err
		}
	}
	for _, m := range p.g.messages {
		for i := range m.Recipients {
			r := &m.Recipients[i]
			id := fmt.Sprintf("%s.%d", m.ID, r.N)
			if !(match != nil && match.Match(store.Row{Message: m, Recipient: r}) || slices.Contains(o.IDs, id) || slices.Contains(o.IDs, m.ID.String())) {
				continue
			}
			for _, a := range actions {
				it := api.PluginItem{ID: id, Recipients: []string{r.Address.String()}, Plugin: a.Plugin, Action: a.Action}
				out.Matched++
				switch {
				case len(a.Statuses) > 0 && !slices.Contains(a.Statuses, string(r.Status)):
					it.Error = fmt.Sprintf("the recipient is %s; this is for %s", r.Status, strings.Join(a.Statuses, ", "))
				case !o.DryRun:
					out.Called++
					it.Text = "done"
					if pw, ok := o.Params["password"].(string); ok {
						it.Text = "opened"
						it.Results = []api.PluginResult{{Key: "characters", Value: fmt.Sprint(len(pw))}, {Key: "files", Value: "2"}}
					}
				}
				out.Items = append(out.Items, it)
			}
		}
	}
	return out, nil
}

// Tasks lists two.
func (p PluginActions) Tasks(scope.Scope) []api.PluginTask {
	return []api.PluginTask{
		{ID: "0a1b2c3d4e5f60718293a4b5c6d7e8f9", Plugin: "webhook", Tenant: "acme", Stage: "action", Name: "post", Message: ID(time.Hour, 1).String(), Recipient: 1,
			Actor: "policy config.hcl:31", State: "waiting", Created: Now.Add(-time.Hour), Next: Now.Add(4 * time.Minute), Tries: 3, Error: "result: the hook answered 503"},
		{ID: "1a1b2c3d4e5f60718293a4b5c6d7e8f9", Plugin: "bayes", Tenant: "acme", Stage: "schedule", Name: "expire", State: "failed",
			Created: Now.Add(-48 * time.Hour), Next: Now.Add(5 * 24 * time.Hour), Tries: 12, Error: "trap: unreachable"},
	}
}
