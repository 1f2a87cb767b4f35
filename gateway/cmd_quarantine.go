package main

import (
	"context"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
)

// QuarantineCmd is mail held by policy (B20).
type QuarantineCmd struct {
	List    QuarantineListCmd    `cmd:"" default:"withargs" help:"List quarantined mail; \"weir quarantine\" alone does."`
	Show    ShowCmd              `cmd:"" help:"Show one message."`
	Release QuarantineReleaseCmd `cmd:"" help:"Let pass and deliver."`
	Remove  QuarantineRemoveCmd  `cmd:"" help:"Remove, and tell nobody."`

	ReleaseTrain QuarantineReleaseTrainCmd `cmd:"" help:"Teach the plugins that learn that it is wanted, and release."`

	AllowSender AllowSenderCmd     `cmd:"" help:"Let future mail of the senders pass."`
	BlockSender BlockSenderCmd     `cmd:"" help:"Treat future mail of the senders as spam."`
	BlockRemove QuarantineBlockCmd `cmd:"" help:"Block the senders, and remove the messages."`
}

// QuarantineListCmd lists quarantined mail.
type QuarantineListCmd struct {
	ListFlags
	ColumnFlags
}

// Run prints one line for each recipient, with the reason.
func (c *QuarantineListCmd) Run(ctx context.Context, g *Globals) error {
	cols, err := c.columns(g, heldColumns)
	if err != nil {
		return err
	}
	return c.list(ctx, g, statusFilter(quarantineStatuses...), "nothing is quarantined", cols)
}

// QuarantineReleaseCmd is B52.
type QuarantineReleaseCmd struct{ VerbFlags }

// Run asks, then releases.
func (c *QuarantineReleaseCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.Release, among: quarantineStatuses, ask: "Deliver what policy held?"})
}

// QuarantineRemoveCmd is B53.
type QuarantineRemoveCmd struct{ VerbFlags }

// Run asks, then removes.
func (c *QuarantineRemoveCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.RemoveQuarantined, among: quarantineStatuses, ask: "Remove from quarantine for good, without telling the sender?"})
}
