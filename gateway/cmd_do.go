package main

import (
	"context"
	"strings"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
)

// DoCmd applies any verb by its name. One that shows something shows it, as the
// verb's own command does.
type DoCmd struct {
	Verb string `arg:"" help:"As \"weir explain\" and the API name it, such as release or train-spam."`
	VerbFlags
	Arg    []string `sep:"none" placeholder:"NAME=VALUE" help:"What the verb needs beside."`
	Output string   `short:"o" placeholder:"PATH" help:"Write what the verb shows to a new file instead of standard output; messages into an archive where the name ends in .zip."`
}

// Run shows what there is to show; it asks before what is not undone, and
// applies it.
func (c *DoCmd) Run(ctx context.Context, g *Globals) error {
	verb := lifecycle.Verb(c.Verb)
	if len(verb.Statuses()) == 0 {
		return usageError{"there is no action " + c.Verb, "see what is offered for a message: weir explain ID"}
	}
	args := map[string]string{}
	for _, a := range c.Arg {
		name, value, ok := strings.Cut(a, "=")
		if !ok {
			return usageError{"--arg " + a + " has no value", "write --arg NAME=VALUE"}
		}
		args[name] = value
	}
	a := act{verb: verb, among: mail.Statuses(), args: args}
	if lifecycle.Ends(verb) {
		a.ask = "Do this, which cannot be undone?"
	}
	if verb == lifecycle.Force {
		a.ask = "Is the sender trusted, and was the mail expected?"
		args["confirmed"] = "yes"
	}
	if show := readings[verb]; show != nil {
		return c.read(ctx, g, a, show)
	}
	if c.Output != "" {
		return usageError{c.Verb + " shows nothing that could be written", "leave out --output"}
	}
	return c.apply(ctx, g, a)
}

// QuarantineReleaseTrainCmd is B54.
type QuarantineReleaseTrainCmd struct{ VerbFlags }

// Run asks, teaches the plugins that learn, and releases.
func (c *QuarantineReleaseTrainCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.ReleaseTrain, among: quarantineStatuses, ask: "Teach that this is wanted, and deliver what policy held?"})
}

// QueueRemoveTrainCmd is B55.
type QueueRemoveTrainCmd struct{ VerbFlags }

// Run asks, teaches the plugins that learn, and removes.
func (c *QueueRemoveTrainCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.RemoveTrain, among: lifecycle.RemoveTrain.Statuses(), ask: "Teach that this is spam, and remove it, without telling the sender?"})
}
