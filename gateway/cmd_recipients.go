package main

import (
	"context"
	"fmt"
	"os"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/nettools"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// RecipientsCmd is about what is remembered of recipients (B65–B72).
type RecipientsCmd struct {
	List  RecipientsListCmd  `cmd:"" default:"withargs" help:"What is remembered of a tenant's recipients; \"weir recipients -t TENANT\" alone does."`
	Check RecipientsCheckCmd `cmd:"" help:"Say what becomes of mail for recipients; the destination is asked about those not remembered."`
	Clear RecipientsClearCmd `cmd:"" help:"Forget what is remembered; the destination is asked anew."`
}

// KnownFlags narrow what is remembered.
type KnownFlags struct {
	TenantFlag
	Domain string `placeholder:"DOMAIN" help:"Of this domain alone."`
	Kind   string `placeholder:"KIND" enum:",valid,invalid,catch-all,selective,unsure,refuses" default:"" help:"Only valid or invalid addresses; or domains that are catch-all, selective, not sure to be either, or that the destination refuses."`
}

// RecipientsListCmd lists.
type RecipientsListCmd struct {
	KnownFlags
	Prefix string `help:"Addresses that begin so; @ for what is known of domains."`
	Limit  int    `short:"n" default:"100" help:"At most so many; 0 all."`
}

// Run prints one line for each.
func (c *RecipientsListCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	q := nettools.RecipientsQuery{Tenant: c.Tenant, Domain: c.Domain, Kind: c.Kind, Prefix: c.Prefix, Limit: 1000}
	if c.Limit > 0 && c.Limit < q.Limit {
		q.Limit = c.Limit
	}
	var all []nettools.KnownRecipient
	more := false
	for {
		page, next, err := cl.Recipients(ctx, q)
		if err != nil {
			return err
		}
		all = append(all, page...)
		if q.After = next; next == "" {
			break
		}
		if c.Limit > 0 && len(all) >= c.Limit {
			more = true
			break
		}
	}
	v := g.view()
	err = show(g, all, "nothing is remembered", []terminal.Column{
		{Title: "RECIPIENT", Min: 16}, {Title: "KIND"}, {Title: "LEARNT"}, {Title: "ENDS"}, {Title: "REPLY", Min: 10, End: true, Drop: 1},
	}, func(k *nettools.KnownRecipient) []string {
		name := k.Address
		if name == "" {
			name = "@" + k.Domain
		}
		return []string{name, k.Kind, v.short(k.Learnt), v.until(k.Until), k.Reply.String()}
	})
	if err == nil && more {
		fmt.Fprintf(os.Stderr, "weir: only the first %d are shown; --limit 0 shows all\n", c.Limit)
	}
	return err
}

// RecipientsCheckCmd looks at single recipients.
type RecipientsCheckCmd struct {
	Addresses []string `arg:"" name:"address" help:"Recipients."`
}

// Run prints one line for each. The exit code is 0 when all are taken.
func (c *RecipientsCheckCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	var all []nettools.CalloutAnswer
	taken := true
	for _, a := range c.Addresses {
		as, err := cl.TestRecipient(ctx, nettools.CalloutOrder{Address: a, Remembered: true})
		if err != nil {
			return err
		}
		for i := range as {
			taken = taken && isTaken(&as[i])
		}
		all = append(all, as...)
	}
	err = show(g, all, "there is nobody", []terminal.Column{
		{Title: "RECIPIENT", Min: 16}, {Title: "ANSWER"}, {Title: "FROM"}, {Title: "OUTAGE"}, {Title: "REPLY", Min: 10, End: true},
	}, func(a *nettools.CalloutAnswer) []string {
		outage := "deferred"
		if a.Queued {
			outage = "queued"
		}
		reply := a.Reply.String()
		if reply == "" {
			reply = calloutLimits[a.Limited]
		}
		return []string{a.Address, a.Answer, a.Source, outage, reply}
	})
	if err == nil && !taken {
		err = quiet(exitError)
	}
	return err
}

// RecipientsClearCmd forgets.
type RecipientsClearCmd struct {
	KnownFlags
	Addresses []string `arg:"" optional:"" name:"address" help:"These recipients alone."`
	All       bool     `short:"a" help:"Everything of the tenant."`
}

// Run forgets, and says how much. Exit code 3: there was nothing.
func (c *RecipientsClearCmd) Run(ctx context.Context, g *Globals) error {
	if len(c.Addresses) == 0 && c.Domain == "" && c.Kind == "" && !c.All {
		return usageError{"nothing is selected", "name recipients, --domain or --kind, or give --all"}
	}
	if c.All && (len(c.Addresses) > 0 || c.Domain != "" || c.Kind != "") {
		return usageError{"--all stands alone", "leave it out, or the rest"}
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	n := 0
	addresses := c.Addresses
	if len(addresses) == 0 {
		addresses = []string{""}
	}
	for _, a := range addresses {
		k, err := cl.ClearRecipients(ctx, api.RecipientsClear{Tenant: c.Tenant, Address: a, Domain: c.Domain, Kind: c.Kind, All: c.All})
		if err != nil {
			return err
		}
		n += k
	}
	if g.JSON {
		if err := printJSON(map[string]int{"forgotten": n}); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(os.Stderr, "%d forgotten\n", n)
	}
	if n == 0 {
		return quiet(exitNoMatch)
	}
	return nil
}
