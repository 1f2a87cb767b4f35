package main

import (
	"context"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
)

// StalledCmd is mail held because it could not be inspected (B20a).
type StalledCmd struct {
	List   StalledListCmd   `cmd:"" default:"withargs" help:"List stalled mail and why; \"weir stalled\" alone does."`
	Show   ShowCmd          `cmd:"" help:"Show one message."`
	Retry  StalledRetryCmd  `cmd:"" help:"Scan again under the policy in force."`
	Force  StalledForceCmd  `cmd:"" help:"Let pass what could not be inspected; --yes states that the sender is trusted and the mail expected."`
	Delete StalledDeleteCmd `cmd:"" help:"Delete, and tell nobody."`
}

// StalledListCmd lists stalled mail.
type StalledListCmd struct {
	ListFlags
	ColumnFlags
}

// Run prints one line for each recipient, with the reason.
func (c *StalledListCmd) Run(ctx context.Context, g *Globals) error {
	cols, err := c.columns(g, heldColumns)
	if err != nil {
		return err
	}
	return c.list(ctx, g, statusFilter(stalledStatuses...), "nothing is stalled", cols)
}

// StalledRetryCmd is B147.
type StalledRetryCmd struct{ VerbFlags }

// Run has the mail scanned again.
func (c *StalledRetryCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.RetryStalled, among: stalledStatuses})
}

// StalledForceCmd is B148.
type StalledForceCmd struct{ VerbFlags }

// Run asks for the confirmation of B150, then forces.
func (c *StalledForceCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{
		verb: lifecycle.Force, among: stalledStatuses,
		ask:  "Not inspected. Is the sender trusted and the mail expected?",
		args: map[string]string{"confirmed": "yes"}, // the answer to it, or --yes
	})
}

// StalledDeleteCmd is B149.
type StalledDeleteCmd struct{ VerbFlags }

// Run asks, then deletes.
func (c *StalledDeleteCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.DeleteStalled, among: stalledStatuses, ask: "Delete stalled mail for good, without telling the sender?"})
}
