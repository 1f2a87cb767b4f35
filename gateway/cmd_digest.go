package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// DigestCmd is about the mail that tells people what of theirs is held.
type DigestCmd struct {
	Preview DigestPreviewCmd `cmd:"" help:"Show what a mailbox's digest would say now."`
	Send    DigestSendCmd    `cmd:"" help:"Send a mailbox its digest now."`
}

// DigestPreviewCmd shows one.
type DigestPreviewCmd struct {
	Mailbox string `arg:"" help:"Address of the mailbox."`
	HTML    bool   `name:"html" help:"Write the HTML form, for a browser."`
}

// Run prints the text. Its links lead nowhere. Exit code 3: nothing is held, or
// there is no digest.
func (c *DigestPreviewCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	p, err := cl.PreviewDigest(ctx, c.Mailbox)
	switch {
	case err != nil:
		return err
	case g.JSON:
		return printJSON(p)
	case c.HTML:
		_, err = os.Stdout.WriteString(p.HTML)
		return err
	}
	fmt.Printf("To: %s\nSubject: %s\n\n%s", terminal.Clean(p.To), terminal.Clean(p.Subject), terminal.CleanLines(p.Text))
	return nil
}

// DigestSendCmd sends one.
type DigestSendCmd struct {
	To string `required:"" placeholder:"MAILBOX" help:"Address of the mailbox; nobody else gets it."`
}

// Run has the gateway send it.
func (c *DigestSendCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := g.client()
	if err != nil {
		return err
	}
	sent, err := cl.SendDigest(ctx, c.To)
	if err != nil {
		return err
	}
	return printSent(g, "digest", sent)
}

func printSent(g *Globals, what string, sent *api.SentMail) error {
	if g.JSON {
		return printJSON(sent)
	}
	fmt.Printf("%s %s goes to %s\n", what, sent.ID, terminal.Clean(strings.Join(sent.To, ", ")))
	return nil
}
