package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/lists"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// RulesCmd is about filtering rules that operators add (B31, B32).
type RulesCmd struct {
	List   RulesListCmd   `cmd:"" default:"withargs" help:"The rules of a tenant; \"weir rules -t TENANT\" alone does."`
	Allow  RulesAllowCmd  `cmd:"" help:"Add a rule that lets mail pass where every condition given holds."`
	Block  RulesBlockCmd  `cmd:"" help:"Add a rule that treats mail as spam where every condition given holds."`
	Remove RulesRemoveCmd `cmd:"" help:"Remove a rule."`
}

// RulesListCmd lists rules.
type RulesListCmd struct {
	TenantFlag
	BoundFlag
}

// Run prints one line for each rule.
func (c *RulesListCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	rs, err := cl.Rules(ctx, c.Tenant, c.atMost())
	if err != nil {
		return err
	}
	return show(g, rs, "nobody added a rule", []terminal.Column{
		{Title: "ID"}, {Title: "VERB"}, {Title: "WHERE", Min: 24, End: true}, {Title: "BY", Min: 6, Drop: 1}, {Title: "NOTE", Min: 6, End: true},
	}, func(r *lists.Rule) []string { return []string{r.ID, r.Verb, r.Where(), r.By, r.Note} })
}

// RuleFlags are a rule's conditions.
type RuleFlags struct {
	TenantFlag
	Mailbox        string   `placeholder:"ADDRESS" help:"For this recipient alone."`
	Sender         []string `placeholder:"PATTERN" help:"Envelope sender; * and ? are wildcards."`
	SenderDomain   []string `placeholder:"DOMAIN" help:"Its domain; .DOMAIN for all below too."`
	Recipient      []string `placeholder:"PATTERN" help:"Envelope recipient."`
	Client         []string `placeholder:"NET" help:"Address or network of the client."`
	Helo           []string `placeholder:"PATTERN" help:"Name it gave."`
	Subject        []string `placeholder:"PATTERN" help:"Subject, such as \"*invoice*\"."`
	AttachmentName []string `placeholder:"PATTERN" help:"File name of an attachment."`
	AttachmentType []string `placeholder:"PATTERN" help:"Media type of an attachment."`
	Note           string   `placeholder:"TEXT" help:"Why."`
}

func (f *RuleFlags) add(ctx context.Context, g *Globals, verb string) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	r, err := cl.AddRule(ctx, api.RuleRequest{
		Tenant: f.Tenant, Verb: verb, Mailbox: f.Mailbox, Note: f.Note, Sender: f.Sender, SenderDomain: f.SenderDomain, Recipient: f.Recipient,
		Client: f.Client, Helo: f.Helo, Subject: f.Subject, AttachmentName: f.AttachmentName, AttachmentType: f.AttachmentType,
	})
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(r)
	}
	fmt.Println(r.ID)
	return nil
}

// RulesAllowCmd adds an allow rule.
type RulesAllowCmd struct{ RuleFlags }

// Run prints the new rule's ID.
func (c *RulesAllowCmd) Run(ctx context.Context, g *Globals) error { return c.add(ctx, g, "allow") }

// RulesBlockCmd adds a block rule.
type RulesBlockCmd struct{ RuleFlags }

// Run prints the new rule's ID.
func (c *RulesBlockCmd) Run(ctx context.Context, g *Globals) error { return c.add(ctx, g, "block") }

// RulesRemoveCmd removes rules.
type RulesRemoveCmd struct {
	TenantFlag
	IDs []string `arg:"" name:"id" help:"As weir rules prints them."`
}

// Run removes them.
func (c *RulesRemoveCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	for _, id := range c.IDs {
		if err := cl.RemoveRule(ctx, c.Tenant, id); err != nil {
			return err
		}
	}
	return counted(g, "removed", len(c.IDs), len(c.IDs))
}

// ClassesCmd is about what becomes of classes of findings (B37).
type ClassesCmd struct {
	List  ClassesListCmd  `cmd:"" default:"withargs" help:"What operators chose for classes; \"weir classes -t TENANT\" alone does."`
	Set   ClassesSetCmd   `cmd:"" help:"Choose what becomes of a class of incoming mail."`
	Clear ClassesClearCmd `cmd:"" help:"Leave a class to the policy again."`
}

// ClassesListCmd lists overrides.
type ClassesListCmd struct {
	TenantFlag
	BoundFlag
}

// Run prints one line for each class.
func (c *ClassesListCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	os, err := cl.ClassActions(ctx, c.Tenant, c.atMost())
	if err != nil {
		return err
	}
	return show(g, os, "nobody chose an action", []terminal.Column{{Title: "CLASS", Min: 12}, {Title: "ACTION"}, {Title: "BY", Min: 6}, {Title: "SINCE"}, {Title: "NOTE", Min: 8, End: true}},
		func(o *lists.Override) []string {
			return []string{o.Class, o.Action, o.By, o.At.Format("2006-01-02"), o.Note}
		})
}

// ClassesSetCmd chooses.
type ClassesSetCmd struct {
	TenantFlag
	Class  string `arg:"" help:"main, main/sub or main/sub/extra."`
	Action string `arg:"" help:"deliver, quarantine, reject, discard or stall."`
	Note   string `placeholder:"TEXT" help:"Why."`
}

// Run chooses it.
func (c *ClassesSetCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	if err := cl.SetClassAction(ctx, api.ClassActionRequest{Tenant: c.Tenant, Class: c.Class, Action: c.Action, Note: c.Note}); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, strings.ToLower(c.Class)+": "+c.Action)
	return nil
}

// ClassesClearCmd clears.
type ClassesClearCmd struct {
	TenantFlag
	Class string `arg:"" help:"As weir classes prints it."`
}

// Run clears it.
func (c *ClassesClearCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	return cl.ClearClassAction(ctx, c.Tenant, c.Class)
}
