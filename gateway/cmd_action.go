package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// PickFlags choose what plugins are called for.
type PickFlags struct {
	FilterFlags
	All    bool `short:"a" help:"Everything it is for."`
	DryRun bool `help:"Only say how many match."`
	Yes    bool `short:"y" help:"Do not ask."`
}

// pick is the selection as the API wants it: IDs, or a filter within statuses.
func (f *PickFlags) pick(ids []string, statuses []mail.Status) ([]string, *query.Filter, error) {
	switch {
	case len(ids) > 0 && (f.All || f.given()):
		return nil, nil, usageError{"IDs and a filter do not go together", "give one of them"}
	case len(ids) > 0:
		return ids, nil, nil
	case !f.All && !f.given():
		return nil, nil, usageError{"nothing is selected", "give IDs, a filter such as --sender, or --all"}
	}
	filter, err := f.filter(statusFilter(statuses...))
	return nil, &filter, err
}

// ActionCmd calls a custom action of a plugin.
type ActionCmd struct {
	Plugin string   `arg:"" help:"Plugin."`
	Action string   `arg:"" help:"Its action; \"weir plugin actions\" lists them."`
	IDs    []string `arg:"" optional:"" name:"id" help:"Message or recipient IDs, or unique beginnings."`
	PickFlags
	Param      []string `short:"p" sep:"none" placeholder:"NAME=VALUE" help:"A parameter; a list takes several."`
	ParamStdin string   `placeholder:"NAME" help:"Read this parameter from standard input. Secrets are asked for where there is a terminal."`
}

// Run reads the parameters, asks about what a filter finds, and calls.
func (c *ActionCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	a, err := actionNamed(ctx, cl, c.Plugin, c.Action)
	if err != nil {
		return err
	}
	statuses := mail.Statuses()
	if len(a.Statuses) > 0 {
		statuses = nil
		for _, s := range a.Statuses {
			statuses = append(statuses, mail.Status(s))
		}
	}
	req := api.PluginActionRequest{Plugin: c.Plugin, Action: c.Action}
	if req.IDs, req.Filter, err = c.pick(c.IDs, statuses); err != nil {
		return err
	}
	if req.Params, err = c.params(a, terminal.NewAsker()); err != nil {
		return err
	}
	return c.callFor(g, c.Plugin+" "+c.Action, req.Filter != nil, func(dry bool) (*api.PluginActionResult, error) {
		req.DryRun = dry
		return cl.CallAction(ctx, req)
	})
}

// actionNamed finds an action among those there are.
func actionNamed(ctx context.Context, cl *client.Client, plugin, action string) (*api.PluginAction, error) {
	all, err := cl.PluginActions(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Plugin == plugin && all[i].Action == action {
			return &all[i], nil
		}
	}
	return nil, usageError{fmt.Sprintf("there is no action %q of plugin %q that you may call", action, plugin), "see: weir plugin actions"}
}

// params reads the parameters by the action's description. The value of a
// secret does not stand on a command line, where others can read it.
func (c *ActionCmd) params(a *api.PluginAction, ask *terminal.Asker) (map[string]any, error) {
	out := map[string]any{}
	for _, kv := range c.Param {
		name, value, ok := strings.Cut(kv, "=")
		p := paramOf(a, name)
		switch {
		case !ok:
			return nil, usageError{fmt.Sprintf("--param %q is not NAME=VALUE", kv), "see: weir plugin actions"}
		case p == nil:
			return nil, usageError{fmt.Sprintf("%s %s has no parameter %q", a.Plugin, a.Action, name), "see: weir plugin actions"}
		case p.Secret:
			return nil, usageError{name + " is a secret, which does not belong on a command line", "leave it out to be asked, or say --param-stdin " + name}
		}
		if err := setParam(out, p, value); err != nil {
			return nil, err
		}
	}
	if c.ParamStdin != "" {
		p := paramOf(a, c.ParamStdin)
		if p == nil {
			return nil, usageError{fmt.Sprintf("%s %s has no parameter %q", a.Plugin, a.Action, c.ParamStdin), "see: weir plugin actions"}
		}
		line, err := bufio.NewReader(io.LimitReader(ask.In, 16<<10)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("reading %s from standard input: %w", p.Name, err)
		}
		if err := setParam(out, p, strings.TrimRight(line, "\r\n")); err != nil {
			return nil, err
		}
	}
	for i := range a.Params {
		p := &a.Params[i]
		if _, given := out[p.Name]; given || !p.Secret || !p.Required || c.DryRun {
			continue
		}
		value, err := ask.Secret(p.Name)
		if errors.Is(err, terminal.ErrNoTerminal) {
			return nil, failure{p.Name + " is needed, and there is no terminal to ask on", "say --param-stdin " + p.Name}
		}
		if err != nil {
			return nil, err
		}
		out[p.Name] = value
	}
	return out, nil
}

func paramOf(a *api.PluginAction, name string) *api.PluginParam {
	if i := slices.IndexFunc(a.Params, func(p api.PluginParam) bool { return p.Name == name }); i >= 0 {
		return &a.Params[i]
	}
	return nil
}

// setParam takes a value in by its type: lists grow with each, and a map or an
// object is JSON. The gateway turns words into numbers and bools.
func setParam(out map[string]any, p *api.PluginParam, value string) error {
	switch {
	case strings.HasPrefix(p.Type, "list("), strings.HasPrefix(p.Type, "set("), strings.HasPrefix(p.Type, "tuple("):
		have, _ := out[p.Name].([]any)
		out[p.Name] = append(have, value)
		return nil
	case strings.HasPrefix(p.Type, "map("), strings.HasPrefix(p.Type, "object("), p.Type == "any":
		var v any
		if err := json.Unmarshal([]byte(value), &v); err != nil {
			if p.Type == "any" {
				out[p.Name] = value
				return nil
			}
			return usageError{fmt.Sprintf("%s is a %s: write it as JSON", p.Name, p.Type), `such as --param '` + p.Name + `={"a":"b"}'`}
		}
		out[p.Name] = v
		return nil
	}
	if _, twice := out[p.Name]; twice {
		return usageError{p.Name + " is given twice", "give it once"}
	}
	out[p.Name] = value
	return nil
}

// callFor counts and asks about what a filter finds, then calls, and shows
// what the plugins say.
func (f *PickFlags) callFor(g *Globals, what string, filtered bool, call func(dry bool) (*api.PluginActionResult, error)) error {
	if filtered || f.DryRun {
		res, err := call(true)
		if err != nil {
			return err
		}
		if f.DryRun {
			if g.JSON {
				return printJSON(res)
			}
			fmt.Println(callsText(res.Matched))
		}
		if res.Matched == 0 {
			return errNoMatch
		}
		if f.DryRun {
			return nil
		}
		if !f.Yes {
			fmt.Fprintln(os.Stderr, callsText(res.Matched))
			ok, err := terminal.NewAsker().Confirm("Call " + what + " for them?")
			if errors.Is(err, terminal.ErrNoTerminal) {
				return failure{what + " was not called: it asks first, and there is no terminal to ask on", "say --yes"}
			}
			if err != nil {
				return err
			}
			if !ok {
				fmt.Fprintln(os.Stderr, "nothing was done")
				return quiet(exitError)
			}
		}
	}
	res, err := call(false)
	if err != nil {
		return err
	}
	return showCalls(g, what, res)
}

func callsText(n int) string {
	if n == 1 {
		return "1 message matches"
	}
	return fmt.Sprintf("%d messages match", n)
}

// showCalls lists what plugins answered. Exit code 1: something was not done;
// 3: nothing matched.
func showCalls(g *Globals, what string, res *api.PluginActionResult) error {
	failed := 0
	ids := make([]string, len(res.Items))
	for i, it := range res.Items {
		ids[i] = it.ID
		if it.Error != "" {
			failed++
		}
		if g.JSON {
			if err := printJSON(it); err != nil {
				return err
			}
		}
	}
	if res.Matched == 0 {
		return errNoMatch
	}
	if !g.JSON {
		if !g.Wide {
			ids = shortIDs(ids)
		}
		var err error
		if len(res.Items) == 1 {
			showCall(g.screen(), ids[0], &res.Items[0])
		} else {
			err = callTable(ids, res.Items).Write(g.screen())
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s: %d of %d done\n", what, res.Called, res.Matched)
	}
	if failed > 0 {
		return quiet(exitError)
	}
	return nil
}

// callTable has one line for each call.
func callTable(ids []string, items []api.PluginItem) *terminal.Table {
	t := terminal.NewTable(terminal.Column{Title: "ID"}, terminal.Column{Title: "RECIPIENT", Min: 12, Want: 18, Drop: 1},
		terminal.Column{Title: "ACTION"}, terminal.Column{Title: "ANSWER", Min: 20, End: true})
	for i, it := range items {
		answer := terminal.Cell{Text: answerOf(&it)}
		if it.Error != "" {
			answer = terminal.Cell{Text: "not done: " + it.Error, Style: terminal.Red}
		}
		t.AddCells(plain(ids[i]), plain(strings.Join(it.Recipients, " ")), plain(strings.TrimSpace(it.Plugin+" "+it.Action)), answer)
	}
	return t
}

// showCall shows one call in full.
func showCall(s *terminal.Screen, id string, it *api.PluginItem) {
	p := story{s: s}
	p.hang(s.Paint(terminal.Bold, terminal.Clean(id))+"  ", len(id)+2, terminal.Clean(strings.Join(it.Recipients, ", ")))
	switch {
	case it.Error != "":
		p.hang("  ", 2, s.Paint(terminal.Red, "not done:")+" "+terminal.Clean(it.Error))
	case it.Text != "":
		p.hang("  ", 2, terminal.Clean(it.Text))
	case len(it.Results)+len(it.Findings) == 0:
		p.hang("  ", 2, "done")
	}
	for _, r := range it.Results {
		p.hang(terminal.Pad("  "+terminal.Clean(r.Key), 20), 20, terminal.Clean(r.Value))
	}
	for _, f := range it.Findings {
		p.hang(terminal.Pad("  found", 20), 20, terminal.Clean(strings.TrimSpace(f.Class+"  "+f.Explanation)))
	}
}

// answerOf is what a plugin says, on one line.
func answerOf(it *api.PluginItem) string {
	words := []string{}
	if it.Text != "" {
		words = append(words, it.Text)
	}
	for _, r := range it.Results {
		words = append(words, r.Key+" "+r.Value)
	}
	for _, f := range it.Findings {
		words = append(words, "found "+f.Class)
	}
	if len(words) == 0 {
		return "done"
	}
	return strings.Join(words, ", ")
}
