package main

import (
	"context"
	"fmt"
	"os"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
)

// QueueCmd is mail that waits for delivery (B1, B73).
type QueueCmd struct {
	Offline bool `help:"Work on the store itself, while the gateway is down."`

	List        QueueListCmd        `cmd:"" default:"withargs" help:"List what waits for delivery; \"weir queue\" alone does."`
	Show        ShowCmd             `cmd:"" help:"Show one message."`
	Summary     QueueSummaryCmd     `cmd:"" help:"Count what waits, by status, destination, reason and age."`
	Failed      QueueFailedCmd      `cmd:"" help:"List what bounced or was refused, and whether it can be queued again."`
	Retry       QueueRetryCmd       `cmd:"" help:"Try again now; frozen mail is thawed."`
	Requeue     QueueRequeueCmd     `cmd:"" help:"Queue again what bounced or failed, while its content is kept."`
	Flush       QueueFlushCmd       `cmd:"" help:"Try everything that is queued again within 15 minutes."`
	Reroute     QueueRerouteCmd     `cmd:"" help:"Change return path, recipient, route or host."`
	ClearRoutes QueueClearRoutesCmd `cmd:"" help:"Take routes anew from the policy, and try again."`
	Copy        QueueCopyCmd        `cmd:"" help:"Deliver a copy to another address; the original stays as it is."`
	Deliver     QueueDeliverCmd     `cmd:"" help:"Deliver what a filter holds for a later look, at once."`
	Scan        QueueScanCmd        `cmd:"" help:"Have the filters look now at what one of them holds."`
	Freeze      QueueFreezeCmd      `cmd:"" help:"Stop trying."`
	Thaw        QueueThawCmd        `cmd:"" help:"Go on trying."`
	Remove      QueueRemoveCmd      `cmd:"" help:"Remove, and tell nobody."`
	RemoveTrain QueueRemoveTrainCmd `cmd:"" help:"Teach the plugins that learn that it is spam, and remove."`
	Bounce      QueueBounceCmd      `cmd:"" help:"Remove, and tell the sender."`
}

// QueueListCmd lists the queue.
type QueueListCmd struct {
	ListFlags
	ColumnFlags
}

// Run prints one line for each recipient.
func (c *QueueListCmd) Run(ctx context.Context, g *Globals) error {
	cols, err := c.columns(g, queueColumns)
	if err != nil {
		return err
	}
	return c.list(ctx, g, statusFilter(queueStatuses...), "nothing waits for delivery", cols)
}

// QueueRetryCmd is B47.
type QueueRetryCmd struct{ VerbFlags }

// Run retries.
func (c *QueueRetryCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.Retry, among: queueStatuses})
}

// QueueFlushCmd is B131.
type QueueFlushCmd struct{ VerbFlags }

// Run flushes; without a selection it flushes everything that is queued.
func (c *QueueFlushCmd) Run(ctx context.Context, g *Globals) error {
	if len(c.IDs) == 0 && !c.given() {
		c.All = true
	}
	err := c.apply(ctx, g, act{verb: lifecycle.Flush, among: queueStatuses})
	if err == errNoMatch {
		fmt.Fprintln(os.Stderr, "weir: nothing is queued")
		return quiet(exitNoMatch)
	}
	return err
}

// QueueDeliverCmd ends a filter's hold (B113).
type QueueDeliverCmd struct{ VerbFlags }

// Run asks, then delivers: the filter has not said that the mail is sound.
func (c *QueueDeliverCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.Deliver, among: queueStatuses, ask: "Deliver at once, though a filter wanted to look again?"})
}

// QueueScanCmd has the filters look before the deadline of a hold (B113).
type QueueScanCmd struct{ VerbFlags }

// Run has the mail scanned again.
func (c *QueueScanCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.RetryStalled, among: queueStatuses})
}

// QueueFreezeCmd stops automatic attempts.
type QueueFreezeCmd struct{ VerbFlags }

// Run freezes.
func (c *QueueFreezeCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.Freeze, among: queueStatuses})
}

// QueueThawCmd takes automatic attempts up again.
type QueueThawCmd struct{ VerbFlags }

// Run thaws.
func (c *QueueThawCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.Thaw, among: queueStatuses})
}

// QueueRemoveCmd is B50.
type QueueRemoveCmd struct{ VerbFlags }

// Run asks, then removes.
func (c *QueueRemoveCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.Remove, among: queueStatuses, ask: "Remove from the queue for good, without telling the sender?"})
}

// QueueBounceCmd is B46.
type QueueBounceCmd struct{ VerbFlags }

// Run asks, then bounces.
func (c *QueueBounceCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.Bounce, among: queueStatuses, ask: "Remove from the queue for good and tell each sender?"})
}
