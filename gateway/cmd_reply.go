package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// ReplyCmd is B48.
type ReplyCmd struct {
	ID      string `arg:"" help:"Message or recipient ID, or the unique beginning of one."`
	Send    string `placeholder:"FILE" help:"Send the text of this file; - is standard input. Without it the reply is only prepared, and shown."`
	From    string `placeholder:"ADDRESS" help:"One of those that are shown."`
	To      string `placeholder:"ADDRESS" help:"One of those that are shown."`
	Subject string `placeholder:"TEXT" help:"In place of the message's own with Re: before it."`
}

// maxReplyText is what is read of a file; the gateway takes less.
const maxReplyText = 1 << 20

// Run shows the prepared reply, or sends one.
func (c *ReplyCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	if c.Send == "" {
		d, err := cl.ComposeReply(ctx, c.ID)
		if err != nil {
			return err
		}
		if g.JSON {
			return printJSON(d)
		}
		fmt.Printf("From:    %s\nTo:      %s\nSubject: %s\n", terminal.Clean(strings.Join(d.From, ", ")), terminal.Clean(strings.Join(d.To, ", ")), terminal.Clean(d.Subject))
		fmt.Print(terminal.CleanLines(d.Text))
		return nil
	}
	in := os.Stdin
	if c.Send != "-" {
		if in, err = os.Open(c.Send); err != nil {
			return err
		}
		defer in.Close()
	}
	text, err := io.ReadAll(io.LimitReader(in, maxReplyText))
	if err != nil {
		return fmt.Errorf("reading the text: %w", err)
	}
	id, err := cl.SendReply(ctx, c.ID, api.ReplyRequest{From: c.From, To: c.To, Subject: c.Subject, Text: string(text)})
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(api.Sent{ID: id})
	}
	fmt.Println(id)
	return nil
}
