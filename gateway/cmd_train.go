package main

import (
	"context"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/mail"
)

// TrainCmd teaches the plugins that learn (B54–B56).
type TrainCmd struct {
	Spam TrainSpamCmd `cmd:"" help:"These are spam."`
	Ham  TrainHamCmd  `cmd:"" help:"These are not spam."`
}

// TrainSpamCmd is B56.
type TrainSpamCmd struct{ trainFlags }

// Run calls every training action for spam.
func (c *TrainSpamCmd) Run(ctx context.Context, g *Globals) error { return c.train(ctx, g, "spam") }

// TrainHamCmd is the other way round.
type TrainHamCmd struct{ trainFlags }

// Run calls every training action for ham.
func (c *TrainHamCmd) Run(ctx context.Context, g *Globals) error { return c.train(ctx, g, "ham") }

type trainFlags struct {
	IDs []string `arg:"" optional:"" name:"id" help:"Message or recipient IDs, or unique beginnings."`
	PickFlags
}

func (f *trainFlags) train(ctx context.Context, g *Globals, as string) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	req := api.TrainRequest{As: as}
	if req.IDs, req.Filter, err = f.pick(f.IDs, mail.Statuses()); err != nil {
		return err
	}
	return f.callFor(g, "train "+as, req.Filter != nil, func(dry bool) (*api.PluginActionResult, error) {
		req.DryRun = dry
		return cl.Train(ctx, req)
	})
}
