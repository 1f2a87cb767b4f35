package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// TokenCmd is about API tokens.
type TokenCmd struct {
	List   TokenListCmd   `cmd:"" default:"1" help:"List tokens; \"weir token\" alone does."`
	Create TokenCreateCmd `cmd:"" help:"Make one, and print its secret: it is not kept."`
	Revoke TokenRevokeCmd `cmd:"" help:"End one."`
}

// TokenListCmd lists tokens.
type TokenListCmd struct{ BoundFlag }

// Run prints one line for each.
func (c *TokenListCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	ts, err := cl.Tokens(ctx, c.atMost())
	if err != nil {
		return err
	}
	v := g.view()
	at := func(t time.Time, none string) string {
		if t.IsZero() {
			return none
		}
		return v.short(t)
	}
	return show(g, ts, "there are no tokens; make one with: weir token create", []terminal.Column{
		{Title: "TOKEN"}, {Title: "NAME", Min: 8}, {Title: "LEVEL"}, {Title: "ROLE"}, {Title: "TENANT", Min: 6}, {Title: "OF", Min: 6, Drop: 2}, {Title: "BY", Min: 6, Drop: 1}, {Title: "ENDS"}, {Title: "USED", End: true},
	}, func(t *accounts.Token) []string {
		return []string{t.ID, t.Name, string(t.Level), roleOf(t.Grant), t.Tenant, whose(t.Grant), t.By, at(t.Expires, "never"), at(t.LastUsed, "never")}
	})
}

// TokenCreateCmd makes a token.
type TokenCreateCmd struct {
	Name string `arg:"" help:"What it is for."`
	GrantFlags
	For   time.Duration `placeholder:"TIME" default:"2160h" help:"How long it holds, such as 720h; 90 days when absent."`
	Never bool          `help:"It has no end."`
}

// Run makes it, and prints the secret alone on standard output.
func (c *TokenCreateCmd) Run(ctx context.Context, g *Globals) error {
	if c.For <= 0 {
		return usageError{"--for is not a length of time", "give one such as 720h, or --never"}
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	r := api.TokenRequest{Name: c.Name, GrantRequest: c.request()}
	if !c.Never {
		r.Expires = time.Now().Add(c.For).UTC().Truncate(time.Second)
	}
	t, err := cl.CreateToken(ctx, r)
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(t)
	}
	fmt.Println(t.Secret)
	fmt.Fprintf(os.Stderr, "token %s; keep the secret above, it is not shown again\n", t.ID)
	return nil
}

// TokenRevokeCmd ends a token.
type TokenRevokeCmd struct {
	ID string `arg:"" help:"A token, as weir token list prints it."`
}

// Run ends it.
func (c *TokenRevokeCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	if err := cl.RevokeToken(ctx, c.ID); err != nil {
		return err
	}
	return counted(g, "revoked", 1, 1)
}
