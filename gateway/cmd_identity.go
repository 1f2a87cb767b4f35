package main

import (
	"context"
	"fmt"
	"os"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/identities"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// IdentityCmd is about whose outgoing mail it is (B61–B63).
type IdentityCmd struct {
	List       IdentityListCmd       `cmd:"" default:"withargs" help:"The identities that were configured or locked; \"weir identity -t TENANT\" alone does."`
	Show       IdentityShowCmd       `cmd:"" help:"Show one identity."`
	Add        IdentityAddCmd        `cmd:"" help:"Configure an identity."`
	From       IdentityFromCmd       `cmd:"" help:"Configure the identities of messages."`
	Lock       IdentityLockCmd       `cmd:"" help:"Refuse the mail of an identity until it is unlocked."`
	LockFrom   IdentityLockFromCmd   `cmd:"" help:"Lock the identities of messages."`
	Unlock     IdentityUnlockCmd     `cmd:"" help:"Let an identity send again."`
	Remove     IdentityRemoveCmd     `cmd:"" help:"Remove an identity, and its lock."`
	Users      IdentityUsersCmd      `cmd:"" help:"The users that may not send."`
	LockUser   IdentityLockUserCmd   `cmd:"" help:"Refuse all mail of a user, or of a client that does not authenticate."`
	LockSender IdentityLockSenderCmd `cmd:"" help:"Lock the users who sent messages."`
	UnlockUser IdentityUnlockUserCmd `cmd:"" help:"Let a user send again."`
}

// IdentityListCmd lists identities.
type IdentityListCmd struct{ TenantFlag }

// Run prints one line for each.
func (c *IdentityListCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	list, err := cl.Identities(ctx, c.Tenant)
	if err != nil {
		return err
	}
	return show(g, list, "nobody configured or locked an identity", []terminal.Column{
		{Title: "IDENTITY", Min: 16}, {Title: "USER", Min: 6}, {Title: "SENDER", Min: 10}, {Title: "CLIENT"}, {Title: "LOCKED", Min: 10, End: true}, {Title: "NOTE", Min: 6, Drop: 1, End: true},
	}, func(i *identities.Identity) []string {
		return []string{i.Name, i.User, i.Sender, i.Client, lockWords(i.Lock), i.Note}
	})
}

func lockWords(l *identities.Lock) string {
	if l == nil {
		return ""
	}
	s := "by " + l.By + ", " + l.At.Format("2006-01-02 15:04")
	if l.Reason != "" {
		s += ": " + l.Reason
	}
	return s
}

// IdentityShowCmd shows one.
type IdentityShowCmd struct {
	TenantFlag
	Name string `arg:"" help:"Its name."`
}

// Run prints it.
func (c *IdentityShowCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	list, err := cl.Identities(ctx, c.Tenant)
	if err != nil {
		return err
	}
	for _, i := range list {
		if i.Name != c.Name {
			continue
		}
		if g.JSON {
			return printJSON(i)
		}
		for _, l := range [][2]string{{"Identity", i.Name}, {"User", i.User}, {"Sender", i.Sender}, {"Client", i.Client}, {"Note", i.Note},
			{"Added", "by " + i.By + ", " + i.At.Format("2006-01-02 15:04")}, {"Locked", lockWords(i.Lock)}} {
			if l[1] != "" {
				fmt.Printf("%-9s %s\n", l[0], terminal.Clean(l[1]))
			}
		}
		return nil
	}
	return errNoMatch
}

// IdentityAddCmd configures an identity.
type IdentityAddCmd struct {
	TenantFlag
	Name   string `arg:"" optional:"" help:"Of your choice; else what it is known by."`
	User   string `placeholder:"NAME" help:"The authenticated user."`
	Sender string `placeholder:"ADDRESS" help:"Of the envelope: an address, or @DOMAIN."`
	Client string `placeholder:"NET" help:"IP address or network."`
	Note   string `placeholder:"TEXT" help:"Why."`
}

// Run prints the name of the new identity.
func (c *IdentityAddCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	i, err := cl.AddIdentity(ctx, api.IdentityOrder{Tenant: c.Tenant, Name: c.Name, User: c.User, Sender: c.Sender, Client: c.Client, Note: c.Note})
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(i)
	}
	fmt.Println(i.Name)
	return nil
}

// IdentityFromCmd is B61.
type IdentityFromCmd struct {
	VerbFlags
	Name   string `placeholder:"NAME" help:"In place of the one that was resolved."`
	Domain bool   `help:"The sender's whole domain."`
	Client string `placeholder:"NET" help:"From these clients alone."`
}

// Run configures the identities that the messages were sent in.
func (c *IdentityFromCmd) Run(ctx context.Context, g *Globals) error {
	args := map[string]string{}
	if c.Name != "" {
		args["name"] = c.Name
	}
	if c.Domain {
		args["what"] = "domain"
	}
	if c.Client != "" {
		args["client"] = c.Client
	}
	return c.apply(ctx, g, act{verb: lifecycle.AddIdentity, among: mail.Statuses(), args: args})
}

// IdentityLockFromCmd is B62.
type IdentityLockFromCmd struct{ VerbFlags }

// Run asks, then locks.
func (c *IdentityLockFromCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.LockIdentity, among: mail.Statuses(), ask: "Refuse all further mail of these identities?"})
}

// IdentityLockSenderCmd is B63.
type IdentityLockSenderCmd struct{ VerbFlags }

// Run asks, then locks.
func (c *IdentityLockSenderCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.LockUser, among: mail.Statuses(), ask: "Refuse all further mail of who sent these?"})
}

// IdentityNameFlags name an identity or a user.
type IdentityNameFlags struct {
	TenantFlag
	Name string `arg:"" help:"Its name; of a client that does not authenticate its address in brackets, such as [192.0.2.7]."`
}

func (f *IdentityNameFlags) change(ctx context.Context, g *Globals, reason, what string, do func(*client.Client, context.Context, api.IdentityName) (int, error)) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	n, err := do(cl, ctx, api.IdentityName{Tenant: f.Tenant, Name: f.Name, Reason: reason})
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(map[string]int{what: n})
	}
	if n == 0 {
		fmt.Fprintln(os.Stderr, f.Name+" was "+what+" already")
		return nil
	}
	fmt.Fprintln(os.Stderr, f.Name+" is "+what)
	return nil
}

// IdentityLockFlags are those of what locks by a name.
type IdentityLockFlags struct {
	IdentityNameFlags
	Reason string `placeholder:"TEXT" help:"Why."`
}

// IdentityLockCmd locks one by its name.
type IdentityLockCmd struct{ IdentityLockFlags }

// Run locks it.
func (c *IdentityLockCmd) Run(ctx context.Context, g *Globals) error {
	return c.change(ctx, g, c.Reason, "locked", (*client.Client).LockIdentity)
}

// IdentityUnlockCmd unlocks one.
type IdentityUnlockCmd struct{ IdentityNameFlags }

// Run unlocks it.
func (c *IdentityUnlockCmd) Run(ctx context.Context, g *Globals) error {
	return c.change(ctx, g, "", "unlocked", (*client.Client).UnlockIdentity)
}

// IdentityRemoveCmd removes one.
type IdentityRemoveCmd struct{ IdentityNameFlags }

// Run removes it.
func (c *IdentityRemoveCmd) Run(ctx context.Context, g *Globals) error {
	return c.change(ctx, g, "", "removed", (*client.Client).RemoveIdentity)
}

// IdentityUsersCmd lists locked users.
type IdentityUsersCmd struct{ TenantFlag }

// Run prints one line for each.
func (c *IdentityUsersCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	list, err := cl.LockedUsers(ctx, c.Tenant)
	if err != nil {
		return err
	}
	return show(g, list, "no user is locked", []terminal.Column{{Title: "USER", Min: 16}, {Title: "LOCKED", Min: 10, End: true}},
		func(u *identities.LockedUser) []string { return []string{u.User, lockWords(&u.Lock)} })
}

// IdentityLockUserCmd locks a user by its name.
type IdentityLockUserCmd struct{ IdentityLockFlags }

// Run locks it.
func (c *IdentityLockUserCmd) Run(ctx context.Context, g *Globals) error {
	return c.change(ctx, g, c.Reason, "locked", (*client.Client).LockUser)
}

// IdentityUnlockUserCmd unlocks a user.
type IdentityUnlockUserCmd struct{ IdentityNameFlags }

// Run unlocks it.
func (c *IdentityUnlockUserCmd) Run(ctx context.Context, g *Globals) error {
	return c.change(ctx, g, "", "unlocked", (*client.Client).UnlockUser)
}
