package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// ArchiveUsageCmd adds up what is stored.
type ArchiveUsageCmd struct{}

// Run prints one line for each tenant.
func (c *ArchiveUsageCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	uses, err := cl.StorageUse(ctx)
	if err != nil {
		return err
	}
	right := func(t string) terminal.Column { return terminal.Column{Title: t, Right: true} }
	return show(g, uses, "there are no tenants", []terminal.Column{{Title: "TENANT", Min: 8}, right("QUEUE"), right("QUARANTINE"), right("FAILED"), right("ARCHIVE"), right("COPIES"), right("KEPT"), right("HOLDS")},
		func(u *api.StorageUse) []string {
			return []string{u.Tenant, octets(u.Queue), octets(u.Quarantine), octets(u.Failed), octets(u.Archive), fmt.Sprint(u.ArchiveMessages), days(u.Retain), fmt.Sprint(u.Holds)}
		})
}

// days is a duration as the policy would have it.
func days(s string) string {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return "-"
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return d.String()
}

// ArchiveHoldsCmd lists legal holds.
type ArchiveHoldsCmd struct{}

// Run prints one line for each hold.
func (c *ArchiveHoldsCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	hs, err := cl.Holds(ctx)
	if err != nil {
		return err
	}
	v := g.view()
	return show(g, hs, "there are no legal holds", []terminal.Column{{Title: "HOLD"}, {Title: "TENANT"}, {Title: "SINCE"}, {Title: "BY", Drop: 1}, {Title: "HOLDS", Min: 12}, {Title: "REASON", Min: 8, End: true}},
		func(h *api.LegalHold) []string {
			what := h.Q
			if h.All {
				what = "everything"
			}
			return []string{h.ID, h.Tenant, v.short(h.At), h.By, what, h.Reason}
		})
}

// ArchiveHoldCmd places a legal hold.
type ArchiveHoldCmd struct {
	TenantFlag
	Terms  []string `arg:"" optional:"" name:"term" help:"Filter as in \"weir help search\", such as recipient:ceo@acme.test or id:01kb3z6q."`
	All    bool     `short:"a" help:"All that the tenant has archived and will archive."`
	Reason string   `placeholder:"TEXT" help:"Why, such as the case it is for."`
}

// Run places it, and says what it is called.
func (c *ArchiveHoldCmd) Run(ctx context.Context, g *Globals) error {
	q := strings.Join(c.Terms, " ")
	if c.All == (strings.TrimSpace(q) != "") {
		return usageError{"say what is held", "give a filter, or --all"}
	}
	if _, err := query.Parse(q); err != nil {
		return usageError{err.Error(), "see: weir help search"}
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	h, err := cl.AddHold(ctx, api.LegalHold{Tenant: c.Tenant, Q: q, All: c.All, Reason: c.Reason})
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(h)
	}
	fmt.Println(h.ID)
	return nil
}

// ArchiveReleaseCmd lifts a legal hold.
type ArchiveReleaseCmd struct {
	ID string `arg:"" help:"The hold; \"weir archive holds\" lists them."`
}

// Run lifts it.
func (c *ArchiveReleaseCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	return cl.LiftHold(ctx, c.ID)
}

// ArchiveCheckCmd compares copies and records.
type ArchiveCheckCmd struct {
	Deep   bool `help:"Read every copy whole."`
	Repair bool `help:"Put right what can be: give a copy without a record one, have a record without a copy say so, remove what was deleted."`
}

// Run prints what is not as it should be. Exit code 1: something is not, and stays.
func (c *ArchiveCheckCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	r, err := cl.CheckArchive(ctx, c.Deep, c.Repair)
	if err != nil {
		return err
	}
	bad := r.More
	for _, f := range r.Found {
		if !f.Repaired {
			bad++
		}
	}
	if g.JSON {
		if err := printJSON(r); err != nil {
			return err
		}
	} else {
		if len(r.Found) > 0 {
			_ = show(g, r.Found, "", []terminal.Column{{Title: "TENANT"}, {Title: "MESSAGE"}, {Title: "IS"}, {Title: "REPAIRED"}, {Title: "WHY", Min: 16, End: true}},
				func(f *api.ArchiveFound) []string {
					return []string{f.Tenant, f.Message, f.What, map[bool]string{true: "yes", false: "no"}[f.Repaired], f.Error}
				})
		}
		fmt.Printf("%s of %s, %s: ", count(r.Copies, "archived message"), octets(r.Octets), count(r.Records, "record"))
		switch {
		case len(r.Found) == 0:
			fmt.Println("all is well")
		default:
			fmt.Printf("%s not as it should be, %d of them still\n", count(len(r.Found)+r.More, "thing"), bad)
		}
	}
	if bad > 0 {
		return quiet(exitError)
	}
	return nil
}

// ArchiveRotateKeyCmd changes the master key.
type ArchiveRotateKeyCmd struct{}

// Run changes it, and says what is to be backed up now.
func (c *ArchiveRotateKeyCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	r, err := cl.RotateArchiveKey(ctx)
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(r)
	}
	fmt.Printf("%s wrapped under a new master key; back up %s now\nthe one before is %s: backups made until now need it\n", count(r.Keys, "key"), terminal.Clean(r.Master), terminal.Clean(r.Old))
	return nil
}

// ArchiveDestroyKeyCmd destroys the key of a tenant's archive.
type ArchiveDestroyKeyCmd struct {
	Tenant string `arg:"" help:"Whose archive."`
	Yes    bool   `short:"y" help:"Do not ask."`
}

// Run asks, then destroys it.
func (c *ArchiveDestroyKeyCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	if !c.Yes {
		fmt.Fprintf(os.Stderr, "All that tenant %s has archived is lost for good.\n", terminal.Clean(c.Tenant))
		ok, err := terminal.NewAsker().Confirm("Destroy the key?")
		if errors.Is(err, terminal.ErrNoTerminal) {
			return failure{"the key was not destroyed: it asks first, and there is no terminal to ask on", "say --yes"}
		}
		if err != nil {
			return err
		}
		if !ok {
			fmt.Fprintln(os.Stderr, "nothing was done")
			return quiet(exitError)
		}
	}
	r, err := cl.DestroyArchiveKey(ctx, c.Tenant)
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(r)
	}
	fmt.Printf("%s destroyed; %s cannot be read any more, and went\n", count(r.Keys, "key"), count(r.Copies, "archived message"))
	return nil
}
