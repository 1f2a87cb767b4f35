package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// VerbFlags choose what a verb is applied to.
type VerbFlags struct {
	IDs []string `arg:"" optional:"" name:"id" help:"Message or recipient IDs, or unique beginnings."`
	FilterFlags
	All    bool   `short:"a" help:"Everything the command applies to."`
	DryRun bool   `help:"Only say how many match."`
	Yes    bool   `short:"y" help:"Do not ask."`
	Detach bool   `help:"Do not wait for what a filter selects; \"weir jobs\" shows how far it is."`
	Reason string `placeholder:"TEXT" help:"Why; stands in the log."`
}

// act describes one verb of one list.
type act struct {
	verb  lifecycle.Verb
	among []mail.Status // what the list holds
	// ask is the question about what cannot be undone, below the count; at
	// most 70 columns. "" does not ask.
	ask   string
	args  map[string]string
	where query.Filter // narrows what the flags select
}

// apply selects, counts, asks where it must, applies the verb, and says what
// became of each recipient.
func (f *VerbFlags) apply(ctx context.Context, g *Globals, a act) error {
	req, err := f.request(a)
	if err != nil {
		return err
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	if a.ask != "" || f.DryRun {
		stop, err := f.rehearse(ctx, g, cl, a, &req)
		if stop || err != nil {
			return err
		}
	}
	if req.Filter != nil {
		return f.job(ctx, g, cl, req)
	}
	res, err := cl.Act(ctx, req)
	if err != nil {
		return err
	}
	return showResult(g, res)
}

// request is the selection as the API wants it: IDs, or a filter within what
// the list holds.
func (f *VerbFlags) request(a act) (api.ActionRequest, error) {
	req := api.ActionRequest{Verb: string(a.verb), IDs: f.IDs, Args: a.args}
	if f.Reason != "" {
		req.Args = map[string]string{"reason": f.Reason}
		for k, v := range a.args {
			req.Args[k] = v
		}
	}
	switch {
	case len(f.IDs) > 0 && (f.All || f.given()):
		return req, usageError{"IDs and a filter do not go together", "give one of them"}
	case len(f.IDs) > 0:
		return req, nil
	case !f.All && !f.given():
		return req, usageError{"nothing is selected", "give IDs, a filter such as --sender, or --all"}
	}
	filter, err := f.filter(query.And(verbFilter(a.verb, a.among), a.where))
	req.Filter = &filter
	return req, err
}

// rehearse counts and asks. It pins the selection to what was counted, so that
// nothing that comes in meanwhile is acted on unseen.
func (f *VerbFlags) rehearse(ctx context.Context, g *Globals, cl *client.Client, a act, req *api.ActionRequest) (stop bool, err error) {
	dry := *req
	dry.DryRun = true
	res, err := cl.Act(ctx, dry)
	if err != nil {
		return true, err
	}
	if f.DryRun {
		if g.JSON {
			return true, printJSON(res)
		}
		fmt.Println(matches(res.Matched))
		if res.Matched == 0 {
			return true, quiet(exitNoMatch)
		}
		return true, nil
	}
	if res.Matched == 0 {
		return true, errNoMatch
	}
	fmt.Fprintln(os.Stderr, matches(res.Matched))
	if !f.Yes {
		if err := preview(ctx, g, cl, res); err != nil {
			return true, err
		}
		ok, err := terminal.NewAsker().Confirm(a.ask)
		if errors.Is(err, terminal.ErrNoTerminal) {
			return true, failure{fmt.Sprintf("%s was not done: it asks first, and there is no terminal to ask on", a.verb), "say --yes"}
		}
		if err != nil {
			return true, err
		}
		if !ok {
			fmt.Fprintln(os.Stderr, "nothing was done")
			return true, quiet(exitError)
		}
	}
	if len(res.Items) == res.Matched && !f.Detach {
		req.Filter, req.IDs = nil, nil
		for _, it := range res.Items {
			req.IDs = append(req.IDs, it.ID)
		}
	}
	return false, nil
}

// previewed is how many recipients a question lists.
const previewed = 20

// preview lists what a question is about, so that it can be answered.
func preview(ctx context.Context, g *Globals, cl *client.Client, res *api.ActionResult) error {
	var ids []string
	for _, it := range res.Items[:min(previewed, len(res.Items))] {
		ids = append(ids, it.ID)
	}
	if len(ids) == 0 {
		return nil
	}
	page, err := cl.Search(ctx, client.Search{Filter: query.OneOf("id", ids...)})
	if err != nil {
		return err
	}
	s := terminal.NewScreen(os.Stderr, g.Color)
	if err := rowTable(g.view(), page.Items, previewColumns, g.Wide).Write(s); err != nil {
		return err
	}
	if more := res.Matched - len(page.Items); more > 0 {
		fmt.Fprintf(s, "and %d more\n", more)
	}
	return nil
}

func matches(n int) string {
	if n == 1 {
		return "1 recipient matches"
	}
	return fmt.Sprintf("%d recipients match", n)
}

// showResult lists what became of each recipient. Exit code 1: something was
// not done; 3: nothing matched.
func showResult(g *Globals, res *api.ActionResult) error {
	failed := 0
	for i := range res.Items {
		if res.Items[i].Error != "" {
			failed++
		}
		if g.JSON {
			if err := printJSON(res.Items[i]); err != nil {
				return err
			}
		}
	}
	if res.Matched == 0 {
		return errNoMatch
	}
	if !g.JSON {
		if len(res.Items) > 0 {
			if err := resultTable(res.Items, g.Wide).Write(g.screen()); err != nil {
				return err
			}
		}
		fmt.Fprintf(os.Stderr, "%s: %d of %d done\n", strings.ReplaceAll(res.Verb, "-", " "), res.Changed, res.Matched)
	}
	if failed > 0 {
		return quiet(exitError)
	}
	return nil
}

// resultTable has one line for each recipient.
func resultTable(items []api.ActionItem, wholeIDs bool) *terminal.Table {
	ids := make([]string, len(items))
	for i, it := range items {
		ids[i] = it.ID
	}
	if !wholeIDs {
		ids = shortIDs(ids)
	}
	columns := []terminal.Column{{Title: "ID"}, {Title: "RECIPIENT", Min: 12}, {Title: "STATUS"}, {Title: "NOT DONE", Min: 20, End: true}}
	noted := slices.ContainsFunc(items, func(it api.ActionItem) bool { return it.Note != "" || it.See != "" })
	if noted {
		columns = append(columns, terminal.Column{Title: "NOTE", Min: 20, End: true})
	}
	t := terminal.NewTable(columns...)
	for i, it := range items {
		cells := []terminal.Cell{plain(ids[i]), plain(it.Recipient), {Text: it.Status, Style: statusStyle(it.Status)}, plain(it.Error)}
		if noted {
			cells = append(cells, plain(strings.TrimSpace(it.Note+" "+it.See)))
		}
		t.AddCells(cells...)
	}
	return t
}
