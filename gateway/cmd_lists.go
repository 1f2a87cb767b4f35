package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/lists"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// ListsCmd is about allow and block lists (B31–B37).
type ListsCmd struct {
	List   ListsListCmd   `cmd:"" default:"withargs" help:"The lists of a tenant; \"weir lists -t TENANT\" alone does."`
	Show   ListsShowCmd   `cmd:"" help:"What operators added to a list."`
	Add    ListsAddCmd    `cmd:"" help:"Add entries to a list."`
	Remove ListsRemoveCmd `cmd:"" help:"Remove entries that operators added."`
	Import ListsImportCmd `cmd:"" help:"Add the entries of a text file, one a line; # begins a comment."`
}

// TenantFlag names whose lists are meant.
type TenantFlag struct {
	Tenant string `short:"t" required:"" placeholder:"NAME" env:"WEIR_TENANT" help:"Whose."`
}

// ListsListCmd lists lists.
type ListsListCmd struct {
	TenantFlag
	BoundFlag
}

// Run prints one line for each list.
func (c *ListsListCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	ls, err := cl.Lists(ctx, c.Tenant, c.atMost())
	if err != nil {
		return err
	}
	return show(g, ls, "there are no lists", []terminal.Column{{Title: "LIST", Min: 12}, {Title: "IN THE POLICY", Right: true}, {Title: "ADDED", Right: true}},
		func(l *api.ListInfo) []string { return []string{l.Name, fmt.Sprint(l.Declared), fmt.Sprint(l.Added)} })
}

// BoundFlag bounds a list.
type BoundFlag struct {
	Limit int `short:"n" placeholder:"N" help:"At most so many; 0 all."`
}

func (f BoundFlag) atMost() client.AtMost { return client.AtMost(max(f.Limit, 0)) }

// show prints items as a table, or as JSON lines.
func show[T any](g *Globals, items []T, none string, columns []terminal.Column, row func(*T) []string) error {
	t := terminal.NewTable(columns...)
	for i := range items {
		if g.JSON {
			if err := printJSON(items[i]); err != nil {
				return err
			}
			continue
		}
		var cells []terminal.Cell
		for _, s := range row(&items[i]) {
			cells = append(cells, plain(s))
		}
		t.AddCells(cells...)
	}
	if len(items) == 0 {
		fmt.Fprintln(os.Stderr, "weir: "+none)
		return quiet(exitNoMatch)
	}
	if g.JSON {
		return nil
	}
	return t.Write(g.screen())
}

// ListName is the list at hand.
type ListName struct {
	List string `arg:"" help:"A list of the policy, or one of operator.allow-sender, operator.block-sender, operator.block-recipient."`
}

// ListsShowCmd lists entries.
type ListsShowCmd struct {
	TenantFlag
	ListName
	Mailbox string `placeholder:"ADDRESS" help:"Those of one mailbox alone."`
	Prefix  string `help:"Those that begin so."`
	Limit   int    `short:"n" default:"100" help:"At most so many; 0 all."`
}

// Run prints one line for each entry.
func (c *ListsShowCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	q := lists.Query{Tenant: c.Tenant, List: c.List, Prefix: c.Prefix, Limit: 1000}
	if c.Mailbox != "" {
		q.Mailbox = &c.Mailbox
	}
	var all []lists.Entry
	for {
		page, next, err := cl.ListEntries(ctx, q)
		if err != nil {
			return err
		}
		all = append(all, page...)
		if q.After = next; next == "" || c.Limit > 0 && len(all) >= c.Limit {
			break
		}
	}
	if c.Limit > 0 && len(all) > c.Limit {
		all = all[:c.Limit]
	}
	return show(g, all, "nobody added an entry", []terminal.Column{
		{Title: "ENTRY", Min: 16}, {Title: "MAILBOX", Min: 8, Drop: 1}, {Title: "BY", Min: 6}, {Title: "ADDED"}, {Title: "NOTE", Min: 8, End: true},
	}, func(e *lists.Entry) []string {
		note := e.Note
		if !e.Expires.IsZero() {
			note = strings.TrimSpace("until " + e.Expires.Format("2006-01-02 15:04") + " " + note)
		}
		return []string{e.Key, e.Mailbox, e.By, e.At.Format("2006-01-02"), note}
	})
}

// ListsChangeFlags are what changing entries takes.
type ListsChangeFlags struct {
	TenantFlag
	ListName
	Mailbox string `placeholder:"ADDRESS" help:"For this recipient alone."`
}

func (f *ListsChangeFlags) change(keys ...string) api.ListChange {
	return api.ListChange{Tenant: f.Tenant, Mailbox: f.Mailbox, Keys: keys}
}

// ListsNote is what an entry may say beside.
type ListsNote struct {
	Note string        `placeholder:"TEXT" help:"Why."`
	For  time.Duration `placeholder:"TIME" help:"Let the entry expire after this time, such as 72h."`
}

func (n *ListsNote) fill(c *api.ListChange) error {
	if n.For < 0 {
		return usageError{"--for is negative", "give a time such as 72h"}
	}
	c.Note = n.Note
	if n.For > 0 {
		c.Expires = time.Now().Add(n.For)
	}
	return nil
}

// ListsAddCmd adds entries.
type ListsAddCmd struct {
	ListsChangeFlags
	Keys []string `arg:"" name:"entry" help:"An address, a domain, .domain for all below, an IP address or a network."`
	ListsNote
}

// Run adds them.
func (c *ListsAddCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	r := c.change(c.Keys...)
	if err := c.fill(&r); err != nil {
		return err
	}
	n, err := cl.AddEntries(ctx, c.List, r)
	if err != nil {
		return err
	}
	return counted(g, "added", n, len(c.Keys))
}

// counted says how much was done.
func counted(g *Globals, what string, n, of int) error {
	if g.JSON {
		return printJSON(map[string]int{what: n})
	}
	fmt.Fprintf(os.Stderr, "%d of %d %s\n", n, of, what)
	return nil
}

// ListsRemoveCmd removes entries.
type ListsRemoveCmd struct {
	ListsChangeFlags
	Keys []string `arg:"" name:"entry" help:"As weir lists show prints them."`
}

// Run removes them.
func (c *ListsRemoveCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	n, err := cl.RemoveEntries(ctx, c.List, c.change(c.Keys...))
	if err != nil {
		return err
	}
	if err := counted(g, "removed", n, len(c.Keys)); err != nil || n > 0 {
		return err
	}
	return quiet(exitNoMatch)
}

// ListsImportCmd adds the entries of a file.
type ListsImportCmd struct {
	ListsChangeFlags
	File string `arg:"" help:"The file; - is standard input."`
	ListsNote
}

// importBatch is how many entries go in one request.
const importBatch = 10000

// Run adds them, batch by batch.
func (c *ListsImportCmd) Run(ctx context.Context, g *Globals) error {
	in := os.Stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	added, total, line := 0, 0, 0
	var keys []string
	flush := func() error {
		if len(keys) == 0 {
			return nil
		}
		n, err := c.send(ctx, cl, keys)
		if err != nil {
			return fmt.Errorf("after %d entries, near line %d of %s: %w", total-len(keys), line, c.File, err)
		}
		added += n
		keys = keys[:0]
		return nil
	}
	sc := bufio.NewScanner(in)
	for sc.Scan() {
		line++
		key, _, _ := strings.Cut(sc.Text(), "#")
		if key = strings.TrimSpace(key); key == "" {
			continue
		}
		if _, ok := lists.Valid(key); !ok {
			return failure{fmt.Sprintf("line %d of %s is no list entry: %.60q", line, c.File, key), "write an address, a domain, an IP address or a network"}
		}
		keys = append(keys, key)
		if total++; len(keys) == importBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(sc.Err(), flush()); err != nil {
		return err
	}
	return counted(g, "added", added, total)
}

func (c *ListsImportCmd) send(ctx context.Context, cl *client.Client, keys []string) (int, error) {
	r := c.change(keys...)
	if err := c.fill(&r); err != nil {
		return 0, err
	}
	return cl.AddEntries(ctx, c.List, r)
}
