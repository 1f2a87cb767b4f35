package main

import (
	"context"

	"github.com/mailweir/weir/gateway/internal/api"
)

// ExplainCmd tells everything there is to say about one message.
type ExplainCmd struct {
	ID string `arg:"" help:"Message or recipient ID, or the unique beginning of one."`
}

// Run prints the message, each recipient with what filters found and the rule
// that decided, the attempts with their dialogue, and the history.
func (c *ExplainCmd) Run(ctx context.Context, g *Globals) error {
	x, err := explanation(ctx, g, c.ID)
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(x)
	}
	p := story{g.screen(), g.view()}
	p.state(x)
	p.attempts(x.Attempts)
	p.history(x.Events)
	return nil
}

func explanation(ctx context.Context, g *Globals, id string) (*api.Explanation, error) {
	cl, err := g.client()
	if err != nil {
		return nil, err
	}
	return cl.Explain(ctx, id)
}

// state tells who sent what, and where each recipient stands.
func (p story) state(x *api.Explanation) {
	p.message(&x.Message)
	for i := range x.Message.Recipients {
		w := &api.RecipientWords{}
		if i < len(x.Words) {
			w = &x.Words[i]
		}
		p.recipient(&x.Message, &x.Message.Recipients[i], w)
	}
}

// ShowCmd shows one message without attempts and history.
type ShowCmd struct {
	ID string `arg:"" help:"Message or recipient ID, or the unique beginning of one."`
}

// Run prints the message and each recipient.
func (c *ShowCmd) Run(ctx context.Context, g *Globals) error {
	x, err := explanation(ctx, g, c.ID)
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(x.Message)
	}
	story{g.screen(), g.view()}.state(x)
	return nil
}
