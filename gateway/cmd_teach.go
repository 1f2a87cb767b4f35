package main

import (
	"context"
	"slices"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
)

// TeachFlags choose the messages, and whose list learns from them.
type TeachFlags struct {
	VerbFlags
	Mailbox bool `help:"For the recipient alone, not the whole tenant."`
}

func (f *TeachFlags) args() map[string]string {
	if f.Mailbox {
		return map[string]string{"for": "mailbox"}
	}
	return nil
}

// SenderFlags are TeachFlags about the sender.
type SenderFlags struct {
	TeachFlags
	Domain bool `help:"The sender's whole domain."`
}

func (f *SenderFlags) args() map[string]string {
	args := map[string]string{"what": "address"}
	if f.Domain {
		args["what"] = "domain"
	}
	for k, v := range f.TeachFlags.args() {
		args[k] = v
	}
	return args
}

// AllowSenderCmd is B33.
type AllowSenderCmd struct{ SenderFlags }

// Run puts the senders on the allow list.
func (c *AllowSenderCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.AllowSender, among: mail.Statuses(), args: c.args()})
}

// BlockSenderCmd is B35.
type BlockSenderCmd struct{ SenderFlags }

// Run puts the senders on the block list.
func (c *BlockSenderCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.BlockSender, among: mail.Statuses(), args: c.args()})
}

// BlockRecipientCmd is B34.
type BlockRecipientCmd struct{ VerbFlags }

// Run puts the recipients on the block list.
func (c *BlockRecipientCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.BlockRecipient, among: mail.Statuses(), ask: "Treat all mail to these recipients as spam?"})
}

// ChangeActionCmd is B37.
type ChangeActionCmd struct {
	VerbFlags
	To    string `required:"" enum:"deliver,quarantine,reject,discard,stall" placeholder:"ACTION" help:"deliver, quarantine, reject, discard or stall."`
	Class string `placeholder:"CLASS" help:"In place of the message's own: main, main/sub or main/sub/extra."`
}

// Run chooses what becomes of messages of this class from now on.
func (c *ChangeActionCmd) Run(ctx context.Context, g *Globals) error {
	args := map[string]string{"to": c.To}
	if c.Class != "" {
		args["class"] = c.Class
	}
	return c.apply(ctx, g, act{verb: lifecycle.ChangeAction, among: mail.Statuses(), args: args, ask: "Do so with all mail of this class from now on?"})
}

// QuarantineBlockCmd is B36.
type QuarantineBlockCmd struct{ SenderFlags }

// Run asks, then blocks the senders and removes the messages.
func (c *QuarantineBlockCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.BlockAndRemove, among: append(slices.Clone(quarantineStatuses), stalledStatuses...), args: c.args(), ask: "Block these senders, and remove the messages for good?"})
}
