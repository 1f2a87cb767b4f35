package main

import (
	"context"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// LogFieldsCmd lists the fields of the log.
type LogFieldsCmd struct {
	Columns bool `help:"Only those that lists can show and exports hold."`
	Sort    bool `help:"Only those that a search can be sorted by."`
	Facets  bool `help:"Only those that \"weir log facets\" takes."`

	Deliveries bool `help:"Those of attempts: \"weir deliveries\" knows them beside the others."`
}

// Run prints a line for each, by the names that searches, lists, exports and
// the API share.
func (c *LogFieldsCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	all, err := cl.Fields(ctx)
	if err != nil {
		return err
	}
	t := terminal.NewTable(terminal.Column{Title: "NAME"}, terminal.Column{Title: "KIND"}, terminal.Column{Title: "FOR", Drop: 1},
		terminal.Column{Title: "WHAT", Min: 20, Want: 40, End: true}, terminal.Column{Title: "ALSO CALLED", Drop: 2})
	for _, f := range all {
		if (f.Source == "deliveries") != c.Deliveries || c.Columns && !f.Column || c.Sort && !f.Sortable || c.Facets && !f.Facets {
			continue
		}
		if g.JSON {
			if err := printJSON(f); err != nil {
				return err
			}
			continue
		}
		t.Add(f.Name, f.Kind, fieldUses(&f), f.Doc, strings.Join(f.Aliases, ","))
	}
	if g.JSON {
		return nil
	}
	return t.Write(g.screen())
}

// fieldUses is what a field is good for: search, sort, facets, column.
func fieldUses(f *api.FieldInfo) string {
	var uses []string
	for _, u := range []struct {
		is   bool
		name string
	}{{len(f.Ops) > 0, "search"}, {f.Sortable, "sort"}, {f.Facets, "facets"}, {f.Column, "column"}} {
		if u.is {
			uses = append(uses, u.name)
		}
	}
	return strings.Join(uses, ",")
}

// LogVerbsCmd prints the table of actions for whoever asks.
type LogVerbsCmd struct {
	Status    string `short:"S" placeholder:"STATUS" help:"Only for mail in this status."`
	Direction string `short:"d" enum:"inbound,outbound," default:"" placeholder:"WAY" help:"Only for inbound or outbound mail."`
}

// Run tells of each action for which mail it is, and on which condition.
func (c *LogVerbsCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	all, err := cl.Verbs(ctx)
	if err != nil {
		return err
	}
	p := story{s: g.screen()}
	n := 0
	for _, v := range all {
		if !c.about(&v) {
			continue
		}
		n++
		if g.JSON {
			if err := printJSON(v); err != nil {
				return err
			}
			continue
		}
		p.hang(p.s.Paint(terminal.Bold, v.Verb)+"  ", 2, v.Doc)
		p.hang("  ", 2, verbLine(&v))
	}
	if n == 0 {
		return quiet(exitNoMatch)
	}
	return nil
}

func (c *LogVerbsCmd) about(v *api.VerbInfo) bool {
	is := func(all []string, one string) bool {
		for _, x := range all {
			if x == one {
				return true
			}
		}
		return one == ""
	}
	var statuses []string
	for _, cell := range v.Cells {
		statuses = append(statuses, cell.Status)
	}
	return is(statuses, c.Status) && is(v.Directions, c.Direction)
}

// verbLine is "inbound mail: quarantined; delivered if archived or body; not if sealed".
func verbLine(v *api.VerbInfo) string {
	line := strings.Join(v.Directions, " and ") + " mail: "
	for i := 0; i < len(v.Cells); {
		if i > 0 {
			line += "; "
		}
		cond := strings.Join(v.Cells[i].AnyOf, " or ")
		var same []string // as many as share a condition
		for ; i < len(v.Cells) && strings.Join(v.Cells[i].AnyOf, " or ") == cond; i++ {
			same = append(same, v.Cells[i].Status)
		}
		line += strings.Join(same, ", ") + nonEmpty(" if ", cond)
	}
	line += nonEmpty("; needs ", strings.Join(v.Needs, " and ")) + nonEmpty("; not if ", strings.Join(v.Except, " or "))
	return line + nonEmpty("; leads to ", v.Becomes)
}
