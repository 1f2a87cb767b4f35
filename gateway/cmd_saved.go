package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// SearchCmd is about searches under a name: the logs that everybody knows (B6,
// B133-B139), and those that users save.
type SearchCmd struct {
	List    SearchListCmd    `cmd:"" default:"1" help:"List them; \"weir search\" alone does."`
	Run     SearchRunCmd     `cmd:"" help:"Run one."`
	Show    SearchShowCmd    `cmd:"" help:"Show what one is made of."`
	Save    SearchSaveCmd    `cmd:"" help:"Save a search under a name."`
	Columns SearchColumnsCmd `cmd:"" help:"Choose the columns of one, to be remembered for you."`
	Remove  SearchRemoveCmd  `cmd:"" help:"Remove one that was saved."`
}

// SearchListCmd lists.
type SearchListCmd struct{}

// Run prints one line for each.
func (c *SearchListCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	all, err := cl.Searches(ctx)
	if err != nil {
		return err
	}
	t := terminal.NewTable(terminal.Column{Title: "NAME"}, terminal.Column{Title: "BY"}, terminal.Column{Title: "SHARED"},
		terminal.Column{Title: "SEARCH", Min: 20, Want: 40}, terminal.Column{Title: "WHAT", Min: 12, End: true, Drop: 1})
	for _, x := range all {
		if g.JSON {
			if err := printJSON(x); err != nil {
				return err
			}
			continue
		}
		by := x.Owner
		switch {
		case x.BuiltIn:
			by = "built in"
		case x.Mine:
			by = "you"
		}
		t.Add(x.Name, by, x.Share, nonEmptyOr(x.Q, "everything"), nonEmptyOr(x.Help, x.Title))
	}
	if g.JSON {
		return nil
	}
	return t.Write(g.screen())
}

// SearchShowCmd shows one.
type SearchShowCmd struct {
	Name string `arg:"" help:"Name, or OWNER/NAME."`
}

// Run prints it, with the columns that are remembered.
func (c *SearchShowCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	x, err := cl.SavedSearch(ctx, c.Name)
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(x)
	}
	if x.Columns, err = columnsOf(ctx, cl, x); err != nil {
		return err
	}
	s := g.screen()
	for _, l := range [][2]string{
		{"name", x.Name}, {"title", x.Title}, {"what", x.Help}, {"by", nonEmptyOr(x.Owner, "built in")}, {"shared with", x.Share},
		{"search", nonEmptyOr(x.Q, "everything")}, {"sort", nonEmptyOr(x.Sort, "newest first")}, {"columns", strings.Join(x.Columns, ",")}, {"rows of", x.Source},
	} {
		if l[1] != "" {
			fmt.Fprintf(s, "%-12s %s\n", l[0], terminal.Clean(l[1]))
		}
	}
	return nil
}

// columnsOf are the columns of a search as its user wants them: those that are
// remembered (B9), else its own.
func columnsOf(ctx context.Context, cl *client.Client, x *api.SavedSearch) ([]string, error) {
	p, err := cl.Preferences(ctx)
	if err != nil {
		return nil, err
	}
	if cols := p.Columns[x.Name]; len(cols) > 0 {
		return cols, nil
	}
	return x.Columns, nil
}

// SearchRunCmd runs one.
type SearchRunCmd struct {
	Name string `arg:"" help:"Name, or OWNER/NAME."`
	LogFlags
	ColumnFlags
}

// Run prints one line for each recipient, or of the delivery log for each
// attempt.
func (c *SearchRunCmd) Run(ctx context.Context, g *Globals) error {
	return runView(ctx, g, c.Name, &c.LogFlags, &c.ColumnFlags)
}

// runView searches with a saved search and what the flags add to it.
func runView(ctx context.Context, g *Globals, name string, f *LogFlags, cols *ColumnFlags) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	x, err := cl.SavedSearch(ctx, name)
	if err != nil {
		return err
	}
	parse := query.Parse
	if x.Source == "deliveries" {
		parse = query.ParseDeliveries
	}
	saved, err := parse(x.Q)
	if err != nil {
		return fmt.Errorf("the saved search %q does not read: %w", name, err)
	}
	base, err := f.parsed(parse)
	if err != nil {
		return err
	}
	base = query.And(saved, base)
	chosen := cols.Columns
	if len(chosen) == 0 && !g.JSON {
		if chosen, err = columnsOf(ctx, cl, x); err != nil {
			return err
		}
	}
	if x.Source == "deliveries" {
		return deliveryLog{flags: f.ListFlags, columns: chosen, order: f.order}.list(ctx, g, cl, base)
	}
	shown, err := (&ColumnFlags{Columns: chosen}).columns(g, logColumns)
	if err != nil {
		return err
	}
	if f.order == "" {
		f.order = x.Sort
	}
	return f.list(ctx, g, base, "nothing is in "+name, shown)
}

// SearchSaveCmd saves one.
type SearchSaveCmd struct {
	Name    string   `arg:"" help:"Name."`
	Terms   []string `arg:"" optional:"" name:"term" help:"Filter as in \"weir help search\"; relative times stay relative."`
	Title   string   `placeholder:"TEXT" help:"How screens call it."`
	Columns []string `short:"C" placeholder:"FIELD" help:"Columns, such as received,recipient,last_host."`
	Sort    string   `placeholder:"FIELD" help:"Order; - in front is the largest first, as in --sort=-size."`
	Share   string   `placeholder:"TENANT" help:"Let the operators of this tenant use it, too; * everybody."`

	Deliveries bool `help:"Of the delivery log: a row for each attempt, which can be asked about, as in attempt_code:550."`
}

// Run saves it, in place of the caller's own of that name.
func (c *SearchSaveCmd) Run(ctx context.Context, g *Globals) error {
	parse, source := query.Parse, "messages"
	if c.Deliveries {
		parse, source = query.ParseDeliveries, "deliveries"
	}
	f, err := parse(strings.Join(c.Terms, " "))
	if err != nil {
		return usageError{err.Error(), "see: weir help search"}
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	x, err := cl.SaveSearch(ctx, c.Name, api.SavedSearchRequest{Title: c.Title, Q: f.String(), Columns: c.Columns, Sort: c.Sort, Share: c.Share, Source: source})
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(x)
	}
	fmt.Fprintf(os.Stderr, "weir: saved; run it with: weir search run %s\n", x.Name)
	return nil
}

// SearchColumnsCmd remembers columns.
type SearchColumnsCmd struct {
	Name   string   `arg:"" help:"Name of a saved search or view."`
	Fields []string `arg:"" optional:"" name:"field" help:"Columns, in order; without any the usual ones come back."`
}

// Run keeps them for the caller (B9).
func (c *SearchColumnsCmd) Run(ctx context.Context, g *Globals) error {
	var fields []string
	for _, f := range c.Fields {
		fields = append(fields, strings.FieldsFunc(f, func(r rune) bool { return r == ',' })...)
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	x, err := cl.SavedSearch(ctx, c.Name)
	if err != nil {
		return err
	}
	check := api.CheckColumns
	if x.Source == "deliveries" {
		check = api.CheckDeliveryColumns
	}
	if p := check(fields); p != nil {
		return usageError{p.Detail, p.Remedy}
	}
	if fields == nil {
		fields = []string{}
	}
	p, err := cl.SetPreferences(ctx, api.Preferences{Columns: map[string][]string{x.Name: fields}})
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(p)
	}
	return nil
}

// SearchRemoveCmd removes one.
type SearchRemoveCmd struct {
	Name string `arg:"" help:"Name; for administrators also OWNER/NAME."`
}

// Run removes it. Exit code 3: there is none.
func (c *SearchRemoveCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	return cl.DeleteSearch(ctx, c.Name)
}
